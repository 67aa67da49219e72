"""The cases of a state: a fold of its stream of grievances. Pure; it has no clock but the stream's.

Days, never hours: an event's day is all that is known of its time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from libs.events.clock import ClockReached
from libs.events.envelope import Recorded
from libs.events.grievances import (
    CaseData,
    GrievanceAgreed,
    GrievanceAnswered,
    GrievanceAppealed,
    GrievanceAssigned,
    GrievanceClosed,
    GrievanceCloseProposed,
    GrievanceErased,
    GrievanceMerged,
    GrievanceMessageSent,
    GrievancePolicyAdopted,
    GrievanceRaised,
    GrievanceTriaged,
    Tracking,
)
from libs.events.values import EventData
from libs.grievances.outcomes import EVEN_ERASED, OPEN, TABLE, Finding, Status

A_DAY = timedelta(days=1)
UNSAID = GrievancePolicyAdopted(state="in-xx", version=1, due_days=(7, 15, 30), silence_days=30)
"""What holds while AICC has adopted nothing; but then nothing falls due."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A sealed text of the case. Its ciphertext stands in the log at `offset`, its key under `id`."""

    id: str
    by: str
    """`complainant` or `aicc`."""
    day: date
    offset: int


@dataclass(slots=True)
class Case:
    grievance_id: str
    district: str
    day: date
    """When it was raised, in UTC."""
    raised_as: str
    """The category that the complainant has given it."""
    category: str
    severity: str
    tracking: Tracking | None
    author: str | None
    status: Status = Status.RAISED
    level: int = 1
    handler: str | None = None
    due: date | None = None
    since: date | None = None
    """The day of the event that made the status."""
    how: str | None = None
    """How it was closed: agreed, silence, or override."""
    letters: list[Letter] = field(default_factory=list)
    duplicate_of: str | None = None
    supporters: int = 0
    """Others that were merged into it."""
    overdue: set[date] = field(default_factory=set)
    """Due days that have passed without an answer."""
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Overdue:
    """The case's due day has passed without an answer."""

    case: Case
    due: date


