"""Days on which nothing is owed: announced for a state, or excused for one district after the fact."""

from typing import ClassVar

from libs.events.values import Day, DistrictData, EventData, Name, Reason


class HolidayDeclared(EventData):
    """No district of the state owes a report on `day`."""

    NAME: ClassVar[str] = "holiday.declared"

    day: Day
    name: Name


class HolidayRevoked(EventData):
    """`day` is an ordinary day again."""

    NAME: ClassVar[str] = "holiday.revoked"

    day: Day
    name: Name | None = None


class DayExcused(DistrictData):
    """A named person's exception after the fact: the district's day counts in no number."""

    NAME: ClassVar[str] = "day.excused"

    day: Day
    reason: Reason
    by: Name
