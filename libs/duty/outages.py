"""What an outage of our own gives back to a day: from signs of life to gaps, from gaps to minutes. Pure.

A day's grace is measured in minutes in which a report could be taken. What of a gap lies between the day's reminder and
the end of its grace moves that end by as much; the grace so moved may meet another gap, which moves it again. All of it
together moves the end by no more than the policy says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from libs.duty.days import Credited, OpenDay
from libs.duty.owed import settle
from libs.duty.transitions import GraceMoved, Status, Transition
from libs.events.outages import OutageCredited
from libs.events.policy import Credit

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """From a sign of life that was not followed by the next one to the one that came at last; None: none has come."""

    begin: datetime
    end: datetime | None


Owed = tuple[datetime, datetime, int]
"""From, to, minutes."""


@dataclass(frozen=True, slots=True)
class Owing:
    """What is to be credited to a day, in order; and how long the judgement waits for the end of a gap, if it does."""

    credits: Sequence[Owed]
    wait_until: datetime | None = None


def owing(day: OpenDay, credit: Credit | None, gaps: Sequence[Gap]) -> Owing:
    """What the gaps, in their order, still give to the day; the gap of a credit that stands there gives no more.

    A gap that has no end yet may give all that is left: until that is used up, its end is waited for.
    """
    end, left = day.deadlines.grace_until, room(day, credit)
    window = max(day.deadlines.opens, day.deadlines.remind_at)
    known = {each.begin for each in day.credits}
    found: list[Owed] = []
    for gap in gaps:
        begin = max(gap.begin, window)
        if left == 0 or begin >= end or gap.begin in known:
            continue
        last = end + left * MINUTE
        if gap.end is None:
            return Owing(found, wait_until=last)
        minutes = min(left, -((begin - gap.end) // MINUTE))
        if minutes > 0:
            found.append((gap.begin, min(gap.end, last), minutes))
            end, left = end + minutes * MINUTE, left - minutes
    return Owing(found)


def exhausted(day: OpenDay, credit: Credit | None, gaps: Sequence[Gap]) -> Owing:
    """The same when nobody waits any longer: a gap without an end gives all that is left."""
    last = day.deadlines.grace_until + room(day, credit) * MINUTE
    return owing(day, credit, [replace(gap, end=gap.end or last) for gap in gaps])


def room(day: OpenDay, credit: Credit | None) -> int:
    """Minutes that may still be credited."""
    return 0 if credit is None else max(0, credit.max_minutes - sum(each.minutes for each in day.credits))


def credited(day: OpenDay, credit: Credit | None, data: OutageCredited, event_id: str) -> Iterator[Transition]:
    """Move the end of the grace. A report that was late by the old end and is in time by the new one, is in time."""
    minutes = min(data.minutes, room(day, credit))
    day.credits.append(Credited(event_id, data.from_, data.to, minutes))
    until = day.deadlines.grace_until + minutes * MINUTE
    day.deadlines = replace(day.deadlines, grace_until=until, lock_at=max(day.deadlines.lock_at, until))
    yield GraceMoved(day.day, until)
    for code, entry in day.entries.items():
        received_at = entry.received_at
        if entry.status is Status.LATE and received_at is not None and received_at <= until:
            yield settle(day, code, entry, Status.IN_GRACE, received_at, entry.report_id)
