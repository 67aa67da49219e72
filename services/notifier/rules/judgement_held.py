"""judgement-held: so many districts of a state were silent at once that the fault is sooner ours. Operators look first.

Nobody else hears of it; once the judgement is confirmed or stands by itself, missed-report tells whom it concerns.
"""

from collections.abc import Iterator

from libs.duty.transitions import DayClosed, JudgementHeld
from libs.events.alerts import AlertRaised, AlertResolved, Rule
from libs.events.outages import JudgementConfirmed
from services.notifier.rules.rule import AlertRule, OpenAlerts, Seen, raised, resolved


def watch(memory: OpenAlerts, seen: Seen) -> Iterator[AlertRaised | AlertResolved]:
    """Raise when the judgement is held; resolve when the day is judged after all."""
    for transition in seen.transitions:
        match transition:
            case JudgementHeld() as held:
                alert = raised(
                    Rule.JUDGEMENT_HELD,
                    seen,
                    seen.state,
                    tenure_id=None,
                    period=held.day.isoformat(),
                    at=held.at,
                )
                memory.add(alert)
                yield alert
            case DayClosed(day=day, released_at=at):
                confirmed = seen.event is not None and isinstance(seen.event.data, JudgementConfirmed)
                how, evidence = ("confirmed", seen.event.id) if confirmed and seen.event else ("expired", None)
                for alert in memory.take(seen.state, day.isoformat()):
                    yield resolved(alert, seen, how=how, at=at or transition.at, evidence=evidence)
                memory.day_closed(day)
            case _:
                pass


JUDGEMENT_HELD = AlertRule(Rule.JUDGEMENT_HELD, "reports", OpenAlerts, watch)
