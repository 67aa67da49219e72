"""missed-report: a district stayed silent. Every miss is heard of; a row of them by those higher up (guarantee 6)."""

from collections.abc import Iterator

from libs.duty.transitions import DayClosed, DayMissed, Status, StatusChanged
from libs.events.alerts import AlertRaised, AlertResolved, Audience, Rule
from services.notifier.rules.rule import AlertRule, OpenAlerts, Seen, raised, resolved

AUDIENCES: tuple[tuple[Audience, ...], ...] = (("president", "pcc"), ("president", "pcc"), ("president", "pcc", "aicc"))
"""Who is told, by level from 1; what lies above the last is told as the last."""

HOW = {
    Status.LATE: "late",
    Status.ON_TIME: "received-in-time",  # appended after the judgement, received before
    Status.IN_GRACE: "received-in-time",
    Status.EXCUSED: "excused",
    Status.UNKNOWN: "unknown",
}
"""Why a miss is over, by what the day has become."""


def watch(memory: OpenAlerts, seen: Seen) -> Iterator[AlertRaised | AlertResolved]:
    """Raise at the judgement; resolve all levels of a day, once, when it ceases to be missed."""
    for transition in seen.transitions:
        match transition:
            case DayMissed() as missed:
                for level in levels(missed):
                    alert = raised(
                        Rule.MISSED_REPORT,
                        seen,
                        missed.district,
                        tenure_id=missed.tenure_id,
                        period=missed.day.isoformat(),
                        level=level,
                        audience=AUDIENCES[min(level, len(AUDIENCES)) - 1],
                        at=missed.at,
                    )
                    memory.add(alert)
                    yield alert
            case StatusChanged(before=Status.MISSED) as changed if changed.after in HOW:
                for alert in memory.take(changed.district, changed.day.isoformat()):
                    yield resolved(alert, seen, how=HOW[changed.after], at=changed.at, evidence=changed.evidence)
            case DayClosed(day=day):
                memory.day_closed(day)
            case _:
                pass


def levels(missed: DayMissed) -> list[int]:
    """Level 1 for every miss; besides it the rung of the ladder that this miss stands on, if it does."""
    rungs = [level for level, misses in enumerate(missed.ladder, 1) if misses == missed.consecutive]
    return [1, *(level for level in rungs if level > 1)]


MISSED_REPORT = AlertRule(Rule.MISSED_REPORT, "reports", watch)
