"""Version 1 of what a president says of a day: form `daily.v1`. Published, so never edited again.

`reports` has today's version, made of this one where nothing has changed; `upcasters` lead from here to there.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from libs.events.values import ClaimedInstant, Day, DistrictData, Id, Model, Text

Count = Annotated[int, Field(ge=0, le=100_000)]


class Activities(Model):
    """Form `daily.v1`: what was done on the day. All eight are named, zero is an answer."""

    meetings: Count
    """Meetings held."""
    attendance: Annotated[int, Field(ge=0, le=10_000_000)]
    """People at all of them together."""
    villages_visited: Count
    """Villages visited."""
    booth_committees: Count
    """Booth committees met or formed."""
    new_members: Count
    """Members enrolled."""
    programmes: Count
    """Programmes of the party held."""
    media_mentions: Count
    """Mentions in press, radio, television or online."""
    grievances_heard: Count
    """Grievances of workers heard in person."""


class Evidence(Model):
    """A reference to a photo or paper, never its bytes."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 over the bytes, in lower-case hex."""
    media_type: Annotated[str, StringConstraints(pattern=r"^[a-z]+/[a-z0-9][a-z0-9.+-]*$", max_length=100)]
    """The media type: `image/jpeg`."""
    bytes: Annotated[int, Field(ge=0, le=1_000_000_000)]
    """The length in bytes."""
    taken_at: ClaimedInstant | None = None
    """When it was taken, by the phone's clock."""


class Report(DistrictData):
    """One report of one district about one day, by the tenure that held the district on that day."""

    SET_BY_INGEST: ClassVar[frozenset[str]] = frozenset({"state"})

    day: Day
    """The day that the report covers."""
    tenure_id: Id
    """The tenure that held the district on that day."""
    form: Literal["daily.v1"]
    """The form that was filled in."""
    activities: Activities
    """What was done on the day: all eight are named, zero is an answer."""
    summary: Text
    """The day in the president's own words."""
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=20)] = ()
    """References to photos or papers."""
    captured_at: ClaimedInstant
    """When the form was filled in, by the phone's clock."""


class ReportFiled(Report):
    """The first report of a day, or a supplement to it."""

    NAME: ClassVar[str] = "report.filed"

    supersedes: None = None
    """Always null: with an id it would be a correction."""


class ReportCorrected(Report):
    """A better version of a report: `supersedes` names the latest version of the day's effective report."""

    NAME: ClassVar[str] = "report.corrected"

    supersedes: Id
    """The id of the event that this one replaces."""
