"""Who holds a district, and when he is away."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from libs.events.values import Day, DistrictData, Id, Name, Reason, broken

LONGEST_LEAVE_DAYS = 366


class PresidentAppointed(DistrictData):
    """A tenure begins: the person holds the district on `since` and after."""

    NAME: ClassVar[str] = "president.appointed"

    tenure_id: Id
    """The id of the tenure that begins."""
    person_id: Id
    """The person, the same in every tenure of his."""
    name: Name
    """The holder's name."""
    kind: Literal["substantive", "acting"]
    """Whether the person holds it in full or for the time being."""
    since: Day
    """The first day on which the person holds the district."""


class PresidentRelieved(DistrictData):
    """A tenure ends: `until` is the first day on which the person no longer holds the district."""

    NAME: ClassVar[str] = "president.relieved"

    tenure_id: Id
    """The tenure that ends."""
    until: Day
    """The first day on which the person no longer holds it."""
    reason: Reason
    """Why the tenure ended, in free text."""


class LeaveReason(StrEnum):
    ILLNESS = "illness"
    FAMILY = "family"
    TRAVEL = "travel"
    PARTY_WORK = "party-work"
    OTHER = "other"


class LeaveGranted(DistrictData):
    """The tenure owes no report from the day `from` to the day `to`, both included."""

    NAME: ClassVar[str] = "leave.granted"

    tenure_id: Id
    """The tenure that is away."""
    from_: Annotated[Day, Field(alias="from")]
    """The first day of the leave."""
    to: Day
    """The last day of the leave."""
    reason: Annotated[LeaveReason, Field(strict=False)]
    """Why the leave was granted."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 0 <= (self.to - self.from_).days < LONGEST_LEAVE_DAYS:
            raise broken("a leave ends on or after its first day and lasts at most 366 days")
        return self
