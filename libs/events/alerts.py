"""Conditions that people are told about.

Ids are worked out, never drawn, so that nothing is raised twice (guarantee 6).
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import Field, StringConstraints

from libs.events.values import DistrictData, Id, Instant, Model, Name, Text


class Rule(StrEnum):
    MISSED_REPORT = "missed-report"
    DUE_SOON = "due-soon"
    GRIEVANCE_RAISED = "grievance-raised"


Audience = Literal["president", "pcc", "aicc"]


class Cause(Model):
    """The record that made it so."""

    stream: Annotated[str, StringConstraints(max_length=64)]
    offset: Annotated[int, Field(ge=0)]


def alert_id(rule: Rule, subject: str, period: str, level: int) -> str:
    """The same condition has the same id, whoever works it out, and whenever."""
    return str(uuid5(NAMESPACE_URL, f"urn:rozana:alert:{rule}|{subject}|{period}|{level}"))


def alert_event_id(alert: str, type_name: str, cause: Cause) -> str:
    """The id of an alert's event: one for each cause."""
    return str(uuid5(UUID(alert), f"{type_name}|{cause.stream}/{cause.offset}"))


class AlertData(DistrictData):
    """What all alert events say. `at` is the instant that fell due or happened, not when it was noticed."""

    alert_id: Id
    rule: Annotated[Rule, Field(strict=False)]
    subject_code: Annotated[str, Field(alias="subject")]
    tenure_id: Id | None
    period: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """A day, or the id of a grievance."""
    level: Annotated[int, Field(ge=1, le=5)]
    audience: tuple[Audience, ...]
    at: Instant
    evidence: tuple[Id, ...]
    cause: Cause


class AlertRaised(AlertData):
    NAME: ClassVar[str] = "alert.raised"


class AlertEscalated(AlertData):
    NAME: ClassVar[str] = "alert.escalated"


class AlertAcknowledged(AlertData):
    NAME: ClassVar[str] = "alert.acknowledged"

    by: Name
    note: Text = ""
    until: Instant | None = None


class AlertSnoozed(AlertData):
    NAME: ClassVar[str] = "alert.snoozed"

    by: Name
    note: Text = ""
    until: Instant


class AlertResolved(AlertData):
    NAME: ClassVar[str] = "alert.resolved"

    how: Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*$", max_length=40)]
    """`late`, `received-in-time`, `excused` … : a short word for why it is over."""
