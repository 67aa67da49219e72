"""Version 1 of the alerts' events: an alert is about one district, and knows no time at which it goes up by itself.

Published, so never edited again. `alerts` has today's version; `upcasters` lead from here to there.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from libs.events.values import Cause, DistrictData, Id, Instant, Name, Text


class Rule(StrEnum):
    MISSED_REPORT = "missed-report"
    DUE_SOON = "due-soon"
    GRIEVANCE_RAISED = "grievance-raised"


Audience = Literal["president", "pcc", "aicc"]


class AlertData(DistrictData):
    """What all alert events say. `at` is the instant that fell due or happened, not when it was noticed."""

    alert_id: Id
    """The alert's id, worked out from rule, subject, period and level."""
    rule: Annotated[Rule, Field(strict=False)]
    """The rule that found the condition."""
    subject_code: Annotated[str, Field(alias="subject")]
    """What the alert is about: the district's code."""
    tenure_id: Id | None
    """The tenure that held the district, if any."""
    period: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """A day, or the id of a grievance."""
    level: Annotated[int, Field(ge=1, le=5)]
    """How high on the ladder, from 1."""
    audience: tuple[Audience, ...]
    """Who is told."""
    at: Instant
    """The instant that fell due or happened, not when it was noticed."""
    evidence: tuple[Id, ...]
    """The ids of the events that show it."""
    cause: Cause
    """The record that made it so."""


class AlertRaised(AlertData):
    """A condition holds that somebody must hear of."""

    NAME: ClassVar[str] = "alert.raised"


class AlertEscalated(AlertData):
    """The alert goes to a higher audience, since nothing has resolved it."""

    NAME: ClassVar[str] = "alert.escalated"


class AlertAcknowledged(AlertData):
    """Somebody has seen the alert and takes care of it."""

    NAME: ClassVar[str] = "alert.acknowledged"

    by: Name
    """Who has seen it."""
    note: Text = ""
    """What is being done, in free text."""
    until: Instant | None = None
    """Nobody is told again before this instant."""


class AlertSnoozed(AlertData):
    """Somebody wants to hear nothing of the alert for a while."""

    NAME: ClassVar[str] = "alert.snoozed"

    by: Name
    """Who put it off."""
    note: Text = ""
    """Why, in free text."""
    until: Instant
    """Nobody is told again before this instant."""


class AlertResolved(AlertData):
    """The condition is over. An alert is resolved once."""

    NAME: ClassVar[str] = "alert.resolved"

    how: Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*$", max_length=40)]
    """`late`, `received-in-time`, `excused` … : a short word for why it is over."""
