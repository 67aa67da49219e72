"""What the stream's clock makes due: reminders, misses, the end of a day. Nothing here looks at a real clock.

Each instant is judged as things stood at it, by received_at and logging times, whenever it is judged (guarantee 5).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from libs.duty.days import Entry, OpenDay
from libs.duty.owed import ONE_DAY
from libs.duty.roster import Misses
from libs.duty.state import DutyState
from libs.duty.transitions import DayClosed, DayMissed, ReminderDue, Status, StatusChanged, Transition

KEPT_AFTER_LOCK = timedelta(days=1)
"""A locked day is remembered this much longer, for what was received in time and appended late."""


def next_due(duty: DutyState) -> datetime | None:
    """The instant for which the next clock.reached is wanted; None while there is no policy."""
    if not duty.days:
        return None
    found: list[datetime] = []
    for day in duty.days.values():
        if not day.closed:
            found.append(day.deadlines.grace_until)
            if not day.reminded and any(_reminds(day, entry) for entry in day.entries.values()):
                found.append(day.deadlines.remind_at)
    tomorrow = next(reversed(duty.days)) + ONE_DAY
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
    _forget(duty, at)


def _reminds(day: OpenDay, entry: Entry) -> bool:
    return not entry.held and entry.was_pending(day.deadlines.remind_at)


def _remind(day: OpenDay) -> Iterator[Transition]:
    day.reminded = True
    for code, entry in day.entries.items():
        if _reminds(day, entry):
            settled = entry.status if entry.settled_at is not None else None
            yield ReminderDue(day.day, code, entry.tenure_id, day.deadlines.remind_at, settled, entry.settled_at)


def _judge(duty: DutyState, day: OpenDay) -> Iterator[Transition]:
    day.closed = True
    at = day.deadlines.grace_until
    ladder = duty.policies.on(day.day).policy.ladder
    for code, entry in day.entries.items():
        if entry.held or not entry.was_pending(at):
            continue
        since = entry.status  # what came after `at` but before anybody judged: lateness, or an exception
        entry.missed = True
        consecutive = _consecutive(duty, code, entry.tenure_id, day.day, at)
        yield DayMissed(day.day, code, entry.tenure_id, at, consecutive, ladder)
        yield StatusChanged(day.day, code, Status.PENDING, Status.MISSED, entry.tenure_id, at)
        if entry.settled_at is None:
            entry.status = Status.MISSED
        else:
            evidence = entry.report_id if since is Status.LATE else day.exceptions.get(code)
            yield StatusChanged(day.day, code, Status.MISSED, since, entry.tenure_id, entry.settled_at, evidence)
    yield DayClosed(day.day, at)


def _consecutive(duty: DutyState, code: str, tenure_id: str | None, day: date, at: datetime) -> int:
    """This miss and those right before it as they stood at `at`: excused days neither count nor break, others break."""
    count = 1
    for earlier in reversed(duty.days.values()):
        entry = earlier.entries.get(code)
        if earlier.day >= day or entry is None:
            continue
        if entry.missed and (entry.settled_at is None or entry.settled_at > at):
            if entry.tenure_id != tenure_id:
                return count
            count += 1
        elif entry.status is not Status.EXCUSED:
            return count
    before = duty.roster.districts[code].misses
    return count + before.count if before.tenure_id == tenure_id else count


def _forget(duty: DutyState, at: datetime) -> None:
    """Let go of days that are locked for good, and keep of them only the count of misses."""
    for day in list(duty.days.values())[:-1]:
        if not day.closed or day.deadlines.lock_at + KEPT_AFTER_LOCK > at:
            return
        for code, entry in day.entries.items():
            district = duty.roster.districts[code]
            if entry.status is Status.MISSED:
                known = district.misses.count if district.misses.tenure_id == entry.tenure_id else 0
                district.misses = Misses(entry.tenure_id, known + 1)
            elif entry.status is not Status.EXCUSED:
                district.misses = Misses()
        del duty.days[day.day]
