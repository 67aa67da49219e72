"""What OpenAPI says of bodies that FastAPI does not read: they are read once and validated once, by `bodies`."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from services.ingest.bodies import POSTED, GrievanceBody, ReportBody
from services.ingest.known import Receipt

EVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EVENT_TYPES = (EVENT, BATCH)

RECEIPTS: dict[int | str, dict[str, Any]] = {
    200: {"model": Receipt, "description": "It is in the log already: the first receipt"},
    202: {"model": Receipt, "description": "It is in the log, durably"},
}
_RESULTS = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "array",
            "description": "In the order sent; besides these, the members of a receipt or of a problem",
            "items": {
                "type": "object",
                "required": ["id", "status"],
                "properties": {"id": {"type": ["string", "null"]}, "status": {"type": "integer"}},
            },
        }
    },
}
EVENT_RECEIPTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A retry of a single event: the first receipt. A batch: a result for each item",
        "content": {"application/json": {"schema": _RESULTS}},
    },
    202: RECEIPTS[202],
}


def report_body() -> dict[str, Any]:
    return _body({"application/json": _schema(ReportBody)})


def grievance_body() -> dict[str, Any]:
    return _body({"application/json": _schema(GrievanceBody)})


def event_body(most_items: int) -> dict[str, Any]:
    event = {"oneOf": [_schema(model) for model in POSTED.values()]}
    return _body({EVENT: event, BATCH: {"type": "array", "maxItems": most_items, "items": event}})


def _body(schemas: Mapping[str, object]) -> dict[str, Any]:
    content = {media_type: {"schema": schema} for media_type, schema in schemas.items()}
    return {"requestBody": {"required": True, "content": content}}


def _schema(model: type[BaseModel]) -> Any:
    """The model's JSON Schema without references, which would be looked for in the whole document."""
    document = model.model_json_schema()
    return _inlined(document, document.get("$defs", {}))


def _inlined(part: Any, definitions: Mapping[str, Any]) -> Any:
    match part:
        case {"$ref": str(reference)}:
            return _inlined(definitions[reference.rpartition("/")[2]], definitions)
        case dict():
            return {name: _inlined(value, definitions) for name, value in part.items() if name != "$defs"}
        case list():
            return [_inlined(value, definitions) for value in part]
        case _:
            return part
