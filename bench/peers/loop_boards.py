"""The peer that is hardest to meet: a loop by hand. getmany, the plain fold, one unordered bulk write, the offsets."""

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ReplaceOne

from bench.peers.plain_boards import State, guarded
from libs.runtime.log_kafka_client import brokers

AT_ONCE = 5000
"""Records a batch, as many as Rozana's projections take."""


async def run(kafka: str, mongo: str, collection: str, ends: Mapping[str, int]) -> None:
    """Fold all of `ends`, by topic the offset behind the last record, and return."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers(kafka),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=1024 * 1024,
        fetch_max_bytes=16 * 1024 * 1024,
    )
    client: Any = AsyncIOMotorClient(mongo, w="majority", journal=True)
    documents, offsets = client["rozana"][collection], client["rozana"][f"{collection}.offsets"]
    states = {topic: State(topic.split(".")[1]) for topic in ends}
    left = dict(ends)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0) for topic in ends])
        while left:
            writes: list[ReplaceOne[Any]] = []
            reached: list[ReplaceOne[Any]] = []
            for partition, records in (await consumer.getmany(timeout_ms=250, max_records=AT_ONCE)).items():
                state = states[partition.topic]
                for record in records:
                    state.fold(record.offset, record.headers, record.value)
                writes += guarded(state.documents())
                at = records[-1].offset + 1
                reached.append(ReplaceOne({"_id": partition.topic}, {"offset": at}, upsert=True))
                if at >= left[partition.topic]:
                    del left[partition.topic]
            if writes:
                await documents.bulk_write(writes, ordered=False)
                await offsets.bulk_write(reached, ordered=False)
    finally:
        await consumer.stop()
        client.close()
