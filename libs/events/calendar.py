"""Days on which nothing is owed: announced for a state, or excused for one district after the fact."""

from typing import ClassVar

from libs.events.values import Day, DistrictData, EventData, Name, Reason


class HolidayDeclared(EventData):
    """No district of the state owes a report on `day`."""

    NAME: ClassVar[str] = "holiday.declared"

    day: Day
    """The day on which nothing is owed."""
    name: Name
    """The holiday's name."""


class HolidayRevoked(EventData):
    """`day` is an ordinary day again."""

    NAME: ClassVar[str] = "holiday.revoked"

    day: Day
    """The day that counts again."""
    name: Name | None = None
    """The holiday's name, if given."""


class DayExcused(DistrictData):
    """A named person's exception after the fact: the district's day counts in no number."""

    NAME: ClassVar[str] = "day.excused"

    day: Day
    """The day that is excused."""
    reason: Reason
    """Why nothing was owed, in free text."""
    by: Name
    """Who made the exception."""
