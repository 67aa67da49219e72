"""One open day of a state: an entry a district, with the reports that were received for it."""

from dataclasses import dataclass, field
from datetime import date, datetime

from libs.duty.deadlines import Deadlines
from libs.duty.transitions import Reason, Status


@dataclass(slots=True)
class Entry:
    """What a district owes on a day, and what came of it."""

    status: Status
    reason: Reason | None = None
    tenure_id: str | None = None
    report_id: str | None = None
    """The effective report: the first one."""
    version_id: str | None = None
    """Its latest correction, or itself."""
    received_at: datetime | None = None
    """When the effective report was received; a correction does not move it."""
    supplements: list[str] = field(default_factory=list)
    conflicts: int = 0
    """Events that came with a known id and another body."""
    pending_since: datetime | None = None
    """When the duty arose, if it ever did."""
    settled_at: datetime | None = None
    """When it ceased to be pending, other than by judgement."""
    missed: bool = False
    """Judged as missed at grace_until, and nothing received in time has been found since."""

    held: bool = False
    """A record about the district could not be read: it is unknown until it can, unless a report settles it."""

    def was_pending(self, at: datetime) -> bool:
        """Whether the report was still owed at the instant `at`, as far as is known now."""
        return (
            self.pending_since is not None
            and self.pending_since <= at
            and (self.settled_at is None or self.settled_at > at)
        )


@dataclass(slots=True)
class ReportSeen:
    """What must be remembered of a report to recognise it again."""

    district: str
    body_hash: str


@dataclass(slots=True)
class OpenDay:
    """A day that can still change: from its local midnight until after it has locked."""

    day: date
    deadlines: Deadlines
    entries: dict[str, Entry] = field(default_factory=dict)
    reports: dict[str, ReportSeen] = field(default_factory=dict)
    exceptions: dict[str, str] = field(default_factory=dict)
    """District -> id of the day.excused event."""
    reminded: bool = False
    closed: bool = False

    def entry(self, district: str) -> Entry:
        """The district's entry; a district that came after the day was judged owes nothing on it."""
        return self.entries.setdefault(district, Entry(Status.EXCUSED, Reason.VACANCY))

    def status_of(self, received_at: datetime) -> Status:
        if received_at <= self.deadlines.due_at:
            return Status.ON_TIME
        return Status.IN_GRACE if received_at <= self.deadlines.grace_until else Status.LATE
