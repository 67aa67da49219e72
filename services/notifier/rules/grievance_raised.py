"""grievance-raised: the national office hears of every grievance; the district, the state office and its rolls do not.

The alert stands in the grievances stream itself, names nobody, not even the tenure, and tells no more than the day.
"""

from collections.abc import Iterator

from libs.events.alerts import AlertRaised, Rule
from libs.events.grievances import GrievanceRaised
from services.notifier.rules.rule import AlertRule, OpenAlerts, Seen, raised


def watch(memory: OpenAlerts, seen: Seen) -> Iterator[AlertRaised]:
    """Raise once a grievance: replicas that race may have appended it twice."""
    if seen.event is None or not isinstance(seen.event.data, GrievanceRaised):
        return
    grievance = seen.event.data
    if memory.of(grievance.district, grievance.grievance_id):
        return
    alert = raised(
        Rule.GRIEVANCE_RAISED,
        seen,
        grievance.district,
        tenure_id=None,
        period=grievance.grievance_id,
        at=seen.event.time,  # ingest has cut it to the day
    )
    memory.add(alert)
    yield alert


GRIEVANCE_RAISED = AlertRule(Rule.GRIEVANCE_RAISED, "grievances", OpenAlerts, watch)
