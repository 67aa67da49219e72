"""`ErasableStore` on Kafka: a compacted topic, in which a record without a value erases its key."""

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from libs.runtime.clock import Clock
from libs.runtime.errors import Unavailable
from libs.runtime.kafka_security import NOBODY, KafkaSecurity
from libs.runtime.log import NewRecord
from libs.runtime.log_kafka_appends import Appends
from libs.runtime.log_kafka_client import Cluster, cluster_of, new_consumer, unavailable
from libs.runtime.log_kafka_reads import Reads, started, stop

APPEND_DEADLINE = 5.0
"""Seconds of real time, for each write."""
READ_DEADLINE = 30.0
"""A read goes through the whole topic: people ask, a few times a day."""
NOBODYS = "-"
"""The key that `tidy` writes: a segment ends, and can be compacted, only when something is written after it."""


def open_erasable(url: str, clock: Clock, *, security: KafkaSecurity = NOBODY) -> "KafkaErasableStore":
    """Name the topics' cluster; the first call connects. Raises StartRefused when the URL cannot be meant."""
    return KafkaErasableStore(cluster_of(url, security), clock)


class KafkaErasableStore:
    """Use it from the event loop that it was opened in."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._reads = Reads(cluster, APPEND_DEADLINE)
        self._appends = Appends(cluster, clock, self._reads, APPEND_DEADLINE)
        self._open = True

    async def put(self, stream: str, key: str, value: bytes) -> None:
        await self._append(stream, [NewRecord(key, (), value)])

    async def get(self, stream: str, key: str) -> bytes | None:
        return (await self._read(stream, key.encode())).get(key)

    async def all(self, stream: str) -> Mapping[str, bytes]:
        return await self._read(stream, None)

    async def erase(self, stream: str, keys: Sequence[str]) -> None:
        if keys:
            await self._append(stream, [NewRecord(key, (), b"") for key in keys])

    async def tidy(self, stream: str) -> None:
        await self._append(stream, [NewRecord(NOBODYS, (), b"")])

    async def close(self) -> None:
        self._open = False
        await self._appends.close()
        await self._reads.close()

    async def _append(self, stream: str, records: Sequence[NewRecord]) -> None:
        self._check_open()
        await self._appends.append(stream, records)

    async def _read(self, stream: str, key: bytes | None) -> Mapping[str, bytes]:
        """What is kept under this key, or under each."""
        self._check_open()
        (end,) = (await self._reads.ends([stream])).values()
        try:
            async with asyncio.timeout(READ_DEADLINE):
                found = await self._last(stream, key, end)
        except (KafkaError, OSError, TimeoutError) as error:
            raise unavailable(self._cluster, error) from None
        return {each.decode(): value for each, value in found.items() if value}

    async def _last(self, stream: str, key: bytes | None, end: int) -> Mapping[bytes, bytes | None]:
        """The value of the last record before `end` of this key, or of each. Offsets have gaps where records were
        compacted.
        """
        partition = TopicPartition(stream, 0)
        found: dict[bytes, bytes | None] = {}
        consumer = await started(new_consumer(self._cluster, fetch_max_wait_ms=0))
        try:
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            while await consumer.position(partition) < end:
                for record in (await consumer.getmany(partition, timeout_ms=200)).get(partition, ()):
                    if key is None or record.key == key:
                        found[record.key] = record.value
        finally:
            await stop(consumer)
        return found

    def _check_open(self) -> None:
        if not self._open:
            raise Unavailable(f"the keys at {self._cluster} are closed")
