"""The shape of every answer, for the OpenAPI document. The answers themselves are made of JSON and not checked again:
`tests/e2e/test_openapi_is_true.py` holds them to these models.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from libs.duty.transitions import Reason, Status
from libs.events.reports import Activities, Digital, FormName
from libs.events.reports_v1 import Evidence
from services.aggregator.report import Role


class Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class AsOf(Answer):
    """All events up to this offset are in the answer."""

    offset: Annotated[int, Field(ge=-1)]
    """Of the state's reports stream; -1: nothing can be promised yet, just after a first start."""
    event_time: datetime | None
    """When it was received; null for a record that nobody can read."""


class Rate(Answer):
    numerator: int
    denominator: int
    rate: float | None
    """Null when nothing is expected."""


class Counts(Answer):
    """How many districts, or days, by status."""

    expected: int
    """All, less the excused."""
    on_time: int
    in_grace: int
    late: int
    missed: int
    excused: int
    pending: int
    unknown: int


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


class InShort(Answer):
    """A day without its districts."""

    closed: bool
    """The day is judged. Late reports change the counts until it locks."""
    counts: Counts
    completeness: Rate
    timeliness: Rate


class Credit(Answer):
    """An outage of Rozana's own, and by how many minutes it has moved the end of the day's grace."""

    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    minutes: int


class DistrictDay(Answer):
    district: str
    status: Status
    reason: Reason | None
    report_id: str | None
    """The effective report: the first one."""
    tenure_id: str | None
    received_at: datetime | None
    version_id: str | None
    """Its latest correction, or itself."""
    supplements: Sequence[str]
    conflicts: int
    """Events that came with a known id and another body."""
    unread: bool
    """Something was said of the district that cannot be read: unknown until a report settles it."""
    holder: str | None
    name_en: str
    name_hi: str
    kind: str
    grid_row: int
    grid_col: int


class Board(InShort):
    """How a state's day stands."""

    state: str
    day: date
    due_at: datetime
    grace_until: datetime
    """With what outages have given back."""
    districts: Sequence[DistrictDay]
    as_of: AsOf
    lock_at: datetime
    held_until: datetime | None
    """Set while so many are silent that the judgement is held: it stands from then on, or when a person confirms it."""
    credits: Sequence[Credit]
    """Why the end of the grace has moved."""


class InShortOfDay(InShort):
    day: date


class Days(Answer):
    """The trend. Days before the state's first board, and days that have not begun, are left out."""

    state: str
    from_: Annotated[date, Field(alias="from")]
    to: date
    days: Sequence[InShortOfDay]
    as_of: AsOf


class InShortOfState(InShort):
    state: str


class Nation(InShort):
    """The sum of the states in which the day has begun; closed when it is closed in each of them."""

    day: date
    states: Sequence[InShortOfState]
    as_of: Mapping[str, AsOf]
    """By state."""


class Run(Answer):
    current: int
    longest: int


class Streaks(Answer):
    """Days in a row. Excused and pending days neither count nor break; an unknown one breaks a run of misses only."""

    filed: Run
    missed: Run


class Holder(Answer):
    tenure_id: str
    person_id: str
    name: str
    kind: str
    since: date


class Tenure(Holder):
    """One person's time in the presidency, and what its days came to."""

    until: date | None
    """The first day on which the person no longer held it."""
    counts: Counts
    completeness: Rate
    timeliness: Rate
    streaks: Streaks


class StripDay(Answer):
    day: date
    status: Status
    reason: Reason | None


class OpenDay(Answer):
    """A day that can still change."""

    day: date
    status: Status
    reason: Reason | None
    tenure_id: str | None
    report_id: str | None
    version_id: str | None
    due_at: datetime
    grace_until: datetime
    lock_at: datetime


class District(Answer):
    district: str
    state: str
    name_en: str
    name_hi: str
    kind: str
    grid_row: int
    grid_col: int
    closed_at: datetime | None
    today: date
    holder: Holder | None
    streaks: Streaks | None
    """The holder's."""
    strip: Sequence[StripDay]
    """At most 90 days, up to the last one that an event has opened."""
    open_days: Sequence[OpenDay]
    tenures: Sequence[Tenure]
    as_of: AsOf


class Owed(Answer):
    """A day that can still be filed and has no report."""

    day: date
    status: Literal["pending", "missed"]
    tenure_id: str | None
    due_at: datetime
    grace_until: datetime
    lock_at: datetime
    report_id: None


class Returned(Answer):
    """A report whose latest version was returned. A correction of it names `version_id` as what it supersedes."""

    report_id: str
    version_id: str
    day: date
    tenure_id: str
    lock_at: datetime
    comment: str
    reviewed_at: datetime
    by: str | None
    review_id: str


class Duties(Answer):
    district: str
    today: date
    owed: Sequence[Owed]
    returned: Sequence[Returned]
    as_of: AsOf


class Change(Answer):
    """Null where one of the two has nothing there."""

    pointer: str
    """A JSON pointer (RFC 6901) into the report."""
    before: JsonValue
    after: JsonValue


class Conflict(Answer):
    """The id came again with another body: the first wins."""

    offset: int
    received_at: datetime
    changes: Sequence[Change]


class Review(Answer):
    id: str
    verdict: Literal["approved", "returned"]
    comment: str
    reviewed_at: datetime
    by: str | None


class Version(Answer):
    id: str
    received_at: datetime
    offset: int
    supersedes: str | None
    reviews: Sequence[Review]
    changes: Sequence[Change]
    """From the version before it."""


class Supplement(Answer):
    """Another report of the same day: kept and shown, never counted."""

    id: str
    role: Literal["supplement"]
    received_at: datetime
    offset: int
    supersedes: str | None
    """Set when it is a correction that came after another one of the same version."""


class Report(Answer):
    """A report, what it is on its day, and what the office says of it."""

    id: str
    state: str
    district: str
    day: date
    tenure_id: str
    form: FormName
    """The one that was filled in; the members are those of the latest, whichever it was."""
    activities: Activities
    digital: Digital | None
    """Null where nothing is said of it, as in form `daily.v1`."""
    summary: str
    evidence: Sequence[Evidence]
    captured_at: str
    """The phone's claim, letter for letter."""
    supersedes: str | None
    received_at: datetime
    offset: int
    superseded_by: Sequence[str]
    """Also by corrections that were not accepted."""
    reviews: Sequence[Review]
    copies: Sequence[int]
    """Offsets at which the same event stands again."""
    conflicts: Sequence[Conflict]
    role: Role | None
    """Null while the day's board has not come as far as the report."""
    verdict: Literal["approved", "returned"] | None
    """Of the latest review of the latest version."""
    versions: Sequence[Version]
    supplements: Sequence[Supplement]
    as_of: AsOf
