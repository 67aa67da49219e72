"""perfect-week and recovered: good news goes the same way as bad. Both are said when a day is judged, of how it stood.

They ask nothing of anybody: each is over when the next day is judged.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from libs.duty.days import OpenDay
from libs.duty.judge import misses_before
from libs.duty.state import DutyState
from libs.duty.transitions import DayClosed, Status
from libs.events.alerts import AlertRaised, AlertResolved, Rule
from services.notifier.rules.missed_report import in_time
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


Worthy = Callable[[Praise, DutyState, OpenDay], Iterable[tuple[str, str]]]
"""(memory, duty, a day that is judged) -> district and period of each who deserves it."""


def _watching(rule: Rule, worthy: Worthy) -> AlertRule[Praise]:
    def watch(memory: Praise, seen: Seen) -> Iterator[AlertRaised | AlertResolved]:
        for transition in seen.transitions:
            if isinstance(transition, DayClosed) and seen.duty is not None:
                day = seen.duty.days[transition.day]
                yield from (resolved(each, seen, how="told", at=transition.at, evidence=None) for each in memory.said)
                memory.said = [
                    raised(
                        rule,
                        seen,
                        district,
                        tenure_id=day.entries[district].tenure_id,
                        period=period,
                        at=transition.at,
                    )
                    for district, period in worthy(memory, seen.duty, day)
                ]
                yield from memory.said

    return AlertRule(rule, "reports", Praise, watch)


def recovered(_memory: Praise, duty: DutyState, day: OpenDay) -> Iterator[tuple[str, str]]:
    """In time again, after a row of misses that was heard of higher up."""
    end, rungs = day.deadlines.grace_until, duty.policies.on(day.day).policy.ladder[1:]
    for district, entry in day.entries.items():
        row = misses_before(duty, district, entry.tenure_id, day.day, end) if rungs and in_time(day, district) else 0
        if row and row >= rungs[0]:
            yield district, day.day.isoformat()


def perfect(memory: Praise, _duty: DutyState, day: OpenDay) -> Iterator[tuple[str, str]]:
    """In time on every day of the week on which the same tenure owed a report, five at least."""
    year, number, weekday = day.day.isocalendar()
    if memory.week.monday != (monday := date.fromisocalendar(year, number, 1)):
        memory.week = Week(monday)
    week = memory.week
    for district, entry in day.entries.items():
        if in_time(day, district):
            key = district, entry.tenure_id
            week.in_time[key] = week.in_time.get(key, 0) + 1
        elif entry.was(day.deadlines.grace_until) is not Status.EXCUSED:
            week.failed.add(district)
    if weekday == SUNDAY:
        for (district, tenure_id), days in week.in_time.items():
            holds = day.entries[district].tenure_id == tenure_id
            if holds and days >= LEAST_DAYS and district not in week.failed:
                yield district, f"{year}-W{number:02}"


RECOVERED = _watching(Rule.RECOVERED, recovered)
PERFECT_WEEK = _watching(Rule.PERFECT_WEEK, perfect)
