"""`EventLog` on one SQLite file: group commit by a writing thread, which wakes the readers; a reading thread."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import apsw

from libs.events.streams import keeps_hours
from libs.runtime.clock import Clock
from libs.runtime.errors import OutcomeUnknown, RozanaError, Unavailable
from libs.runtime.log import LogReader, NewRecord, Record
from libs.runtime.log_sqlite_rows import EPOCH, MILLISECOND, SCHEMA, Tail, fetch, pack, place, tails
from libs.runtime.sqlite import Cell, DatabaseFile, insert_rows, open_file, opening, transaction
from libs.runtime.sqlite_threads import Reads, Worker

APPEND_DEADLINE = 5.0
"""Seconds of real time (guarantee 1)."""
RECORDS_PER_COMMIT = 1000
MILLISECONDS_A_DAY = 24 * 60 * 60 * 1000
RECENT = 2000
"""So many of the last records stay in memory: readers that follow closely need neither the file nor its thread."""
LOOK_EVERY = 0.2
"""Seconds between looks at the file for what another process has written."""


def open_log(
    path: str | Path, clock: Clock, *, read_only: bool = False, append_deadline: float = APPEND_DEADLINE
) -> "SqliteEventLog":
    """Open or make the log at `path`; `read_only`, beside the process that writes. Raises WrongDatabase."""
    file = open_file(path, SCHEMA, read_only=read_only)
    with opening(file.path, SCHEMA) as undo:
        undo.callback(file.close)
        return SqliteEventLog(file, clock, append_deadline)


@dataclass(frozen=True, slots=True)
class _Append:
    stream: str
    records: Sequence[NewRecord]
    heads: Sequence[bytes]


class SqliteEventLog:
    """Use it from one event loop."""

    def __init__(self, file: DatabaseFile, clock: Clock, append_deadline: float) -> None:
        self._file = file
        self._clock = clock
        self._deadline = append_deadline
        self.patience = LOOK_EVERY if file.writer is None else None
        """Seconds after which a reader must look for itself; None where the writer wakes it."""
        self._open = True
        self._readers: set[_Reader] = set()
        self._identity = str(file.reader.execute("SELECT value FROM meta WHERE name = 'identity'").get)
        self._seen = file.reader.pragma("data_version")  # before the tails, or a commit in between would be missed
        self._tails = tails(file.reader)
        self._tails_doubtful = False
        self._settling: asyncio.Future[None] | None = None
        """Set when an append has ended with an unknown outcome, done when it is known."""
        self._recent: OrderedDict[tuple[str, int], Record] = OrderedDict()
        """By stream and offset, the oldest first; a plain dict looks for its first one among all that have gone."""
        name = f"the log {file.path}"
        self._reads = Reads(f"{name} (reading)", file.reader)
        self._writes: Worker[_Append, Sequence[Record]] | None = None
        if file.writer is not None:
            self._writes = Worker(
                f"{name} (writing)",
                partial(self._commit, file.writer),
                most=RECORDS_PER_COMMIT,
                settled=self._wake,
                finish=file.checkpoint,
            )

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        self._check_open()
        if self._writes is None:
            raise Unavailable(f"the log {self._file.path} is open for reading only: append where it is written")
        if not records:
            return ()
        stream.encode()  # what has no UTF-8 form is refused here, not in the middle of other callers' transaction
        job = _Append(stream, records, [pack(record) for record in records])
        try:
            async with asyncio.timeout(self._deadline):
                return await self._writes.do(job, weight=len(records))
        except OutcomeUnknown:
            self._settling = asyncio.ensure_future(self._settle(self._writes))
            raise
        except TimeoutError:
            self._settling = asyncio.ensure_future(self._settle(self._writes))
            line = f"the log {self._file.path} has not confirmed an append within {self._deadline:g} s: retry"
            raise OutcomeUnknown(line) from None

    async def end(self, stream: str) -> int:
        if self._settling is not None:  # else a retry would find nothing, and be appended beside what lands just then
            await asyncio.wait([self._settling])
        await self.look()
        return self.ends(stream)

    async def read(self, stream: str, offset: int, *, max_records: int = 1000) -> Sequence[Record]:
        await self.look()
        count = min(self.ends(stream) - offset, max_records)
        return (await self.fetch({stream: (offset, count)}))[stream] if count > 0 else ()

    @contextlib.asynccontextmanager
    async def reader(self, positions: Mapping[str, int]) -> AsyncIterator[LogReader]:
        self._check_open()
        reader = _Reader(self, positions)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    async def identity(self) -> str:
        self._check_open()
        return self._identity

    async def last_time(self) -> datetime | None:
        await self.look()
        latest = max((tail.time for tail in self._tails.values()), default=None)
        return None if latest is None else EPOCH + latest * MILLISECOND

    async def close(self) -> None:
        self._open = False
        if self._writes is not None:
            await self._writes.close()
        await self._reads.close()
        for reader in self._readers:
            reader.woken.set()
        self._file.close()

    # For the readers.

    def ends(self, stream: str) -> int:
        """As of the last commit here, or of the last look at another process's file."""
        tail = self._tails.get(stream)
        return tail.end if tail else 0

    async def look(self) -> None:
        """See what another process has written; nothing to do where this one writes."""
        self._check_open()
        if self._writes is None:
            await self._reads.ask(self._look)

    async def fetch(self, wanted: Mapping[str, tuple[int, int]]) -> Mapping[str, Sequence[Record]]:
        """By stream, so many records from an offset on: all below `ends`."""
        self._check_open()
        known = self._tails

        def query(connection: apsw.Connection) -> Mapping[str, Sequence[Record]]:
            return {
                stream: fetch(connection, stream, known[stream].stream_id, offset, count)
                for stream, (offset, count) in wanted.items()
            }

        return await self._reads.ask(query)

    def recent(self, wanted: Mapping[str, tuple[int, int]]) -> Mapping[str, Sequence[Record]] | None:
        """As `fetch`, from memory; None when not all of it is there."""
        recent = self._recent
        if any((stream, offset + count - 1) not in recent for stream, (offset, count) in wanted.items()):
            return None
        try:
            return {
                stream: [recent[stream, at] for at in range(offset, offset + count)]
                for stream, (offset, count) in wanted.items()
            }
        except KeyError:
            return None

    async def _settle(self, writes: "Worker[_Append, Sequence[Record]]") -> None:
        """Return when nothing of unknown outcome is under way any more, and the tails are those of the file."""
        with contextlib.suppress(RozanaError):
            await writes.do(_Append("", (), ()))

    def _check_open(self) -> None:
        if not self._open:
            raise Unavailable(f"the log {self._file.path} is closed")

    def _look(self, connection: apsw.Connection) -> None:
        version = connection.pragma("data_version")
        if version != self._seen:
            self._tails = tails(connection)
            self._seen = version

    # In the writing thread.

    def _commit(self, writer: apsw.Connection, jobs: Sequence[_Append]) -> Sequence[Sequence[Record] | Exception]:
        """One transaction, one fsync, for all `jobs`. Readers see the new ends only when it is durable."""
        try:
            with transaction(writer):
                after = dict(tails(writer) if self._tails_doubtful else self._tails)
                now = (self._clock.now() - EPOCH) // MILLISECOND
                rows: list[Sequence[Cell]] = []
                stored = [self._place(writer, after, job, now, rows) if job.records else () for job in jobs]
                insert_rows(writer, "records", rows)
        except OutcomeUnknown as unknown:
            self._tails_doubtful = True  # the file is asked before the next append gets its offset
            return [unknown] * len(jobs)
        self._tails, self._tails_doubtful = after, False
        return stored

    def _place(
        self, writer: apsw.Connection, after: dict[str, Tail], job: _Append, now: int, rows: list[Sequence[Cell]]
    ) -> Sequence[Record]:
        tail = after.get(job.stream)
        if tail is None:
            tail = Tail(max((known.stream_id for known in after.values()), default=0) + 1, 0, 0)
            insert_rows(writer, "streams", [(tail.stream_id, job.stream)])
        shown = now if keeps_hours(job.stream) else now - now % MILLISECONDS_A_DAY
        time = max(shown, tail.time)  # the clock may have been set back
        after[job.stream] = tail._replace(end=tail.end + len(job.records), time=time)
        first = place(tail.stream_id, tail.end)
        rows.extend(
            (at, time, head, record.value)
            for at, (record, head) in enumerate(zip(job.records, job.heads, strict=True), first)
        )
        appended_at = EPOCH + time * MILLISECOND
        return [
            Record(job.stream, offset, appended_at, record.key, record.headers, record.value, record.event)
            for offset, record in enumerate(job.records, tail.end)
        ]

    # In the event loop again.

    def _wake(self, jobs: Sequence[_Append], stored: Sequence[Sequence[Record] | Exception]) -> None:
        streams = {job.stream for job in jobs}
        for records in stored:
            if not isinstance(records, Exception):
                self._recent.update({(record.stream, record.offset): record for record in records})
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        for reader in self._readers:
            if not streams.isdisjoint(reader.streams):
                reader.woken.set()


