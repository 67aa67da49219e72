"""grievance-overdue: the day by which there should have been an answer has passed; AICC hears of it.

Like all of grievances it names nobody and tells no more than the day. Over as soon as there is an answer, or an end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from libs.events.alerts import AlertRaised, AlertResolved, Rule
from libs.events.envelope import Recorded
from libs.events.grievances import CaseData
from libs.grievances.cases import Case, Cases
from libs.grievances.outcomes import OPEN, Status
from services.notifier.rules.rule import AlertRule, OpenAlerts, Seen, raised, resolved

SETTLED = frozenset(Status) - OPEN | {Status.ANSWERED, Status.CLOSE_PROPOSED}
"""Nobody waits for an answer then."""


@dataclass(slots=True)
class Memory:
    cases: Cases = field(default_factory=Cases)
    open: OpenAlerts = field(default_factory=OpenAlerts)


def watch(memory: Memory, seen: Seen) -> Iterator[AlertRaised | AlertResolved]:
    """Raise once a due day, when the stream's clock has passed it; resolve when the case is answered or ends."""
    if seen.event is None:
        return
    event = seen.event
    for overdue in tuple(memory.cases.evolve(Recorded(event, seen.stream, seen.offset, event.time))):
        alert = raised(
            Rule.GRIEVANCE_OVERDUE,
            seen,
            overdue.case.district,
            tenure_id=None,
            period=_period(overdue.case, overdue.due),
            level=overdue.case.level,
            at=midnight(overdue.due + timedelta(days=1)),
        )
        memory.open.add(alert)
        yield alert
    case = memory.cases.by_id.get(event.data.grievance_id) if isinstance(event.data, CaseData) else None
    if case is not None and case.status in SETTLED:
        for due in sorted(case.overdue):
            for alert in memory.open.take(case.district, _period(case, due)):
                yield resolved(alert, seen, how=case.status.value, at=event.time, evidence=event.id)


def next_due(memory: Memory) -> datetime | None:
    day = memory.cases.next_due()
    return None if day is None else midnight(day)


def midnight(day: date) -> datetime:
    """In UTC, as all days of grievances."""
    return datetime.combine(day, time(), UTC)


def _period(case: Case, due: date) -> str:
    return f"{case.grievance_id}.{due}"


GRIEVANCE_OVERDUE = AlertRule("grievance-overdue", "grievances", Memory, watch, next_due)
