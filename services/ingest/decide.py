"""What becomes of an event that somebody sends: appended, recognised as a retry, or refused. Pure.

The domain rules are those of the fold (`libs.duty`): the same question, asked before the append. The table below says
how each answer reads over HTTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from libs.duty.outcomes import Outcome
from libs.duty.state_duty import StateDuty
from libs.events.catalogue import CATALOGUE
from libs.events.envelope import Event
from libs.events.grievances import CaseData, GrievanceAssigned, GrievancePolicyAdopted, GrievanceRaised
from libs.events.reports import Report, ReportReviewed
from libs.events.streams import stream_name
from libs.grievances.cases import Case, Cases
from libs.grievances.outcomes import Finding
from services.ingest.known import Known, KnownEvents


class Rule(StrEnum):
    """What only ingest refuses; the fold would take it."""

    UNKNOWN_REPORT = "unknown-report"
    OTHER_TENURE = "other-tenure"
    ABOUT_HIMSELF = "about-himself"


Reason = Outcome | Finding | Rule


@dataclass(frozen=True, slots=True)
class Answer:
    """How a refusal reads: fixed words, nothing of what was sent. `member` of the data is what it is about."""

    status: int
    detail: str
    member: str


ANSWERS: Mapping[Reason, Answer | None] = {
    Outcome.APPLIED: None,
    Outcome.SUPPLEMENT: None,  # a second report of the day is kept beside the first
    Outcome.DUPLICATE: Answer(409, "this has been said already, under another id", ""),
    Outcome.CONFLICT: Answer(409, "something else is already known under this id", ""),
    Outcome.STALE_CORRECTION: Answer(
        409, "supersedes must name the latest version of the day's first report", "supersedes"
    ),
    Outcome.KNOWN_DISTRICT: Answer(409, "a district with this code exists already", "district"),
    Outcome.CLOSED_DISTRICT: Answer(409, "the district is closed", "district"),
    Outcome.SECOND_HOLDER: Answer(409, "somebody else holds the district from that day on", "since"),
    Outcome.OLD_VERSION: Answer(409, "the state has a policy of this version or a later one", "version"),
    Outcome.NO_HOLIDAY: Answer(409, "the day is not a holiday", "day"),
    Outcome.UNKNOWN_DISTRICT: Answer(404, "there is no such district", "district"),
    Rule.UNKNOWN_REPORT: Answer(
        404, "the district has no such report, or none so recent that it can be reviewed", "report_id"
    ),
    Outcome.NO_POLICY: Answer(422, "the state has no policy yet", "district"),
    Outcome.RETROACTIVE: Answer(422, "a later policy can only start on a day that has not begun", "effective_from"),
    Outcome.UNKNOWN_TENURE: Answer(422, "the district has no such tenure", "tenure_id"),
    Outcome.NOT_HOLDER: Answer(422, "the tenure does not hold the district on that day", "tenure_id"),
    Outcome.FUTURE_DAY: Answer(422, "the day has not begun in the state", "day"),
    Outcome.LOCKED: Answer(422, "the day is locked", "day"),
    Outcome.JUDGED: Answer(422, "the day has been judged already", "day"),
    Outcome.CLOCK_AHEAD: Answer(422, "the clock is ahead of the log's own", "at"),  # never of what clients may send
    Outcome.NO_CREDIT: Answer(422, "the policy gives no credit", "day"),  # never of what clients may send
    Outcome.NOT_HELD: Answer(409, "the judgement of the day is not held", "day"),
    Outcome.NOT_UNREAD: None,  # the index has not decoded what has locked (ADR 0014): the fold looks
    Rule.OTHER_TENURE: Answer(403, "your token is for another tenure", "tenure_id"),
    Rule.ABOUT_HIMSELF: Answer(403, "nobody deals with a grievance about himself", "handler"),
    Finding.APPLIED: None,
    Finding.RAISED_ALREADY: Answer(409, "something else is already known under this id", ""),
    Finding.NO_SUCH_CASE: Answer(404, "the district has no such grievance", "grievance_id"),
    Finding.NOT_NOW: Answer(409, "the grievance is not in a status in which this can happen", "grievance_id"),
    Finding.ERASED: Answer(409, "the texts of this grievance are erased", "grievance_id"),
    Finding.NO_HIGHER_LEVEL: Answer(409, "there is no higher level to appeal to", ""),
    Finding.NO_SUCH_TARGET: Answer(409, "duplicate_of must name an open grievance of the district", "duplicate_of"),
    Finding.OLD_RULES: Answer(409, "the state has grievance rules of this version or a later one", "version"),
}
"""Every outcome and finding; None is appended."""


@dataclass(frozen=True, slots=True)
class Accept:
    """To be appended to `stream`."""

    event: Event
    stream: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A retry: it is in the log already."""

    known: Known


@dataclass(frozen=True, slots=True)
class Refuse:
    reason: Reason
    answer: Answer


Decision = Accept | Replay | Refuse


def decide(
    event: Event, duty: StateDuty, known: KnownEvents, tenure_id: str | None, cases: Cases | None = None
) -> Decision:
    """Decide about `event` as of `duty`, `cases` and `known`.

    `duty` and `cases` are those of the event's state; `tenure_id` is what the sender's token says, if he has one.
    """
    earlier = known.get(event.id)
    if earlier and earlier.is_same(event):
        return Replay(earlier)
    reasons: tuple[Reason, ...] = (Outcome.CONFLICT,)
    if not earlier:
        reasons = (_outcome(event, duty, cases or Cases()), _rule(event, known, tenure_id, duty, cases or Cases()))
    for reason in reasons:
        if answer := ANSWERS[reason]:
            return Refuse(reason, answer)
    return Accept(event, stream_name(CATALOGUE[event.data.NAME].streams[0], event.data.state))


def concerned(case: Case, duty: StateDuty) -> frozenset[str]:
    """Whom the case may be about: the `person_id` of who has held the district since the day on which it was raised."""
    district = duty.roster.get(case.district)
    tenures = district.tenures if district else ()
    return frozenset(each.person_id for each in tenures if each.until is None or case.day <= each.until)


def _outcome(event: Event, duty: StateDuty, cases: Cases) -> Reason:
    match event.data:  # grievances stand in another stream, so the fold of duty never sees them
        case GrievanceRaised(district=district) if not duty.roster.get(district):
            return Outcome.UNKNOWN_DISTRICT
        case GrievanceRaised() | GrievancePolicyAdopted() | CaseData():
            return cases.examine(event.data)
        case _:
            return duty.examine(event)


def _rule(event: Event, known: KnownEvents, tenure_id: str | None, duty: StateDuty, cases: Cases) -> Reason:
    match event.data:
        case GrievanceAssigned(grievance_id=grievance_id, handler=handler):
            about = cases.by_id.get(grievance_id)
            if about and handler in concerned(about, duty):
                return Rule.ABOUT_HIMSELF
        case Report(tenure_id=claimed) if claimed != tenure_id:
            return Rule.OTHER_TENURE
        case ReportReviewed(district=district, report_id=report_id):
            report = known.get(report_id)
            if report is None or not issubclass(report.type, Report) or report.subject != district:
                return Rule.UNKNOWN_REPORT
        case _:
            pass
    return Outcome.APPLIED
