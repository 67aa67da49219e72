"""What comes out of the state machine: the only language in which projections and rules hear of duty."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class Status(StrEnum):
    """The status of a district's day (design.md, section 1)."""

    PENDING = "pending"
    ON_TIME = "on_time"
    IN_GRACE = "in_grace"
    LATE = "late"
    MISSED = "missed"
    EXCUSED = "excused"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a day is excused."""

    VACANCY = "vacancy"
    LEAVE = "leave"
    HOLIDAY = "holiday"
    OUTAGE = "outage"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True)
class DayOpened:
    """The day's civil date has begun in the stream: every known district now stands on its board."""

    day: date


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A district's day has another status, since the instant `at`: the one that fell due or was received."""

    day: date
    district: str
    before: Status | None
    after: Status
    tenure_id: str | None
    at: datetime
    evidence: str | None = None
    """Id of the report or exception that made it so; None where time or the roster did."""


@dataclass(frozen=True, slots=True)
class DayMissed:
    """Judged: nothing had been received by grace_until (`at`). Always comes before the StatusChanged to missed."""

    day: date
    district: str
    tenure_id: str | None
    at: datetime
    consecutive: int
    """This miss counted with those right before it, of the same tenure, as they stood at `at`."""
    ladder: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReminderDue:
    """At the instant `at` the report was still owed."""

    day: date
    district: str
    tenure_id: str | None
    at: datetime
    settled: Status | None
    """What it has become since; None while it is still owed. Set only when the clock is late."""
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReportKept:
    """A correction, a supplement or a conflict stands beside the effective report; the status is as it was."""

    day: date
    district: str
    report_id: str


@dataclass(frozen=True, slots=True)
class Stood:
    """How a district stood when its day was judged."""

    status: Status
    tenure_id: str | None
    misses: int
    """The tenure's in a row right before the day, as they stood then."""


@dataclass(frozen=True, slots=True)
class GraceMoved:
    """An outage of ours was credited: the day's grace ends at `until`."""

    day: date
    until: datetime


@dataclass(frozen=True, slots=True)
class JudgementHeld:
    """At grace_until (`at`) an unusual share was silent: `silent` of the `expected` that could be judged. They are
    unknown until a person confirms the judgement, or the clock of the stream reaches `until`."""

    day: date
    at: datetime
    until: datetime
    silent: int
    expected: int


@dataclass(frozen=True, slots=True)
class DayClosed:
    """The clock of the stream has passed the day's grace_until (`at`), and nothing is held: all of it is judged."""

    day: date
    at: datetime
    stood: Mapping[str, Stood] = field(default_factory=dict, compare=False, repr=False)
    """By district: as it was at `at`, as far as was known when the clock came to it."""
    ladder: tuple[int, ...] = field(default=(), compare=False)
    released_at: datetime | None = None
    """If the judgement was held: when it was confirmed, or stood by itself."""


Transition = DayOpened | StatusChanged | DayMissed | ReminderDue | ReportKept | GraceMoved | JudgementHeld | DayClosed
