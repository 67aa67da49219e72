"""Whether digests are true, worked out from the log alone: a fresh fold up to what each covers, counted by hand."""

import hashlib
from collections.abc import Sequence
from datetime import date

from libs.duty.days import OpenDay
from libs.duty.state_duty import StateDuty
from libs.events.digest import StateDayClosed
from libs.events.envelope import Recorded
from tests.duty.events import STATE

FILED = ("on_time", "in_grace", "late")
Told = tuple[dict[str, int], int, int, int, str]
"""Counts, numerator, denominator, how many reports, their hash."""


def told(data: StateDayClosed) -> Told:
    rate = data.completeness
    return data.counts.model_dump(), rate.numerator, rate.denominator, data.reports, data.reports_sha256


def stands(day: OpenDay) -> Told:
    statuses = [str(entry.status) for entry in day.entries.values()]
    names = ("on_time", "in_grace", "late", "missed", "excused", "pending", "unknown")
    counts = {name: statuses.count(name) for name in names}
    expected = len(statuses) - counts["excused"]
    lines = sorted(f"{entry.report_id}\n" for entry in day.entries.values() if entry.report_id is not None)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    return {"expected": expected} | counts, sum(counts[name] for name in FILED), expected, len(lines), digest


def fold_to(stream: Sequence[Recorded], covers: int) -> dict[date, OpenDay]:
    """The days that the fold of the offsets up to `covers` (inclusive) has, also those it let go of at the last."""
    duty = StateDuty(STATE)
    last: dict[date, OpenDay] = {}
    for record in stream[: covers + 1]:
        last = dict(duty.evolve(record).days)
    return duty.days | last


def closings(stream: Sequence[Recorded]) -> dict[date, Told]:
    """Each closed day as the stream has left it, also where it is let go of by now."""
    duty = StateDuty(STATE)
    found: dict[date, Told] = {}
    for record in stream:
        for day in duty.evolve(record).days.values():
            if day.closed:
                found[day.day] = stands(day)
    return found


def digests_of(stream: Sequence[Recorded]) -> list[StateDayClosed]:
    return [record.event.data for record in stream if isinstance(record.event.data, StateDayClosed)]


def check(stream: Sequence[Recorded]) -> None:
    """Every digest is true at what it covers, each is said once, and the last of each day says how it stands now."""
    assert [record.offset for record in stream] == list(range(len(stream)))
    ids = [record.event.id for record in stream if isinstance(record.event.data, StateDayClosed)]
    assert len(ids) == len(set(ids))
    final: dict[date, StateDayClosed] = {}
    for record in stream:
        data = record.event.data
        if isinstance(data, StateDayClosed):
            assert data.covers < record.offset
            day = fold_to(stream, data.covers)[data.day]
            assert day.closed
            assert told(data) == stands(day)
            before = final.get(data.day)
            assert before is None or (before.covers < data.covers and before.restated < data.restated)
            final[data.day] = data
    assert {day: told(data) for day, data in final.items()} == closings(stream)
