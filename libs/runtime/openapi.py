"""What the OpenAPI document of every service says besides its routes: who may ask, and which problems can come back.

Both follow from the permissions and from the shape of each operation, so that no route has to say it, or can forget to.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from libs.runtime.permissions import NO_TOKEN, PERMISSIONS
from libs.runtime.problems import MEDIA_TYPE

SYSTEM = "system"
"""The tag of the routes that every service has: no token, and no problem but those they name themselves."""
STATUSES = (400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. Nothing that was sent is repeated in it.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "a JSON pointer (RFC 6901) into what was sent"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
_HEADERS = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    415: {"Accept": {"required": True, "schema": {"type": "string"}}},
    429: {"Retry-After": {"required": True, "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"}}},
    503: {"Retry-After": {"required": True, "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"}}},
}


@cache  # pure, and a hundred times dearer than all else that a start does
def body_schema(model: type[BaseModel], name: str | None = None, *, version: str = "", **fixed: str) -> dict[str, Any]:
    """A reference to the schema of a body that a route reads by itself, and the definitions that it leads to.

    `describe` puts those among the document's components. Their names end as FastAPI ends those of what is sent, since
    what is answered may need other members. `version` tells them from those of another model whose parts have the same
    names; `fixed` are members that can have one value only.
    """
    schema = model.model_json_schema(ref_template=f"#/components/schemas/{{model}}{version}-Input")
    schema["properties"] |= {member: {"const": value, "type": "string"} for member, value in fixed.items()}
    name = name or model.__name__
    found = {**schema.pop("$defs", {}), name: schema | {"title": name}}
    return {
        "$ref": f"#/components/schemas/{name}{version}-Input",
        "$defs": {f"{each}{version}-Input": definition for each, definition in found.items()},
    }


def links(**parameters: Mapping[str, str]) -> dict[int | str, dict[str, Any]]:
    """For `responses`: what a 200 leads to, by operation: parameter -> JSON pointer into the answer."""
    found = {
        operation: {
            "operationId": operation,
            "parameters": {name: f"$response.body#{pointer}" for name, pointer in pointers.items()},
        }
        for operation, pointers in parameters.items()
    }
    return {200: {"links": found}}


def problem_response(status: int) -> dict[str, Any]:
    """A response object for a problem with this status."""
    response: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return response | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


def describe(app: FastAPI) -> None:
    """Make `app.openapi` tell the whole truth."""
    of_routes = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = deepcopy(of_routes())  # it holds what the routes hold, which other apps share
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own words for what is a problem here
                schemas.pop(unused, None)
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    schemas |= _definitions(operation)
                    _complete(f"{method.upper()} {path}", operation)
            app.openapi_schema = document
            document["components"] = {
                "responses": {_name(status): problem_response(status) for status in STATUSES},
                "schemas": dict(sorted({**schemas, "Problem": PROBLEM}.items())),
                "securitySchemes": {"bearer": _BEARER},
            }
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _definitions(part: Any) -> dict[str, Any]:
    """What the schemas in `part` bring with them, taken out of them."""
    found: dict[str, Any] = {}
    if isinstance(part, dict):
        found |= part.pop("$defs", {})
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        found |= _definitions(inner)
    return found


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "")


def _complete(action: str, operation: dict[str, Any]) -> None:
    own = operation["responses"]
    if "422" in own and "application/json" in own["422"].get("content", {}):
        del own["422"]
    system = SYSTEM in operation.get("tags", ())
    anonymous = system or NO_TOKEN in PERMISSIONS.get(action, ())
    operation["security"] = [] if anonymous else [{"bearer": []}]
    if not system:
        for status in _problems(operation, anonymous=anonymous):
            own.setdefault(str(status), {"$ref": f"#/components/responses/{_name(status)}"})
    operation["responses"] = dict(sorted(own.items()))


def _problems(operation: dict[str, Any], *, anonymous: bool) -> Iterator[int]:
    """Every problem that an operation of this shape can answer with."""
    yield from (429, 503)
    if not anonymous:
        yield from (401, 403)
    if "parameters" in operation or "requestBody" in operation:
        yield from (404, 422)
    if "requestBody" in operation:
        yield from (400, 409, 413, 415)
