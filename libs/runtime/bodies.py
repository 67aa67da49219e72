"""Request bodies: read once, bounded in size and time, strictly JSON (design section 6), then checked by a model."""

import asyncio
import json
import math
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from libs.runtime.problems import Problem, unprocessable

M = TypeVar("M", bound=BaseModel)

JSON = ("application/json",)
DEADLINE_SECONDS = 30.0
DEEPEST = 32
NOT_JSON = "the body is not valid JSON"
_HANG_UP = {"Connection": "close"}  # the rest of a body that nobody reads would hold the connection
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A JSON string; an unterminated one too, so that the scan stays linear."""
_BRACKETS = bytes.maketrans(b"[{]}", b"(())")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


async def read_json_body(
    request: Request,
    limit_bytes: int,
    content_types: Collection[str] = JSON,
    *,
    deadline: float = DEADLINE_SECONDS,
) -> bytes:
    """The body, not empty and of at most `limit_bytes`. Raises Problem 400, 413 or 415.

    `deadline` is in seconds of real time, for the whole body.
    """
    said = dict(reversed(request.scope["headers"]))  # of two equal names the first counts
    _check_content_type(said, content_types)
    too_large = Problem(413, f"the body may have at most {limit_bytes} bytes", headers=_HANG_UP)
    if (length := said.get(b"content-length", b"")).isdigit() and int(length) > limit_bytes:
        raise too_large
    chunks: list[bytes] = []
    left = limit_bytes
    try:
        async with asyncio.timeout(deadline):
            async for chunk in request.stream():
                if (left := left - len(chunk)) < 0:
                    raise too_large
                chunks.append(chunk)
    except TimeoutError:
        raise Problem(400, f"the body did not arrive within {deadline:g} s", headers=_HANG_UP) from None
    if not (body := b"".join(chunks)):
        raise Problem(400, "a body is required")
    return body


def media_type(request: Request) -> str:
    """The body's media type in lower case, without parameters; empty when it is not said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_content_type(said: Mapping[bytes, bytes], content_types: Collection[str]) -> None:
    if not _fits(said.get(b"content-type", b""), said.get(b"content-encoding", b""), tuple(content_types)):
        accepted = " or ".join(content_types)
        raise Problem(415, f"the body must be {accepted} in UTF-8, not compressed", headers={"Accept": accepted})


@lru_cache(maxsize=256)  # pure, and clients say the same few things
def _fits(content_type: bytes, encoding: bytes, content_types: tuple[str, ...]) -> bool:
    media, *parameters = content_type.decode("latin-1").lower().replace('"', "").replace(" ", "").split(";")
    named = {parameter for parameter in parameters if parameter}
    return media in content_types and named <= {"charset=utf-8"} and encoding.lower() in {b"", b"identity"}


def check_json(body: bytes) -> object:
    """Parse strictly: UTF-8 without BOM, no equal keys, no NaN, no number beyond a double, at most 32 levels.

    Raises Problem 400, which says what is wrong and not where or with what.
    """
    if body.startswith(b"\xef\xbb\xbf"):
        raise Problem(400, "the body starts with a byte order mark")
    may_be_deep = body.count(b"{") + body.count(b"[") > DEEPEST
    if may_be_deep and (brackets := _brackets_below(DEEPEST, body)):
        balanced = brackets.count(b"(") == brackets.count(b")")
        raise Problem(400, f"the body is nested deeper than {DEEPEST} levels" if balanced else NOT_JSON)
    try:
        value = _STRICT.decode(body.decode())
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()  # pairs are fine, a lone one cannot be written
    except UnicodeError:
        raise Problem(400, "the body is not UTF-8") from None
    except ValueError:  # json's own too, which quotes; an integer of thousands of digits is one as well
        raise Problem(400, NOT_JSON) from None
    return value


def _brackets_below(levels: int, body: bytes) -> bytes:
    """What brackets are left after taking away the innermost pairs `levels` times: no recursion, all in C."""
    brackets = _STRING.sub(b"", body).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(levels):
        if not brackets:
            break
        brackets = brackets.replace(b"()", b"")
    return brackets


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Problem(400, "an object of the body has two equal keys")
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise Problem(400, "the body holds NaN or an infinity")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise Problem(400, "the body holds a number beyond the range of a double")
    return number


_STRICT = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_refuse_constant, parse_float=_finite)


def validate(model: type[M], body: bytes, *, at: str = "") -> M:
    """The body as its model. Raises Problem 422, and 400 when it is not JSON; `at` is the pointer where it lies."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError):
            sent = None
        raise unprocessable(model, error, sent, at) from None
