"""perfect-week and recovered: good news goes the same way as bad. Both are said when a day is judged, of how it stood.

They ask nothing of anybody: each is over when the next day is judged.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from libs.duty.transitions import DayClosed, Status
from libs.events.alerts import AlertRaised, AlertResolved, Rule
from services.notifier.rules.missed_report import IN_TIME
from services.notifier.rules.rule import AlertRule, Seen, raised, resolved

SUNDAY = 7
"""The last day of a week (ISO 8601)."""
LEAST_DAYS = 5
"""Days of a week on which a report was owed, for it to count as one."""


@dataclass(slots=True)
class Week:
    """The districts' week, as far as it is judged."""

    monday: date | None = None
    in_time: dict[tuple[str, str | None], int] = field(default_factory=dict)
    """Days, by district and tenure."""
    failed: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Praise:
    """What was said at the last judgement, and the week."""

    said: list[AlertRaised] = field(default_factory=list)
    week: Week = field(default_factory=Week)


Worthy = Callable[[Praise, DayClosed], Iterable[tuple[str, str]]]
"""(memory, a day that is judged) -> district and period of each who deserves it."""


def _watching(rule: Rule, worthy: Worthy) -> AlertRule[Praise]:
    def watch(memory: Praise, seen: Seen) -> Iterator[AlertRaised | AlertResolved]:
        for closed in seen.transitions:
            if isinstance(closed, DayClosed):
                yield from (resolved(each, seen, how="told", at=closed.at, evidence=None) for each in memory.said)
                memory.said = [
                    raised(
                        rule, seen, district, tenure_id=closed.stood[district].tenure_id, period=period, at=closed.at
                    )
                    for district, period in worthy(memory, closed)
                ]
                yield from memory.said

    return AlertRule(rule, "reports", Praise, watch)


def recovered(_memory: Praise, closed: DayClosed) -> Iterator[tuple[str, str]]:
    """In time again, after a row of misses that was heard of higher up."""
    for district, stood in closed.stood.items():
        if stood.status in IN_TIME and any(stood.misses >= rung for rung in closed.ladder[1:]):
            yield district, closed.day.isoformat()


def perfect(memory: Praise, closed: DayClosed) -> Iterator[tuple[str, str]]:
    """In time on every day of the week on which the same tenure owed a report, five at least."""
    year, number, weekday = closed.day.isocalendar()
    if memory.week.monday != (monday := date.fromisocalendar(year, number, 1)):
        memory.week = Week(monday)
    week = memory.week
    for district, stood in closed.stood.items():
        if stood.status in IN_TIME:
            key = district, stood.tenure_id
            week.in_time[key] = week.in_time.get(key, 0) + 1
        elif stood.status is not Status.EXCUSED:
            week.failed.add(district)
    if weekday == SUNDAY:
        for (district, tenure_id), days in week.in_time.items():
            holds = district in closed.stood and closed.stood[district].tenure_id == tenure_id
            if holds and days >= LEAST_DAYS and district not in week.failed:
                yield district, f"{year}-W{number:02}"


RECOVERED = _watching(Rule.RECOVERED, recovered)
PERFECT_WEEK = _watching(Rule.PERFECT_WEEK, perfect)