class _Reader:
    """`LogReader`. With nothing new it waits for `woken` and leaves the file alone."""

    def __init__(self, log: SqliteEventLog, positions: Mapping[str, int]) -> None:
        self.woken = asyncio.Event()
        self.streams = dict(positions)
        """Positions, the longest not served first."""
        self._log = log

    async def poll(
        self,
        *,
        max_records: int = 1000,
        timeout: float,  # noqa: ASYNC109 - the port's: running out of time is an answer here, not an error
    ) -> Mapping[str, Sequence[Record]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while True:
            self.woken.clear()  # before the look: a commit after it sets it again
            await self._log.look()
            if wanted := self._wanted(max_records):
                found = self._log.recent(wanted)
                if found is None:
                    found = await self._log.fetch(wanted)
                for stream, records in found.items():
                    self.streams[stream] = self.streams.pop(stream) + len(records)
                return found
            if (left := until - loop.time()) <= 0:
                return {}
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._log.patience or left)):
                    await self.woken.wait()

    def _wanted(self, most: int) -> Mapping[str, tuple[int, int]]:
        """A fair share of `most` for each stream that has more: what a short one leaves goes to those after it."""
        waiting = [
            (stream, position, more)
            for stream, position in self.streams.items()
            if (more := self._log.ends(stream) - position) > 0
        ]
        wanted = {}
        for served, (stream, position, more) in enumerate(waiting):
            share = min(more, -(-most // (len(waiting) - served)))
            if share <= 0:
                break
            wanted[stream] = (position, share)
            most -= share
        return wanted
