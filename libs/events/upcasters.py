"""From data as it was written to data as today's code understands it: each older version is lifted to the next.

A published version is never edited and never goes away: its model stays, with an upcaster beside it. So only this room
knows older versions, and all that folds events sees the latest alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from libs.events import alerts_v1, grievances_v1, policy_v1, reports_v1
from libs.events.alerts import (
    AlertAcknowledged,
    AlertData,
    AlertEscalated,
    AlertRaised,
    AlertResolved,
    AlertSnoozed,
    Rule,
)
from libs.events.envelope import Event
from libs.events.grievances import GrievanceRaised
from libs.events.policy import PolicyAdopted
from libs.events.reports import Activities, ReportCorrected, ReportFiled
from libs.events.values import EventData, unchecked

D = TypeVar("D", bound=EventData)
A = TypeVar("A", bound=AlertData)

Upcaster = Callable[[Any], EventData]
"""A pure function from an older version's data to the next one's."""
Upcasters = Mapping[type[EventData], Upcaster]


def _report(model: type[D], data: reports_v1.Report) -> D:
    """A report of version 2. `form` goes on saying what was filled in.

    The model of version 1 has checked all of it, and that of version 2 would not take `daily.v1`.
    """
    activities = vars(data.activities).copy()
    activities["press_mentions"] = activities.pop("media_mentions")
    return unchecked(model, {**vars(data), "activities": unchecked(Activities, activities), "digital": None})


def report_filed_v2(data: reports_v1.ReportFiled) -> ReportFiled:
    return _report(ReportFiled, data)


def report_corrected_v2(data: reports_v1.ReportCorrected) -> ReportCorrected:
    return _report(ReportCorrected, data)


def policy_adopted_v2(data: policy_v1.PolicyAdopted) -> PolicyAdopted:
    """Days that were judged without credit, hold or escalation are judged so again."""
    return unchecked(PolicyAdopted, {**vars(data), "credit": None, "hold": None, "escalate_minutes": ()})


def grievance_raised_v2(data: grievances_v1.GrievanceRaised) -> GrievanceRaised:
    """Nothing was written, and nobody asks after it."""
    return unchecked(GrievanceRaised, {**vars(data), "sealed": None, "tracking": None, "author": None})


def _alert(model: type[A], data: alerts_v1.AlertData, **new: object) -> A:
    """An alert's event of version 2: the district that it was about is its subject."""
    members = vars(data).copy()
    district = members.pop("district")
    return unchecked(model, {**members, "rule": Rule(data.rule), "subject_code": district, **new})


def alert_raised_v2(data: alerts_v1.AlertRaised) -> AlertRaised:
    """What was raised before there was an escalation goes up by itself no more."""
    return _alert(AlertRaised, data, escalate_minutes=())


def alert_escalated_v2(data: alerts_v1.AlertEscalated) -> AlertEscalated:
    return _alert(AlertEscalated, data)


def alert_acknowledged_v2(data: alerts_v1.AlertAcknowledged) -> AlertAcknowledged:
    return _alert(AlertAcknowledged, data)


def alert_snoozed_v2(data: alerts_v1.AlertSnoozed) -> AlertSnoozed:
    return _alert(AlertSnoozed, data)


def alert_resolved_v2(data: alerts_v1.AlertResolved) -> AlertResolved:
    return _alert(AlertResolved, data)


UPCASTERS: Upcasters = {
    grievances_v1.GrievanceRaised: grievance_raised_v2,
    policy_v1.PolicyAdopted: policy_adopted_v2,
    reports_v1.ReportFiled: report_filed_v2,
    reports_v1.ReportCorrected: report_corrected_v2,
    alerts_v1.AlertRaised: alert_raised_v2,
    alerts_v1.AlertEscalated: alert_escalated_v2,
    alerts_v1.AlertAcknowledged: alert_acknowledged_v2,
    alerts_v1.AlertSnoozed: alert_snoozed_v2,
    alerts_v1.AlertResolved: alert_resolved_v2,
}
"""By the model that is lifted. They stay here for ever."""


def latest(data: EventData, upcasters: Upcasters = UPCASTERS) -> EventData:
    """The same data in the latest version; itself, if it is that."""
    while upcaster := upcasters.get(type(data)):
        data = upcaster(data)
    return data


def lift(event: Event, upcasters: Upcasters = UPCASTERS) -> Event:
    """The same event with its data in the latest version; `written` keeps what stands, or will stand, in the log."""
    data = latest(event.data, upcasters)
    return event if data is event.data else replace(event, data=data, written=event.data)
