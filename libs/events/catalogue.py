"""All event types, as data: name -> model and the kinds of stream it may stand in. Older versions are types as well."""

from dataclasses import dataclass

from libs.events import alerts_v1, grievances_v1, policy_v1, reports_v1
from libs.events.alerts import (
    AlertAcknowledged,
    AlertEscalated,
    AlertRaised,
    AlertReopened,
    AlertResolved,
    AlertSnoozed,
)
from libs.events.calendar import DayExcused, HolidayDeclared, HolidayRevoked
from libs.events.clock import ClockReached
from libs.events.digest import StateDayClosed
from libs.events.districts import DistrictAdded, DistrictClosed
from libs.events.grievances import (
    GrievanceAgreed,
    GrievanceAnswered,
    GrievanceAppealed,
    GrievanceAssigned,
    GrievanceClosed,
    GrievanceCloseProposed,
    GrievanceErased,
    GrievanceMerged,
    GrievanceMessageSent,
    GrievanceOpened,
    GrievancePolicyAdopted,
    GrievanceRaised,
    GrievanceRejected,
    GrievanceTriaged,
)
from libs.events.outages import JudgementConfirmed, OutageCredited
from libs.events.policy import PolicyAdopted
from libs.events.presidents import LeaveGranted, PresidentAppointed, PresidentRelieved
from libs.events.reports import ReportCorrected, ReportFiled, ReportReviewed
from libs.events.streams import STREAMS, Kind, Service
from libs.events.system import HeartbeatAppended, RecordDeadLettered, RecordSetAside
from libs.events.values import EventData


@dataclass(frozen=True, slots=True)
class Entry:
    data: type[EventData]
    streams: tuple[Kind, ...]
    from_clients: bool
    """Whether a client may post it; all others are the system's own."""
    by: tuple[Service, ...] = ()
    """Who writes it, if that is not everybody who may write to all of its streams."""

    @property
    def writers(self) -> tuple[Service, ...]:
        """Who appends it: what a client posts, ingest does."""
        if self.from_clients:
            return ("ingest",)
        first, *others = (STREAMS[kind].writers for kind in self.streams)
        return self.by or tuple(writer for writer in first if all(writer in each for each in others))


_ENTRIES = (  # of one name the older versions first
    *(
        Entry(data, ("reports",), from_clients=True)
        for data in (
            policy_v1.PolicyAdopted,
            PolicyAdopted,
            DistrictAdded,
            DistrictClosed,
            HolidayDeclared,
            HolidayRevoked,
            PresidentAppointed,
            PresidentRelieved,
            LeaveGranted,
            reports_v1.ReportFiled,
            ReportFiled,
            reports_v1.ReportCorrected,
            ReportCorrected,
            ReportReviewed,
            DayExcused,
            JudgementConfirmed,
            RecordSetAside,
        )
    ),
    Entry(grievances_v1.GrievanceRaised, ("grievances",), from_clients=True),
    Entry(GrievanceRaised, ("grievances",), from_clients=True),
    *(
        Entry(data, ("grievances",), from_clients=True)
        for data in (
            GrievancePolicyAdopted,
            GrievanceTriaged,
            GrievanceAssigned,
            GrievanceCloseProposed,
            GrievanceClosed,
            GrievanceRejected,
            GrievanceMerged,
        )
    ),
    *(  # through routes of their own
        Entry(data, ("grievances",), from_clients=False, by=("ingest",))
        for data in (
            GrievanceAnswered,
            GrievanceMessageSent,
            GrievanceAgreed,
            GrievanceAppealed,
            GrievanceOpened,
            GrievanceErased,
        )
    ),
    Entry(ClockReached, ("reports", "alerts", "grievances"), from_clients=False),
    Entry(OutageCredited, ("reports",), from_clients=False, by=("notifier",)),
    Entry(StateDayClosed, ("reports",), from_clients=False, by=("notifier",)),
    *(
        Entry(data, ("alerts", "grievances"), from_clients=False)
        for data in (
            alerts_v1.AlertRaised,
            AlertRaised,
            alerts_v1.AlertEscalated,
            AlertEscalated,
            alerts_v1.AlertAcknowledged,
            AlertAcknowledged,
            alerts_v1.AlertSnoozed,
            AlertSnoozed,
            AlertReopened,
            alerts_v1.AlertResolved,
            AlertResolved,
        )
    ),
    Entry(HeartbeatAppended, ("system",), from_clients=False),
    Entry(RecordDeadLettered, ("dead-letters",), from_clients=False),
)

CATALOGUE: dict[str, Entry] = {entry.data.NAME: entry for entry in _ENTRIES}
"""By name without version, the latest of each: `report.filed`."""

TYPES: dict[str, Entry] = {entry.data.type_name(): entry for entry in _ENTRIES}
"""By full CloudEvents type, every version there ever was: `rozana.report.filed.v1`."""
