"""Asking Kafka: which topics there are, where they begin and end, and records from an offset on.

These go over connections of their own: a broker answers the requests of one connection in order, and a reader's fetch
may wait there for seconds.
"""

import asyncio
from collections.abc import Collection, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from libs.events.streams import keeps_hours
from libs.runtime.errors import ReadStopped, Unavailable
from libs.runtime.log import Record
from libs.runtime.log_kafka_client import Cluster, close_whole, new_admin, new_consumer, unavailable

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
MILLISECONDS_A_DAY = 24 * 60 * 60 * 1000
WAIT_MS = 200


class Reads:
    """`deadline` is each question's, in seconds of real time."""

    def __init__(self, cluster: Cluster, deadline: float) -> None:
        self._cluster = cluster
        self._deadline = deadline
        self._admin: Any = None
        self._consumer: Any = None
        self._starting = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._at: tuple[str, int] | None = None
        """Where the consumer stands, between reads."""
        self._known: set[str] = set()
        """Topics that were there when last looked at."""
        self._checking = asyncio.Lock()
        self._doubted = 0.0
        self._asked: set[asyncio.Task[Any]] = set()

    async def check(self, streams: Collection[str]) -> None:
        """Raises Unavailable when a topic is missing, or has not one partition (ADR 0002)."""
        if self._known.issuperset(streams):
            return
        async with self._checking:  # a hundred readers that doubt at one time are told together
            if not self._known.issuperset(streams):
                await self._check(streams)

    async def _check(self, streams: Collection[str]) -> None:
        found = await self.partitions()
        if missing := [stream for stream in streams if stream not in found]:
            raise Unavailable(
                f"Kafka has no topic {', '.join(missing)}: topics are made, and rights to them given, before the"
                " services start (`rozana topics`)"
            )
        if wrong := [stream for stream in streams if found[stream] != 1]:
            raise Unavailable(f"{', '.join(wrong)} must have one partition: another order is another log")
        self._known.update(topic for topic, count in found.items() if count == 1)

    def forget(self, stream: str) -> None:
        """Look again before the next use."""
        self._known.discard(stream)

    def doubt(self, seconds: float) -> None:
        """Look at all again before their next use, but not more often than so."""
        now = asyncio.get_running_loop().time()
        if now - self._doubted >= seconds:
            self._doubted = now
            self._known.clear()

    async def partitions(self) -> Mapping[str, int]:
        """How many each topic has."""

        async def ask() -> Any:
            return await (await self._asker()).describe_topics()

        return {topic["topic"]: len(topic["partitions"]) for topic in await self._ask(ask())}

    async def cluster(self) -> str:
        """Kafka's id of the cluster, made when its storage was formatted."""

        async def ask() -> Any:
            return await (await self._asker()).describe_cluster()

        return str((await self._ask(ask()))["cluster_id"])

    async def ends(self, streams: Collection[str]) -> Mapping[str, int]:
        """The next offset of each."""
        return await self._offsets(streams, "end_offsets")

    async def begins(self, streams: Collection[str]) -> Mapping[str, int]:
        """The first offset that is kept of each: 0, or somebody has deleted records."""
        return await self._offsets(streams, "beginning_offsets")

    async def _offsets(self, streams: Collection[str], question: str) -> Mapping[str, int]:
        await self.check(streams)

        async def ask() -> Any:
            return await getattr(await self._reader(), question)([TopicPartition(stream, 0) for stream in streams])

        try:
            found = await self._ask(ask())
        except Unavailable:
            self._known.difference_update(streams)
            raise
        return {partition.topic: offset for partition, offset in found.items()}

    async def read(self, stream: str, offset: int, most: int) -> Sequence[Record]:
        """Up to `most` records from `offset` on; none at the end. Raises ReadStopped when they are no longer kept."""
        count = min((await self.ends([stream]))[stream] - offset, most)
        if count <= 0:
            return ()
        try:
            found = await self._ask(self._read(stream, offset, count))
        except OffsetOutOfRangeError:
            raise await self.out_of_range(stream, offset) from None
        return [record_of(stream, each) for each in found]

    async def _read(self, stream: str, offset: int, count: int) -> Sequence[Any]:
        partition = TopicPartition(stream, 0)
        found: list[Any] = []
        async with self._reading:
            consumer = await self._reader()
            if self._at != (stream, offset):
                consumer.assign([partition])
                consumer.seek(partition, offset)
            self._at = None  # unless all goes well
            consumer.resume(partition)
            try:
                while len(found) < count:
                    more = await consumer.getmany(partition, timeout_ms=WAIT_MS, max_records=count - len(found))
                    found += more.get(partition, ())
            finally:
                consumer.pause(partition)  # it must not go on asking
            self._at = (stream, offset + count)
        return found

    async def out_of_range(self, stream: str, offset: int) -> ReadStopped:
        """Why a record that should be there is not."""
        begin, end = (await self.begins([stream]))[stream], (await self.ends([stream]))[stream]
        if offset < begin:
            return ReadStopped(
                f"{stream}: the log begins at offset {begin}, and {offset} was to be read: records were deleted."
                " Set the topic's retention to -1, and restore the log"
            )
        return ReadStopped(
            f"{stream}: the log ends at offset {end}, and was read to {offset}: it was cut, or made anew."
            " Restore the log"
        )

    async def close(self) -> None:
        for question in self._asked:
            question.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)
        if self._consumer is not None:
            await stop(self._consumer)
        if self._admin is not None:
            await close_whole(self._admin.close())

    async def _asker(self) -> Any:
        async with self._starting:
            if self._admin is None:
                admin = new_admin(self._cluster)
                try:
                    await admin.start()
                except BaseException:
                    await close_whole(admin.close())
                    raise
                self._admin = admin
            return self._admin

    async def _reader(self) -> Any:
        async with self._starting:
            if self._consumer is None:
                self._consumer = await started(new_consumer(self._cluster, fetch_max_wait_ms=0))
            return self._consumer

    async def _ask(self, question: Coroutine[object, object, T]) -> T:
        """In a task of its own: whoever gives up must not leave behind a connection that is half made."""
        asked = asyncio.create_task(question)
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        try:
            async with asyncio.timeout(self._deadline):
                return await asyncio.shield(asked)
        except OffsetOutOfRangeError:
            raise
        except (KafkaError, OSError, TimeoutError) as error:
            asked.cancel()
            raise unavailable(self._cluster, error) from None
        except asyncio.CancelledError as error:
            if asked.cancelled():
                raise unavailable(self._cluster, error) from None  # closed meanwhile
            raise


async def started(consumer: Any) -> Any:
    try:
        await consumer.start()
    except BaseException:
        await stop(consumer)
        raise
    return consumer


async def stop(consumer: Any) -> None:
    await close_whole(_stop(consumer))


async def _stop(consumer: Any) -> None:
    """aiokafka's own stop() ends half way, with a cancellation that nobody asked for, when a fetch that it cancels was
    just waiting to be tried again: while Kafka is away, nearly always."""
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        fetches = () if consumer._fetcher is None else tuple(consumer._fetcher._pending_tasks)
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)
        await consumer._client.close()


def record_of(stream: str, found: Any) -> Record:
    """From a ConsumerRecord. Others may leave out a key or a value; ours never do."""
    return Record(
        stream,
        found.offset,
        EPOCH + cut(stream, found.timestamp) * MILLISECOND,
        (found.key or b"").decode(errors="replace"),
        tuple((name, value or b"") for name, value in found.headers),
        found.value or b"",
    )


def cut(stream: str, milliseconds: int) -> int:
    """To the day, where a stream keeps no hours."""
    return milliseconds if keeps_hours(stream) else milliseconds - milliseconds % MILLISECONDS_A_DAY
