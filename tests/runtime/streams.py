"""What the tests of consumers share: a real log, a sink that keeps what it is given, and records of every kind."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from libs.events.codec import encode
from libs.events.envelope import Event
from libs.runtime.batch import Batch, Checkpoint, Item
from libs.runtime.clock import ManualClock
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.errors import OutcomeUnknown
from libs.runtime.log import EventLog, NewRecord, Record
from libs.runtime.log_sqlite import open_log
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from tests.duty.events import STREAM, filed

PATIENCE = 30.0
"""Seconds of real time after which a test gives up waiting."""
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
UNREADABLE = NewRecord("in-mp.guna", (("ce_id", b"broken"), ("ce_secret", b"canary")), b"{canary")


def record_of(event: Event) -> NewRecord:
    return NewRecord(event.subject, *encode(event))


def report(number: int) -> NewRecord:
    return record_of(filed("guna", "2026-11-23", "2026-11-23T20:00", known_as=f"{number}"))


def reports(count: int, first: int = 0) -> list[NewRecord]:
    return [report(number) for number in range(first, first + count)]


def of_type(type_name: str) -> NewRecord:
    made = report(0)
    headers = tuple((name, type_name.encode() if name == "ce_type" else value) for name, value in made.headers)
    return NewRecord(made.key, headers, made.value)


@dataclass
class Kept:
    """A sink: what it was given, and where it is told to go on."""

    at: Checkpoint | None = None
    batches: list[Batch] = field(default_factory=list)
    rests: int = 0
    rested: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has rested twice."""
    fails: Exception | None = None

    async def checkpoint(self, stream: str) -> Checkpoint | None:
        return self.at

    async def fold(self, batch: Batch) -> None:
        if self.fails is not None:
            raise self.fails
        self.batches.append(batch)

    async def rest(self) -> bool:
        self.rests += 1
        if self.rests > 1:
            self.rested.set()
        return True

    @property
    def items(self) -> list[Item]:
        return [item for batch in self.batches for item in batch.items]

    @property
    def offsets(self) -> list[int]:
        return [item.offset for item in self.items]


class BrokenLog:
    """A real log of which one thing does not work: appends to a stream, or a record in the middle."""

    def __init__(self, log: EventLog, *, refuses: str = "", without: int | None = None) -> None:
        self._log = log
        self._refuses = refuses
        self._without = without

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        if stream == self._refuses:
            raise OutcomeUnknown("the disk is gone")
        return await self._log.append(stream, records)

    async def read(self, stream: str, offset: int, *, max_records: int = 1000) -> Sequence[Record]:
        found = await self._log.read(stream, offset, max_records=max_records)
        return [each for each in found if each.offset != self._without]

    @contextlib.asynccontextmanager
    async def reader(self, positions: Any) -> AsyncIterator[Any]:
        async with self._log.reader(positions) as reader:
            yield _Gappy(reader, self._without)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


@dataclass
class _Gappy:
    reader: Any
    without: int | None

    async def poll(self, **how: Any) -> Any:
        found = await self.reader.poll(**how)
        return {stream: [each for each in records if each.offset != self.without] for stream, records in found.items()}


@dataclass
class Runtime:
    log: EventLog
    metrics: Metrics = field(default_factory=Metrics)
    lines: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        configure_logging(self.lines)

    def dead_letters(self, log: EventLog | None = None) -> DeadLetters:
        return DeadLetters(log or self.log, ManualClock(NOW), self.metrics, get_logger("reader"))

    async def write(self, records: Iterable[NewRecord], stream: str = STREAM) -> None:
        await self.log.append(stream, list(records))

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"rozana_{name}", labels)


@contextlib.asynccontextmanager
async def beside(work: Coroutine[object, object, object]) -> AsyncIterator["asyncio.Task[object]"]:
    """Run it beside the test, until the test is done with it."""
    task: asyncio.Task[object] = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def raised(work: Coroutine[object, object, object]) -> Exception:
    """What it ends with, which must be an error."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- which one is the caller's to look at
        async with asyncio.timeout(PATIENCE):
            await work
    return caught.value


@contextlib.asynccontextmanager
async def runtime(folder: Path) -> AsyncIterator[Runtime]:
    log = open_log(folder / "log", ManualClock(NOW))
    try:
        yield Runtime(log)
    finally:
        await log.close()
