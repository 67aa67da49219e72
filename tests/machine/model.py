"""What the whole system must say, worked out a second time from the design, in the plainest way: nothing is folded,
every question is answered from all that was ever acknowledged. It shares no code with `libs.duty`.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

INDIA = timezone(timedelta(hours=5, minutes=30))
ONE_DAY = timedelta(days=1)
LADDER = (1, 2, 4)
LOCK_DAYS = 2
REMEMBERED_DAYS = 36
"""A miss that is still open when a day so much later and one more is judged, can no longer change: it is let go of."""
SUNDAY, LEAST_DAYS = 7, 5
"""The last day of a week, and how many days must have been owed for it to be praised."""
SETTLED = {"on_time": "filed", "in_grace": "filed", "excused": "excused", "unknown": "unknown"}
"""How a reminder ends, by what the day becomes before it is judged."""


@dataclass(frozen=True)
class Policy:
    first_day: date
    due_hour: int
    grace: timedelta
    remind_before: timedelta
    logged: datetime


@dataclass
class Tenure:
    id: str
    since: date
    logged: datetime
    until: date | None = None
    relieved: datetime | None = None
    leaves: list[tuple[date, date, datetime]] = field(default_factory=list)

    def holds(self, day: date, by: datetime) -> bool:
        """By what was logged at `by` or before."""
        over = self.until is not None and self.relieved is not None and self.relieved <= by and day >= self.until
        return self.logged <= by and self.since <= day and not over


@dataclass(frozen=True)
class Filed:
    id: str
    tenure: str
    at: datetime


@dataclass
class Day:
    """What was said of one district's day."""

    versions: list[Filed] = field(default_factory=list)
    """The effective report, and its corrections."""
    supplements: list[Filed] = field(default_factory=list)
    excused: datetime | None = None
    held: datetime | None = None
    """Since when it is unknown what was said."""

    def received(self, by: datetime) -> datetime | None:
        return min((each.at for each in (*self.versions, *self.supplements) if each.at <= by), default=None)


@dataclass(frozen=True)
class Status:
    status: str
    reason: str | None = None


