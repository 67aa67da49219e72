"""The whole embedded system in this process, on real files, with a clock that is moved by hand and writes that can be
made to die. A crash leaves what was durable; everything is opened again from the files.
"""

import asyncio
import contextlib
import io
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from libs.events.clock import ClockReached
from libs.events.codec import UndecodableEvent, decode
from libs.events.streams import stream_name
from libs.events.values import EventData
from libs.runtime.auth import issue_demo_token
from libs.runtime.clock import ManualClock
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.keys import demo_keys
from libs.runtime.log import EventLog, NewRecord, Record
from libs.runtime.log_sqlite import open_log
from libs.runtime.pointer import folded_collection
from libs.runtime.settings import load_settings
from libs.runtime.sqlite import DatabaseFile, open_file
from libs.runtime.store import Document, DocumentStore
from libs.runtime.store_sqlite import SCHEMA, SqliteDocumentStore, open_store
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from rozana.assembly import Assembled, assemble
from rozana.compose import Adapters
from rozana.states import state_codes
from rozana.upkeep import PROJECTIONS
from services.aggregator.rebuild import Rebuilding
from tests.notifier.world import AnotherLog, Dies

STATE = "in-mp"
REPORTS, ALERTS, GRIEVANCES = (stream_name(kind, STATE) for kind in ("reports", "alerts", "grievances"))
CLOCK = ClockReached.type_name().encode()
PATIENCE = 20.0
"""Seconds of real time after which the system is not doing what it should."""


class Fuse:
    """Blows at the n-th write from when it is set; then nothing is written any more, as in a process that is dead."""

    def __init__(self) -> None:
        self.blown = False
        self._left: int | None = None
        self._after = False

    def set(self, writes: int, *, after: bool) -> None:
        self._left, self._after = writes, after

    async def write(self, perform: Callable[[], Awaitable[Sequence[object]]]) -> None:
        if self.blown:
            raise Dies
        if self._left is not None:
            self._left -= 1
            self.blown = self._left <= 0
        if self.blown and not self._after:
            raise Dies
        await perform()
        if self.blown:
            raise Dies


class FrailLog(AnotherLog):
    def __init__(self, log: EventLog, fuse: Fuse) -> None:
        super().__init__(log)
        self._fuse = fuse
        self.time = asyncio.Event()
        """Unless it is set, the timekeeper comes to nothing."""

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        stored: list[Record] = []

        async def perform() -> Sequence[object]:
            stored[:] = await self.log.append(stream, records)
            return stored

        if any(("ce_type", CLOCK) in record.headers for record in records):
            await self.time.wait()
        await self._fuse.write(perform)
        return stored


class FrailStore(SqliteDocumentStore):
    def __init__(self, file: DatabaseFile, fuse: Fuse) -> None:
        super().__init__(file)
        self._fuse = fuse

    async def put(self, collection: str, documents: Sequence[Document]) -> Sequence[bool]:
        written: list[bool] = []

        async def perform() -> Sequence[object]:
            written[:] = await super(FrailStore, self).put(collection, documents)
            return written

        await self._fuse.write(perform)
        return written


