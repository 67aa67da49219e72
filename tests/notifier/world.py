"""A state with a real log, a clock that is moved by hand, and the parts of the notifier that read and write it."""

import asyncio
import contextlib
import io
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from libs.events.alerts import AlertData
from libs.events.clock import ClockReached
from libs.events.codec import decode
from libs.events.envelope import Event, Recorded
from libs.events.grievances import GrievanceRaised
from libs.events.streams import stream_name
from libs.runtime.clock import ManualClock
from libs.runtime.consumer import consume
from libs.runtime.log import EventLog, LogReader, NewRecord, Record
from libs.runtime.log_sqlite import open_log
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from services.notifier.heartbeats import Heartbeats
from services.notifier.records import record_of
from services.notifier.rules import RULES
from services.notifier.timekeeper import APPEND_DEADLINE, Timekeeper
from services.notifier.turns import Turns
from services.notifier.watcher import TARGETS, Watcher
from tests.duty.events import STATE, STREAM, instant
from tests.notifier.stories import GRIEVANCES

ALERTS = f"rozana.{STATE}.alerts"
PATIENCE = 30.0
"""Seconds of real time after which a test gives up waiting."""


async def write(log: EventLog, *events: Event) -> None:
    """What ingest does: each to its stream."""
    for event in events:
        stream = GRIEVANCES if (isinstance(event.data, GrievanceRaised) or event.source == GRIEVANCES) else STREAM
        await log.append(stream, [record_of(event)])


async def read(log: EventLog, stream: str) -> list[Recorded]:
    found: list[Recorded] = []
    while records := await log.read(stream, len(found)):
        found += [Recorded(decode(r.headers, r.value), stream, r.offset, r.appended_at) for r in records]
    return found


Told = tuple[str, str, datetime, str | None]
"""What an alert's event says, without where it was caused: type, alert id, instant, how."""


async def alerts_of(log: EventLog, stream: str = ALERTS) -> list[Told]:
    return [
        (item.event.type, data.alert_id, data.at, getattr(data, "how", None))
        for item in await read(log, stream)
        if isinstance(data := item.event.data, AlertData)
    ]


async def clocks_of(log: EventLog, since: str = "2026-11-23T12:00") -> list[datetime]:
    """What the stream's clock has reached, without the ends of the days before the first one that counts."""
    reached = [data.at for item in await read(log, STREAM) if isinstance(data := item.event.data, ClockReached)]
    return [at for at in reached if at >= instant(since)]