class Cases:
    """All cases of a state by id."""

    def __init__(self) -> None:
        self.by_id: dict[str, Case] = {}
        self.policy = UNSAID
        self.today: date | None = None
        """What the stream's own clock has reached."""
        self._tracked: dict[str, list[Case]] = {}

    def tracked(self, locator: str, verifier: str) -> Case | None:
        """The case of who has the code."""
        return next(
            (case for case in self._tracked.get(locator, ()) if case.tracking and case.tracking.verifier == verifier),
            None,
        )

    def examine(self, data: EventData) -> Finding:
        """What an event with this data would be now."""
        match data:
            case GrievanceRaised(grievance_id=grievance_id):
                return Finding.RAISED_ALREADY if grievance_id in self.by_id else Finding.APPLIED
            case GrievancePolicyAdopted(version=version):
                return Finding.APPLIED if self.policy is UNSAID or version > self.policy.version else Finding.OLD_RULES
            case CaseData():
                return self._examine(data)
            case _:
                return Finding.APPLIED

    def _examine(self, data: CaseData) -> Finding:
        case = self.by_id.get(data.grievance_id)
        if case is None or case.district != data.district:
            return Finding.NO_SUCH_CASE
        allowed, _ = TABLE[type(data)]
        if case.erased and type(data) not in EVEN_ERASED:
            return Finding.ERASED
        if case.status not in allowed:
            return Finding.NOT_NOW
        if isinstance(data, GrievanceAppealed) and case.level >= len(self.policy.due_days):
            return Finding.NO_HIGHER_LEVEL
        if isinstance(data, GrievanceMerged):
            target = self.by_id.get(data.duplicate_of)
            if target is None or target is case or target.district != case.district or target.status not in OPEN:
                return Finding.NO_SUCH_TARGET
        return Finding.APPLIED

    def evolve(self, recorded: Recorded) -> Iterator[Overdue]:
        """Take what is allowed at its place; what falls due by a clock.reached comes out. Exhaust it."""
        event, data = recorded.event, recorded.event.data
        day = event.time.date()
        finding = self.examine(data)
        if finding is Finding.ERASED and isinstance(data, CaseData):
            # Written where the erasure was not known yet: it counts for nothing, but its key must go too.
            self._keep(data, day, event.id, recorded.offset)
        if finding is not Finding.APPLIED:
            return
        match data:
            case GrievanceRaised():
                self._raise(data, day, recorded.offset)
            case GrievancePolicyAdopted():
                self.policy = data
            case ClockReached(at=at) if at.date() <= recorded.appended_at.date():
                yield from self._reach(at.date())
            case CaseData():
                self._go_on(data, day, event.id, recorded.offset)
            case _:
                pass

    def next_due(self) -> date | None:
        """The first day on which something happens by itself: it is reached when that day has begun, in UTC."""
        return min(
            (day for case in self.by_id.values() if (day := self._falls_due(case)) is not None),
            default=None,
        )

    def outlived(self, today: date) -> list[Case]:
        """Those that were over so long ago that the policy keeps their texts no longer. `today`: a day in UTC."""
        if self.policy is UNSAID:
            return []
        last = today - timedelta(days=self.policy.keep_days)
        over = (each for each in self.by_id.values() if each.letters and not each.erased and each.status not in OPEN)
        return [case for case in over if case.since is not None and case.since < last]

    def _falls_due(self, case: Case) -> date | None:
        if self.policy is UNSAID:
            return None
        if case.status is Status.CLOSE_PROPOSED and case.since:
            return case.since + timedelta(days=self.policy.silence_days) + A_DAY
        if case.status in OPEN and case.due and case.due not in case.overdue:
            return case.due + A_DAY
        return None

    def _raise(self, data: GrievanceRaised, day: date, offset: int) -> None:
        case = Case(
            grievance_id=data.grievance_id,
            district=data.district,
            day=day,
            raised_as=data.category,
            category=data.category,
            severity=data.severity,
            tracking=data.tracking,
            author=data.author,
            since=day,
        )
        if data.sealed:
            case.letters.append(Letter(data.grievance_id, "complainant", day, offset))
        case.due = self._due(case, day)
        self.by_id[case.grievance_id] = case
        if data.tracking:
            self._tracked.setdefault(data.tracking.locator, []).append(case)

    def _due(self, case: Case, day: date) -> date | None:
        days = self.policy.due_days
        return None if self.policy is UNSAID else day + timedelta(days=days[min(case.level, len(days)) - 1])

    def _reach(self, today: date) -> Iterator[Overdue]:
        self.today = max(today, self.today or today)
        for case in self.by_id.values():
            falls = self._falls_due(case)
            if falls is None or falls > self.today:
                continue
            if case.status is Status.CLOSE_PROPOSED:
                case.status, case.how, case.since = Status.CLOSED, "silence", falls
            else:
                due = falls - A_DAY
                case.overdue.add(due)
                yield Overdue(case, due)

    def _go_on(self, data: CaseData, day: date, event_id: str, offset: int) -> None:
        case = self.by_id[data.grievance_id]
        _, after = TABLE[type(data)]
        if after is not None:
            case.status, case.since = after, day
        self._keep(data, day, event_id, offset)
        match data:
            case GrievanceTriaged():
                case.category, case.severity = data.category, data.severity
            case GrievanceAssigned():
                case.handler, case.due = data.handler, data.due
            case GrievanceAnswered():
                case.due = data.due
            case GrievanceCloseProposed():
                case.due = None
            case GrievanceAgreed() | GrievanceClosed():
                case.how = "agreed" if isinstance(data, GrievanceAgreed) else "override"
            case GrievanceAppealed():
                case.level, case.how = case.level + 1, None
                case.due = self._due(case, day)
            case GrievanceMerged():
                case.duplicate_of = data.duplicate_of
                self.by_id[data.duplicate_of].supporters += 1 + case.supporters
            case GrievanceErased():
                case.erased = True
            case _:
                pass

    def _keep(self, data: CaseData, day: date, event_id: str, offset: int) -> None:
        """The sealed text that the event brings, if it brings one."""
        if isinstance(data, GrievanceAnswered | GrievanceMessageSent) and data.sealed:
            by = "aicc" if isinstance(data, GrievanceAnswered) else "complainant"
            self.by_id[data.grievance_id].letters.append(Letter(event_id, by, day, offset))
