"""`/v1/deliveries`: what became of messages, and another try for those that are parked."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

from libs.events.streams import STREAMS, Kind
from libs.runtime.bodies import check_json, read_json_body, validate
from libs.runtime.http import Authenticated, require
from libs.runtime.permissions import allowed
from libs.runtime.principal import Principal
from services.notifier.alerts import PROJECTIONS
from services.notifier.cursors import Cursors
from services.notifier.deliveries import Deliveries, Retry, Sent, rules_for
from services.notifier.outbox import Status
from services.notifier.paging import BODY_BYTES, PAGE, ListOf, reads, scope
from services.notifier.reading import place


class SentPage(BaseModel):
    """A page of deliveries. `next` is the `cursor` of the page behind it."""

    items: Sequence[Sent]
    next: str | None


class Retried(BaseModel):
    """How many deliveries are tried again."""

    retried: int


def delivery_routes(
    deliveries: Deliveries, cursors: Cursors, states: Sequence[str], *, wake: Callable[[], None]
) -> APIRouter:
    """The routes over the deliveries of these states. `wake` is called when there is something to send again."""
    router = APIRouter(prefix="/v1/deliveries", tags=["deliveries"])

    @router.get("", response_model=SentPage)
    async def list_deliveries(principal: Authenticated, asked: ListOf, status: Status | None = None) -> JSONResponse:
        """What became of messages, the newest alert first; a hundred a page. To operators, without whom it is about."""
        require(principal, "GET /v1/deliveries")
        where = asked.where(principal, states, status)
        after = None if asked.cursor is None else await cursors.read(asked.cursor)
        found = await deliveries.page(
            rules_for(principal.role, _delivered_kinds(principal)), where, after=after, limit=PAGE + 1
        )
        following = await cursors.of(place(found[PAGE - 1])) if len(found) > PAGE else None
        content = allowed(principal, "GET /v1/alerts")
        aicc = allowed(principal, "stream:grievances")
        items = await deliveries.shown(found[:PAGE], content=content, aicc=aicc)
        return JSONResponse({"items": items, "next": following})

    @router.post("/retry", response_model=Retried, openapi_extra=reads(Retry))
    async def retry_deliveries(request: Request, principal: Authenticated) -> JSONResponse:
        """Try again what is parked on a channel, once its other side is mended."""
        require(principal, "POST /v1/deliveries/retry")
        body = await read_json_body(request, BODY_BYTES)
        check_json(body)
        retry = validate(Retry, body)
        rules = rules_for(principal.role, _delivered_kinds(principal))
        count = await deliveries.retry(rules, scope(principal, None, states), retry.channel)
        wake()
        return JSONResponse({"retried": count})

    return router


def _delivered_kinds(principal: Principal) -> list[Kind]:
    """Those whose deliveries may be known of: of grievances by those who may read them, of others also by operators."""
    return [kind for kind in PROJECTIONS if STREAMS[kind].keeps_hours or allowed(principal, f"stream:{kind}")]
