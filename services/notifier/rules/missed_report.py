"""missed-report: a district stayed silent. Every miss is heard of; a row of them by those higher up (guarantee 6).

What is open of a district's earlier days is over, on all levels at once, when it has reported in time again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime

from libs.duty.days import OpenDay
from libs.duty.transitions import DayClosed, DayMissed, Status, StatusChanged, Transition
from libs.events.alerts import AlertRaised, AlertResolved, Rule
from services.notifier.rules.rule import AlertRule, OpenAlerts, Seen, raised, resolved

HOW = {
    Status.LATE: "late",
    Status.ON_TIME: "received-in-time",  # appended after the judgement, received before
    Status.IN_GRACE: "received-in-time",
    Status.EXCUSED: "excused",
    Status.UNKNOWN: "unknown",
}
"""Why a miss is over, by what the day has become."""
IN_TIME: Collection[Status | None] = (Status.ON_TIME, Status.IN_GRACE)


def watch(memory: OpenAlerts, seen: Seen) -> Iterator[AlertRaised | AlertResolved]:
    """Raise at the judgement; resolve all levels of a day, once, when it ceases to be missed or has been overtaken."""
    for transition in in_order(seen.transitions):
        match transition:
            case DayMissed() as missed:
                yield from _missed(memory, seen, missed)
            case StatusChanged(before=Status.MISSED) as changed if changed.after in HOW:
                since = recovered_at(seen.days, changed.district, changed.day, before=changed.at)
                for alert in memory.take(changed.district, changed.day.isoformat()):
                    if since is None:
                        yield resolved(alert, seen, how=HOW[changed.after], at=changed.at, evidence=changed.evidence)
                    else:  # whoever reads late hears of both at once
                        yield resolved(alert, seen, how="recovered", at=since, evidence=None)
            case DayClosed() as closed:
                yield from _recovered(memory, seen, closed)
                for alert in memory.day_closed(closed.day):
                    yield resolved(alert, seen, how="locked", at=closed.at, evidence=None)
            case _:
                pass


def in_order(transitions: Sequence[Transition]) -> Sequence[DayMissed | StatusChanged | DayClosed]:
    """By the instants at which they happened: a late clock finds out of several days at once, day by day."""
    return sorted(
        (each for each in transitions if isinstance(each, DayMissed | StatusChanged | DayClosed)),
        key=lambda each: each.at,
    )


def _missed(memory: OpenAlerts, seen: Seen, missed: DayMissed) -> Iterator[AlertRaised]:
    for level in levels(missed):
        alert = raised(
            Rule.MISSED_REPORT,
            seen,
            missed.district,
            tenure_id=missed.tenure_id,
            period=missed.day.isoformat(),
            level=level,
            at=missed.at,
            escalate_minutes=seen.escalate_minutes(missed.day),
        )
        memory.add(alert)
        yield alert


def levels(missed: DayMissed) -> list[int]:
    """Level 1 for every miss; besides it the rung of the ladder that this miss stands on, if it does."""
    rungs = [level for level, misses in enumerate(missed.ladder, 1) if misses == missed.consecutive]
    return [1, *(level for level in rungs if level > 1)]


def _recovered(memory: OpenAlerts, seen: Seen, closed: DayClosed) -> Iterator[AlertResolved]:
    """What is over since a day was judged: whoever was in time on it has broken the silence of the days before."""
    for district, periods in memory.before(closed.day).items():
        if district in closed.stood and closed.stood[district].status in IN_TIME:
            for period in periods:
                for alert in memory.take(district, period):
                    yield resolved(alert, seen, how="recovered", at=closed.at, evidence=None)


def recovered_at(days: Mapping[date, OpenDay], district: str, since: date, *, before: datetime) -> datetime | None:
    """When the first day behind `since` ended on which the district was in time, if that was before an instant."""
    ends = (
        day.deadlines.grace_until
        for day in days.values()
        if day.day > since and district in day.entries
        if day.entries[district].was(day.deadlines.grace_until) in IN_TIME
    )
    return min((end for end in ends if end < before), default=None)


MISSED_REPORT = AlertRule(Rule.MISSED_REPORT, "reports", OpenAlerts, watch)
