"""From what clients send to events. The bodies are made of the event models: no field is named twice."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar, cast

from pydantic import BeforeValidator, StringConstraints, create_model

from libs.events import reports, reports_v1
from libs.events.catalogue import CATALOGUE, TYPES
from libs.events.envelope import Event
from libs.events.grievances import GrievanceRaised
from libs.events.reports import FormName
from libs.events.upcasters import lift
from libs.events.values import EventData, Id, Model, broken
from libs.runtime.bodies import validate
from libs.runtime.problems import FieldError, Problem
from services.ingest.grievance_bodies import UUID4_PATTERN, the_day

D = TypeVar("D")

URI_REFERENCE = r"^([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+$"
"""The characters of RFC 3986; CloudEvents 1.0, section 3.1, asks for a non-empty one."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a request came, and what it says of its sender and its trace."""

    at: datetime
    actor: str | None = None
    traceparent: str | None = None


def _members(data: type[EventData]) -> dict[str, Any]:
    """What the client sends of an event's data."""
    return {
        name: (field.annotation, field) for name, field in data.model_fields.items() if name not in data.SET_BY_INGEST
    }


class _SentReport(Model):
    id: Id
    """Made by the client, version 7 advised. A retry has the same."""
    supersedes: Id | None = None
    """The version that this one corrects."""


@dataclass(frozen=True, slots=True)
class Form:
    """What is sent of one form: the body of `POST /v1/reports`, and the events that are made of it."""

    body: type[_SentReport]
    filed: type[EventData]
    corrected: type[EventData]


FORMS: Mapping[FormName, Form] = {
    "daily.v1": Form(
        create_model("ReportBody", __base__=_SentReport, **_members(reports_v1.Report)),
        reports_v1.ReportFiled,
        reports_v1.ReportCorrected,
    ),
    "daily.v2": Form(
        create_model("ReportBody", __base__=_SentReport, **_members(reports.Report)),
        reports.ReportFiled,
        reports.ReportCorrected,
    ),
}
"""All that there are; which of them are taken, the settings say."""
FORM_OF: Mapping[str, FormName] = {
    data.type_name(): name for name, form in FORMS.items() for data in (form.filed, form.corrected)
}
"""By event type; all others have none."""


def _json(value: object) -> object:
    if isinstance(value, str) and value.partition(";")[0].strip().lower() != "application/json":
        raise broken("must be application/json")
    return value


class CloudEvent(Model, Generic[D]):
    """A CloudEvent as clients post it, structured mode. What ingest sets, they may not: actor, partitionkey, …"""

    specversion: Literal["1.0"]
    id: Id
    source: Annotated[str, StringConstraints(pattern=URI_REFERENCE, max_length=256)]
    """A URI reference naming who says so."""
    type: str
    subject: str
    """The district or state that the data is about."""
    datacontenttype: Annotated[str | None, BeforeValidator(_json)] = None
    dataschema: str | None = None
    """Ignored: the type says it."""
    time: str | None = None
    """Ignored: ingest sets it."""
    data: D


POSTED: Mapping[str, type[CloudEvent[EventData]]] = {
    name: cast("type[CloudEvent[EventData]]", CloudEvent.__class_getitem__(entry.data))
    for name, entry in TYPES.items()
    if entry.from_clients and entry.data.NAME != GrievanceRaised.NAME
}
"""What may be posted to /v1/events, by type; raising a grievance has a route of its own."""


def report(item: object, body: bytes, arrival: Arrival, forms: Sequence[FormName]) -> Event:
    """The event of a body of `POST /v1/reports`, given parsed and as text. Raises Problem 422.

    Of the version that goes with the form that was filled in; `forms` are those that are taken.
    """
    form = FORMS[_form(item, forms)]
    sent = validate(form.body, body)
    members = dict(sent)
    event_id, district = members.pop("id"), members["district"]
    model = form.filed if sent.supersedes is None else form.corrected
    # All of it is checked; the two models differ only in `supersedes`.
    data = model.model_construct(state=_state(district), **members)
    source = f"urn:rozana:district:{district}"
    return lift(Event(event_id, source, arrival.at, data, arrival.actor, arrival.traceparent))


def _form(item: object, forms: Sequence[FormName]) -> FormName:
    """Which form was filled in. Where none is named it is the first that is taken, whose model will ask for it."""
    named = item.get("form") if isinstance(item, dict) else None
    form = next((form for form in forms if form == named), None)
    if form is None and isinstance(named, str):
        raise _not_taken("/form", forms)
    return form or forms[0]


def _not_taken(pointer: str, forms: Sequence[FormName]) -> Problem:
    return _at(pointer, f"this form is not taken here, but {' and '.join(forms)}")


def posted(item: object, body: bytes, arrival: Arrival, forms: Sequence[FormName]) -> Event:
    """The event of a CloudEvent, given parsed and as text. Raises Problem 403 or 422."""
    name = item.get("type") if isinstance(item, dict) else None
    model = POSTED.get(name) if isinstance(name, str) else None
    if not isinstance(name, str) or model is None:
        raise _unpostable(name, body)
    if FORM_OF.get(name, forms[0]) not in forms:
        raise _not_taken("/data/form", forms)
    sent = validate(model, body)
    if sent.subject != sent.data.subject:
        raise _at("/subject", "must be the district or state that the data is about")
    if TYPES[name].streams == ("grievances",):
        if not re.fullmatch(UUID4_PATTERN, sent.id):
            raise _at("/id", "must be a UUID of version 4: others tell when they were made")
        return lift(Event(sent.id, sent.source, the_day(arrival.at), sent.data, arrival.actor))
    return lift(Event(sent.id, sent.source, arrival.at, sent.data, arrival.actor, arrival.traceparent))


def as_text(item: object) -> bytes:
    """An item of a batch, which has no bytes of its own."""
    return json.dumps(item).encode()


def _unpostable(name: object, body: bytes) -> Problem:
    """Why an event of the type `name` cannot be posted. Raises Problem, if it is no CloudEvent in the first place."""
    if isinstance(name, str) and name in TYPES:
        return Problem(403, "events of this type cannot be posted here")
    sent = validate(CloudEvent[dict[str, object]], body)
    known = next((entry for key, entry in CATALOGUE.items() if sent.type.startswith(f"rozana.{key}.v")), None)
    if known is not None:
        return _at("/type", f"no version of this event type beyond {known.data.VERSION} is known here")
    return _at("/type", "is not an event type that is known here")


def _at(pointer: str, detail: str) -> Problem:
    return Problem(422, "the body does not fit what is asked for", [FieldError(pointer, detail)])


def _state(district: str) -> str:
    return district.partition(".")[0]
