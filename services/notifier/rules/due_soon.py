"""due-soon: a president is reminded while his report is still owed. Over as soon as the day is settled, or judged."""

from collections.abc import Iterator

from libs.duty.transitions import DayClosed, DayMissed, ReminderDue, Status, StatusChanged
from libs.events.alerts import AlertRaised, AlertResolved, Rule
from services.notifier.rules.rule import AlertRule, OpenAlerts, Seen, raised, resolved

HOW = {
    Status.ON_TIME: "filed",
    Status.IN_GRACE: "filed",
    Status.EXCUSED: "excused",
    Status.UNKNOWN: "unknown",
}
"""Why nobody need be reminded, by what the day has become. A late report is none: before it stood the judgement."""


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
                    level=1,
                    audience=("president",),
                    at=due.at,
                )
                yield alert
                if due.settled in HOW and due.settled_at is not None:
                    yield resolved(alert, seen, how=HOW[due.settled], at=due.settled_at, evidence=None)
                else:
                    memory.add(alert)
            case StatusChanged() as changed if changed.after in HOW:
                for alert in memory.take(changed.district, changed.day.isoformat()):
                    yield resolved(alert, seen, how=HOW[changed.after], at=changed.at, evidence=changed.evidence)
            case DayMissed() as missed:
                for alert in memory.take(missed.district, missed.day.isoformat()):
                    yield resolved(alert, seen, how="missed", at=missed.at, evidence=None)
            case DayClosed(day=day):
                memory.forget_before(day)
            case _:
                pass


DUE_SOON = AlertRule(Rule.DUE_SOON, "reports", watch)
