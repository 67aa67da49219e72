"""Who holds a district, and when he is away."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from libs.events.values import Day, DistrictData, Id, Name, Reason

LONGEST_LEAVE_DAYS = 366


class PresidentAppointed(DistrictData):
    """A tenure begins: the person holds the district on `since` and after."""

    NAME: ClassVar[str] = "president.appointed"

    tenure_id: Id
    person_id: Id
    name: Name
    kind: Literal["substantive", "acting"]
    since: Day


class PresidentRelieved(DistrictData):
    """A tenure ends: `until` is the first day on which the person no longer holds the district."""

    NAME: ClassVar[str] = "president.relieved"

    tenure_id: Id
    until: Day
    reason: Reason


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
    from_: Annotated[Day, Field(alias="from")]
    to: Day
    reason: Annotated[LeaveReason, Field(strict=False)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 0 <= (self.to - self.from_).days < LONGEST_LEAVE_DAYS:
            raise ValueError("a leave ends on or after its first day and lasts at most 366 days")
        return self
