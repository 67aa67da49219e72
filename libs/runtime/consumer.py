"""The one loop that reads streams: check, decode, hand over. Every projection, index and rule is fed by it.

Three outcomes for a record: done; unreadable -> dead letter, go on; anything else -> stop loudly, with no checkpoint
moved. An unknown type is skipped and counted; an unknown version of a known type stops the reader.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Never, Protocol

from libs.events.codec import InvalidEvent, UnknownType, UnknownVersion, decode
from libs.events.envelope import Recorded
from libs.runtime.dead_letters import DeadLetters, FaultLimit
from libs.runtime.errors import LogMismatch, ReadStopped
from libs.runtime.log import EventLog, Record
from libs.runtime.positions import Positions
from libs.runtime.telemetry import Metrics

POLL_SECONDS = 0.25
"""How long a quiet reader waits before it lets its sink tidy up."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a sink has come in a stream, and what must be found there when it goes on (guarantee 9)."""

    offset: int
    event_id: str
    log: str
    """The log's identity."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that gives no event. `key` is the district or state it is about."""

    stream: str
    offset: int
    key: str


Item = Recorded | Unreadable


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one stream, less those of unknown type. `checkpoint` is behind the last of them."""

    stream: str
    items: Sequence[Item]
    checkpoint: Checkpoint


class Sink(Protocol):
    """What a consumer feeds. It keeps its own position, with what it has made of the events."""

    async def checkpoint(self, stream: str) -> Checkpoint | None:
        """Where to go on; None to begin at offset 0. Asked once a stream, before the first `fold`."""
        ...

    async def fold(self, batch: Batch) -> None:
        """Take the next batch of a stream. Raising stops the consumer."""
        ...

    async def rest(self) -> None:
        """Called between batches and every POLL_SECONDS when it is quiet: time to write what was put off."""
        ...


def event_id(record: Record) -> str:
    """The record's CloudEvents id as it stands in the header, without decoding; "" when there is none."""
    return next((value.decode(errors="replace") for name, value in record.headers if name == "ce_id"), "")


async def consume(
    name: str,
    log: EventLog,
    positions: Positions,
    sink: Sink,
    *,
    metrics: Metrics,
    dead_letters: DeadLetters | None = None,
    max_records: int = 1000,
) -> Never:
    """Feed `sink` with everything in the streams of `positions`, for ever, and move `positions` behind it.

    `name` labels metrics.

    With `dead_letters`, unreadable records are kept there before the sink hears of them; a sink without a durable
    position of its own goes without, since it reads the same records again at each start.

    Raises LogMismatch, ReadStopped, Unavailable, and whatever the sink raises.
    """
    identity = await log.identity()
    for stream in positions.streams:
        positions.move(stream, await _first_offset(log, stream, await sink.checkpoint(stream), identity))
    faults = FaultLimit()
    async with log.reader({stream: positions[stream] for stream in positions.streams}) as reader:
        while True:
            polled = await reader.poll(max_records=max_records, timeout=POLL_SECONDS)
            for stream, records in polled.items():
                batch = await _decoded(
                    name, stream, records, positions[stream], identity, faults, metrics, dead_letters
                )
                await sink.fold(batch)
                positions.move(stream, batch.checkpoint.offset + 1)
                metrics.consumer_position.labels(consumer=name, stream=stream).set(positions[stream])
                metrics.consumer_last_progress_timestamp.labels(consumer=name, stream=stream).set(time.time())
            await sink.rest()


async def _first_offset(log: EventLog, stream: str, checkpoint: Checkpoint | None, identity: str) -> int:
    """Behind the checkpoint, if the log is the one that the checkpoint was made of."""
    if checkpoint is None:
        return 0
    if checkpoint.log != identity:
        raise LogMismatch(
            f"{stream}: the projections were folded from another log. Put the right log back, or remove the store:"
            " it is rebuilt from the log"
        )
    found = await log.read(stream, checkpoint.offset, max_records=1)
    if not found:
        end = await log.end(stream)
        raise LogMismatch(
            f"{stream}: the log ends at offset {end}, but {checkpoint.offset} was already folded: acknowledged events"
            " are missing. Restore the log from a backup"
        )
    if event_id(found[0]) != checkpoint.event_id:
        raise LogMismatch(
            f"{stream}: another event stands at offset {checkpoint.offset} than the one that was folded: the log was"
            " cut and has grown again. Restore the log from a backup"
        )
    return checkpoint.offset + 1


async def _decoded(
    name: str,
    stream: str,
    records: Sequence[Record],
    expected: int,
    identity: str,
    faults: FaultLimit,
    metrics: Metrics,
    dead_letters: DeadLetters | None,
) -> Batch:
    items: list[Item] = []
    for offset, record in enumerate(records, expected):
        if record.offset != offset:
            raise ReadStopped(f"{stream}: offset {record.offset} came where {offset} was expected: the log has a gap")
        unreadable = False
        try:
            event = decode(record.headers, record.value)
        except UnknownType:
            metrics.events_skipped.labels(consumer=name, reason="unknown-type").inc()
        except UnknownVersion as error:
            raise ReadStopped(f"{stream}: offset {offset}: {error}") from None
        except InvalidEvent as error:
            unreadable = True
            metrics.events_skipped.labels(consumer=name, reason="unreadable").inc()
            if dead_letters is not None:
                await dead_letters.record(record, str(error))
            items.append(Unreadable(stream, offset, record.key))
        else:
            items.append(Recorded(event, stream, offset, record.appended_at))
        faults.count(unreadable=unreadable)
    metrics.events_consumed.labels(consumer=name, stream_kind=stream.rsplit(".", 1)[-1]).inc(len(items))
    return Batch(stream, items, Checkpoint(records[-1].offset, event_id(records[-1]), identity))
