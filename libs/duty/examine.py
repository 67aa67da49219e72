"""The question of guarantee 3, asked before an event is folded: what is it, after all that stands before it?"""

from datetime import date, datetime

from libs.duty import outages
from libs.duty.outcomes import Outcome
from libs.duty.state import DutyState
from libs.events.calendar import DayExcused, HolidayDeclared, HolidayRevoked
from libs.events.clock import ClockReached
from libs.events.districts import DistrictAdded, DistrictClosed
from libs.events.envelope import Event
from libs.events.outages import JudgementConfirmed, OutageCredited
from libs.events.policy import PolicyAdopted
from libs.events.presidents import LeaveGranted, PresidentAppointed, PresidentRelieved
from libs.events.reports import ReportCorrected, ReportFiled, ReportReviewed
from libs.events.system import RecordSetAside


def examine(duty: DutyState, event: Event) -> Outcome:  # noqa: PLR0912 -- one case a kind
    """The outcome that `event` has here. Changes nothing; ingest asks it too, before it appends."""
    match event.data:
        case ReportFiled() | ReportCorrected() as data:
            return _report(duty, event, data)
        case PolicyAdopted() as data:
            return duty.policies.examine(data, event.time, duty.last_day())
        case DistrictAdded() as data:
            return duty.roster.examine_added(data)
        case DistrictClosed() as data:
            return duty.roster.examine_closed(data)
        case PresidentAppointed() as data:
            return duty.roster.examine_appointed(data)
        case PresidentRelieved() as data:
            return duty.roster.examine_relieved(data)
        case LeaveGranted() as data:
            outcome = duty.roster.examine_leave(data)
            return _unless_sealed(duty, data.to, event.time) if outcome is Outcome.APPLIED else outcome
        case HolidayDeclared() | HolidayRevoked() as data:
            return _holiday(duty, event, data)
        case DayExcused() as data:
            return _excused(duty, event, data)
        case ReportReviewed(district=code):
            return Outcome.APPLIED if duty.roster.get(code) else Outcome.UNKNOWN_DISTRICT
        case OutageCredited() as data:
            return _credited(duty, data)
        case JudgementConfirmed(day=day):
            held = day in duty.days and duty.days[day].held_until is not None
            return Outcome.APPLIED if held else Outcome.NOT_HELD
        case RecordSetAside(offset=offset):
            unread = any(offset in offsets for offsets in duty.unread.values())
            return Outcome.APPLIED if unread else Outcome.NOT_UNREAD
        case ClockReached(at=at) if duty.clock is not None and at <= duty.clock:
            return Outcome.DUPLICATE
        case _:
            return Outcome.APPLIED


def _credited(duty: DutyState, data: OutageCredited) -> Outcome:
    day = duty.days.get(data.day)
    if day is None:
        return Outcome.LOCKED if duty.forgotten(data.day) else Outcome.FUTURE_DAY
    if any(each.begin == data.from_ for each in day.credits):
        return Outcome.DUPLICATE
    if day.closed or day.held_until is not None:
        return Outcome.JUDGED
    return Outcome.APPLIED if outages.room(day, duty.policies.on(data.day).policy.credit) else Outcome.NO_CREDIT


def _holiday(duty: DutyState, event: Event, data: HolidayDeclared | HolidayRevoked) -> Outcome:
    known = duty.holidays.get(data.day)
    if known is not None and event.id in known.events:
        return Outcome.DUPLICATE
    if isinstance(data, HolidayDeclared) == duty.is_holiday(data.day):
        return Outcome.DUPLICATE if isinstance(data, HolidayDeclared) else Outcome.NO_HOLIDAY
    return _unless_sealed(duty, data.day, event.time)


def _unless_sealed(duty: DutyState, day: date, at: datetime) -> Outcome:
    return Outcome.JUDGED if duty.sealed(day, at) else Outcome.APPLIED


def _report(duty: DutyState, event: Event, data: ReportFiled | ReportCorrected) -> Outcome:
    if found := duty.seen(event.id):
        _, known = found
        return Outcome.DUPLICATE if known.body_hash == event.body_hash() else Outcome.CONFLICT
    if refused := _outside(duty, event.time, data.district, data.day):
        return refused
    holder = duty.roster.districts[data.district].accountable(data.day, duty.policies.deadlines(data.day).grace_until)
    if holder is None or holder.tenure_id != data.tenure_id:
        return Outcome.NOT_HOLDER
    day = duty.days.get(data.day)
    entry = day.entries.get(data.district) if day else None
    if isinstance(data, ReportCorrected):
        latest = entry.version_id if entry else None
        return Outcome.APPLIED if data.supersedes == latest else Outcome.STALE_CORRECTION
    return Outcome.SUPPLEMENT if entry and entry.report_id else Outcome.APPLIED


def _excused(duty: DutyState, event: Event, data: DayExcused) -> Outcome:
    day = duty.days.get(data.day)
    if day is not None and data.district in day.exceptions:
        return Outcome.DUPLICATE
    return _outside(duty, event.time, data.district, data.day) or Outcome.APPLIED


def _outside(duty: DutyState, at: datetime, code: str, day: date) -> Outcome | None:
    """Why at the instant `at` nothing can be said of the district's day, if so."""
    district = duty.roster.get(code)
    if district is None:
        return Outcome.UNKNOWN_DISTRICT
    if not duty.policies:
        return Outcome.NO_POLICY
    limits = duty.limits(day)
    if at < limits.opens:
        return Outcome.FUTURE_DAY
    if at >= limits.lock_at or duty.forgotten(day):
        return Outcome.LOCKED
    closed = district.closed_at is not None and district.closed_at < limits.opens
    return Outcome.CLOSED_DISTRICT if closed else None
