"""left-unacknowledged: the state office has a duty too. AICC hears once a day of what was left lying until it went up.

A fold of the alerts' own stream: raised with the first alert of a day that escalates, over when somebody has taken care
of the last one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from libs.events.alerts import (
    AlertAcknowledged,
    AlertData,
    AlertEscalated,
    AlertRaised,
    AlertResolved,
    AlertSnoozed,
    Rule,
)
from services.notifier.rules.rule import AlertRule, Seen, raised, resolved

MOST_PERIODS = 100
"""Days that are remembered: longer than alerts on one stay open."""


@dataclass(slots=True)
class _Left:
    raised: AlertRaised
    lying: set[str] = field(default_factory=set)
    """Ids of the alerts that nobody has taken care of."""


@dataclass(slots=True)
class Lying:
    """By period, what was left lying."""

    by_period: dict[str, _Left] = field(default_factory=dict)


def watch(memory: Lying, seen: Seen) -> Iterator[AlertRaised | AlertResolved]:
    data = None if seen.event is None else seen.event.data
    match data:
        case AlertEscalated():
            left = memory.by_period.get(data.period)
            if left is None:
                alert = raised(
                    Rule.LEFT_UNACKNOWLEDGED, seen, data.state, tenure_id=None, period=data.period, at=data.at
                )
                left = memory.by_period[data.period] = _Left(alert)
                yield alert
            left.lying.add(data.alert_id)
            while len(memory.by_period) > MOST_PERIODS:
                del memory.by_period[next(iter(memory.by_period))]
        case AlertAcknowledged() | AlertSnoozed() | AlertResolved():
            yield from _taken(memory, seen, data)
        case _:
            pass


def _taken(memory: Lying, seen: Seen, data: AlertData) -> Iterator[AlertResolved]:
    left = memory.by_period.get(data.period)
    if left is None or data.alert_id not in left.lying:
        return
    left.lying.remove(data.alert_id)
    if not left.lying:
        how = "over" if isinstance(data, AlertResolved) else "taken-care-of"
        yield resolved(left.raised, seen, how=how, at=data.at, evidence=seen.evidence[0])


LEFT_UNACKNOWLEDGED = AlertRule(Rule.LEFT_UNACKNOWLEDGED, "alerts", Lying, watch)
