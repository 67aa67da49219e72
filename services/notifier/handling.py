"""What people do about an alert: acknowledge it, put it off. Decided on the alert as it stands."""

from datetime import datetime
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

from libs.events.alerts import AlertAcknowledged, AlertData, AlertSnoozed
from libs.events.envelope import Event
from libs.events.streams import Kind, stream_name
from libs.events.values import Cause, Instant, Text
from libs.runtime.principal import Principal
from libs.runtime.problems import FieldError, Problem
from libs.runtime.store import Document
from services.notifier.alerts import Alert
from services.notifier.records import SOURCE, event_time

LONGEST_NAME = 120


class Acknowledge(BaseModel):
    """Somebody takes care of it, until some instant if one is said."""

    model_config = ConfigDict(extra="forbid", strict=True)

    note: Text = ""
    until: Instant | None = None


class Snooze(BaseModel):
    """Somebody wants to hear nothing of it before `until`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    note: Text = ""
    until: Instant


Command = Acknowledge | Snooze


def handle(document: Document, kind: Kind, command: Command, principal: Principal, now: datetime) -> Event | None:
    """The event that the command makes of the alert; None where the last thing said is just this, by the same person.

    Raises Problem 422 and 409.
    """
    alert = Alert.model_validate(document.body)
    if command.until is not None and command.until <= now:
        raise Problem(422, "the body does not fit what is asked for", [FieldError("/until", "must lie in the future")])
    if alert.status == "resolved":
        raise Problem(409, "the alert is resolved already")
    by = f"{principal.role}:{principal.subject}"[:LONGEST_NAME]
    time = event_time(kind, now)
    said = {name: value for name, value in alert if name in AlertData.model_fields} | {
        "subject": alert.subject,
        "at": time,
        "evidence": (),
        "cause": Cause(stream=stream_name(kind, alert.state), offset=document.version),
        "by": by,
        "note": command.note,
        "until": command.until,
    }
    happened = AlertSnoozed if isinstance(command, Snooze) else AlertAcknowledged
    last = alert.history[-1]
    if (last.type, last.by, last.note or "", last.until) == (happened.NAME, by, command.note, command.until):
        return None
    # Two copies of one request see the same history and make the same id, of which every fold counts the first.
    words = f"{happened.NAME}|{by}|{command.note}|{command.until}|{len(alert.history)}"
    event_id = str(uuid5(UUID(alert.alert_id), words))
    # In the grievances stream nobody is an actor (section 3).
    return Event(event_id, SOURCE, time, happened.model_validate(said), None if kind == "grievances" else by)
