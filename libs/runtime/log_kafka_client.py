"""What every connection to Kafka is set to, and how its errors are said. All settings of aiokafka stand here."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from libs.events.streams import keeps_hours
from libs.runtime.errors import StartRefused, Unavailable

SCHEME = "kafka://"
MOST_BYTES = 1_000_000
"""Of an append: one batch, because Kafka writes a batch whole or not at all. Kafka's own limit is a little above."""
MOST_BYTES_OF_A_LETTER = 4_000_000
"""A dead letter holds another record whole, in base64."""
BATCH_OVERHEAD = 100_000
"""Room for what Kafka adds to a batch."""
KNOWN_SECONDS = 10.0
"""Until brokers know a topic that was just made."""
FETCH_BYTES = 1024 * 1024
"""Of one stream at a time."""
FETCH_WAIT_SECONDS = 0.5
"""How long a fetch waits at the broker for the first record; one that comes ends the wait."""

CLIENT: Mapping[str, Any] = {"client_id": "rozana", "request_timeout_ms": 10_000, "retry_backoff_ms": 100}
PRODUCER: Mapping[str, Any] = {
    **CLIENT,
    "acks": "all",
    "enable_idempotence": True,
    "max_batch_size": MOST_BYTES_OF_A_LETTER + BATCH_OVERHEAD,
    "max_request_size": MOST_BYTES_OF_A_LETTER + BATCH_OVERHEAD,
    "linger_ms": 0,  # whoever waits while a batch is under way is in the next one
    "compression_type": None,
}
CONSUMER: Mapping[str, Any] = {
    **CLIENT,
    "group_id": None,  # positions come from the store
    "enable_auto_commit": False,
    "auto_offset_reset": "none",  # a position out of range is an error; `earliest` would jump back and say nothing
    "max_partition_fetch_bytes": FETCH_BYTES,
    "fetch_max_bytes": 16 * FETCH_BYTES,
    "fetch_max_wait_ms": round(FETCH_WAIT_SECONDS * 1000),
    "check_crcs": True,
}


def brokers(url: str) -> list[str]:
    """`kafka://a:9092,b:9092` -> the addresses. Raises StartRefused."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # else it would write to stderr beside our lines
    addresses = url.removeprefix(SCHEME).rstrip("/").split(",")
    if not url.startswith(SCHEME) or not all(address.rpartition(":")[2].isdigit() for address in addresses):
        raise StartRefused("ROZANA_LOG: a kafka URL is kafka://host:port, or several host:port with commas between")
    return addresses


def new_producer(addresses: list[str]) -> AIOKafkaProducer:
    return AIOKafkaProducer(bootstrap_servers=addresses, **PRODUCER)


def new_consumer(addresses: list[str], **settings: Any) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(bootstrap_servers=addresses, **{**CONSUMER, **settings})


def new_admin(addresses: list[str]) -> AIOKafkaAdminClient:
    return AIOKafkaAdminClient(bootstrap_servers=addresses, **CLIENT)


def unavailable(addresses: list[str], error: BaseException) -> Unavailable:
    """The port's error for one of aiokafka's, by its name alone: its text may hold what was sent."""
    name = type(error).__name__.removesuffix("Error")
    return Unavailable(f"the log at {','.join(addresses)} did not do it ({name}): see whether Kafka runs there")


def most_bytes(stream: str) -> int:
    """Of one append to this stream."""
    return MOST_BYTES_OF_A_LETTER if stream.endswith(".dead-letters") else MOST_BYTES


def topic_config(stream: str, *, own_clock: bool = False) -> Mapping[str, str]:
    """What the stream's topic must be set to, besides one partition.

    The broker stamps a record when it appends it; in a stream that keeps no hours the writer does, with the day alone.
    With `own_clock` the writer's clock counts everywhere: for tests and demos, which run on a shifted one.
    """
    by_writer = own_clock or not keeps_hours(stream)
    return {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "max.message.bytes": str(most_bytes(stream) + BATCH_OVERHEAD),
        "message.timestamp.type": "CreateTime" if by_writer else "LogAppendTime",
        "message.timestamp.after.max.ms": str(2**63 - 1),
        "unclean.leader.election.enable": "false",
    }


async def create_topics(url: str, streams: Iterable[str], *, replicas: int = 1, own_clock: bool = False) -> None:
    """Make the topics that are missing, and return when brokers know them; those that are there stay as they are.

    Raises Unavailable.
    """
    addresses, wanted = brokers(url), set(streams)
    admin = new_admin(addresses)
    try:
        await admin.start()
        answer = await admin.create_topics(
            [
                NewTopic(stream, 1, replicas, topic_configs=dict(topic_config(stream, own_clock=own_clock)))
                for stream in streams
            ]
        )
        for _, code, *_ in answer.topic_errors:
            if (error := for_code(code)) not in {for_code(0), TopicAlreadyExistsError}:
                raise error
        async with asyncio.timeout(KNOWN_SECONDS):
            while not wanted.issubset(topic["topic"] for topic in await admin.describe_topics()):  # noqa: ASYNC110 -- Kafka tells nobody
                await asyncio.sleep(KNOWN_SECONDS / 100)
    except (KafkaError, OSError, TimeoutError) as error:
        raise unavailable(addresses, error) from None
    finally:
        await admin.close()