class Model:
    """`clock` is what the stream's clock has surely reached."""

    def __init__(self, clock: datetime) -> None:
        self.clock = clock
        self.policies: list[Policy] = []
        self.added: dict[str, datetime] = {}
        self.tenures: dict[str, list[Tenure]] = {}
        self.holidays: dict[date, list[tuple[datetime, bool]]] = {}
        self.days: dict[tuple[str, date], Day] = {}
        self.unread: dict[str, datetime] = {}
        """Since when a record about a district cannot be read: what it owes from then on nobody knows (ADR 0020)."""
        self.instants: set[datetime] = set()
        """When anything was logged that may have changed a status."""

    # -- instants of a day --

    def policy(self, day: date) -> Policy:
        return next((each for each in reversed(self.policies) if each.first_day <= day), self.policies[0])

    def opens(self, day: date) -> datetime:
        return datetime.combine(day, datetime.min.time(), INDIA)

    def due(self, day: date) -> datetime:
        return self.opens(day) + timedelta(hours=self.policy(day).due_hour)

    def grace(self, day: date) -> datetime:
        return self.due(day) + self.policy(day).grace

    def remind(self, day: date) -> datetime:
        return self.due(day) - self.policy(day).remind_before

    def lock(self, day: date) -> datetime:
        return self.opens(day + ONE_DAY * (LOCK_DAYS + 1))

    def day(self, code: str, day: date) -> Day:
        return self.days.setdefault((code, day), Day())

    # -- who, and how it stands --

    def holder(self, code: str, day: date, by: datetime) -> Tenure | None:
        """What is logged at the end of grace or later comes too late for the day."""
        known = min(by, self.grace(day) - timedelta(microseconds=1))
        return next((each for each in self.tenures[code] if each.holds(day, known)), None)

    def accountable(self, code: str, day: date, by: datetime) -> Tenure | None:
        """Whose report is taken: if nobody held the day when it was judged, whoever holds it by the whole roster."""
        return self.holder(code, day, by) or next((each for each in self.tenures[code] if each.holds(day, by)), None)

    def at(self, code: str, day: date, by: datetime) -> Status:
        """How the district's day stood at the instant `by`."""
        said, policy, grace = self.day(code, day), self.policy(day), self.grace(day)
        received = said.received(by)
        tenure = self.holder(code, day, by)
        if received is not None:
            tenure = next(each for each in self.tenures[code] if each.id == said.versions[0].tenure)
        if said.excused is not None and said.excused <= by:
            return Status("excused", "exception")
        logged = None if tenure is None else max(policy.logged, tenure.logged)
        if tenure is None or logged is None or day < policy.first_day or self.due(day) <= logged:
            return Status("excused", "vacancy")
        if any(first <= day <= last and granted <= by and granted < grace for first, last, granted in tenure.leaves):
            return Status("excused", "leave")
        if [on for logged, on in self.holidays.get(day, ()) if logged <= by][-1:] == [True]:
            return Status("excused", "holiday")
        if received is not None:
            return Status("on_time" if received <= self.due(day) else "in_grace" if received <= grace else "late")
        unread = code in self.unread and self.unread[code] <= self.opens(day)
        if unread or (said.held is not None and said.held <= by):
            return Status("unknown")
        return Status("pending" if by <= grace else "missed")

    def now(self, code: str, day: date, now: datetime) -> Status:
        """As the board shows it: silence is a miss when the clock says so."""
        found = self.at(code, day, now)
        return Status("pending") if found.status == "missed" and self.clock < self.grace(day) else found

    def listed(self, code: str, day: date) -> bool:
        said = self.day(code, day)
        return self.added[code] < self.grace(day) or bool(said.versions) or said.excused is not None

    # -- alerts --

    def alerts(self, first: date, last: date, now: datetime) -> dict[tuple[str, str, str, int], str | None]:
        """All that were raised about these days: rule, district, day, level -> how it was resolved, if it was."""
        found: dict[tuple[str, str, str, int], str | None] = {}
        for code in self.tenures:
            day = first
            while day <= last and self.opens(day) <= now:
                if self.opens(day) <= self.remind(day) <= self.clock and self._pending(code, day, self.remind(day)):
                    found["due-soon", code, day.isoformat(), 1] = self._reminder(code, day, now)
                if self.grace(day) <= self.clock:
                    if self._pending(code, day, self.grace(day)):
                        over = self._miss_over(code, day, last, now)
                        for level in self._levels(1 + self._run(code, day, first)):
                            found["missed-report", code, day.isoformat(), level] = over
                    told = "told" if self.grace(day + ONE_DAY) <= self.clock else None
                    if self._in_time(code, day) and self._run(code, day, first) >= LADDER[1]:
                        found["recovered", code, day.isoformat(), 1] = told
                    if self._perfect(code, day, first):
                        year, week, _ = day.isocalendar()
                        found["perfect-week", code, f"{year}-W{week:02}", 1] = told
                day += ONE_DAY
        return found

    def _in_time(self, code: str, day: date) -> bool:
        """As it stood when it was judged."""
        return self.at(code, day, self.grace(day)).status in {"on_time", "in_grace"}

    def _miss_over(self, code: str, day: date, last: date, now: datetime) -> str | None:
        """The day itself became something else, a later one was in time, or it is long locked: what came first."""
        later = (day + ONE_DAY * n for n in range(1, (last - day).days + 1))
        good = (self.grace(each) for each in later if self.grace(each) <= self.clock and self._in_time(code, each))
        recovered = min(good, default=None)
        much_later = (day + ONE_DAY * n for n in range(REMEMBERED_DAYS + 1, (last - day).days + 1))
        locked = min((self.grace(each) for each in much_later if self.grace(each) <= self.clock), default=None)
        ends = [(at, how) for at, how in ((recovered, "recovered"), (locked, "locked")) if at is not None]
        until, how = min(ends, key=lambda end: end[0], default=(now, None))
        return self._first_other(code, day, self.grace(day), min(now, until), "missed") or how

    def _perfect(self, code: str, day: date, first: date) -> bool:
        """Whether `day` ends a week on which one tenure was in time on all the days that it owed, five at least."""
        if day.isoweekday() != SUNDAY:
            return False
        week = [each for n in range(7) if (each := day - ONE_DAY * n) >= first]
        good = [each for each in week if self._in_time(code, each)]
        spoilt = any(self.at(code, each, self.grace(each)).status != "excused" for each in week if each not in good)
        mine = [
            each
            for each in good
            if self.holder(code, each, self.grace(each)) == self.holder(code, day, self.grace(day))
        ]
        return not spoilt and len(mine) >= LEAST_DAYS

    def reminds(self, day: date) -> bool:
        """Whether anybody has to be reminded of the day."""
        at = self.remind(day)
        return at >= self.opens(day) and any(self._pending(code, day, at) for code in self.tenures)

    def _pending(self, code: str, day: date, at: datetime) -> bool:
        return self.added[code] <= at and self.at(code, day, at).status == "pending"

    def _reminder(self, code: str, day: date, now: datetime) -> str | None:
        settled = self._first_other(code, day, self.remind(day), min(now, self.grace(day)), "pending")
        return SETTLED[settled] if settled else "missed" if self.clock >= self.grace(day) else None

    def _first_other(self, code: str, day: date, after: datetime, until: datetime, status: str) -> str | None:
        """What the day became first, when it ceased to be `status`."""
        instants = sorted(each for each in self.instants if after < each <= until)
        return next((s for s in (self.at(code, day, each).status for each in instants) if s != status), None)

    def _levels(self, run: int) -> list[int]:
        return [1, *(level for level, misses in enumerate(LADDER, 1) if misses == run and level > 1)]

    def _run(self, code: str, day: date, first: date) -> int:
        """How many misses in a row come right before the day, as things stood when it was judged."""
        at, count, earlier = self.grace(day), 0, day - ONE_DAY
        tenure = self.holder(code, day, at)
        while earlier >= first:
            status = self.at(code, earlier, at).status
            if status == "missed" and self.holder(code, earlier, at) == tenure:
                count += 1
            elif status != "excused":
                break
            earlier -= ONE_DAY
        return count
