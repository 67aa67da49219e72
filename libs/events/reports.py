"""What a president says of a day, and what the state office says of the report: today's versions.

What version 2 has not changed is that of version 1 (`reports_v1`), which nobody edits.
"""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema

from libs.events.reports_v1 import Count, Evidence
from libs.events.values import ClaimedInstant, Day, DistrictData, Id, Model, Text, broken

FormName = Literal["daily.v1", "daily.v2"]
FORMS: tuple[FormName, ...] = get_args(FormName)
"""Each goes with the version of report.filed and report.corrected that has its number, oldest first."""


def _of_this_version(form: object) -> object:
    if form != FORMS[-1]:
        raise broken("must be daily.v2")
    return form


class Activities(Model):
    """What was done on the day. All eight are named, zero is an answer."""

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
    press_mentions: Count
    """Mentions in press, radio, television or online; `media_mentions` in version 1."""
    grievances_heard: Count
    """Grievances of workers heard in person."""


class Digital(Model):
    """What was done online. All three are named, zero is an answer."""

    posts: Count
    """Posts published."""
    people_reached: Annotated[int, Field(ge=0, le=1_000_000_000)]
    """People who saw them, as the platforms count."""
    groups: Count
    """Messaging groups written to."""


class Report(DistrictData):
    """One report of one district about one day, by the tenure that held the district on that day."""

    VERSION: ClassVar[int] = 2
    SET_BY_INGEST: ClassVar[frozenset[str]] = frozenset({"state"})

    day: Day
    """The day that the report covers."""
    tenure_id: Id
    """The tenure that held the district on that day."""
    form: Annotated[FormName, BeforeValidator(_of_this_version), WithJsonSchema({"type": "string", "const": FORMS[-1]})]
    """The form that was filled in."""
    # A report lifted from version 1 says daily.v1 here for ever, which nobody may write in this version.
    activities: Activities
    """What was done on the day: all eight are named, zero is an answer."""
    digital: Digital | None = None
    """What was done online; null where nothing is said of it."""
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


class ReportReviewed(DistrictData):
    """The state office has read a report. A review never changes the day's status."""

    NAME: ClassVar[str] = "report.reviewed"

    report_id: Id
    """The id of the report's event."""
    verdict: Literal["approved", "returned"]
    """What the office thinks of it."""
    comment: Text = ""
    """What the office says to the president."""