@contextlib.asynccontextmanager
async def running(*loops: Callable[[], Coroutine[object, object, object]]) -> AsyncIterator[None]:
    """Run loops beside the test. What one of them raises is raised here."""
    tasks = [asyncio.ensure_future(loop()) for loop in loops]
    inner = asyncio.current_task()
    assert inner is not None
    for task in tasks:
        task.add_done_callback(lambda ended: None if ended.cancelled() else inner.cancel())
    try:
        yield
    except asyncio.CancelledError:
        for task in tasks:
            if task.done() and not task.cancelled():
                task.result()
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def until(condition: Callable[[], Coroutine[object, object, bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 -- what is waited for is often in a store, where no event tells
            await asyncio.sleep(0.001)


class Dies(Exception):
    """What a crash is in these tests."""


class AnotherLog:
    """A log that is another one in all but what a subclass does otherwise."""

    def __init__(self, log: EventLog) -> None:
        self.log = log

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        return await self.log.append(stream, records)

    async def end(self, stream: str) -> int:
        return await self.log.end(stream)

    async def read(self, stream: str, offset: int, *, max_records: int = 1000) -> Sequence[Record]:
        return await self.log.read(stream, offset, max_records=max_records)

    def reader(self, positions: Mapping[str, int]) -> contextlib.AbstractAsyncContextManager[LogReader]:
        return self.log.reader(positions)

    async def identity(self) -> str:
        return await self.log.identity()

    async def last_time(self) -> datetime | None:
        return await self.log.last_time()

    async def close(self) -> None:
        await self.log.close()


class FrailLog(AnotherLog):
    """A log in a process that dies around its n-th append from now: just before it is durable, or just after."""

    def __init__(self, log: EventLog, appends: int, *, after: bool) -> None:
        super().__init__(log)
        self._left = appends
        self._after = after

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        self._left -= 1
        if self._left < 0 and not self._after:
            raise Dies
        appended = await self.log.append(stream, records)
        if self._left < 0:
            raise Dies
        return appended


class World:
    """One state, its log, and a watcher with a timekeeper that can be stopped and started again."""

    def __init__(self, log: EventLog, clock: ManualClock) -> None:
        self.log = log
        self.clock = clock
        self.rules = RULES
        ticks = itertools.count()
        self.now: Callable[[], float] = lambda: float(next(ticks))
        """Real time; a second passes whenever it is asked."""
        self.metrics = Metrics(today=lambda: clock.now().date())
        self.lines = io.StringIO()
        configure_logging(self.lines)
        self.watcher = self.new_watcher()

    def new_watcher(self, log: EventLog | None = None) -> Watcher:
        """With no memory but the log."""
        return Watcher(
            log or self.log,
            self.clock,
            [STATE],
            metrics=self.metrics,
            logger=get_logger("notifier"),
            rules=self.rules,
            now=self.now,
        )

    def timekeeper(self, log: EventLog, heartbeats: Heartbeats) -> Timekeeper:
        logger = get_logger("notifier")
        return Timekeeper(log, self.clock, self.watcher, heartbeats, metrics=self.metrics, logger=logger, turns=Turns())

    @contextlib.asynccontextmanager
    async def notifier(self, *, keep_time: bool = True, settle: bool = True) -> AsyncIterator[None]:
        self.watcher = self.new_watcher()
        heartbeats = Heartbeats(self.log)
        timekeeper = self.timekeeper(self.log, heartbeats)
        loops: list[Callable[[], Coroutine[object, object, object]]] = [self.watcher.run]
        if keep_time:
            loops += [partial(timekeeper.keep, kind, STATE) for kind in TARGETS]
            loops.append(
                lambda: consume("heartbeats", self.log, heartbeats.positions, heartbeats, metrics=self.metrics)
            )
        async with running(*loops):
            if settle:
                await self.quiet(keep_time=keep_time)
            yield

    async def quiet(self, *, keep_time: bool = True) -> None:
        """Return when there is nothing left to say at this instant."""

        async def nothing_left() -> bool:
            positions = self.watcher.positions
            for stream in positions.streams:
                if positions[stream] < await self.log.end(stream):
                    return False
            if self.watcher.unsaid(STATE):
                return False
            due = self.next_due()
            return not keep_time or due is None or self.clock.now() < due + APPEND_DEADLINE

        await until(nothing_left)

    def next_due(self) -> datetime | None:
        """Of all streams."""
        return min((due for kind in TARGETS if (due := self.watcher.next_due(stream_name(kind, STATE)))), default=None)

    async def play(self, events: Iterable[Event], *, keep_time: bool = True) -> None:
        """Each event at its own time, and everything that falls due at its own in between."""
        for event in events:
            await self.pass_to(event.time, keep_time=keep_time)
            await write(self.log, event)
            await self.quiet(keep_time=keep_time)

    async def pass_to(self, moment: str | datetime, *, keep_time: bool = True) -> None:
        while keep_time and (due := self.next_due()) and due + APPEND_DEADLINE <= instant(moment):
            self.clock.advance_to(due + APPEND_DEADLINE)
            await self.quiet()
        self.clock.advance_to(instant(moment))
        await self.quiet(keep_time=keep_time)


@contextlib.asynccontextmanager
async def world(folder: Path, start: str = "2026-11-22T08:00") -> AsyncIterator[World]:
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 -- nothing else runs yet
    clock = ManualClock(instant(start))
    log = open_log(folder / "log.db", clock)
    try:
        yield World(log, clock)
    finally:
        await log.close()
