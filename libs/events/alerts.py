"""Conditions that people are told about.

Ids are worked out, never drawn, so that nothing is raised twice (guarantee 6).
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import Field, StringConstraints, model_validator

from libs.events.values import SUBJECT_PATTERN, Cause, EventData, Id, Instant, Name, Text, broken


class Rule(StrEnum):
    MISSED_REPORT = "missed-report"
    DUE_SOON = "due-soon"
    GRIEVANCE_RAISED = "grievance-raised"
    LEFT_UNACKNOWLEDGED = "left-unacknowledged"
    PERFECT_WEEK = "perfect-week"
    RECOVERED = "recovered"
    JUDGEMENT_HELD = "judgement-held"
    GRIEVANCE_OVERDUE = "grievance-overdue"
    GRIEVANCE_SURGE = "grievance-surge"


ON_GRIEVANCES = frozenset({Rule.GRIEVANCE_RAISED, Rule.GRIEVANCE_OVERDUE, Rule.GRIEVANCE_SURGE})
"""Their alerts stand in the grievances stream, and are for AICC alone."""


Audience = Literal["president", "pcc", "aicc", "operator"]
Subject = Annotated[str, StringConstraints(pattern=SUBJECT_PATTERN, max_length=64)]
"""A district or a state."""
Minutes = Annotated[int, Field(ge=1, le=7 * 24 * 60)]


def alert_id(rule: Rule, subject: str, period: str, level: int) -> str:
    """The same condition has the same id, whoever works it out, and whenever."""
    return str(uuid5(NAMESPACE_URL, f"urn:rozana:alert:{rule}|{subject}|{period}|{level}"))


class AlertData(EventData):
    """What all alert events say. `at` is the instant that fell due or happened, not when it was noticed."""

    VERSION: ClassVar[int] = 2

    alert_id: Id
    """The alert's id, worked out from rule, subject, period and level."""
    rule: Annotated[Rule, Field(strict=False)]
    """The rule that found the condition."""
    subject_code: Annotated[Subject, Field(alias="subject")]
    """What the alert is about: a district of `state`, or the state itself."""
    tenure_id: Id | None
    """The tenure that held the district, if any."""
    period: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """A day, or the id of a grievance."""
    level: Annotated[int, Field(ge=1, le=5)]
    """How high on the ladder, from 1. An escalation raises it; the alert keeps its id."""
    audience: tuple[Audience, ...]
    """Who is told."""
    at: Instant
    """The instant that fell due or happened, not when it was noticed."""
    evidence: tuple[Id, ...]
    """The ids of the events that show it."""
    cause: Cause
    """The record that made it so."""

    @model_validator(mode="after")
    def _one_state(self) -> Self:
        if self.subject_code.partition(".")[0] != self.state:
            raise broken("the subject belongs to another state")
        return self

    @property
    def subject(self) -> str:
        return self.subject_code

    def event_id(self) -> str:
        """The id of the event that says this: one for each cause, the same in every version of the type."""
        return str(uuid5(UUID(self.alert_id), f"rozana.{self.NAME}.v1|{self.cause.stream}/{self.cause.offset}"))


class AlertRaised(AlertData):
    """A condition holds that somebody must hear of."""

    NAME: ClassVar[str] = "alert.raised"

    escalate_minutes: Annotated[tuple[Minutes, ...], Field(max_length=5)]
    """After so many minutes from the event's own time it goes up a level, unless somebody has taken care of it."""


class AlertEscalated(AlertData):
    """The alert goes to a higher audience: its time has come, and nobody has taken care of it."""

    NAME: ClassVar[str] = "alert.escalated"


class AlertReopened(AlertData):
    """Somebody had put the alert off until an instant; it has come, and the condition still holds."""

    NAME: ClassVar[str] = "alert.reopened"
    VERSION: ClassVar[int] = 1


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
