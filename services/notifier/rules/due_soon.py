"""due-soon: a president is reminded while his report is still owed. Over as soon as the day is settled, or judged."""

from collections.abc import Iterator
from datetime import date, datetime

from libs.duty.transitions import DayClosed, DayMissed, ReminderDue, Status, StatusChanged
from libs.events.alerts import AlertRaised, AlertResolved, Rule
from services.notifier.rules.rule import AlertRule, OpenAlerts, Seen, raised, resolved

HOW = {
    Status.ON_TIME: "filed",
    Status.IN_GRACE: "filed",
    Status.EXCUSED: "excused",
    Status.UNKNOWN: "unknown",
}
"""Why nobody need be reminded any more, by what the day has become before it was judged."""


def watch(memory: OpenAlerts, seen: Seen) -> Iterator[AlertRaised | AlertResolved]:
    """Raise at the instant of the reminder; resolve once. A late clock finds out both at once, and says both."""
    for transition in seen.transitions:
        match transition:
            case ReminderDue() as due:
                alert = raised(
                    Rule.DUE_SOON,
                    seen,
                    due.district,
                    tenure_id=due.tenure_id,
                    period=due.day.isoformat(),
                    at=due.at,
                )
                memory.add(alert)
                yield alert
                if due.settled is not None and due.settled_at is not None:
                    yield from _settled(memory, seen, due.district, due.day, due.settled, due.settled_at)
            case StatusChanged() as changed:
                yield from _settled(
                    memory, seen, changed.district, changed.day, changed.after, changed.at, changed.evidence
                )
            case DayMissed() as missed:
                for alert in memory.take(missed.district, missed.day.isoformat()):
                    yield resolved(alert, seen, how="missed", at=missed.at, evidence=None)
            case DayClosed(day=day):
                memory.day_closed(day)
            case _:
                pass


def _settled(
    memory: OpenAlerts,
    seen: Seen,
    district: str,
    day: date,
    status: Status,
    at: datetime,
    evidence: str | None = None,
) -> Iterator[AlertResolved]:
    """What comes after grace_until finds the reminder over: where the clock is late, the judgement will say so."""
    if status in HOW and seen.duty is not None and at <= seen.duty.limits(day).grace_until:
        for alert in memory.take(district, day.isoformat()):
            yield resolved(alert, seen, how=HOW[status], at=at, evidence=evidence)


DUE_SOON = AlertRule(Rule.DUE_SOON, "reports", OpenAlerts, watch)
