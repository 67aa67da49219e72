"""A log on the tests' Kafka whose topics come by themselves: the port's streams are made by their first use."""

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime

from aiokafka.admin import AIOKafkaAdminClient

from libs.runtime.clock import SystemClock
from libs.runtime.log import LogReader, NewRecord, Record
from libs.runtime.log_kafka import KafkaEventLog
from libs.runtime.log_kafka_admin import create_topics
from libs.runtime.log_kafka_client import brokers, cluster_of


class ProvisionedLog(KafkaEventLog):
    """Makes topics as they are asked for, and `remove`s them: every test begins with an empty log."""

    def __init__(self, url: str) -> None:
        super().__init__(cluster_of(url), SystemClock(), 5.0)
        self._url = url
        self._made: set[str] = set()

    async def provide(self, streams: Collection[str]) -> None:
        if new := [stream for stream in streams if stream not in self._made]:
            for stream in new:
                stream.encode()
            await create_topics(self._url, new)
            self._made.update(new)

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        self._check_open()
        await self.provide([stream])
        return await super().append(stream, records)

    async def end(self, stream: str) -> int:
        self._check_open()
        await self.provide([stream])
        return await super().end(stream)

    async def read(self, stream: str, offset: int, *, max_records: int = 1000) -> Sequence[Record]:
        self._check_open()
        await self.provide([stream])
        return await super().read(stream, offset, max_records=max_records)

    @contextlib.asynccontextmanager
    async def reader(self, positions: Mapping[str, int]) -> AsyncIterator[LogReader]:
        self._check_open()
        await self.provide(positions)
        async with super().reader(positions) as reader:
            yield reader

    async def last_time(self) -> datetime | None:
        return await super().last_time()

    async def remove(self) -> None:
        await delete_topics(self._url, self._made)


async def delete_topics(url: str, streams: Collection[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers(url))
    await admin.start()
    try:
        if streams:
            await admin.delete_topics(list(streams))
    finally:
        await admin.close()
