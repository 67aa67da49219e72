"""A state's dated rules: which policy is in force on which day."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from libs.duty.deadlines import Deadlines, deadlines
from libs.duty.outcomes import Outcome
from libs.events.policy import PolicyAdopted

MOST_KNOWN = 1000
"""Days whose deadlines are remembered: whoever asks may name any."""


@dataclass(slots=True)
class Adopted:
    """A policy, the first day it rules, and when the log learned of it."""

    policy: PolicyAdopted
    first_day: date
    logged_at: datetime


@dataclass(slots=True)
class Policies:
    """All of a state's policies by rising version. Of those that rule a day, the latest version does."""

    adopted: list[Adopted] = field(default_factory=list)
    known: Annotated[dict[date, Deadlines], Field(exclude=True)] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Deadlines worked out before: every event asks for those of the next day. They hold until a policy is adopted."""

    def __bool__(self) -> bool:
        return bool(self.adopted)

    def on(self, day: date) -> Adopted:
        """The one in force on `day`; before the first one's first day, the first (reports are kept, not counted)."""
        for each in reversed(self.adopted):
            if each.first_day <= day:
                return each
        return self.adopted[0]

    def deadlines(self, day: date) -> Deadlines:
        found = self.known.get(day)
        if found is None:
            if len(self.known) >= MOST_KNOWN:
                self.known.clear()
            found = self.known[day] = deadlines(day, self.on(day).policy)
        return found

    def owes(self, day: date, logged_at: datetime) -> bool:
        """Whether a holder logged at `logged_at` owes `day`: its due_at lies after both were logged (guarantee 5)."""
        adopted = self.on(day)
        return day >= adopted.first_day and self.deadlines(day).due_at > max(adopted.logged_at, logged_at)

    def today(self, instant: datetime) -> date:
        """The civil date of the state at `instant`."""
        day = instant.astimezone(UTC).date() + timedelta(days=1)
        while self.deadlines(day).opens > instant:
            day -= timedelta(days=1)
        return day

    def examine(self, data: PolicyAdopted, at: datetime, opened: date | None) -> Outcome:
        if not self.adopted:
            return Outcome.APPLIED
        latest = self.adopted[-1].policy
        if data.version == latest.version:
            return Outcome.DUPLICATE if data == latest else Outcome.OLD_VERSION
        if data.version < latest.version:
            return Outcome.OLD_VERSION
        in_time = self._first_day(data, at, opened) == data.effective_from
        return Outcome.APPLIED if in_time else Outcome.RETROACTIVE

    def adopt(self, data: PolicyAdopted, at: datetime, opened: date | None) -> None:
        self.adopted.append(Adopted(data, self._first_day(data, at, opened), at))
        self.known.clear()

    def _first_day(self, data: PolicyAdopted, at: datetime, opened: date | None) -> date:
        """The first policy rules from any day it names; a later one only from a day that has not begun, by the calendar
        of either time zone and in the stream, where `opened` is the last one.
        """
        if not self.adopted:
            return data.effective_from
        begun = max(self.today(at), at.astimezone(ZoneInfo(data.tz)).date(), opened or date.min)
        return max(data.effective_from, begun + timedelta(days=1))
