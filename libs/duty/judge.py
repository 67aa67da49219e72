"""What the stream's clock makes due: reminders, misses, the end of a day. Nothing here looks at a real clock.

Each instant is judged as things stood at it, by received_at and logging times, whenever it is judged (guarantee 5).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import IntEnum
from itertools import pairwise

from libs.duty.days import Change, Entry, OpenDay
from libs.duty.owed import ONE_DAY
from libs.duty.roster import Misses
from libs.duty.state import DutyState
from libs.duty.transitions import (
    DayClosed,
    DayMissed,
    JudgementHeld,
    ReminderDue,
    Status,
    StatusChanged,
    Stood,
    Transition,
)

KEPT_AFTER_LOCK = timedelta(days=1)
"""A locked day is remembered this much longer, for what was received in time and appended late."""
FEWEST_EXPECTED = 3
"""Of fewer districts no share is unusual: a judgement is not held."""


def next_due(duty: DutyState) -> datetime | None:
    """The instant for which the next clock.reached is wanted; None while there is no policy."""
    last = duty.last_day()
    if last is None:
        return None
    found: list[datetime] = []
    for day in duty.days.values():
        if not day.closed:
            found.append(day.held_until or day.deadlines.grace_until)
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
    while due := min(_due(duty, at), default=None):
        instant, step, date_ = due
        day = duty.days[date_]
        match step:
            case _Step.REMIND:
                yield from _remind(day)
            case _Step.RELEASE:
                yield from release(duty, day, instant)
            case _Step.JUDGE:
                yield from _judge(duty, day)


class _Step(IntEnum):
    """What can fall due, in its order at one instant: the misses of an earlier day count for a later one."""

    REMIND = 0
    RELEASE = 1
    JUDGE = 2


def _due(duty: DutyState, at: datetime) -> Iterator[tuple[datetime, _Step, date]]:
    for day in duty.days.values():
        if not day.reminded and day.deadlines.remind_at <= at:
            yield day.deadlines.remind_at, _Step.REMIND, day.day
        if day.closed:
            continue
        if day.held_until is None:
            instant, step = day.deadlines.grace_until, _Step.JUDGE
        else:
            instant, step = day.held_until, _Step.RELEASE
        if instant <= at:
            yield instant, step, day.day


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
    at = day.deadlines.grace_until
    silent: list[tuple[str, Entry]] = []
    expected = 0
    for code, entry in day.entries.items():
        del entry.history[: entry.stood(at)]  # nobody asks again how it stood before
        stood = entry.history[0].status
        expected += stood not in (Status.EXCUSED, Status.UNKNOWN)
        if stood is Status.PENDING:
            silent.append((code, entry))
    hold = duty.policies.on(day.day).policy.hold
    if hold is not None and expected >= FEWEST_EXPECTED and 100 * len(silent) >= hold.share_percent * expected:
        day.held_until = at + timedelta(hours=hold.hours)
        yield JudgementHeld(day.day, at, day.held_until, len(silent), expected)
        for code, entry in silent:
            yield from _put(day, code, entry, 1, Status.UNKNOWN)
        return
    for code, entry in silent:
        yield from _miss(duty, day, code, entry, 1)
    yield from _close(duty, day)


def release(duty: DutyState, day: OpenDay, at: datetime, evidence: str | None = None) -> Iterator[Transition]:
    """The held judgement stands since the instant `at`: who had not reported by then has missed the day.

    evidence: the id of the confirmation, if there is one; then whose report stands before it in the log is not accused,
    whatever its time says.
    """
    day.held_until = None
    for code, entry in day.entries.items():
        index = len(entry.history) - 1 if evidence else entry.stood(at)
        if index is not None and entry.history[index].status is Status.UNKNOWN and not entry.held:
            yield from _miss(duty, day, code, entry, index + 1, evidence)
    yield from _close(duty, day, at)


def _close(duty: DutyState, day: OpenDay, released_at: datetime | None = None) -> Iterator[Transition]:
    day.closed = True
    ladder = duty.policies.on(day.day).policy.ladder
    yield DayClosed(day.day, day.deadlines.grace_until, dict(_stood(duty, day)), ladder, released_at)


def _miss(
    duty: DutyState, day: OpenDay, code: str, entry: Entry, index: int, evidence: str | None = None
) -> Iterator[Transition]:
    at, ladder = day.deadlines.grace_until, duty.policies.on(day.day).policy.ladder
    tenure_id = entry.history[index - 1].tenure_id
    row = 1 + misses_before(duty, code, tenure_id, day.day, at)
    yield DayMissed(day.day, code, tenure_id, at, row, ladder)
    yield from _put(day, code, entry, index, Status.MISSED, evidence)


def doubt(day: OpenDay, code: str, entry: Entry) -> Iterator[Transition]:
    """Nobody knows whether the pending entry was filed: it is unknown since its day opened. So is one that was pending
    at the end of grace, and was excused after it: else the judgement, when it comes, would accuse it."""
    index = len(entry.history) - 1 if entry.status is Status.PENDING else entry.stood(day.deadlines.grace_until)
    if index is not None and entry.history[index].status is Status.PENDING:
        yield from _put(day, code, entry, index + 1, Status.UNKNOWN, since=day.deadlines.opens)


def _put(
    day: OpenDay,
    code: str,
    entry: Entry,
    index: int,
    status: Status,
    evidence: str | None = None,
    *,
    since: datetime | None = None,
) -> Iterator[Transition]:
    """Give the entry a status since an instant, by default grace_until, behind what stood there. What came after it but
    before anybody judged, lateness or an exception, is said again in its place."""
    tenure_id = entry.history[index - 1].tenure_id
    entry.history.insert(index, Change(since or day.deadlines.grace_until, status, tenure_id, evidence))
    for before, now in pairwise(entry.history[index - 1 :]):
        yield StatusChanged(day.day, code, before.status, now.status, now.tenure_id, now.at, now.evidence)


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


def forget(duty: DutyState) -> Iterator[OpenDay]:
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
        yield day
