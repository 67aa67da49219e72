"""Who may do what: the one table, deny by default. What is not named here nobody may do.

An action is a route (method and path template), an event type that may be posted to /v1/events, or `stream:<kind>`: may
read what comes from streams of that kind (a receipt or an alert is asked for by id, its stream tells what it is about).
The table is about roles; scope is asked for besides (`libs.runtime.principal.contains`). System events are in no row.
"""

from collections.abc import Mapping

from libs.runtime.principal import ROLES, Principal

NO_TOKEN = "anonymous"  # noqa: S105 (the absence of a secret)

_EVERYBODY = frozenset({NO_TOKEN, *ROLES})
_READERS = frozenset({"president", "pcc", "aicc"})
_PRESIDENT = frozenset({"president"})
_OFFICES = frozenset({"pcc", "aicc"})
_OPERATOR = frozenset({"operator"})
_AICC = frozenset({"aicc"})
_DELIVERERS = frozenset({"operator", "pcc", "aicc"})

PERMISSIONS: Mapping[str, frozenset[str]] = {
    # ingest
    "POST /v1/reports": _PRESIDENT,
    "POST /v1/events": _READERS | _OPERATOR,  # each event's type decides
    "GET /v1/grievance-keys": _EVERYBODY,
    "POST /v1/grievances": _EVERYBODY,
    "POST /v1/grievances/track": _EVERYBODY,  # by what follows from the tracking code
    "POST /v1/grievances/act": _EVERYBODY,
    "GET /v1/grievances": _AICC,
    "GET /v1/grievance-counts": _OFFICES,  # nothing small, and nothing of this month
    "POST /v1/grievances/{id}/open": _AICC,
    "POST /v1/grievances/{id}/answer": _AICC,
    "POST /v1/grievances/{id}/erase": _AICC,
    "GET /v1/receipts/{id}": _READERS,
    # aggregator
    "GET /v1/states": _OFFICES,
    "GET /v1/states/{state}/days": _OFFICES,
    "GET /v1/states/{state}/days/{day}": _OFFICES,
    "GET /v1/states/{state}/changes": _OFFICES,
    "GET /v1/nation/days/{day}": _AICC,
    "GET /v1/districts/{district}": _READERS,
    "GET /v1/districts/{district}/duties": _READERS,
    "GET /v1/reports/{id}": _READERS,
    # notifier
    "GET /v1/alerts": _READERS,
    "GET /v1/alerts/{id}": _READERS,
    "POST /v1/alerts/{id}/acknowledge": _OFFICES,
    "POST /v1/alerts/{id}/snooze": _OFFICES,
    "GET /v1/deliveries": _DELIVERERS,  # operators without content
    "POST /v1/deliveries/retry": _DELIVERERS,
    "GET /v1/contacts/{state}": _OFFICES,  # AICC's own people: by AICC
    "PUT /v1/contacts/{state}/{id}": _OFFICES,
    "DELETE /v1/contacts/{state}/{id}": _OFFICES,
    # events
    "rozana.report.filed.v1": _PRESIDENT,
    "rozana.report.filed.v2": _PRESIDENT,
    "rozana.report.corrected.v1": _PRESIDENT,
    "rozana.report.corrected.v2": _PRESIDENT,
    "rozana.policy.adopted.v1": _OFFICES,
    "rozana.policy.adopted.v2": _OFFICES,
    "rozana.district.added.v1": _OFFICES,
    "rozana.district.closed.v1": _OFFICES,
    "rozana.president.appointed.v1": _OFFICES,
    "rozana.president.relieved.v1": _OFFICES,
    "rozana.holiday.declared.v1": _OFFICES,
    "rozana.holiday.revoked.v1": _OFFICES,
    "rozana.leave.granted.v1": _OFFICES,
    "rozana.report.reviewed.v1": _OFFICES,
    "rozana.day.excused.v1": _OFFICES,
    "rozana.grievance_policy.adopted.v1": _AICC,
    "rozana.grievance.triaged.v1": _AICC,
    "rozana.grievance.assigned.v1": _AICC,
    "rozana.grievance.close_proposed.v1": _AICC,
    "rozana.grievance.closed.v1": _AICC,
    "rozana.grievance.rejected.v1": _AICC,
    "rozana.grievance.merged.v1": _AICC,
    "rozana.judgement.confirmed.v1": _OFFICES,
    "rozana.record.set_aside.v1": _OPERATOR,
    # what comes from a stream of this kind
    "stream:reports": _READERS,
    "stream:alerts": _READERS | _OPERATOR,  # by their own route and their logs; no other route is theirs
    "stream:grievances": _AICC,
}


def allowed(principal: Principal | None, action: str) -> bool:
    """Whether the role may do the action somewhere; `None` is somebody without a token."""
    role = NO_TOKEN if principal is None else principal.role
    return role in PERMISSIONS.get(action, frozenset())
