"""Appending to Kafka: all who wait for a stream share one batch, every batch has a deadline, a producer that has failed
once is thrown away.

aiokafka's idempotent producer never gives up a batch, and one that has lost a batch refuses all that follow. So nobody
waits for it longer than the deadline, and after any failure a new one begins with a new identity. What the old one had
under way may still arrive, which is what "outcome unknown" means: a retry has the same event id, and the fold counts it
once.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidMessageError,
    KafkaError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from libs.events.streams import erasable, keeps_hours
from libs.runtime.clock import Clock
from libs.runtime.errors import OutcomeUnknown, Unavailable
from libs.runtime.log import NewRecord, Record
from libs.runtime.log_kafka_client import Cluster, new_producer, unavailable
from libs.runtime.log_kafka_reads import EPOCH, MILLISECOND, Reads, cut
from libs.runtime.topics import most_bytes

MOST_UNDER_WAY = 8
"""Batches of a process, of as many streams: one stream has one at a time."""
ABANDON_AGAIN_SECONDS = 0.1
RECORD_OVERHEAD = 40
HEADER_OVERHEAD = 10
"""Bytes that Kafka adds, at most, to a record and to each header."""
CERTAINLY_NOT = (
    ClusterAuthorizationFailedError,
    InvalidMessageError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
"""What a broker answers before it has written anything."""


@dataclass(frozen=True, slots=True, eq=False)
class _Append:
    records: Sequence[NewRecord]
    bytes: int
    outcome: "asyncio.Future[Sequence[Record] | Exception]"
    """An outcome travels as a result, even a failure: no exception is left that was never retrieved."""


@dataclass(slots=True, eq=False)
class _Producer:
    client: Any
    users: int = 0
    retired: bool = False


@dataclass(slots=True, eq=False)
class _Stream:
    waiting: deque[_Append] = field(default_factory=deque)
    task: "asyncio.Task[None] | None" = None
    time: int = 0
    """The latest appended_at that was ours to set."""


class Appends:
    """`reads` knows which topics there are."""

    def __init__(self, cluster: Cluster, clock: Clock, reads: Reads, deadline: float) -> None:
        self._cluster = cluster
        self._clock = clock
        self._reads = reads
        self._deadline = deadline
        self._streams: dict[str, _Stream] = {}
        self._under_way = asyncio.Semaphore(MOST_UNDER_WAY)
        self._producer: _Producer | None = None
        self._starting = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()

    async def append(self, name: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        size = sum(map(_size, records))
        if size > most_bytes(name):
            raise ValueError(f"an append of {size} bytes: {name} takes {most_bytes(name)} at once")
        name.encode()
        stream = self._streams.setdefault(name, _Stream())
        job = _Append(records, size, asyncio.get_running_loop().create_future())
        stream.waiting.append(job)
        if stream.task is None:
            stream.task = asyncio.create_task(self._send_all(name, stream))
        try:
            async with asyncio.timeout(self._deadline):
                outcome = await job.outcome
        except TimeoutError:
            if job in stream.waiting:
                stream.waiting.remove(job)
                raise Unavailable(
                    f"the log took no append to {_named(name)} within {self._deadline:g} s: retry"
                ) from None
            line = f"the log has not confirmed an append to {_named(name)} within {self._deadline:g} s: retry"
            raise OutcomeUnknown(line) from None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Finish what was accepted."""
        await asyncio.gather(*(stream.task for stream in self._streams.values() if stream.task is not None))
        if self._producer is not None:
            self._retire(self._producer)
        await asyncio.gather(*self._leaving)

    async def _send_all(self, name: str, stream: _Stream) -> None:
        """Send what waits, batch after batch, until nobody waits."""
        try:
            while stream.waiting:
                async with self._under_way:
                    if jobs := _next(stream.waiting, most_bytes(name)):
                        outcomes = await self._send(name, stream, jobs)
                        for job, outcome in zip(jobs, outcomes, strict=True):
                            if not job.outcome.done():
                                job.outcome.set_result(outcome)
        finally:
            stream.task = None

    async def _send(
        self, name: str, stream: _Stream, jobs: Sequence[_Append]
    ) -> Sequence[Sequence[Record] | Exception]:
        try:
            async with asyncio.timeout(self._deadline):
                await self._reads.check([name])
                producer = await self._current()
        except Unavailable as error:
            return [error] * len(jobs)
        except (KafkaError, OSError, TimeoutError) as error:
            return [unavailable(self._cluster, error)] * len(jobs)
        time = self._time(name, stream)
        producer.users += 1
        try:
            async with asyncio.timeout(self._deadline):
                batch = producer.client.create_batch()
                for job in jobs:
                    for record in job.records:
                        batch.append(
                            timestamp=time,
                            key=record.key.encode(),
                            # In a compacted topic no value is Kafka's word for: erase this key.
                            value=(record.value or None) if erasable(name) else record.value,
                            headers=list(record.headers),
                        )
                batch.close()
                ack = await (await producer.client.send_batch(batch, name, partition=0))
        except (KafkaError, OSError, TimeoutError) as error:
            self._retire(producer)
            self._reads.forget(name)
            kind = type(error).__name__.removesuffix("Error")
            if isinstance(error, CERTAINLY_NOT):
                refused = f"the log refused an append to {_named(name)} ({kind}): see the topic and its rights"
                return [Unavailable(refused)] * len(jobs)
            unconfirmed = f"the log has not confirmed an append to {_named(name)} ({kind}): retry"
            return [OutcomeUnknown(unconfirmed)] * len(jobs)
        finally:
            producer.users -= 1
            self._leave_if_unused(producer)
        if ack.offset < 0:  # a repeat that the broker knew, but not where: a receipt needs the true offset
            return [OutcomeUnknown(f"the log has an append to {_named(name)} and does not say where: retry")] * len(
                jobs
            )
        return _stored(name, ack.offset, time if ack.timestamp < 0 else ack.timestamp, jobs)

    def _time(self, name: str, stream: _Stream) -> int:
        """Where the writer's clock counts, it is not set back, and tells no hour of a grievance."""
        now = (self._clock.now() - EPOCH) // MILLISECOND
        stream.time = max(cut(name, now), stream.time)
        return stream.time

    async def _current(self) -> _Producer:
        async with self._starting:
            if self._producer is None:
                client = new_producer(self._cluster)
                try:
                    await client.start()
                except BaseException:
                    await _abandon(client)
                    raise
                self._producer = _Producer(client)
            return self._producer

    def _retire(self, producer: _Producer) -> None:
        """Nothing new goes through it. What other streams have under way there is waited for, up to its deadline."""
        if self._producer is producer:
            self._producer = None
        producer.retired = True
        self._leave_if_unused(producer)

    def _leave_if_unused(self, producer: _Producer) -> None:
        if producer.retired and not producer.users and producer.client is not None:
            leaving = asyncio.create_task(_abandon(producer.client))
            producer.client = None
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)


