"""What offices ask: which states, how their days stand and stood, and what is happening.

Every answer says as of which event it is right: all events up to that offset are in it.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from libs.events.values import Day
from libs.runtime.http import Authenticated, require
from libs.runtime.openapi import links
from libs.runtime.principal import contains
from libs.runtime.problems import FieldError, Problem
from services.aggregator import answers
from services.aggregator.api_districts import add_district_routes, found, nothing
from services.aggregator.as_of import Replays
from services.aggregator.changes import SCHEMA, Changes
from services.aggregator.reading import Reading
from services.aggregator.reading_districts import DistrictReading

STATES = "GET /v1/states"
DAY = "GET /v1/states/{state}/days/{day}"
DAYS = "GET /v1/states/{state}/days"
NATION = "GET /v1/nation/days/{day}"
CHANGES = "GET /v1/states/{state}/changes"
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Until the reader leaves", "content": {"text/event-stream": {"itemSchema": SCHEMA}}}
}
FROM_STATES = links(show_day={"state": "/items/0/state", "day": "/items/0/today"}, follow={"state": "/items/0/state"})
FROM_BOARD = links(show_district={"district": "/districts/0/district"})

MOST_DAYS = 366
"""A year at once, also a leap year."""

AtOffset = Annotated[
    int | None, Query(ge=0, description="the board as it stood behind the event at this offset; else as it stands")
]
From = Annotated[Day, Query(alias="from", description="the first day")]
To = Annotated[Day, Query(description="the last day, included")]
LastSeen = Annotated[int | None, Query(ge=-1, description="the offset of the last event already seen; -1: none")]
LastEventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=-1)]


def routes(reading: Reading, replays: Replays, changes: Changes, states: Sequence[str]) -> APIRouter:
    router = APIRouter(tags=["aggregator"])
    add_district_routes(router, DistrictReading(reading), states)

    @router.get("/v1/states", response_model=answers.States, responses=FROM_STATES)
    async def list_states(principal: Authenticated) -> JSONResponse:
        """The states of one's scope that have a policy: today there, and how far their clocks are."""
        require(principal, STATES)
        mine = [state for state in sorted(states) if contains(principal.scope, state)]
        return JSONResponse({"items": await reading.states(mine), "next": None})

    @router.get("/v1/states/{state}/days", response_model=answers.Days)
    async def list_days(state: str, principal: Authenticated, first: From, to: To) -> JSONResponse:
        """The trend of a state: its days in short, from its first board on, as far as they have begun."""
        require(principal, DAYS, state)
        if to < first:
            raise Problem(422, "a parameter is not valid", [FieldError("/query/to", "lies before from")])
        if (to - first).days >= MOST_DAYS:
            too_many = FieldError("/query/to", f"a range has at most {MOST_DAYS} days")
            raise Problem(422, "a parameter is not valid", [too_many])
        return found(await reading.days(state, first, to) if state in states else None)

    @router.get("/v1/states/{state}/days/{day}", response_model=answers.Board, responses=FROM_BOARD)
    async def show_day(state: str, day: Day, principal: Authenticated, at_offset: AtOffset = None) -> JSONResponse:
        """The board of a state's day, as soon as its civil date has begun there; or as it stood at an offset."""
        require(principal, DAY, state)
        if state not in states:
            raise nothing()
        if at_offset is None:
            return found(await reading.day(state, day))
        return found(await replays.day(state, day, at_offset))

    @router.get("/v1/nation/days/{day}", response_model=answers.Nation)
    async def show_nation(day: Day, principal: Authenticated) -> JSONResponse:
        """One day of all states in which it has begun, summed up, and each of them."""
        require(principal, NATION, "in")
        return found(await reading.nation(sorted(states), day))

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
        The stream ends when the token does.
        """
        require(principal, CHANGES, state)
        if state not in states:
            raise nothing()
        seen = after if last_event_id is None else last_event_id
        return await changes.follow(request, state, seen, principal.until)

    return router
