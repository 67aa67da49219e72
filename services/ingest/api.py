"""The routes of ingest: bodies in, receipts out. What is decided, and why, is in `decide` and `intake`."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from libs.events.envelope import Event
from libs.events.reports import FormName
from libs.runtime.bodies import check_json, media_type, read_json_body
from libs.runtime.clock import Clock
from libs.runtime.http import Authenticated, principal_of, require
from libs.runtime.principal import Principal
from libs.runtime.problems import Problem
from libs.runtime.telemetry import Metrics
from services.ingest import bodies, openapi
from services.ingest.batch import take_each
from services.ingest.bodies import Arrival
from services.ingest.intake import Intake
from services.ingest.known import Receipt

MOST_BYTES = 64 * 1024
MOST_BATCH_BYTES = 4 * 1024 * 1024
MOST_BATCH_ITEMS = 500
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, section 3.2."""


def routes(intake: Intake, clock: Clock, metrics: Metrics, forms: Sequence[FormName]) -> APIRouter:
    """`POST /v1/reports`, `/v1/events` and `GET /v1/receipts/{id}`. `forms`: those that are taken."""
    router = APIRouter(tags=["ingest"])

    @router.post("/v1/reports", status_code=202, responses=openapi.RECEIPTS, openapi_extra=openapi.report_body(forms))
    async def post_report(request: Request) -> Response:
        """File a president's report of one day, or correct it. A retry has the same id, and answers 200."""
        principal = principal_of(request)
        require(principal, "POST /v1/reports")
        body = await read_json_body(request, MOST_BYTES)
        with _counting(metrics):
            event = bodies.report(check_json(body), body, _arrival(request, principal, clock), forms)
        return _answer(*await intake.accept(event, principal))

    # The hot route is served without FastAPI's layers; the one above describes it.
    router.add_route("/v1/reports", post_report, methods=["POST"], include_in_schema=False)

    @router.post(
        "/v1/events",
        status_code=202,
        responses=openapi.EVENT_RECEIPTS,
        openapi_extra=openapi.event_body(MOST_BATCH_ITEMS, forms),
    )
    async def post_events(request: Request) -> Response:
        """Post what your role may say, as a CloudEvent or a batch of them, which answers 200 with a result an item."""
        principal = principal_of(request)
        require(principal, "POST /v1/events")

        def read(item: object, text: bytes) -> Event:
            return bodies.posted(item, text, _arrival(request, principal, clock), forms)

        def read_item(item: object) -> Event:
            with _counting(metrics):
                return read(item, bodies.as_text(item))

        if media_type(request) == openapi.BATCH:
            body = await read_json_body(request, MOST_BATCH_BYTES, openapi.EVENT_TYPES)
            with _counting(metrics):
                items = _items(check_json(body))
            return JSONResponse({"results": await take_each(items, read_item, intake, principal)})
        body = await read_json_body(request, MOST_BYTES, openapi.EVENT_TYPES)
        with _counting(metrics):
            event = read(check_json(body), body)
        return _answer(*await intake.accept(event, principal, at="/data"))

    @router.get("/v1/receipts/{id}", responses={200: openapi.RECEIPTS[200]}, response_model=Receipt)
    async def show_receipt(id: str, principal: Authenticated) -> JSONResponse:  # noqa: A002 -- the path's name
        """The receipt of an event once more. Reports, reviews and grievances have theirs for 45 days."""
        require(principal, "GET /v1/receipts/{id}")
        return JSONResponse(asdict(await intake.find(id.lower(), principal)))

    return router


def _items(sent: object) -> list[object]:
    if not isinstance(sent, list):
        raise Problem(422, "a batch is an array of CloudEvents")
    if len(sent) > MOST_BATCH_ITEMS:
        raise Problem(413, f"a batch may have at most {MOST_BATCH_ITEMS} items")
    return sent


def _arrival(request: Request, principal: Principal, clock: Clock) -> Arrival:
    traceparent = next(
        (value.decode("latin-1") for name, value in request.scope["headers"] if name == b"traceparent"), ""
    )
    return Arrival(
        clock.now(),
        f"{principal.role}:{principal.subject}",
        traceparent if _TRACEPARENT.fullmatch(traceparent) else None,
    )


def _answer(status: int, receipt: Receipt) -> Response:
    headers = {"Location": f"/v1/receipts/{receipt.id}"} if status == HTTPStatus.ACCEPTED else None
    return Response(receipt.json(), status, headers, "application/json")


@contextmanager
def _counting(metrics: Metrics) -> Iterator[None]:
    """Count what is refused for its shape. All else is counted by its type, in `intake`."""
    try:
        yield
    except Problem:
        metrics.events_received.labels(type="unread", outcome="malformed").inc()
        raise
