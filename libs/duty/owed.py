"""What each district owes on a day, worked out anew whenever days open or roster and calendar change.

A status is a function of the excuse, the report and the deadlines. Each function yields the changes it made.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from libs.duty.days import Change, Entry, OpenDay
from libs.duty.roster import District
from libs.duty.state import DutyState
from libs.duty.transitions import DayOpened, Reason, Status, StatusChanged, Transition

ONE_DAY = timedelta(days=1)


def open_days(duty: DutyState, until: datetime) -> Iterator[Transition]:
    """Open every day that has begun by `until`; the first time, also the earlier ones that can still be filed."""
    if not duty.policies:
        return
    if last := duty.last_day():
        day = last + ONE_DAY
    else:
        today = duty.policies.today(until)
        day = today - ONE_DAY * duty.policies.on(today).policy.lock_after_days
    while duty.policies.deadlines(day).opens <= until:
        yield DayOpened(day)
        limits = duty.policies.deadlines(day)
        duty.days[day] = opened = OpenDay(day, limits, reminded=limits.remind_at < limits.opens)
        for district in duty.roster:
            yield from review(duty, opened, district, opened.deadlines.opens)
        day += ONE_DAY


def review_district(duty: DutyState, code: str, at: datetime) -> Iterator[Transition]:
    """Something about the district was logged at `at`: review its days, but for those that it comes too late for."""
    for day in duty.days.values():
        if not duty.sealed(day.day, at):
            yield from review(duty, day, duty.roster.districts[code], at)


def review_day(duty: DutyState, day: date, at: datetime) -> Iterator[Transition]:
    """Something about the day was logged at `at`, and not too late for it."""
    if day in duty.days:
        for district in duty.roster:
            yield from review(duty, duty.days[day], district, at)


def set_aside(duty: DutyState, offset: int, at: datetime) -> Iterator[Transition]:
    """The unreadable record at `offset` holds nobody any more: what can still be judged is owed again."""
    for key in [key for key, offsets in duty.unread.items() if offset in offsets]:
        duty.unread[key].remove(offset)
        if not duty.unread[key]:
            del duty.unread[key]
    for day in duty.days.values():
        for code, entry in day.entries.items():
            if entry.held and not duty.is_unread(code) and not duty.sealed(day.day, at):
                entry.held = False
                if entry.status is Status.UNKNOWN:
                    yield settle(day, code, entry, Status.PENDING, at)


def review(duty: DutyState, day: OpenDay, district: District, at: datetime) -> Iterator[Transition]:
    """What the district owes on the day now; the change is stamped `at`."""
    known = day.entries.get(district.code)
    if known is None and district.closed_at is not None and district.closed_at < day.deadlines.opens:
        return  # not on the boards of later days
    reason, tenure_id = _excuse(duty, day, district, known)
    held = duty.is_unread(district.code) if known is None else known.held
    after = _status(day, known, reason, held=held)
    if known is not None and (known.status, known.reason, known.tenure_id) == (after, reason, tenure_id):
        return
    entry = day.entries.setdefault(district.code, Entry(held=held))
    entry.reason, entry.tenure_id = reason, tenure_id
    yield settle(day, district.code, entry, after, at)


def settle(
    day: OpenDay, code: str, entry: Entry, after: Status, at: datetime, evidence: str | None = None
) -> StatusChanged:
    """Give an entry its status since `at`."""
    before = entry.status if entry.history else None
    entry.history.append(Change(at, after, entry.tenure_id, evidence))
    return StatusChanged(day.day, code, before, after, entry.tenure_id, at, evidence)


def _excuse(duty: DutyState, day: OpenDay, district: District, entry: Entry | None) -> tuple[Reason | None, str | None]:
    """Why nothing is owed, if so, and the tenure whose day it is."""
    if entry is not None and entry.report_id is not None:
        # Whose report it is, his day it is: a later change of the holder does not take it away.
        tenure = next(each for each in district.tenures if each.tenure_id == entry.tenure_id)
    else:
        holder = district.holder(day.day)
        if holder is None:
            return (Reason.EXCEPTION if district.code in day.exceptions else Reason.VACANCY), None
        tenure = holder
    closed_on = None if district.closed_at is None else duty.policies.today(district.closed_at)
    if district.code in day.exceptions or (closed_on is not None and closed_on <= day.day):
        return Reason.EXCEPTION, tenure.tenure_id
    if not duty.policies.owes(day.day, tenure.logged_at):
        return Reason.VACANCY, tenure.tenure_id
    if tenure.on_leave(day.day):
        return Reason.LEAVE, tenure.tenure_id
    return (Reason.HOLIDAY if duty.is_holiday(day.day) else None), tenure.tenure_id


def _status(day: OpenDay, entry: Entry | None, reason: Reason | None, *, held: bool) -> Status:
    if reason is not None:
        return Status.EXCUSED
    if entry is not None and entry.received_at is not None:
        return day.status_of(entry.received_at)
    return Status.UNKNOWN if held else Status.PENDING
