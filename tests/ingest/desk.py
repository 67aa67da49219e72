"""Ingest as it runs: its routes in an app, its loop beside it, the SQLite log below. And what clients send to it."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from libs.events.codec import decode, encode, to_structured
from libs.events.envelope import Event
from libs.events.reports import FormName
from libs.events.streams import stream_name
from libs.events.values import EventData
from libs.runtime.auth import Verifier, issue_demo_token
from libs.runtime.clock import ManualClock
from libs.runtime.erasable_sqlite import open_erasable
from libs.runtime.grievance_keys import NO_KEYS, PublishedKeys
from libs.runtime.health import Health
from libs.runtime.http import create_app
from libs.runtime.keys import DemoKeys, demo_keys
from libs.runtime.limits import Rate
from libs.runtime.log import NewRecord
from libs.runtime.log_sqlite import SqliteEventLog
from libs.runtime.log_sqlite_rows import SCHEMA
from libs.runtime.sqlite import DatabaseFile, open_file
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from services.ingest.component import build
from services.ingest.grievance_desk import Sealing
from tests.duty.events import STATE, STREAM, added, appointed, instant, policy, tenure

TODAY, NOW = "2026-11-23", "2026-11-23T20:00"
GRIEVANCES = stream_name("grievances", STATE)
ROSTER = (policy(), added("guna"), appointed("guna"), added("bhind"), appointed("bhind", "bela"))
EVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
SOON = 20.0
"""Seconds a test waits for what must come; it never takes that long."""


def report_body(event: Event, **changes: object) -> dict[str, Any]:
    """The event as a body of `POST /v1/reports`."""
    data = event.as_written.model_dump(mode="json")
    del data["state"]
    return {"id": event.id, **data, **changes}


def cloud_event(event: Event, **changes: object) -> dict[str, Any]:
    """The event as a client posts it; None takes a member away."""
    found = to_structured(event) | changes
    return {name: value for name, value in found.items() if name != "partitionkey" and value is not None}


@dataclass(frozen=True, slots=True)
class Desk:
    """Ingest, running."""

    app: FastAPI
    log: SqliteEventLog
    file: DatabaseFile
    clock: ManualClock
    keys: DemoKeys
    metrics: Metrics
    health: Health
    logged: io.StringIO
    failing: list[bool]
    """One entry for each commit that is to fail."""

    def token(self, role: str = "president", scope: str = "in-mp.guna", tenure_id: str | None = None) -> str:
        claim = (tenure_id or tenure("guna")) if role == "president" else tenure_id
        return issue_demo_token(self.keys, role, scope, claim)

    async def post(
        self,
        path: str,
        body: object,
        *,
        token: str | None = None,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """`body` as JSON, unless it is bytes. `token`: None is that of the president of Guna, "" is none."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": media_type} | self._bearer(token) | dict(headers or {})
        async with self._client() as client:
            return await client.post(path, content=content, headers=sent)

    async def report(self, event: Event, *, token: str | None = None, **changes: object) -> httpx.Response:
        return await self.post("/v1/reports", report_body(event, **changes), token=token)

    async def event(self, event: Event, *, token: str | None = None, **changes: object) -> httpx.Response:
        return await self.post("/v1/events", cloud_event(event, **changes), token=token, media_type=EVENT)

    async def batch(self, *items: object, token: str | None = None) -> list[dict[str, Any]]:
        """The results of a batch of events or of anything else."""
        sent = [cloud_event(item) if isinstance(item, Event) else item for item in items]
        answer = await self.post("/v1/events", sent, token=token, media_type=BATCH)
        assert answer.status_code == 200, answer.text
        results: list[dict[str, Any]] = answer.json()["results"]
        return results

    async def get(self, path: str, *, token: str | None = None) -> httpx.Response:
        async with self._client() as client:
            return await client.get(path, headers=self._bearer(token))

    async def stands(self, *events: Event, stream: str = STREAM) -> None:
        """Put events into the log, past ingest: they were there before, or another replica wrote them."""
        for event in events:
            headers, value = encode(event)
            await self.log.append(stream, [NewRecord(event.subject, headers, value)])

    async def ids(self, stream: str = STREAM) -> list[str]:
        return [dict(record.headers)["ce_id"].decode() for record in await self.log.read(stream, 0)]

    async def last(self, stream: str = STREAM) -> tuple[Event, EventData]:
        """The last event of a stream, and its data."""
        (record,) = await self.log.read(stream, await self.log.end(stream) - 1)
        event = decode(record.headers, record.value)
        return event, event.data

    def fail_commits(self, count: int) -> None:
        """The next `count` commits fail: nobody can tell whether they have happened (they have not)."""
        self.failing[:] = [True] * count

    def count(self, type_name: str, outcome: str) -> float:
        labels = {"type": type_name, "outcome": outcome}
        return self.metrics.registry.get_sample_value("rozana_events_received_total", labels) or 0

    def _bearer(self, token: str | None) -> dict[str, str]:
        return {} if token == "" else {"Authorization": f"Bearer {token or self.token()}"}

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://ingest")


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    *before: Event,
    rate: Rate | None = None,
    states: tuple[str, ...] = (STATE, "in-rj"),
    append_deadline: float = 5.0,
    log_type: type[SqliteEventLog] = SqliteEventLog,
    reads: bool = True,
    forms: tuple[FormName, ...] = ("daily.v1",),
    published: PublishedKeys | None = None,
) -> AsyncIterator[Desk]:
    """Ingest over the log in `folder`, in which `before` stands; `reads`: whether its loop runs.

    `published`: the keys that are published, with which sealed texts are taken.
    """
    logged = io.StringIO()
    configure_logging(logged)
    clock = ManualClock(instant(NOW))
    file = open_file(folder / "log.db", SCHEMA, read_only=False)
    assert file.writer is not None
    failing: list[bool] = []
    file.writer.set_commit_hook(lambda: bool(failing) and failing.pop())  # now: later its thread has the connection
    log = log_type(file, clock, append_deadline)
    keys, health, logger = demo_keys(folder), Health(), get_logger("ingest")
    metrics = Metrics(today=lambda: clock.now().date())
    kept = open_erasable(folder / "log-keys.db") if published else None
    component = build(
        log=log,
        clock=clock,
        states=states,
        forms=forms,
        health=health,
        metrics=metrics,
        sealing=Sealing(published or NO_KEYS, kept),
    )
    app = create_app(
        "Ingest",
        [component.router],
        verifier=Verifier(keys.jwks),
        rate=rate or Rate(10_000, 10_000),
        health=health,
        metrics=metrics,
        clock=clock,
        logger=logger,
    )
    desk = Desk(app, log, file, clock, keys, metrics, health, logged, failing)
    await desk.stands(*before)
    try:
        async with asyncio.TaskGroup() as group:
            loops = component.background[:-1] if reads else ()  # the last gives signs of life, into the same log
            tasks = [group.create_task(work()) for work in loops]
            yield desk
            for task in tasks:
                task.cancel()
    finally:
        await log.close()
        if kept is not None:
            await kept.close()
