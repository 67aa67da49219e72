"""The port `EventLog`: streams of records, each totally ordered. These docstrings are the specification.

`tests/contracts/log_contract.py` holds every adapter to them. Adapters: `log_sqlite.py` (embedded), `log_kafka.py`
(production; ADR 0012 says how Kafka keeps these promises).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from libs.events.envelope import Event


@dataclass(frozen=True, slots=True)
class NewRecord:
    """What a writer hands over: a CloudEvents binary-mode message (libs.events.codec makes it)."""

    key: str
    """The record key: a district code, or a state code."""
    headers: tuple[tuple[str, bytes], ...]
    """In order; names such as `ce_id` and `content-type`."""
    value: bytes
    event: Event | None = field(default=None, compare=False, repr=False)
    """What it was made of, for readers in this process: decoded, it would be the same."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record at rest.

    `offset` counts from 0 without gaps; `appended_at` (UTC, whole milliseconds) is the log's clock. In a stream that
    keeps no hours (libs.events.streams) it is cut to the day.
    """

    stream: str
    offset: int
    appended_at: datetime
    key: str
    headers: tuple[tuple[str, bytes], ...]
    value: bytes
    event: Event | None = field(default=None, compare=False, repr=False)
    """As in NewRecord, while the log still knows it; None for a record that came from elsewhere."""


class LogReader(Protocol):
    """Positions in some streams, moving forward. One task uses it at a time."""

    async def poll(self, *, max_records: int = 1000, timeout: float) -> Mapping[str, Sequence[Record]]:  # noqa: ASYNC109 -- {} is no error
        """The next records by stream, waiting up to `timeout` seconds (real time) for the first; {} after that.

        A stream's records come in offset order, without a gap, starting at the reader's position, which then lies
        behind the last one returned. No stream starves: with several streams waiting, `max_records` is shared out.
        Raises Unavailable, and has then not moved.
        """
        ...


class EventLog(Protocol):
    """Append-only streams that are made by their first append.

    On Kafka a stream is a topic, provisioned before: a call about a missing one raises Unavailable and names it.
    """

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        """Append all of `records`, contiguously and in order, or none. Returns them as stored.

        Returns only when they are durable (SQLite synchronous=FULL; Kafka acks=all): killing the process or cutting
        the power afterwards loses nothing. Concurrent calls are ordered by the log, each call's records together.
        `appended_at` never decreases in a stream (on Kafka: as long as no broker's clock is set back). An empty
        sequence appends nothing and returns an empty one.

        Raises ValueError when a string has no UTF-8 form, or when the records are more than the log takes at once
        (Kafka: 1 MB, since only a batch is written whole or not at all); OutcomeUnknown when the append deadline (5 s
        of real time) passed or the commit itself failed; and Unavailable when it is certain that nothing was appended.
        Being cancelled leaves the outcome unknown too.
        """
        ...

    async def end(self, stream: str) -> int:
        """The offset that the next record will get: 0 for a stream nobody has appended to."""
        ...

    async def read(self, stream: str, offset: int, *, max_records: int = 1000) -> Sequence[Record]:
        """Up to `max_records` records from `offset` on, in order; empty at the end. Does not wait."""
        ...

    def reader(self, positions: Mapping[str, int]) -> AbstractAsyncContextManager[LogReader]:
        """Follow these streams, each from its own first offset to return. Streams may not exist yet.

        A position beyond the end simply waits; whether that is right is the consumer's question (guarantee 9).
        """
        ...

    async def identity(self) -> str:
        """A random id made with the log: another log, or one made anew, has another. Kafka's is the cluster's."""
        ...

    async def last_time(self) -> datetime | None:
        """The highest `appended_at` of any stream, or None when empty. A shifted clock starts no earlier than this."""
        ...

    async def close(self) -> None:
        """Finish what was accepted, then let go. Later calls raise Unavailable. Closing twice is allowed."""
        ...
