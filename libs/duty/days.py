"""One open day of a state: an entry a district, with the reports that were received for it."""

from dataclasses import dataclass, field
from datetime import date, datetime

from libs.duty.deadlines import Deadlines
from libs.duty.transitions import Reason, Status


@dataclass(frozen=True, slots=True)
class Change:
    """A status, since the instant `at`."""

    at: datetime
    status: Status
    tenure_id: str | None
    evidence: str | None = None


@dataclass(slots=True)
class Entry:
    """What a district owes on a day, and what came of it."""

    history: list[Change] = field(default_factory=list)
    """What its status has been, as far as is known now: of two changes the one logged later overrides. Never empty."""
    reason: Reason | None = None
    tenure_id: str | None = None
    report_id: str | None = None
    """The effective report: the first one."""
    version_id: str | None = None
    """Its latest correction, or itself."""
    received_at: datetime | None = None
    """When the first of all its reports was received. A retry or a supplement may be older than the effective one."""
    supplements: list[str] = field(default_factory=list)
    conflicts: int = 0
    """Events that came with a known id and another body."""
    held: bool = False
    """A record about the district cannot be read, and nobody has set it aside: unknown, unless a report settles it."""

    @property
    def status(self) -> Status:
        return self.history[-1].status

    def stood(self, at: datetime) -> int | None:
        """The index of the change that stood at the instant `at`; None before the district was on the day's board."""
        last = len(self.history) - 1
        if self.history[last].at <= at:  # nearly always
            return last
        return next((i for i in reversed(range(last)) if self.history[i].at <= at), None)

    def was(self, at: datetime) -> Status | None:
        """The status at the instant `at`, as far as is known now."""
        index = self.stood(at)
        return None if index is None else self.history[index].status


@dataclass(slots=True)
class ReportSeen:
    """What must be remembered of a report to recognise it again."""

    district: str
    body_hash: str


@dataclass(frozen=True, slots=True)
class Credited:
    """An outage of ours that has moved the end of the grace: the gap as it was measured, and by how much."""

    event_id: str
    begin: datetime
    end: datetime
    minutes: int


@dataclass(slots=True)
class OpenDay:
    """A day that can still change: from its local midnight until after it has locked."""

    day: date
    deadlines: Deadlines
    """Those of the policy, but that outages have moved grace_until: `credits` tell which."""
    entries: dict[str, Entry] = field(default_factory=dict)
    reports: dict[str, ReportSeen] = field(default_factory=dict)
    exceptions: dict[str, str] = field(default_factory=dict)
    """District -> id of the day.excused event."""
    reminded: bool = False
    """Nobody is reminded of it any more; from the beginning where the reminder would come before the day."""
    closed: bool = False
    """All of it is judged."""
    credits: list[Credited] = field(default_factory=list)
    held_until: datetime | None = None
    """While the judgement is held: when it stands by itself, unless a person has confirmed it before."""

    def entry(self, district: str) -> Entry:
        """The district's entry; a district that came after the day was judged owes nothing on it."""
        if district not in self.entries:
            never_owed = Change(self.deadlines.opens, Status.EXCUSED, None)
            self.entries[district] = Entry([never_owed], Reason.VACANCY)
        return self.entries[district]

    def status_of(self, received_at: datetime) -> Status:
        if received_at <= self.deadlines.due_at:
            return Status.ON_TIME
        return Status.IN_GRACE if received_at <= self.deadlines.grace_until else Status.LATE
