"""What offices ask: which states, how a day stands, what a report says, and what is happening.

Every answer says as of which event it is right: all events up to that offset are in it.
"""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from libs.events.values import Day
from libs.runtime.http import Authenticated, require
from libs.runtime.principal import contains
from libs.runtime.problems import Problem
from services.aggregator import answers
from services.aggregator.changes import SCHEMA, Changes
from services.aggregator.reading import Reading

STATES = "GET /v1/states"
DAY = "GET /v1/states/{state}/days/{day}"
REPORT = "GET /v1/reports/{id}"
CHANGES = "GET /v1/states/{state}/changes"
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Until the reader leaves", "content": {"text/event-stream": {"itemSchema": SCHEMA}}}
}

LastSeen = Annotated[int | None, Query(ge=-1, description="the offset of the last event already seen; -1: none")]
LastEventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=-1)]


def routes(reading: Reading, changes: Changes, states: Sequence[str]) -> APIRouter:
    router = APIRouter(tags=["aggregator"])

    @router.get("/v1/states", response_model=answers.States)
    async def list_states(principal: Authenticated) -> JSONResponse:
        """The states of one's scope that have a policy: today there, and how far their clocks are."""
        require(principal, STATES)
        mine = [state for state in sorted(states) if contains(principal.scope, state)]
        return JSONResponse({"items": await reading.states(mine), "next": None})

    @router.get("/v1/states/{state}/days/{day}", response_model=answers.Board)
    async def show_day(state: str, day: Day, principal: Authenticated) -> JSONResponse:
        """The board of a state's day, as soon as its civil date has begun there."""
        require(principal, DAY, state)
        return _found(await reading.day(state, day) if state in states else None)

    @router.get("/v1/reports/{id}", response_model=answers.Report)
    async def show_report(report_id: Annotated[UUID, Path(alias="id")], principal: Authenticated) -> JSONResponse:
        """A report, its versions, its reviews, and what it is on its day."""
        require(principal, REPORT)
        own = principal.scope.partition(".")[0]
        found = await reading.report([state for state in states if contains(own, state)], str(report_id))
        if found is not None:
            require(principal, REPORT, str(found["district"]))
        return _found(found)

    @router.get("/v1/states/{state}/changes", response_class=Response, responses=EVENTS)
    async def follow(
        request: Request,
        state: str,
        principal: Authenticated,
        after: LastSeen = None,
        last_event_id: LastEventId = None,
    ) -> Response:
        """Every event of the state's reports stream, as server-sent events with the offset as id.

        They begin behind `Last-Event-ID`, or else behind `after`, or else now. A comment is sent when all is quiet.
        """
        require(principal, CHANGES, state)
        if state not in states:
            raise _nothing()
        return await changes.follow(request, state, after if last_event_id is None else last_event_id)

    return router


def _found(answer: dict[str, object] | None) -> JSONResponse:
    if answer is None:
        raise _nothing()
    return JSONResponse(answer)


def _nothing() -> Problem:
    return Problem(404, "there is no such resource here")
