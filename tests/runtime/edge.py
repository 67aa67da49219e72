"""An app with every kind of route, and the keys to it: what the edge's tests share."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import httpx
from fastapi import APIRouter, FastAPI, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from libs.runtime.auth import Verifier, issue_demo_token
from libs.runtime.bodies import check_json, read_json_body, validate
from libs.runtime.clock import ManualClock
from libs.runtime.errors import OutcomeUnknown, Unavailable
from libs.runtime.health import Health
from libs.runtime.http import Authenticated, create_app, limit_anonymous, principal_of, require
from libs.runtime.keys import DemoKeys, demo_keys
from libs.runtime.limits import Rate
from libs.runtime.telemetry import Metrics, configure_logging, get_logger

CANARY = "canary-4711"
TENURE = "0192f0c1-7c3e-7000-8000-000000000001"
LIMIT = 2048


class Cat(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=1, le=9)]


class Dog(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["dog"]
    tricks: Annotated[list[str], Field(max_length=2)]


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: UUID
    day: date
    at: AwareDatetime
    title: Annotated[str, Field(min_length=1, max_length=20, pattern="^[a-z -]*$")]
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    scores: dict[str, int] = {}
    parts: list[Cat] = []

    @field_validator("title")
    @classmethod
    def _words(cls, title: str) -> str:
        if title == "quoting":
            raise ValueError(f"{CANARY} {title}")
        if title == "saying":
            raise PydanticCustomError("not_said", "must not be said")
        return title


GOOD = {"id": TENURE, "day": "2026-11-23", "at": "2026-11-23T20:11:05+05:30", "title": "hello"}


def routes() -> APIRouter:
    router = APIRouter()

    @router.post("/v1/notes")
    async def write(request: Request) -> JSONResponse:
        body = await read_json_body(request, LIMIT, deadline=0.5)
        check_json(body)
        note = validate(Note, body)
        return JSONResponse({"id": str(note.id)}, 202)

    @router.get("/v1/alerts")
    async def alerts(principal: Authenticated, limit: Annotated[int, Query(le=100)] = 10) -> JSONResponse:
        require(principal, "GET /v1/alerts")
        return JSONResponse({"role": principal.role, "limit": limit})

    @router.get("/v1/states/{state}/days/{day}")
    async def show_day(request: Request, state: str, day: date) -> JSONResponse:
        require(principal_of(request), "GET /v1/states/{state}/days/{day}", state)
        return JSONResponse({"day": day.isoformat()})

    @router.post("/v1/grievances")
    async def grieve(request: Request) -> Response:
        limit_anonymous(request)
        if (await read_json_body(request, LIMIT)) == b'"fail"':
            raise LookupError(CANARY)
        return Response(status_code=202)

    @router.get("/v1/faults/{kind}")
    async def fail(kind: str) -> Response:
        match kind:
            case "unavailable":
                raise Unavailable(CANARY)
            case "unknown":
                raise OutcomeUnknown(CANARY)
            case "half":
                return StreamingResponse(_half())
            case _:
                raise LookupError(CANARY) from KeyError(CANARY)

    async def plain(request: Request) -> Response:
        return JSONResponse({"role": principal_of(request).role})

    router.add_route("/v1/plain/{id}", plain)
    return router


async def _half() -> AsyncIterator[bytes]:
    yield b"half"
    await asyncio.sleep(0)
    raise LookupError(CANARY)


@dataclass
class Edge:
    """The app and all that it was made of."""

    app: FastAPI
    keys: DemoKeys
    health: Health
    metrics: Metrics
    clock: ManualClock
    log: io.StringIO = field(default_factory=io.StringIO)

    def token(self, role: str = "pcc", scope: str = "in-mp") -> str:
        return issue_demo_token(self.keys, role, scope, TENURE if role == "president" else None)

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://edge", headers=headers)


def make_edge(data: Path, rate: Rate | None = None) -> Edge:
    log = io.StringIO()
    configure_logging(log)
    clock = ManualClock(datetime(2026, 3, 31, 18, 30, tzinfo=UTC))
    keys, health, metrics = demo_keys(data), Health(), Metrics(today=lambda: clock.now().date())
    app = create_app(
        "Edge",
        [routes()],
        verifier=Verifier(keys.jwks),
        rate=rate or Rate(1000, 1000),
        health=health,
        metrics=metrics,
        clock=clock,
        logger=get_logger("edge"),
    )
    return Edge(app, keys, health, metrics, clock, log)
