"""The one loop that reads streams: from the checkpoint on, batch by batch, to those who fold. Every projection, index
and rule is fed by it.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cache
from typing import Never, Protocol

from prometheus_client import Gauge

from libs.events.streams import keeps_hours
from libs.runtime.batch import Batch, Checkpoint, Decoder, Skim, event_id
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.errors import LogMismatch, ReadStopped
from libs.runtime.log import EventLog, Record
from libs.runtime.positions import Positions
from libs.runtime.telemetry import Metrics

NEWER_LOG = (
    "Restore the newest backup of the log; if this is the newest there is, remove the store: it is made again from the"
    " log, without them"
)
POLL_SECONDS = 0.25
"""How long a quiet reader waits before it lets its sink tidy up."""
QUIET_SECONDS = 15.0
"""The same, when the sink has nothing left to tidy up: a process has a reader for each of its states' streams."""

TurnOf = Callable[[int], AbstractAsyncContextManager[object]]
"""What is held while so many records are decoded and folded."""


def no_turn(_records: int) -> AbstractAsyncContextManager[object]:
    """Nobody waits for anybody."""
    return contextlib.nullcontext()


class Sink(Protocol):
    """What a consumer feeds. It keeps its own position, with what it has made of the events."""

    async def checkpoint(self, stream: str) -> Checkpoint | None:
        """Where to go on; None to begin at offset 0. Asked once a stream, before the first `fold`."""
        ...

    async def fold(self, batch: Batch) -> None:
        """Take the next batch of a stream. Raising stops the consumer."""
        ...

    async def rest(self) -> bool:
        """Called between batches, and when it is quiet: time to write what was put off. Whether some still is: then it
        is called again in POLL_SECONDS."""
        ...


async def all_done(work: Iterable[Coroutine[object, object, None]]) -> None:
    """Return when all of it has ended. Raises the first error, once nothing is under way any more."""
    for error in await asyncio.gather(*work, return_exceptions=True):
        if error is not None:
            raise error


@dataclass(frozen=True, slots=True)
class Consumer:
    """A sink under its name, which labels metrics, and how far it has come; `positions` are moved behind it."""

    name: str
    sink: Sink
    positions: Positions


async def consume(
    name: str,
    log: EventLog,
    positions: Positions,
    sink: Sink,
    *,
    metrics: Metrics,
    dead_letters: DeadLetters | None = None,
    max_records: int = 1000,
    streams: Collection[str] | None = None,
    skim: Skim | None = None,
    pause: Callable[[], Awaitable[object]] | None = None,
    turn_of: TurnOf = no_turn,
) -> Never:
    """Feed one sink with everything in `streams`, by default all that `positions` have. See `consume_together`."""
    await consume_together(
        [Consumer(name, sink, positions)],
        log,
        positions.streams if streams is None else streams,
        metrics=metrics,
        dead_letters=dead_letters,
        max_records=max_records,
        skim=skim,
        pause=pause,
        turn_of=turn_of,
    )