async def _abandon(client: Any) -> None:
    """aiokafka's own stop() first delivers what is under way, and waits for that for ever; no public call does not."""
    client._closed = True
    sending = client._sender.sender_task
    if sending is not None:
        sending.cancel()
    await client.client.close()
    while sending is not None and not sending.done():
        sending.cancel()  # again, since it waits for its requests, and they for brokers
        await asyncio.wait([sending], timeout=ABANDON_AGAIN_SECONDS)


def _next(waiting: deque[_Append], most: int) -> Sequence[_Append]:
    """As many as one batch holds, less those nobody waits for any more."""
    jobs: list[_Append] = []
    while waiting and (most := most - waiting[0].bytes) >= 0:
        job = waiting.popleft()
        if not job.outcome.done():
            jobs.append(job)
    return jobs


def _size(record: NewRecord) -> int:
    """In a batch, or a little less. Raises ValueError when a string has no UTF-8 form."""
    headers = sum(len(name.encode()) + len(value) + HEADER_OVERHEAD for name, value in record.headers)
    return len(record.key.encode()) + headers + len(record.value) + RECORD_OVERHEAD


def _stored(name: str, offset: int, time: int, jobs: Sequence[_Append]) -> Sequence[Sequence[Record]]:
    appended_at = EPOCH + cut(name, time) * MILLISECOND
    stored = []
    for job in jobs:
        stored.append(
            [
                Record(name, at, appended_at, record.key, record.headers, record.value)
                for at, record in enumerate(job.records, offset)
            ]
        )
        offset += len(job.records)
    return stored


def _named(name: str) -> str:
    """For errors, which are logged with their time: nobody is to read there when a state had a grievance."""
    return name if keeps_hours(name) else "a stream that keeps no hours"
