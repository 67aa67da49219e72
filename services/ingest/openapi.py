"""What OpenAPI says of bodies that FastAPI does not read: they are read once and validated once, by `bodies`."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from libs.events.catalogue import CATALOGUE, TYPES
from libs.events.reports import FormName
from libs.events.values import EventData
from libs.runtime.openapi import PROBLEM, body_schema
from services.ingest.bodies import FORM_OF, FORMS, POSTED
from services.ingest.known import Acknowledgement, Receipt

EVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EVENT_TYPES = (EVENT, BATCH)

_LINKS = {"receipt": {"operationId": "show_receipt", "parameters": {"id": "$response.body#/id"}}}
_LOCATION = {"Location": {"required": True, "schema": {"type": "string"}, "description": "the receipt's own address"}}
RECEIPTS: dict[int | str, dict[str, Any]] = {
    200: {"model": Receipt, "description": "It is in the log already: the first receipt"},
    202: {"model": Receipt, "description": "It is in the log, durably", "headers": _LOCATION, "links": _LINKS},
}
ACKNOWLEDGEMENTS: dict[int | str, dict[str, Any]] = {  # who has no token cannot ask for the receipt
    200: {"model": Acknowledgement, "description": "It is in the log already"},
    202: {"model": Acknowledgement, "description": "It is in the log, durably"},
}
_ID = {"type": ["string", "null"], "description": "Null: what was sent has no id that is one"}


def _result(of: Mapping[str, Any], description: str, **more: object) -> dict[str, Any]:
    """A schema with more members, all of them required but the list of errors."""
    members = {**of["properties"], **more}
    required = [name for name in members if name != "errors"]
    return {"type": "object", "description": description, "required": required, "properties": members}


_TAKEN = _result(TypeAdapter(Receipt).json_schema(), "It was taken: its receipt", status={"enum": [200, 202]})
_REFUSED = _result(PROBLEM, "It was not: the problem", id=_ID)
_RESULTS = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "array",
            "description": "In the order sent",
            "items": {"anyOf": [_TAKEN, _REFUSED]},
        }
    },
}
EVENT_RECEIPTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A retry of a single event: the first receipt. A batch: a result for each item",
        "content": {"application/json": {"schema": {"anyOf": [{"$ref": "#/components/schemas/Receipt"}, _RESULTS]}}},
    },
    202: RECEIPTS[202],
}


def report_body(forms: Sequence[FormName]) -> dict[str, Any]:
    bodies = {form: body_schema(FORMS[form].body, version=_older(FORMS[form].filed)) for form in forms}
    mapping = {form: schema["$ref"] for form, schema in bodies.items()}
    several = {"oneOf": list(bodies.values()), "discriminator": {"propertyName": "form", "mapping": mapping}}
    return body_of({"application/json": several if len(forms) > 1 else bodies[forms[0]]})


def event_body(most_items: int, forms: Sequence[FormName]) -> dict[str, Any]:
    events = {
        name: body_schema(model, f"{TYPES[name].data.__name__}Event", version=_older(TYPES[name].data), type=name)
        for name, model in POSTED.items()
        if FORM_OF.get(name, forms[0]) in forms
    }
    mapping = {name: schema["$ref"] for name, schema in events.items()}
    event = {"oneOf": list(events.values()), "discriminator": {"propertyName": "type", "mapping": mapping}}
    return body_of({EVENT: event, BATCH: {"type": "array", "maxItems": most_items, "items": event}})


def _older(data: type[EventData]) -> str:
    """What tells the components of an older version from those of the latest, whose models have the same names."""
    return "" if data is CATALOGUE[data.NAME].data else f"V{data.VERSION}"


def body_of(schemas: Mapping[str, object]) -> dict[str, Any]:
    content = {media_type: {"schema": schema} for media_type, schema in schemas.items()}
    return {"requestBody": {"required": True, "content": content}}
