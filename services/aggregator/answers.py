"""The shape of every answer, for the OpenAPI document. The answers themselves are made of JSON and not checked again:
`tests/e2e/test_openapi_is_true.py` holds them to these models.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from libs.duty.transitions import Reason, Status
from libs.events.reports import Activities, Evidence
from services.aggregator.report import Role


class Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class AsOf(Answer):
    """All events up to this one are in the answer."""

    offset: int
    """Of the state's reports stream; -1: nothing is folded yet."""
    event_time: datetime | None
    """When it was received; null for a record that nobody can read."""


class State(Answer):
    state: str
    tz: str
    first_day: date
    """The first day that the state's first policy governs."""
    today: date
    clock: datetime | None
    """What the stream's clock has reached: all that fell due by then is judged."""
    as_of: AsOf


class States(Answer):
    items: Sequence[State]
    next: None


class Counts(Answer):
    expected: int
    """All known districts less the excused ones."""
    on_time: int
    in_grace: int
    late: int
    missed: int
    excused: int
    pending: int
    unknown: int


class Rate(Answer):
    numerator: int
    denominator: int
    rate: float | None
    """Null when nothing is expected."""


class DistrictDay(Answer):
    district: str
    status: Status
    reason: Reason | None
    report_id: str | None
    """The effective report: the first one."""
    tenure_id: str | None
    received_at: datetime | None
    version_id: str | None
    """The latest correction of the effective report, or itself."""
    supplements: Sequence[str]
    conflicts: int
    """Events that came with a known id and another body."""
    holder: str | None
    name_en: str
    name_hi: str
    kind: str
    grid_row: int
    grid_col: int


class Board(Answer):
    """How a state's day stands."""

    state: str
    day: date
    due_at: datetime
    grace_until: datetime
    closed: bool
    """Judged: the stream's clock has passed grace_until."""
    counts: Counts
    completeness: Rate
    timeliness: Rate
    districts: Sequence[DistrictDay]
    as_of: AsOf
    lock_at: datetime


class Version(Answer):
    id: str
    received_at: datetime
    offset: int
    supersedes: str | None


class Review(Answer):
    id: str
    verdict: Literal["approved", "returned"]
    comment: str
    reviewed_at: datetime
    by: str | None


class Report(Answer):
    """A report, what it is on its day, and what the office says of it."""

    id: str
    state: str
    district: str
    day: date
    tenure_id: str
    form: str
    activities: Activities
    summary: str
    evidence: Sequence[Evidence]
    captured_at: str
    """The phone's claim, letter for letter."""
    supersedes: str | None
    received_at: datetime
    offset: int
    superseded_by: Sequence[str]
    """The corrections that name this one."""
    reviews: Sequence[Review]
    copies: Sequence[int]
    """Offsets of the same event again."""
    conflicts: Sequence[int]
    """Offsets of events that came with this id and another body."""
    role: Role | None
    """Null while the day's board has not come as far as the report."""
    versions: Sequence[Version]
    as_of: AsOf
