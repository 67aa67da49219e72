"""`/v1/alerts`: what is raised, and what people do about it."""

import asyncio
import base64
import binascii
import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

from libs.events.alerts import Rule
from libs.events.streams import Kind, stream_name
from libs.events.values import StateCode
from libs.runtime.bodies import check_json, read_json_body, validate
from libs.runtime.clock import Clock
from libs.runtime.errors import OutcomeUnknown
from libs.runtime.http import Authenticated, require
from libs.runtime.log import EventLog
from libs.runtime.openapi import body_schema
from libs.runtime.permissions import allowed
from libs.runtime.principal import Principal, contains
from libs.runtime.problems import FieldError, Problem
from libs.runtime.store import Document
from services.notifier.alerts import PROJECTIONS, Alert, Status
from services.notifier.handling import Acknowledge, Command, Snooze, handle
from services.notifier.reading import AlertReader, Place, place
from services.notifier.records import record_of

PAGE = 100
BODY_BYTES = 64 * 1024
VISIBLE_SECONDS = 5.0
"""How long an answer waits until the alert shows what was done to it (real time)."""
_PLACE = re.compile(r"[0-9T:.Z-]{20,32} [0-9a-f-]{36}")
_NOT_HERE = "there is no such resource here"


class Alerts(BaseModel):
    """A page of a list. `next` is the `cursor` of the page behind it."""

    items: Sequence[Alert]
    next: str | None


def routes(log: EventLog, alerts: AlertReader, clock: Clock, states: Sequence[str]) -> APIRouter:
    """The routes over the alerts of these states."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

    @router.get("", response_model=Alerts)
    async def list_alerts(
        principal: Authenticated,
        state: StateCode | None = None,
        status: Status | None = None,
        rule: Rule | None = None,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
    ) -> JSONResponse:
        """The alerts of one's own scope, the newest first, resolved ones included; a hundred a page."""
        require(principal, "GET /v1/alerts")
        where = _scope(principal, state, states)
        where |= {name: value for name, value in (("status", status), ("rule", rule)) if value is not None}
        after = None if cursor is None else _read_cursor(cursor)
        found = await alerts.page(_kinds(principal), where, after=after, limit=PAGE + 1)
        following = _cursor(place(found[PAGE - 1])) if len(found) > PAGE else None
        return JSONResponse({"items": [document.body for document in found[:PAGE]], "next": following})

    @router.get("/{id}", response_model=Alert)
    async def show_alert(principal: Authenticated, id: str) -> JSONResponse:  # noqa: A002 (the route's word)
        """One alert, with all that happened to it."""
        require(principal, "GET /v1/alerts/{id}")
        _, document = await _find(principal, id)
        return JSONResponse(document.body)

    @router.post("/{id}/acknowledge", response_model=Alert, openapi_extra=_reads(Acknowledge))
    async def acknowledge(request: Request, principal: Authenticated, id: str) -> JSONResponse:  # noqa: A002
        """Say that one has seen it and takes care of it."""
        require(principal, "POST /v1/alerts/{id}/acknowledge")
        return await _do(request, principal, id, Acknowledge)

    @router.post("/{id}/snooze", response_model=Alert, openapi_extra=_reads(Snooze))
    async def snooze(request: Request, principal: Authenticated, id: str) -> JSONResponse:  # noqa: A002
        """Put it off."""
        require(principal, "POST /v1/alerts/{id}/snooze")
        return await _do(request, principal, id, Snooze)

    async def _find(principal: Principal, alert_id: str) -> tuple[Kind, Document]:
        """The alert, unless it is none that this principal may know of."""
        for kind in _kinds(principal):
            document = await alerts.get(kind, alert_id.lower())
            if document is not None and contains(principal.scope, str(document.body["subject"])):
                return kind, document
        raise Problem(404, _NOT_HERE)

    async def _do(request: Request, principal: Principal, alert_id: str, model: type[Command]) -> JSONResponse:
        kind, document = await _find(principal, alert_id)
        body = await read_json_body(request, BODY_BYTES)
        check_json(body)
        command = validate(model, body)
        event = handle(document, kind, command, principal, clock.now())
        state = event.data.state
        appended = await log.append(stream_name(kind, state), [record_of(event)])
        try:
            async with asyncio.timeout(VISIBLE_SECONDS):
                await alerts.folded(kind, state, appended[-1].offset)
        except TimeoutError:
            raise OutcomeUnknown("the alert does not show yet what was done to it") from None
        _, after = await _find(principal, alert_id)
        if all(each.id != event.id for each in Alert.model_validate(after.body).history):
            raise Problem(409, "the alert was resolved in the meantime")
        return JSONResponse(after.body)

    return router


def _kinds(principal: Principal) -> list[Kind]:
    """The kinds of stream whose alerts the principal may know of."""
    return [kind for kind in PROJECTIONS if allowed(principal, f"stream:{kind}")]


def _scope(principal: Principal, state: str | None, states: Sequence[str]) -> dict[str, str]:
    """What to ask for, so that nothing outside the scope is found. Raises Problem 404 for a state outside it."""
    scope = principal.scope
    if state is not None and (state not in states or not (contains(scope, state) or contains(state, scope))):
        raise Problem(404, _NOT_HERE)
    where = {} if state is None else {"state": state}
    if "." in scope:
        return where | {"subject": scope}
    return where if scope == "in" else where | {"state": scope}


def _cursor(at: Place) -> str:
    return base64.urlsafe_b64encode(" ".join(at).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> Place:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not _PLACE.fullmatch(text):
        raise Problem(422, "a parameter is not valid", [FieldError("/cursor", "is not a cursor of this list")])
    raised_at, alert_id = text.split(" ")
    return raised_at, alert_id


def _reads(model: type[BaseModel]) -> dict[str, Any]:
    """The body that the route reads by itself, for the OpenAPI document."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": body_schema(model)}}}}
