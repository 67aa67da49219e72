"""What the stream's clock makes due: reminders, misses, the end of a day. Nothing here looks at a real clock.

Each instant is judged as things stood at it, by received_at and logging times, whenever it is judged (guarantee 5).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise

from libs.duty.days import Change, OpenDay
from libs.duty.owed import ONE_DAY
from libs.duty.roster import Misses
from libs.duty.state import DutyState
from libs.duty.transitions import DayClosed, DayMissed, ReminderDue, Status, StatusChanged, Stood, Transition

KEPT_AFTER_LOCK = timedelta(days=1)
"""A locked day is remembered this much longer, for what was received in time and appended late."""


def next_due(duty: DutyState) -> datetime | None:
    """The instant for which the next clock.reached is wanted; None while there is no policy."""
    last = duty.last_day()
    if last is None:
        return None
    found: list[datetime] = []
    for day in duty.days.values():
        if not day.closed:
            found.append(day.deadlines.grace_until)
            if not day.reminded and any(_reminds(day)):
                found.append(day.deadlines.remind_at)
    tomorrow = last + ONE_DAY
    limits = duty.policies.deadlines(tomorrow)
    found.append(limits.grace_until)
    if limits.remind_at >= limits.opens and any(district.holder(tomorrow) for district in duty.roster):
        found.append(limits.remind_at)
    return min(found)


def reach(duty: DutyState, at: datetime) -> Iterator[Transition]:
    """The clock has reached `at`: all that fell due by then, in the order in which it fell due."""
    duty.clock = at
    due = [(day.deadlines.remind_at, 0, day) for day in duty.days.values() if not day.reminded]
    due += [(day.deadlines.grace_until, 1, day) for day in duty.days.values() if not day.closed]
    for instant, judged, day in sorted(due, key=lambda each: (*each[:2], each[2].day)):
        if instant <= at:
            yield from _judge(duty, day) if judged else _remind(day)


def _reminds(day: OpenDay) -> Iterator[tuple[str, list[Change]]]:
    """The districts whose report was still owed at remind_at, and what has become of it from there."""
    for code, entry in day.entries.items():
        index = entry.stood(day.deadlines.remind_at)
        if index is not None and entry.history[index].status is Status.PENDING:
            yield code, entry.history[index:]


def _remind(day: OpenDay) -> Iterator[Transition]:
    day.reminded = True
    for code, (owed, *since) in _reminds(day):
        settled, settled_at = (since[0].status, since[0].at) if since else (None, None)
        yield ReminderDue(day.day, code, owed.tenure_id, day.deadlines.remind_at, settled, settled_at)


def _judge(duty: DutyState, day: OpenDay) -> Iterator[Transition]:
    day.closed = True
    at = day.deadlines.grace_until
    ladder = duty.policies.on(day.day).policy.ladder
    for code, entry in day.entries.items():
        del entry.history[: entry.stood(at)]  # nobody asks again how it stood before
        owed = entry.history[0]
        if owed.status is not Status.PENDING:
            continue
        entry.history.insert(1, Change(at, Status.MISSED, owed.tenure_id))
        row = 1 + misses_before(duty, code, owed.tenure_id, day.day, at)
        yield DayMissed(day.day, code, owed.tenure_id, at, row, ladder)
        # What came after `at` but before anybody judged, lateness or an exception, is said again in its place.
        for before, now in pairwise(entry.history):
            yield StatusChanged(day.day, code, before.status, now.status, now.tenure_id, now.at, now.evidence)
    yield DayClosed(day.day, at, dict(_stood(duty, day)), ladder)


def _stood(duty: DutyState, day: OpenDay) -> Iterator[tuple[str, Stood]]:
    at = day.deadlines.grace_until
    for code, entry in day.entries.items():
        status = entry.was(at)
        if status is not None:
            yield code, Stood(status, entry.tenure_id, misses_before(duty, code, entry.tenure_id, day.day, at))


def misses_before(duty: DutyState, code: str, tenure_id: str | None, day: date, at: datetime) -> int:
    """The tenure's misses in a row before `day`, as they stood at `at`: excused days neither count nor break it."""
    count = 0
    for earlier in reversed(duty.days.values()):
        if earlier.day >= day or code not in earlier.entries:
            continue
        entry = earlier.entries[code]
        match entry.was(at):
            case Status.MISSED if entry.tenure_id == tenure_id:
                count += 1
            case Status.EXCUSED:
                continue
            case _:
                return count
    before = duty.roster.districts[code].misses
    return count + before.count if before.tenure_id == tenure_id else count


def forget(duty: DutyState) -> None:
    """Let go of days that are locked for good by the stream's clock, and keep of them only the count of misses."""
    while len(duty.days) > 1 and duty.clock is not None:
        day = next(iter(duty.days.values()))
        if not day.closed or day.deadlines.lock_at + KEPT_AFTER_LOCK > duty.clock:
            return
        for code, entry in day.entries.items():
            district = duty.roster.districts[code]
            if entry.status is Status.MISSED:
                known = district.misses.count if district.misses.tenure_id == entry.tenure_id else 0
                district.misses = Misses(entry.tenure_id, known + 1)
            elif entry.status is not Status.EXCUSED:
                district.misses = Misses()
        del duty.days[day.day]