async def consume_together(
    consumers: Sequence[Consumer],
    log: EventLog,
    streams: Collection[str],
    *,
    metrics: Metrics,
    dead_letters: DeadLetters | None = None,
    max_records: int = 1000,
    skim: Skim | None = None,
    pause: Callable[[], Awaitable[object]] | None = None,
    turn_of: TurnOf = no_turn,
) -> Never:
    """Feed these with everything in `streams`, for ever: each record is read and decoded once, from where the first of
    them is to go on; the others hear of it from their own checkpoint on.

    With `dead_letters`, unreadable records are kept there before a sink hears of them; a sink without a durable
    position of its own goes without, since it reads the same records again at each start.

    `skim` is asked of each record, in order, before it is decoded: it must leave to be decoded what may be of a version
    that it does not know.

    `pause` is awaited behind what came, unless that was all that is taken at once: what comes meanwhile is folded
    together, by a sink for which one record costs nearly as much as ten.

    `turn_of` a number of records is held while so many are decoded and folded: of many readers in a process not all do
    it at one time.

    Raises LogMismatch, ReadStopped, Unavailable, and whatever a sink raises, when no other sink is folding any more.
    """
    names = [each.name for each in consumers]
    decoder, show = Decoder(names, await log.identity(), metrics, dead_letters, skim), _shown(metrics)
    begins = {}
    for stream in streams:
        for each in consumers:
            checkpoint = await each.sink.checkpoint(stream)
            each.positions.move(stream, await position_after(log, stream, checkpoint, decoder.log))
            show(each.name, stream, each.positions[stream])
        begins[stream] = min(each.positions[stream] for each in consumers)
        if dead_letters is not None and keeps_hours(stream):
            metrics.dead_letters.labels(stream=stream)  # at 0 from the start: an increase from nothing is no increase
    reached = dict(begins)

    async def take(stream: str, records: Sequence[Record]) -> None:
        batch = await decoder.batch(stream, reached[stream], records)
        reached[stream] = batch.checkpoint.offset + 1
        await all_done(fold(each, batch) for each in consumers)

    async def fold(consumer: Consumer, batch: Batch) -> None:
        rest = batch.since(consumer.positions[batch.stream])
        if rest is not None:
            await consumer.sink.fold(rest)
            consumer.positions.move(rest.stream, rest.checkpoint.offset + 1)
            show(consumer.name, rest.stream, rest.checkpoint.offset + 1)

    async with log.reader(begins) as reader:

        async def round_of(timeout: float) -> int:  # noqa: ASYNC109 -- as the reader's
            """How many records came. A quiet reader keeps none of them: they are gone with this call."""
            polled = await reader.poll(max_records=max_records, timeout=timeout)
            for stream, records in polled.items():
                async with turn_of(len(records)):
                    await take(stream, records)
            return sum(map(len, polled.values()))

        put_off = True
        while True:
            came = await round_of(POLL_SECONDS if put_off else QUIET_SECONDS)
            put_off = any([await each.sink.rest() for each in consumers])
            if pause is not None and 0 < came < max_records:
                await pause()


def _shown(metrics: Metrics) -> Callable[[str, str, int], None]:
    """Shows how far a consumer has come in a stream. Looking labels up costs more than setting a gauge."""

    @cache
    def gauges(name: str, stream: str) -> Sequence[Gauge]:
        found = (metrics.consumer_position, metrics.consumer_last_progress_timestamp_seconds)
        return [gauge.labels(consumer=name, stream=stream) for gauge in found] if keeps_hours(stream) else ()

    def show(name: str, stream: str, position: int) -> None:
        for gauge, value in zip(gauges(name, stream), (position, time.time()), strict=False):
            gauge.set(value)

    return show


async def replay(
    name: str,
    log: EventLog,
    ends: Mapping[str, int],
    sink: Sink,
    *,
    metrics: Metrics,
    dead_letters: DeadLetters | None = None,
    progress: Callable[[int], None] = lambda _count: None,
    max_records: int = 1000,
) -> None:
    """Feed `sink` from its checkpoint up to the offset `ends[stream]` of each stream, one after another, and return.

    `progress` hears how many records have just been folded. Raises as `consume` does.
    """
    decoder = Decoder([name], await log.identity(), metrics, dead_letters)
    for stream, end in ends.items():
        position = await position_after(log, stream, await sink.checkpoint(stream), decoder.log)
        while position < end:
            records = await log.read(stream, position, max_records=min(max_records, end - position))
            if not records:
                raise ReadStopped(f"{stream}: nothing at offset {position}, though the log ended at {end}")
            await sink.fold(await decoder.batch(stream, position, records))
            position += len(records)
            progress(len(records))


async def position_after(log: EventLog, stream: str, checkpoint: Checkpoint | None, identity: str) -> int:
    """Behind the checkpoint, if the log is the one that the checkpoint was made of. Raises LogMismatch."""
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
            f" are missing. {NEWER_LOG}"
        )
    if event_id(found[0]) != checkpoint.event_id:
        raise LogMismatch(
            f"{stream}: another event stands at offset {checkpoint.offset} than the one that was folded: the log was"
            f" cut and has grown again. {NEWER_LOG}"
        )
    return checkpoint.offset + 1
