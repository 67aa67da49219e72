"""The projection behind /v1/alerts: one document an alert, with all that happened to it.

Two values, since no document is shared by two streams (guarantee 4): who may not read grievances is never led to the
collection of their alerts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field

from libs.events.alerts import (
    AlertAcknowledged,
    AlertData,
    AlertEscalated,
    AlertRaised,
    AlertReopened,
    AlertResolved,
    AlertSnoozed,
    Audience,
    Rule,
)
from libs.events.envelope import Event, Recorded
from libs.events.streams import Kind
from libs.runtime.batch import Unreadable
from libs.runtime.projection import Body, Documents, Projection

Status = Literal["open", "acknowledged", "snoozed", "resolved"]
Office = Literal["president", "pcc", "aicc"]
OFFICES: Sequence[Office] = get_args(Office)
"""From below. What one has been told, those above it may see, within their scope; what operators alone have, AICC."""


def told_from(*audiences: Audience) -> Office:
    """The lowest office among them."""
    return next((office for office in OFFICES if office in audiences), OFFICES[-1])


def may_see(role: str) -> Sequence[Office]:
    """The values of `told_from` that a role may see; none for what is no office."""
    return next((OFFICES[: at + 1] for at, office in enumerate(OFFICES) if office == role), ())


def shown_to(role: str, body: Body) -> Body:
    """An alert's document without the notes of offices above: what they think of it is between them."""
    offices = may_see(role)
    history = [
        {name: value for name, value in line.items() if name != "note" or line["by"].partition(":")[0] in offices}
        for line in cast("list[dict[str, str]]", body["history"])
    ]
    return {**body, "history": history}


def _absent(value: object) -> bool:
    return value is None


class Happened(BaseModel):
    """One line of an alert's history: which event, what it says, when it was true and when it was written."""

    model_config = ConfigDict(frozen=True)

    id: str
    type: str
    at: datetime
    time: datetime
    by: Annotated[str | None, Field(exclude_if=_absent)] = None
    note: Annotated[str | None, Field(exclude_if=_absent)] = None
    until: Annotated[datetime | None, Field(exclude_if=_absent)] = None
    how: Annotated[str | None, Field(exclude_if=_absent)] = None


class Alert(BaseModel):
    """An alert as it stands. `raised_at` is the instant that fell due, not when it was noticed."""

    model_config = ConfigDict(frozen=True)

    alert_id: str
    state: str
    rule: Rule
    subject: str
    tenure_id: str | None
    period: str
    level: int
    status: Status
    audience: tuple[Audience, ...]
    told_from: Office
    """The lowest office that it has been told to: who may see it. An escalation may widen it, nothing narrows it."""
    raised_at: datetime
    resolved_at: datetime | None = None
    how: str | None = None
    evidence: tuple[str, ...]
    history: tuple[Happened, ...]

    @property
    def put_off_until(self) -> datetime | None:
        """By the last acknowledgement or snooze; None: for good, or nobody did either."""
        said = [line for line in self.history if line.type in (AlertAcknowledged.NAME, AlertSnoozed.NAME)]
        return said[-1].until if said else None


class Ignored(BaseModel):
    """The snapshot: how many events had no place, such as a second resolution."""

    events: int = 0


def keys(recorded: Recorded) -> Iterable[str]:
    data = recorded.event.data
    return (data.alert_id,) if isinstance(data, AlertData) else ()


def evolve(snapshot: Ignored, documents: Documents, recorded: Recorded) -> None:
    """Fold one event into its alert. An event that is there already changes nothing; one without a place is counted."""
    data = recorded.event.data
    if not isinstance(data, AlertData):
        return
    body = documents.get(data.alert_id)
    known = None if body is None else Alert.model_validate(body)
    if known is not None and any(each.id == recorded.event.id for each in known.history):
        return
    after = _after(known, recorded.event, data)
    if after is None:
        snapshot.events += 1
    else:
        documents.put(data.alert_id, after.model_dump(mode="json"))


def _after(known: Alert | None, event: Event, data: AlertData) -> Alert | None:
    """The alert after the event; None where it has no place."""
    if known is None:
        return _opened(event, data) if isinstance(data, AlertRaised) else None
    if known.status == "resolved":
        return None
    changes: dict[str, object]
    match data:
        case AlertEscalated():
            lowest = told_from(known.told_from, *data.audience)
            changes = {"level": data.level, "audience": data.audience, "told_from": lowest, "status": "open"}
        case AlertReopened():
            changes = {"status": "open"}
        case AlertAcknowledged():
            changes = {"status": "acknowledged"}
        case AlertSnoozed():
            changes = {"status": "snoozed"}
        case AlertResolved():
            changes = {"status": "resolved", "resolved_at": data.at, "how": data.how}
        case _:  # raised again
            return None
    evidence = tuple(dict.fromkeys((*known.evidence, *data.evidence)))
    return known.model_copy(update=changes | {"evidence": evidence, "history": (*known.history, _line(event, data))})


def _opened(event: Event, data: AlertRaised) -> Alert:
    return Alert(
        alert_id=data.alert_id,
        state=data.state,
        rule=data.rule,
        subject=data.subject_code,
        tenure_id=data.tenure_id,
        period=data.period,
        level=data.level,
        status="open",
        audience=data.audience,
        told_from=told_from(*data.audience),
        raised_at=data.at,
        evidence=data.evidence,
        history=(_line(event, data),),
    )


def _line(event: Event, data: AlertData) -> Happened:
    line = Happened(id=event.id, type=data.NAME, at=data.at, time=event.time)
    match data:
        case AlertAcknowledged() | AlertSnoozed():
            return line.model_copy(update={"by": data.by, "note": data.note or None, "until": data.until})
        case AlertResolved():
            return line.model_copy(update={"how": data.how})
        case _:
            return line


def hold(_snapshot: Ignored, _documents: Documents, _unreadable: Unreadable) -> None:
    """An unreadable record is in the dead letters; which alert it was about, nobody can tell."""


ALERTS: Projection[Ignored] = Projection(
    name="alerts",
    version=2,
    kind="alerts",
    handles=frozenset({AlertRaised, AlertEscalated, AlertAcknowledged, AlertSnoozed, AlertReopened, AlertResolved}),
    initial=lambda _state: Ignored(),
    dump=lambda snapshot: snapshot.model_dump(),
    load=Ignored.model_validate,
    keys=keys,
    evolve=evolve,
    hold=hold,
)
GRIEVANCE_ALERTS = replace(ALERTS, name="grievance_alerts", kind="grievances")

PROJECTIONS: dict[Kind, Projection[Ignored]] = {each.kind: each for each in (ALERTS, GRIEVANCE_ALERTS)}
"""By the kind of stream that they are folded from."""
