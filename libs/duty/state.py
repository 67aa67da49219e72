"""What is known of one state's duty at one offset: the data that `examine`, `owed` and `judge` work on."""

from dataclasses import dataclass, field
from datetime import date, datetime

from libs.duty.days import OpenDay, ReportSeen
from libs.duty.deadlines import Deadlines
from libs.duty.policies import Policies
from libs.duty.roster import Roster


@dataclass(slots=True)
class Holiday:
    """What has been said of a day as a holiday of the state."""

    name: str | None
    """None when it is revoked."""
    events: list[str]
    """The ids of its declarations and revocations: one that is repeated says nothing new."""


@dataclass(slots=True)
class DutyState:
    """Policies, roster, holidays, and the days that can still change."""

    state: str
    policies: Policies = field(default_factory=Policies)
    roster: Roster = field(default_factory=Roster)
    holidays: dict[date, Holiday] = field(default_factory=dict)
    days: dict[date, OpenDay] = field(default_factory=dict)
    """In order, without gaps, from the oldest one that is not yet forgotten to the last one that has begun."""
    clock: datetime | None = None
    """The highest clock.reached."""
    unread: dict[str, list[int]] = field(default_factory=dict)
    """District or state -> offsets of its records that cannot be read, and that nobody has set aside."""

    def is_unread(self, code: str) -> bool:
        """Whether something was said of the district, or of all of them, that nobody can read."""
        return code in self.unread or self.state in self.unread

    def is_holiday(self, day: date) -> bool:
        return day in self.holidays and self.holidays[day].name is not None

    def last_day(self) -> date | None:
        """The last day that has begun."""
        return next(reversed(self.days), None)

    def limits(self, day: date) -> Deadlines:
        """The deadlines of any day. Needs a policy."""
        known = self.days.get(day)
        return known.deadlines if known else self.policies.deadlines(day)

    def seen(self, event_id: str) -> tuple[OpenDay, ReportSeen] | None:
        """The report that goes by this id, and the day it was filed for, while the day stands open."""
        for day in self.days.values():
            if known := day.reports.get(event_id):
                return day, known
        return None

    def forgotten(self, day: date) -> bool:
        """Whether `day` has been let go of: locked for good."""
        return day not in self.days and bool(self.days) and day < next(iter(self.days))

    def sealed(self, day: date, at: datetime) -> bool:
        """Whether roster and calendar, logged at `at`, come too late for `day`: its grace is over, or it is judged.

        The first half makes judging three hours late the same as judging on time, the second half is guarantee 3. It
        goes by the policy's own grace: a credit that comes a while later must not change whose the day is.
        """
        if not self.policies:
            return False
        known = self.days.get(day)
        return at >= self.policies.deadlines(day).grace_until or (known.closed if known else self.forgotten(day))
