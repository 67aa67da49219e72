"""`EventLog` on Kafka: a stream is a topic with one partition. What is promised, and how, is in ADR 0012."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError

from libs.runtime.clock import Clock
from libs.runtime.errors import Unavailable
from libs.runtime.kafka_security import NOBODY, KafkaSecurity
from libs.runtime.log import LogReader, NewRecord, Record
from libs.runtime.log_kafka_appends import Appends
from libs.runtime.log_kafka_client import (
    FETCH_WAIT_SECONDS,
    LONE_FETCH_WAIT_SECONDS,
    Cluster,
    cluster_of,
    new_consumer,
    unavailable,
)
from libs.runtime.log_kafka_reads import Reads, record_of, started, stop

APPEND_DEADLINE = 5.0
"""Seconds of real time (guarantee 1), for each other call too."""
LOOK_EVERY = 0.2
"""Seconds between looks at the end of a stream that has not yet reached its reader's position."""
STALLED_SECONDS = 10.0
"""Without a record for so long, a reader asks whether there is one, and starts again when there is."""
MOST_WAITING = 1000
"""Records of a reader that were fetched and not yet polled: above it, no more are taken from the client."""
OURS = "rozana."


def open_log(
    url: str, clock: Clock, *, security: KafkaSecurity = NOBODY, deadline: float = APPEND_DEADLINE
) -> "KafkaEventLog":
    """Name the log; the first call connects. `clock` counts in topics whose records carry the writer's time.

    Raises StartRefused when the URL cannot be meant.
    """
    return KafkaEventLog(cluster_of(url, security), clock, deadline)


class KafkaEventLog:
    """Use it from the event loop that it was opened in."""

    def __init__(self, cluster: Cluster, clock: Clock, deadline: float) -> None:
        self._cluster = cluster
        self._deadline = deadline
        self._reads = Reads(cluster, deadline)
        self._appends = Appends(cluster, clock, self._reads, deadline)
        self._readers: set[_Reader] = set()
        self._identity: str | None = None
        self._open = True

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        self._check_open()
        return await self._appends.append(stream, records) if records else ()

    async def end(self, stream: str) -> int:
        self._check_open()
        return (await self._reads.ends([stream]))[stream]

    async def read(self, stream: str, offset: int, *, max_records: int = 1000) -> Sequence[Record]:
        self._check_open()
        return await self._reads.read(stream, offset, max_records)

    @contextlib.asynccontextmanager
    async def reader(self, positions: Mapping[str, int]) -> AsyncIterator[LogReader]:
        self._check_open()
        reader = _Reader(self._cluster, self._reads, self._deadline, positions)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            await reader.stop()

    async def identity(self) -> str:
        """The cluster's. A topic made anew in the same cluster is known by the event remembered at the checkpoint."""
        self._check_open()
        if self._identity is None:
            self._identity = f"kafka:{await self._reads.cluster()}"
        return self._identity

    async def last_time(self) -> datetime | None:
        self._check_open()
        streams = [topic for topic in await self._reads.partitions() if topic.startswith(OURS)]
        ends = await self._reads.ends(streams)
        last = [await self._reads.read(stream, end - 1, 1) for stream, end in ends.items() if end]
        return max((record.appended_at for records in last for record in records), default=None)

    async def close(self) -> None:
        self._open = False
        await self._appends.close()
        for reader in tuple(self._readers):
            await reader.stop()
        await self._reads.close()

    def _check_open(self) -> None:
        if not self._open:
            raise Unavailable(f"the log at {self._cluster} is closed")


