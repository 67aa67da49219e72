"""What a president says of a day, and what the state office says of the report."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from libs.events.values import ClaimedInstant, Day, DistrictData, Id, Model, Text

Count = Annotated[int, Field(ge=0, le=100_000)]


class Activities(Model):
    """Form `daily.v1`: what was done on the day. All eight are named, zero is an answer."""

    meetings: Count
    attendance: Annotated[int, Field(ge=0, le=10_000_000)]
    villages_visited: Count
    booth_committees: Count
    new_members: Count
    programmes: Count
    media_mentions: Count
    grievances_heard: Count


class Evidence(Model):
    """A reference to a photo or paper, never its bytes."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    media_type: Annotated[str, StringConstraints(pattern=r"^[a-z]+/[a-z0-9][a-z0-9.+-]*$", max_length=100)]
    bytes: Annotated[int, Field(ge=0, le=1_000_000_000)]
    taken_at: ClaimedInstant | None = None


class Report(DistrictData):
    """One report of one district about one day, by the tenure that held the district on that day."""

    SET_BY_INGEST: ClassVar[frozenset[str]] = frozenset({"state"})

    day: Day
    tenure_id: Id
    form: Literal["daily.v1"]
    activities: Activities
    summary: Text
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=20)] = ()
    captured_at: ClaimedInstant


class ReportFiled(Report):
    """The first report of a day, or a supplement to it."""

    NAME: ClassVar[str] = "report.filed"

    supersedes: None = None


class ReportCorrected(Report):
    """A better version of a report: `supersedes` names the latest version of the day's effective report."""

    NAME: ClassVar[str] = "report.corrected"

    supersedes: Id


class ReportReviewed(DistrictData):
    """The state office has read a report. A review never changes the day's status."""

    NAME: ClassVar[str] = "report.reviewed"

    report_id: Id
    verdict: Literal["approved", "returned"]
    comment: Text = ""
