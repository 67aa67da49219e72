"""`/v1/alerts`: what is raised, what people do about it, and who was told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from libs.events.streams import Kind, stream_name
from libs.runtime.bodies import check_json, read_json_body, validate
from libs.runtime.clock import Clock
from libs.runtime.errors import OutcomeUnknown
from libs.runtime.http import Authenticated, require
from libs.runtime.log import EventLog
from libs.runtime.openapi import links
from libs.runtime.permissions import allowed
from libs.runtime.principal import Principal, contains
from libs.runtime.problems import Problem
from libs.runtime.store import Document
from services.notifier.alerts import OFFICES, PROJECTIONS, Alert, Status, may_see, shown_to
from services.notifier.deliveries import Deliveries, Sent
from services.notifier.handling import Acknowledge, Command, Snooze, handle
from services.notifier.paging import BODY_BYTES, NOT_HERE, PAGE, ListOf, cursor_of, read_cursor, reads
from services.notifier.reading import AlertReader, place
from services.notifier.records import record_of

FIRST_ALERT = {"id": "/items/0/alert_id"}
FROM_LIST = links(show_alert=FIRST_ALERT, acknowledge=FIRST_ALERT, snooze=FIRST_ALERT)
VISIBLE_SECONDS = 5.0
"""How long an answer waits until the alert shows what was done to it (real time)."""


class Shown(Alert):
    """An alert with what became of its messages, for those who may see that."""

    deliveries: Annotated[Sequence[Sent] | None, Field(exclude_if=lambda value: value is None)] = None


class Alerts(BaseModel):
    """A page of a list. `next` is the `cursor` of the page behind it."""

    items: Sequence[Alert]
    next: str | None


def routes(
    log: EventLog, alerts: AlertReader, deliveries: Deliveries, clock: Clock, states: Sequence[str]
) -> APIRouter:
    """The routes over the alerts of these states."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

    @router.get("", response_model=Alerts, responses=FROM_LIST)
    async def list_alerts(principal: Authenticated, asked: ListOf, status: Status | None = None) -> JSONResponse:
        """The alerts of one's own scope that one is told, or those below; the newest first, resolved ones included; a
        hundred a page."""
        require(principal, "GET /v1/alerts")
        where = asked.where(principal, states, status) | _told(principal)
        after = None if asked.cursor is None else read_cursor(asked.cursor)
        found = await alerts.page(_kinds(principal), where, after=after, limit=PAGE + 1)
        following = cursor_of(place(found[PAGE - 1])) if len(found) > PAGE else None
        return JSONResponse(
            {"items": [shown_to(principal.role, each.body) for each in found[:PAGE]], "next": following}
        )

    @router.get("/{id}", response_model=Shown)
    async def show_alert(principal: Authenticated, id: str) -> JSONResponse:  # noqa: A002 (the route's word)
        """One alert, with all that happened to it; the offices also see who was told. An office's notes are shown to it
        and to those above."""
        require(principal, "GET /v1/alerts/{id}")
        _, document = await _find(principal, id)
        return await _show(principal, document)

    @router.post("/{id}/acknowledge", response_model=Shown, openapi_extra=reads(Acknowledge))
    async def acknowledge(request: Request, principal: Authenticated, id: str) -> JSONResponse:  # noqa: A002
        """Say that one has seen it and takes care of it."""
        require(principal, "POST /v1/alerts/{id}/acknowledge")
        return await _do(request, principal, id, Acknowledge)

    @router.post("/{id}/snooze", response_model=Shown, openapi_extra=reads(Snooze))
    async def snooze(request: Request, principal: Authenticated, id: str) -> JSONResponse:  # noqa: A002
        """Put it off."""
        require(principal, "POST /v1/alerts/{id}/snooze")
        return await _do(request, principal, id, Snooze)

    async def _show(principal: Principal, document: Document) -> JSONResponse:
        shown = shown_to(principal.role, document.body)
        if not allowed(principal, "GET /v1/deliveries"):
            return JSONResponse(shown)
        sent = await deliveries.of(Alert.model_validate(document.body), aicc=allowed(principal, "stream:grievances"))
        return JSONResponse({**shown, "deliveries": [each.model_dump(mode="json") for each in sent]})

    async def _find(principal: Principal, alert_id: str) -> tuple[Kind, Document]:
        """The alert, unless it is none that this principal may know of."""
        for kind in _kinds(principal):
            document = await alerts.get(kind, alert_id.lower())
            if document is not None and _sees(principal, document):
                return kind, document
        raise Problem(404, NOT_HERE)

    async def _as_it_stands(principal: Principal, alert_id: str) -> Document:
        """The alert with all that is in the log of it, so that a retry finds what its first copy has done."""
        kind, document = await _find(principal, alert_id)
        async with _visible():
            await alerts.caught_up(kind, str(document.body["state"]))
        return (await _find(principal, alert_id))[1]

    async def _do(request: Request, principal: Principal, alert_id: str, model: type[Command]) -> JSONResponse:
        kind, _ = await _find(principal, alert_id)
        body = await read_json_body(request, BODY_BYTES)
        check_json(body)
        command = validate(model, body)
        document = await _as_it_stands(principal, alert_id)
        event = handle(document, kind, command, principal, clock.now())
        if event is None:  # said already: the first answer was lost
            return await _show(principal, document)
        state = event.data.state
        appended = await log.append(stream_name(kind, state), [record_of(event)])
        async with _visible():
            await alerts.folded(kind, state, appended[-1].offset)
        _, after = await _find(principal, alert_id)
        if all(each.id != event.id for each in Alert.model_validate(after.body).history):
            raise Problem(409, "the alert was resolved in the meantime")
        return await _show(principal, after)

    return router


@asynccontextmanager
async def _visible() -> AsyncIterator[None]:
    """Raises OutcomeUnknown where it takes too long."""
    try:
        async with asyncio.timeout(VISIBLE_SECONDS):
            yield
    except TimeoutError:
        raise OutcomeUnknown("the alert does not show yet what was done to it") from None


def _told(principal: Principal) -> dict[str, str | Sequence[str]]:
    """What an alert's document must say for it to be the principal's: told to his office or one below it (AICC may see
    all), and to a president himself, not to who held the district before him."""
    offices = may_see(principal.role)
    told: dict[str, str | Sequence[str]] = {} if offices == OFFICES else {"told_from": offices}
    return told | ({"tenure_id": str(principal.tenure_id)} if principal.role == "president" else {})


def _sees(principal: Principal, document: Document) -> bool:
    """The same of one document, and that it lies in the principal's scope."""
    told = _told(principal)
    return contains(principal.scope, str(document.body["subject"])) and all(
        document.body[name] in ([asked] if isinstance(asked, str) else asked) for name, asked in told.items()
    )


def _kinds(principal: Principal) -> list[Kind]:
    """The kinds of stream whose alerts the principal may know of."""
    return [kind for kind in PROJECTIONS if allowed(principal, f"stream:{kind}")]