class _Reader:
    """`LogReader` on a consumer of its own, started by the first poll, with its streams assigned by hand."""

    def __init__(self, cluster: Cluster, reads: Reads, deadline: float, positions: Mapping[str, int]) -> None:
        self._cluster = cluster
        self._reads = reads
        self._deadline = deadline
        self._fetched: dict[str, deque[Any]] = {stream: deque() for stream in positions}
        """By stream, the longest not served first."""
        self._next = dict(positions)
        self._ahead: set[str] = set()
        """Streams that end before their position: nothing is asked of them until they have grown."""
        self._looked = 0.0
        self._progress = 0.0
        self._consumer: Any = None
        self._starting: asyncio.Task[None] | None = None
        self._stopped = False

    async def _start(self) -> None:
        """Raises Unavailable. Whoever gives up meanwhile must not leave behind a connection that is half made."""
        self._check_running()
        if self._starting is None:
            self._starting = asyncio.create_task(self._connect())
        try:
            await asyncio.shield(self._starting)
        finally:
            if self._starting.done():
                self._starting = None
        self._check_running()

    async def _connect(self) -> None:
        """From `_next` on."""
        ends = await self._reads.ends(self._next)
        self._ahead = {stream for stream, position in self._next.items() if position > ends[stream]}
        try:
            async with asyncio.timeout(self._deadline):
                consumer = await started(
                    new_consumer(self._cluster, fetch_max_wait_ms=round(self._fetch_wait() * 1000))
                )
        except (KafkaError, OSError, TimeoutError) as error:
            raise unavailable(self._cluster, error) from None
        consumer.assign([TopicPartition(stream, 0) for stream in self._next])
        for stream, position in self._next.items():
            consumer.seek(TopicPartition(stream, 0), position)
        consumer.pause(*(TopicPartition(stream, 0) for stream in self._ahead))
        self._consumer, self._progress = consumer, asyncio.get_running_loop().time()

    def _fetch_wait(self) -> float:
        return LONE_FETCH_WAIT_SECONDS if len(self._next) == 1 else FETCH_WAIT_SECONDS

    def _check_running(self) -> None:
        if self._stopped:
            raise Unavailable(f"the log at {self._cluster} is closed")

    async def stop(self) -> None:
        self._stopped = True
        if self._starting is not None:
            await asyncio.wait([self._starting])
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await stop(consumer)

    async def poll(
        self,
        *,
        max_records: int = 1000,
        timeout: float,  # noqa: ASYNC109 - the port's: running out of time is an answer here, not an error
    ) -> Mapping[str, Sequence[Record]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while True:
            if self._consumer is None:
                await self._start()
            await self._start_again_if_stalled(loop.time())
            if self._ahead and loop.time() - self._looked >= LOOK_EVERY:
                self._looked = loop.time()
                await self._look_ahead()
            waiting = sum(map(len, self._fetched.values()))
            left = 0 if waiting else max(until - loop.time(), 0)
            if waiting < MOST_WAITING:
                await self._fetch(min(left, LOOK_EVERY) if self._ahead else left)
            if found := self._share(max_records):
                self._progress = loop.time()
                return found
            if loop.time() >= until:
                return {}

    async def _fetch(self, seconds: float) -> None:
        try:
            found = await self._consumer.getmany(timeout_ms=seconds * 1000)
        except OffsetOutOfRangeError as error:
            (partition,) = error.args[0]
            raise await self._reads.out_of_range(partition.topic, error.args[0][partition]) from None
        except (KafkaError, ConsumerStoppedError) as error:
            raise unavailable(self._cluster, error) from None
        self._check_running()
        for partition, records in found.items():
            self._fetched[partition.topic].extend(records)

    def _share(self, most: int) -> Mapping[str, Sequence[Record]]:
        """A fair share of `most` for each stream that has more: what a short one leaves goes to those after it."""
        waiting = [stream for stream, fetched in self._fetched.items() if fetched]
        found = {}
        for served, stream in enumerate(waiting):
            fetched = self._fetched[stream]
            share = min(len(fetched), -(-most // (len(waiting) - served)))
            if share <= 0:
                break
            found[stream] = [record_of(stream, fetched.popleft()) for _ in range(share)]
            most -= share
            self._next[stream] += share
            self._fetched[stream] = self._fetched.pop(stream)
        return found

    async def _look_ahead(self) -> None:
        """Begin with the streams that have grown to their position."""
        ends = await self._reads.ends(self._ahead)
        grown = {stream for stream in self._ahead if ends[stream] >= self._next[stream]}
        self._ahead -= grown
        if grown:
            self._consumer.resume(*(TopicPartition(stream, 0) for stream in grown))

    async def _start_again_if_stalled(self, now: float) -> None:
        """aiokafka's fetching can fall silent without an error; a topic that was deleted only makes it wait."""
        if now - self._progress < STALLED_SECONDS:
            return
        self._reads.doubt(STALLED_SECONDS)
        ends = await self._reads.ends(self._next)  # asked again by the next poll, if Kafka does not answer
        self._progress = now
        if any(ends[stream] > position for stream, position in self._next.items()):
            consumer, self._consumer = self._consumer, None
            await stop(consumer)
            for fetched in self._fetched.values():
                fetched.clear()
            await self._start()
