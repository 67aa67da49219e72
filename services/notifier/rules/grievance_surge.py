"""grievance-surge: many more workers than usual protest against one president. AICC hears of it once a surge.

Measured against the district's own past (libs/grievances/voices.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from libs.events.alerts import AlertRaised, AlertResolved, Rule
from libs.events.clock import ClockReached
from libs.events.grievances import GrievancePolicyAdopted, GrievanceRaised, Surge
from libs.grievances.voices import BASELINE_WINDOWS, NOBODY, heard, usual
from services.notifier.rules.grievance_overdue import midnight
from services.notifier.rules.rule import AlertRule, Seen, raised, resolved

ONE_DAY = timedelta(days=1)


@dataclass(slots=True)
class Voices:
    """Of one district: who was heard on which day, and the surge that is open."""

    by_day: dict[date, set[str]] = field(default_factory=dict)
    open: AlertRaised | None = None
    threshold: float = 0.0
    """What the open surge had to reach."""
    calm_until: date | None = None
    """After a surge, none is raised anew before this day."""


@dataclass(slots=True)
class Memory:
    rule: Surge = field(default_factory=Surge)
    districts: dict[str, Voices] = field(default_factory=dict)


def watch(memory: Memory, seen: Seen) -> Iterator[AlertRaised | AlertResolved]:
    """Raise when the window is full enough; resolve at the end of the first day on which it is half as full."""
    event = seen.event
    match event and event.data:
        case GrievancePolicyAdopted(surge=rule):
            memory.rule = rule
        case GrievanceRaised() as grievance if event:
            today = event.time.date()
            voices = memory.districts.setdefault(grievance.district, Voices())
            voices.by_day.setdefault(today, set()).add(grievance.author or NOBODY)
            _forget(voices, today, memory.rule.days)
            yield from _raise(memory.rule, voices, seen, grievance.district, event.time)
        case ClockReached(at=at):
            for voices in memory.districts.values():
                if voices.open is not None and midnight(calm := _calm(memory.rule, voices)) <= at:
                    yield resolved(voices.open, seen, how="calm", at=midnight(calm), evidence=None)
                    voices.open, voices.calm_until = None, calm + timedelta(days=memory.rule.cool_down_days)
        case _:
            pass


def _raise(rule: Surge, voices: Voices, seen: Seen, district: str, at: datetime) -> Iterator[AlertRaised]:
    today = at.date()
    threshold = max(rule.authors, rule.times * usual(voices.by_day, today, rule.days))
    if voices.open is not None or (voices.calm_until is not None and today < voices.calm_until):
        return
    if heard(voices.by_day, today, rule.days) >= threshold:
        voices.threshold = threshold
        voices.open = raised(
            Rule.GRIEVANCE_SURGE, seen, district, tenure_id=None, period=today.isoformat(), at=midnight(today)
        )
        yield voices.open


def _calm(rule: Surge, voices: Voices) -> date:
    """The first day that begins with a window of less than half of what the surge had to reach."""
    day = max(voices.by_day)
    while heard(voices.by_day, day, rule.days) >= voices.threshold / 2:
        day += ONE_DAY
    return day + ONE_DAY


def _forget(voices: Voices, today: date, days: int) -> None:
    for day in [each for each in voices.by_day if each <= today - timedelta(days=days * (BASELINE_WINDOWS + 1))]:
        del voices.by_day[day]


def next_due(memory: Memory) -> datetime | None:
    calm = (_calm(memory.rule, voices) for voices in memory.districts.values() if voices.open is not None)
    return min(map(midnight, calm), default=None)


GRIEVANCE_SURGE = AlertRule(Rule.GRIEVANCE_SURGE, "grievances", Memory, watch, next_due)
