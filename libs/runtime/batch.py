"""Records to batches: check that none is missing, decode, count. What gives no event is set aside, or stops the reader.

Three outcomes for a record: done; unreadable -> dead letter, go on; anything else -> stop loudly, with no checkpoint
moved. An unknown type is skipped and counted; an unknown version of a known type stops the reader.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from prometheus_client import Counter

from libs.events.codec import InvalidEvent, UnknownType, UnknownVersion
from libs.events.envelope import Recorded
from libs.events.streams import keeps_hours
from libs.runtime.dead_letters import DeadLetters, FaultLimit
from libs.runtime.decoding import event_of
from libs.runtime.errors import ReadStopped
from libs.runtime.log import Record
from libs.runtime.telemetry import Metrics

BREATH = 100
"""Records between two turns of the event loop: a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a sink has come in a stream, and what must be found there when it goes on (guarantee 9)."""

    offset: int
    event_id: str
    log: str
    """The log's identity."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that gives no event. `key` is the district or state it is about; `appended_at` is the log's clock."""

    stream: str
    offset: int
    key: str
    appended_at: datetime


Item = Recorded | Unreadable


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of a stream, less those skimmed or of unknown type; `checkpoint` is behind the last."""

    stream: str
    items: Sequence[Item]
    checkpoint: Checkpoint

    def since(self, offset: int) -> "Batch | None":
        """What of it lies at `offset` or behind; None when nothing does."""
        if self.checkpoint.offset < offset:
            return None
        if not self.items or self.items[0].offset >= offset:
            return self
        return replace(self, items=[item for item in self.items if item.offset >= offset])


Skim = Callable[[Record], bool]
"""Whether a sink takes all that it needs of a record from its headers. Records of a batch come before its `fold`."""


async def breathe(done: int) -> None:
    """Every so many records of a long batch, let the others in this process have their turn: an append waits for no
    longer than five seconds for its answer, and a request for much less."""
    if done % BREATH == 0:
        await asyncio.sleep(0)


def event_id(record: Record) -> str:
    """The record's CloudEvents id as it stands in the header, without decoding; "" when there is none."""
    return next((value.decode(errors="replace") for name, value in record.headers if name == "ce_id"), "")


class Decoder:
    """Makes batches of records, for one reader of the log with the identity `log`; counts them for each consumer."""

    def __init__(
        self,
        names: Sequence[str],
        log: str,
        metrics: Metrics,
        dead_letters: DeadLetters | None,
        skim: Skim | None = None,
    ) -> None:
        self.log = log
        self._skim = skim
        self._names = names
        self._metrics = metrics
        self._consumed = cache(metrics.events_consumed.labels)
        self._dead_letters = dead_letters
        self._faults = FaultLimit()

    async def batch(self, stream: str, expected: int, records: Sequence[Record]) -> Batch:
        """Consecutive records, the first of them at the offset `expected`. Raises ReadStopped and Unavailable."""
        items: list[Item] = []
        skimmed = 0
        for offset, record in enumerate(records, expected):
            if record.offset != offset:
                raise ReadStopped(
                    f"{stream}: offset {record.offset} came where {offset} was expected: the log has a gap"
                )
            if (offset - expected + 1) % BREATH == 0:  # seldom: a coroutine a record is not for nothing
                await breathe(BREATH)
            if self._skim is not None and self._skim(record):
                skimmed += 1
                continue
            unreadable = False
            try:
                event = event_of(record)
            except UnknownType:
                self._count(self._metrics.events_skipped, stream, "unknown-type")
            except UnknownVersion as error:
                raise ReadStopped(f"{stream}: offset {offset}: {error}") from None
            except InvalidEvent as error:
                unreadable = True
                self._count(self._metrics.events_skipped, stream, "unreadable")
                if self._dead_letters is not None:
                    await self._dead_letters.record(record, str(error))
                items.append(Unreadable(stream, offset, record.key, record.appended_at))
            else:
                items.append(Recorded(event, stream, offset, record.appended_at))
            self._faults.count(unreadable=unreadable)
        kind = stream.rsplit(".", 1)[-1]
        for name in self._names:
            if keeps_hours(stream):
                self._consumed(name, kind).inc(len(items) + skimmed)
            else:
                self._metrics.later(self._metrics.events_consumed, name, kind, amount=len(items) + skimmed)
        return Batch(stream, items, Checkpoint(records[-1].offset, event_id(records[-1]), self.log))

    def _count(self, counter: Counter, stream: str, word: str) -> None:
        for name in self._names:
            if keeps_hours(stream):
                counter.labels(name, word).inc()
            else:
                self._metrics.later(counter, name, word)
