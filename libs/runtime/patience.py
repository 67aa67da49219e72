"""Loops ride out an outage, requests do not: log and store, wrapped so that a loop's call is made until it is done.

Who asks is known from the task: `in_loop` marks a background loop and all that it starts. To a request the same call
raises Unavailable at once, and it answers 503. A loop that waits makes lag, and readiness says so; nothing is skipped,
since a call that was Unavailable has changed nothing or may be repeated. An append of unknown outcome is looked for in
the log, and else repeated with the same event id, which every fold counts once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import TypeVar

from libs.runtime.component import Background
from libs.runtime.errors import Unavailable
from libs.runtime.log import EventLog, LogReader, NewRecord, Record
from libs.runtime.membership import fence
from libs.runtime.store import Document, DocumentStore
from libs.runtime.telemetry import Logger

T = TypeVar("T")
FIRST_WAIT = 0.1
LONGEST_WAIT = 2.0
"""Seconds of real time before a call is made again; twice as long each time."""
LANDED_WITHIN = 1000
"""Records at the end of a stream, among which an append of unknown outcome is looked for before it is made again."""

_in_loop: ContextVar[bool] = ContextVar("_in_loop", default=False)
Look = Callable[[], Awaitable[object]]
_look: ContextVar[Look | None] = ContextVar("_look", default=None)


@contextlib.contextmanager
def looking(look: Look) -> Iterator[None]:
    """What a loop puts here is put again after an outage only behind `look`, which raises where it must not be.

    For what must not be written over an older copy of the store, which may be what has come back.
    """
    token = _look.set(look)
    try:
        yield
    finally:
        _look.reset(token)


def in_loop(work: Background) -> Background:
    """The same loop, with patience."""

    async def patiently() -> None:
        _in_loop.set(True)
        await work()

    return patiently


class _Patience:
    """Says once that an outage has begun, and once that it is over."""

    def __init__(self, what: str, logger: Logger) -> None:
        self._waiting, self._over = f"waiting for the {what}", f"the {what} answers again"
        self._logger = logger
        self._calls = 0
        """How many wait now."""

    async def __call__(self, call: Callable[[], Awaitable[T]], again: Callable[[], Awaitable[T]] | None = None) -> T:
        """What `call` answers, or else `again`, by default the same, when it is over. Raises what they raise."""
        try:
            return await call()
        except Unavailable as error:
            if not _in_loop.get():
                raise
            if not self._calls:
                self._logger.warning(self._waiting, reason=str(error))
        self._calls += 1
        answered = True
        try:
            return await self._again(again or call)
        except asyncio.CancelledError:
            answered = False
            raise
        finally:
            self._calls -= 1
            if answered and not self._calls:
                self._logger.info(self._over)

    async def _again(self, call: Callable[[], Awaitable[T]]) -> T:
        wait = FIRST_WAIT
        while True:
            await asyncio.sleep(wait)
            try:
                return await call()
            except Unavailable:
                wait = min(2 * wait, LONGEST_WAIT)


class PatientLog:
    """An `EventLog` on another one."""

    def __init__(self, log: EventLog, logger: Logger) -> None:
        self._log = log
        self._patience = _Patience("log", logger)

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        async def again() -> Sequence[Record]:
            return await self._landed(stream, records) or await self._fenced(stream, records)

        return await self._patience(lambda: self._fenced(stream, records), again)

    async def _landed(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        """What an append of unknown outcome has left in the log, if it did: then it need not stand there twice."""
        begin = max(0, await self._log.end(stream) - LANDED_WITHIN)
        tail = await self._log.read(stream, begin, max_records=LANDED_WITHIN)
        wanted = [(new.key, tuple(new.headers), new.value) for new in records]
        told = [(record.key, tuple(record.headers), record.value) for record in tail]
        starts = (at for at, each in enumerate(told) if wanted and each == wanted[0])
        found = next((at for at in starts if told[at : at + len(wanted)] == wanted), None)
        return () if found is None else tail[found : found + len(wanted)]

    async def _fenced(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        """Asked anew each time: a state may have gone to another member while the log was away."""
        with (fence.get() or contextlib.nullcontext)():
            return await self._log.append(stream, records)

    async def end(self, stream: str) -> int:
        return await self._patience(lambda: self._log.end(stream))

    async def read(self, stream: str, offset: int, *, max_records: int = 1000) -> Sequence[Record]:
        return await self._patience(lambda: self._log.read(stream, offset, max_records=max_records))

    @contextlib.asynccontextmanager
    async def reader(self, positions: Mapping[str, int]) -> AsyncIterator[LogReader]:
        async with self._log.reader(positions) as reader:
            yield _PatientReader(reader, self._patience)

    async def identity(self) -> str:
        return await self._patience(self._log.identity)

    async def last_time(self) -> datetime | None:
        return await self._patience(self._log.last_time)

    async def close(self) -> None:
        await self._log.close()


class _PatientReader:
    def __init__(self, reader: LogReader, patience: _Patience) -> None:
        self._reader = reader
        self._patience = patience

    async def poll(
        self,
        *,
        max_records: int = 1000,
        timeout: float,  # noqa: ASYNC109 - the port's
    ) -> Mapping[str, Sequence[Record]]:
        left = timeout

        async def poll() -> Mapping[str, Sequence[Record]]:
            """After an outage without waiting: that it is over is to be known before the next record comes."""
            nonlocal left
            seconds, left = left, 0.0
            return await self._reader.poll(max_records=max_records, timeout=seconds)

        return await self._patience(poll)


class PatientStore:
    """A `DocumentStore` on another one."""

    def __init__(self, store: DocumentStore, logger: Logger) -> None:
        self._store = store
        self._patience = _Patience("store", logger)

    async def get(self, collection: str, document_id: str) -> Document | None:
        return await self._patience(lambda: self._store.get(collection, document_id))

    async def get_many(self, collection: str, document_ids: Sequence[str]) -> Mapping[str, Document]:
        return await self._patience(lambda: self._store.get_many(collection, document_ids))

    async def put(self, collection: str, documents: Sequence[Document]) -> Sequence[bool]:
        look = _look.get()

        async def again() -> Sequence[bool]:
            if look is not None:
                await look()
            return await self._store.put(collection, documents)

        return await self._patience(lambda: self._store.put(collection, documents), again)

    async def find(
        self,
        collection: str,
        where: Mapping[str, str | Sequence[str]],
        *,
        order_by: str | None = None,
        descending: bool = False,
        after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> Sequence[Document]:
        return await self._patience(
            lambda: self._store.find(
                collection, where, order_by=order_by, descending=descending, after=after, limit=limit
            )
        )

    async def ids(self, collection: str) -> Sequence[str]:
        return await self._patience(lambda: self._store.ids(collection))

    async def drop(self, collection: str) -> None:
        await self._patience(lambda: self._store.drop(collection))

    async def collections(self) -> Sequence[str]:
        return await self._patience(self._store.collections)

    async def close(self) -> None:
        await self._store.close()