class System:
    """`start` and `stop` it; `settle` waits until it has said all there is to say at this instant."""

    def __init__(self, folder: Path, keys: Path, clock: ManualClock) -> None:
        self.clock = clock
        self.folder = folder
        self.keeps_time = True
        self._keys = demo_keys(keys)
        self._settings = load_settings(
            {
                "ROZANA_DATA": str(keys),
                "ROZANA_LOG": f"sqlite:///{folder}/log.db",
                "ROZANA_STORE": f"sqlite:///{folder}/store.db",
                "ROZANA_STATES": STATE,
                "ROZANA_RATE": "1000000/1000000",
            },
            state_codes(),
        )
        self._tokens: dict[tuple[str, str, str | None], str] = {}
        self.ids: dict[str, tuple[str, int]] = {}
        """Every event id that stands in the log, and where it stands first."""
        self.times: dict[str, datetime] = {}
        self.repeated: list[str] = []
        self.unreadable = 0
        self.reached: datetime | None = None
        """What the stream's clock has reached."""
        self.latest = datetime.min.replace(tzinfo=UTC)
        """The instant that the reports stream has come to: days that begin later are opened by nothing in it."""
        self._read_to = dict.fromkeys((REPORTS, ALERTS, GRIEVANCES, DeadLetters.STREAM), 0)

    # -- life and death --

    async def start(self) -> None:
        self.fuse = Fuse()
        self.log = FrailLog(open_log(self._settings.log_path, self.clock), self.fuse)
        self.store = FrailStore(open_file(self._settings.store_path, SCHEMA, read_only=False), self.fuse)
        configure_logging(io.StringIO())
        self._app: Assembled = assemble(
            self._settings, Adapters(self.log, self.store, self.clock), logger=get_logger("machine")
        )
        transport = httpx.ASGITransport(self._app.app, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://rozana.test")
        self._tasks = [asyncio.ensure_future(loop()) for loop in self._app.background]
        self.set_timekeeper(running=self.keeps_time)
        await self.until(self._ready)

    def set_timekeeper(self, *, running: bool) -> None:
        self.keeps_time = running
        if running:
            self.log.time.set()
        else:
            self.log.time.clear()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self._http.aclose()
        await self.log.close()
        await self.store.close()

    async def rebuild(self) -> None:
        """What `rozana rebuild` does, while the system is stopped: what comes of it must be what was there."""
        log = open_log(self._settings.log_path, self.clock)
        store = open_store(self._settings.store_path)
        letters = DeadLetters(log, self.clock, Metrics(), get_logger("rebuild"))
        try:
            for projection in PROJECTIONS.values():
                before = await _documents(store, await folded_collection(store, projection))
                made = await Rebuilding(projection, log, store, letters).rebuild([STATE], even_if_different=True)
                after = await _documents(store, made.collection)
                # What the live one had not folded yet, `rebuild` folds into it first; these are compared by hash.
                other = [f"{before[key]} and {after[key]}" for key in before if before[key] != after.get(key)]
                assert made.live_hash in {None, made.hash}, f"{projection.name} was {other[:1]}"
        finally:
            await log.close()
            await store.close()

    # -- waiting --

    async def settle(self, clock: datetime | None) -> None:
        """Return when the stream's clock has reached `clock` and all is read to the end; or the fuse is blown."""

        async def settled() -> bool:
            await self._read()
            if clock is not None and (self.reached is None or self.reached < clock):
                return False
            for metric in self._app.metrics.consumer_position.collect():
                for sample in metric.samples:
                    if sample.value < await self.log.end(sample.labels["stream"]):
                        return False
            return True

        await self.until(settled)
        await self._read()  # what was said while it was looked whether all is said

    async def _ready(self) -> bool:
        return not await self._app.health.failing()

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not self.fuse.blown and not await condition():
                for task in self._tasks:
                    if task.done() and not self.fuse.blown:
                        task.result()
                await asyncio.sleep(0.0005)  # positions tell nobody when they move

    async def _read(self) -> None:
        """Take note of what is new in the log."""
        for stream, offset in self._read_to.items():
            for record in await self.log.read(stream, offset):
                self._read_to[stream] = record.offset + 1
                try:
                    event = decode(record.headers, record.value)
                except UndecodableEvent:
                    self.unreadable += 1
                    self.latest = max(self.latest, record.appended_at)
                    continue
                if stream == REPORTS:
                    self.latest = max(
                        self.latest, event.data.at if isinstance(event.data, ClockReached) else event.time
                    )
                if event.id in self.ids:
                    self.repeated.append(event.id)
                self.ids.setdefault(event.id, (stream, record.offset))
                self.times[event.id] = event.time
                if isinstance(event.data, ClockReached):
                    self.reached = max(self.reached or event.data.at, event.data.at)

    async def stands(self, event_id: str) -> datetime | None:
        """When the event was received, if the log holds it."""
        await self._read()
        return self.times.get(event_id)

    # -- from outside --

    async def ask(
        self,
        method: str,
        path: str,
        who: tuple[str, str, str | None] | None = ("aicc", "in", None),
        body: object = None,
        content_type: str = "application/json",
    ) -> httpx.Response | None:
        """The answer; None when the process died before it gave a good one."""
        headers = {} if who is None else {"Authorization": f"Bearer {self._token(*who)}"}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = content_type
        answer = await self._http.request(method, path, headers=headers, content=content)
        if self.fuse.blown and answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return None
        assert answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR or (method, answer.status_code) == ("GET", 503)
        return answer

    async def get(self, path: str) -> Mapping[str, object] | None:
        answer = await self.ask("GET", path)
        assert answer is not None
        return answer.json() if answer.status_code == httpx.codes.OK else None

    @property
    def end(self) -> int:
        return self._read_to[REPORTS]

    @property
    def alerts_end(self) -> int:
        return self._read_to[ALERTS]

    async def write_unreadable(self, key: str) -> None:
        with contextlib.suppress(Dies):
            await self.log.append(REPORTS, [NewRecord(key, (("ce_id", b"broken"),), b"{")])

    def _token(self, role: str, scope: str, tenure: str | None) -> str:
        known = self._tokens.get((role, scope, tenure))
        if known is None:
            known = self._tokens[role, scope, tenure] = issue_demo_token(self._keys, role, scope, tenure)
        return known


def cloud_event(data: EventData, event_id: str) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "urn:rozana:machine",
        "type": data.type_name(),
        "subject": data.subject,
        "data": data.model_dump(mode="json", by_alias=True),
    }


async def _documents(store: DocumentStore, collection: str) -> dict[str, Document]:
    return dict(await store.get_many(collection, await store.ids(collection)))
