"""The aggregator as it runs, on a real log and a real store, with a clock that is moved by hand."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Never

import httpx
from fastapi import FastAPI

from libs.events.codec import encode
from libs.events.envelope import Event
from libs.events.streams import stream_name
from libs.runtime.auth import Verifier, issue_demo_token
from libs.runtime.clock import ManualClock
from libs.runtime.component import Component
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.health import Health
from libs.runtime.http import create_app
from libs.runtime.keys import DemoKeys, demo_keys
from libs.runtime.limits import Rate
from libs.runtime.log import EventLog, NewRecord
from libs.runtime.log_sqlite import open_log
from libs.runtime.membership import Membership
from libs.runtime.pointer import Lease, collection_name, snapshots_of
from libs.runtime.positions import Positions
from libs.runtime.store import DocumentStore
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from services.aggregator.changes import SLOW_SECONDS
from services.aggregator.component import build
from services.aggregator.projector import PROJECTIONS, project
from tests.duty.events import STREAM, instant, named

PATIENCE = 30.0
"""Seconds of real time after which a test gives up waiting."""
STATES = ("in-mp", "in-rj")
UNREADABLE = NewRecord("in-mp.guna", (("ce_id", b"broken"),), b"{")


def record_of(event: Event) -> NewRecord:
    return NewRecord(event.subject, *encode(event))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 -- what is waited for is a number that tells nobody when it moves
            await asyncio.sleep(0.001)


@dataclass
class World:
    log: EventLog
    store: DocumentStore
    clock: ManualClock
    keys: DemoKeys
    metrics: Metrics = field(default_factory=Metrics)
    health: Health = field(default_factory=Health)
    lines: io.StringIO = field(default_factory=io.StringIO)
    slow_seconds: float = SLOW_SECONDS
    membership: Membership | None = None

    def __post_init__(self) -> None:
        configure_logging(self.lines)
        self.component: Component = build(
            log=self.log,
            store=self.store,
            clock=self.clock,
            states=STATES,
            health=self.health,
            metrics=self.metrics,
            logger=get_logger("aggregator"),
            slow_seconds=self.slow_seconds,
            membership=self.membership,
        )
        self.app: FastAPI = create_app(
            "Aggregator",
            [self.component.router],
            verifier=Verifier(self.keys.jwks),
            rate=Rate(1000, 1000),
            health=self.health,
            metrics=self.metrics,
            clock=self.clock,
            logger=get_logger("aggregator"),
        )

    async def write(self, *said: Event | NewRecord, stream: str = STREAM) -> None:
        """What ingest does, when the clock has come to the last of these."""
        for each in said:
            if isinstance(each, Event):
                self.clock.advance_to(each.time)
        await self.log.append(stream, [record_of(each) if isinstance(each, Event) else each for each in said])

    def position(self, projection: str, stream: str = STREAM) -> float:
        labels = {"consumer": projection, "stream": stream}
        return self.metrics.registry.get_sample_value("rozana_consumer_position", labels) or 0

    async def folded(self, stream: str = STREAM) -> None:
        """Every projection holds all that is in the stream."""
        end = await self.log.end(stream)
        await until(lambda: all(self.position(each.name, stream) >= end for each in PROJECTIONS))

    async def kept(self, stream: str = STREAM) -> None:
        """Every projection's snapshot holds all that is in the stream."""
        end = await self.log.end(stream)
        async with asyncio.timeout(PATIENCE):
            for each in PROJECTIONS:
                await self._kept(snapshots_of(collection_name(each, 0)), f"{stream}/as_of", end - 1)

    async def _kept(self, collection: str, document_id: str, version: int) -> None:
        while True:
            found = await self.store.get(collection, document_id)
            if found is not None and found.version >= version:
                return
            await asyncio.sleep(0.01)

    async def project(self, name: str) -> Never:
        """Fold a state into one of the projections, and into no other."""
        logger = get_logger("aggregator")
        projection = next(each for each in PROJECTIONS if each.name == name)
        await project(
            [projection],
            self.log,
            self.store,
            {name: Positions([STREAM])},
            "in-mp",
            leases={name: Lease(self.store, projection)},
            dead_letters=DeadLetters(self.log, self.clock, self.metrics, logger),
            metrics=self.metrics,
            logger=logger,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        tasks = [asyncio.ensure_future(loop()) for loop in self.component.background]
        try:
            yield self
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def told(self, *said: Event | NewRecord, stream: str = STREAM) -> None:
        await self.write(*said, stream=stream)
        await self.folded(stream)

    def token(self, role: str = "pcc", scope: str = "in-mp", tenure_id: str | None = None) -> str:
        return issue_demo_token(self.keys, role, scope, tenure_id or named("tenure") if role == "president" else None)

    async def get(
        self, path: str, role: str = "pcc", scope: str = "in-mp", tenure_id: str | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token(role, scope, tenure_id)}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://aggregator") as client:
            return await client.get(path, headers=headers)


@contextlib.asynccontextmanager
async def world(
    folder: Path, now: str = "2026-11-23T20:30", *, slow_seconds: float = SLOW_SECONDS
) -> AsyncIterator[World]:
    """Opens what is in the folder; its loops run in `running`."""
    clock = ManualClock(instant(now))
    log, store = open_log(folder / "log", clock), open_store(folder / "store")
    try:
        yield World(log, store, clock, demo_keys(folder), slow_seconds=slow_seconds)
    finally:
        await log.close()
        await store.close()


RAJASTHAN = stream_name("reports", "in-rj")
