"""Problem documents (RFC 9457): every refusal of every service, and the one map from errors to them.

Nothing that was sent is ever repeated: pointers are made of the contract's own names, details of the contract's limits.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple, get_args

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, core_schema
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from libs.events.values import PATTERNS
from libs.runtime.auth import Unauthenticated
from libs.runtime.errors import OutcomeUnknown, Unavailable

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 50
_WITH_RETRY_AFTER = (429, 503)


class FieldError(NamedTuple):
    """What is wrong where: a JSON pointer (RFC 6901) into the body, and why."""

    pointer: str
    detail: str


class Problem(Exception):
    """A refusal. `detail` and `errors` are fixed words, limits and names of ours, never what was sent."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[FieldError] = (),
        *,
        headers: Mapping[str, str] | None = None,
        type: str = "about:blank",  # noqa: A002 (the member's name)
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.type = type
        if status in _WITH_RETRY_AFTER:
            self.headers.setdefault("Retry-After", "1")

    def document(self) -> dict[str, object]:
        """The members of RFC 9457, section 3.1; an item of a batch's answer has the same."""
        title = HTTPStatus(self.status).phrase
        document = {"type": self.type, "title": title, "status": self.status, "detail": self.detail}
        if self.errors:
            document["errors"] = [error._asdict() for error in self.errors]
        return document

    def response(self) -> Response:
        body = json.dumps(self.document(), ensure_ascii=False).encode()
        return Response(body, self.status, self.headers, MEDIA_TYPE)


def retry_after(seconds: float) -> dict[str, str]:
    """The header of RFC 9110, section 10.2.3: whole seconds, at least one."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def problem_of(error: Exception) -> Problem | None:
    """The problem that an exception is answered with; None for what nobody foresaw (logged, answered with 500)."""
    problem: Problem | None = None
    match error:
        case Problem():
            problem = error
        case Unauthenticated():
            problem = Problem(401, str(error), headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        case OutcomeUnknown():
            problem = Problem(503, "it is not known whether this was stored; retry with the same id")
        case Unavailable():
            problem = Problem(503, "the service cannot do this right now; retry with the same id")
        case RequestValidationError():
            problem = Problem(422, "a parameter is not valid", _field_errors(error.errors(), _parameter_pointer))
        case HTTPException():
            problem = Problem(error.status_code, _plain(error.status_code), headers=error.headers)
        case ClientDisconnect():
            problem = Problem(400, "the body broke off")
        case _:
            pass  # nobody foresaw it
    return problem


def _plain(status: int) -> str:
    texts = {404: "there is no such resource here", 405: "this resource does not know the method"}
    return texts.get(status, HTTPStatus(status).phrase.lower())


def unprocessable(model: type[BaseModel], error: ValidationError, sent: object = None, at: str = "") -> Problem:
    """The problem of a body that does not fit its model. `sent` is the parsed body, `at` the pointer where it lies.

    The text of a validator's ValueError is not shown, for it may quote. To be shown, raise PydanticCustomError, whose
    message is then by promise made of fixed words.
    """
    errors = error.errors(include_url=False, include_input=False)
    if any(item["type"] == "json_invalid" for item in errors):
        return Problem(400, "the body is not valid JSON")
    names = _names(model)
    found = _field_errors(errors, lambda item: at + _body_pointer(item, names, sent))
    return Problem(422, "the body does not fit what is asked for", found)


def _field_errors(errors: Sequence[Any], pointer: Callable[[Any], str]) -> list[FieldError]:
    return list(dict.fromkeys(FieldError(pointer(item), detail_of(item)) for item in errors))[:MOST_ERRORS]


def _parameter_pointer(item: ErrorDetails) -> str:
    """`/path/day`, `/query/limit`: where and which parameter. FastAPI reads no bodies here, so none is pointed into."""
    if item["loc"][0] == "body" or item["type"] == "extra_forbidden":
        return ""
    return "".join(f"/{_escaped(segment)}" for segment in item["loc"][:2])


def _body_pointer(item: ErrorDetails, names: frozenset[str], sent: object) -> str:
    """The pointer as far as it is made of our own names: an unknown field is shown at its parent."""
    location = item["loc"][:-1] if item["type"] == "extra_forbidden" else item["loc"]
    return "".join(f"/{_escaped(segment)}" for segment in _own(location, names, sent))


def _own(location: Sequence[str | int], names: frozenset[str], sent: object) -> Iterator[str | int]:
    for segment in location:
        if isinstance(segment, int):
            sent = sent[segment] if isinstance(sent, list) and segment < len(sent) else None
        elif segment in names:
            sent = sent.get(segment) if isinstance(sent, dict) else None
        elif isinstance(sent, dict) and segment not in sent:
            continue  # the tag of a union: pydantic's word, not a member of the body
        else:
            return  # the key of a mapping: the client's word
        yield segment


def _escaped(segment: str | int) -> str:
    return str(segment).replace("~", "~0").replace("/", "~1")


@lru_cache(maxsize=256)  # pure: what the model's classes say never changes
def _names(model: type[BaseModel]) -> frozenset[str]:
    """The names of all members that a model's JSON can have, at any depth."""
    return frozenset(_properties(model.model_json_schema()))


def _properties(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(properties := schema.get("properties"), dict):
            yield from properties
        for part in schema.values():
            yield from _properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _properties(part)


_DETAILS: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "unknown field",
    "none_required": "must be null",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "string_unicode": "must be text without lone surrogates",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "is required",
    "timezone_aware": "must be an instant with its offset, such as 2026-11-23T20:11:05+05:30",
}
_KINDS: Mapping[str, str] = {
    "string": "must be a string",
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "list": "must be an array",
    "tuple": "must be an array",
    "set": "must be an array",
    "frozen": "must be an array",
    "dict": "must be an object",
    "mapping": "must be an object",
    "model": "must be an object",
    "uuid": "must be a UUID",
    "date": "must be a date such as 2026-11-23",
    "datetime": "must be an instant with its offset, such as 2026-11-23T20:11:05+05:30",
    "timezone": "must be an instant with its offset, such as 2026-11-23T20:11:05+05:30",
    "time": "must be a time of day such as 21:00",
    "url": "must be a URL",
    "bytes": "must be text",
}
"""By the first word of a pydantic error type: `int_type`, `int_parsing` and `int_from_float` want a whole number."""
_PYDANTICS = frozenset(get_args(core_schema.ErrorType))
_NOT_ALLOWED = "is not allowed here"


def detail_of(item: ErrorDetails) -> str:
    """Words for one pydantic error, made of its type and the limits of the contract."""
    kind = item["type"]
    if kind not in _PYDANTICS:
        return item["msg"]  # a PydanticCustomError of our own models
    if kind == "string_pattern_mismatch" and (words := PATTERNS.get(item["ctx"]["pattern"])):
        return f"must be {words}"
    if kind in _DETAILS:
        return _DETAILS[kind].format_map(item.get("ctx", {}))
    return _KINDS.get(kind.partition("_")[0], _NOT_ALLOWED)
