"""The keys in production: the contract, and that brokers throw away what was erased."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from libs.runtime.clock import ManualClock, SystemClock
from libs.runtime.erasable_kafka import KafkaErasableStore, open_erasable
from libs.runtime.errors import Unavailable
from libs.runtime.log_kafka_admin import create_topics
from libs.runtime.log_kafka_client import brokers
from libs.runtime.topics import topic
from tests.contracts.erasable_contract import OTHER, STREAM, ErasableContract
from tests.servers.kafka import Kafka
from tests.servers.topics import delete_topics

pytestmark = pytest.mark.connected
SOON = 60.0
"""Seconds of real time; it takes a few."""


class TestKafkaErasableStore(ErasableContract):
    @pytest.fixture
    async def kept(self, kafka: Kafka) -> AsyncIterator[KafkaErasableStore]:
        await create_topics(kafka.url, [STREAM, OTHER])
        kept = open_erasable(kafka.url, SystemClock())
        yield kept
        await kept.close()
        await delete_topics(kafka.url, [STREAM, OTHER])


async def test_brokers_throw_away_what_was_erased_the_day_before(tmp_path: Path) -> None:
    """Set up as `topics` says, but that files that are thrown away do not lie about for a minute."""
    kafka = Kafka(tmp_path, properties="log.cleaner.backoff.ms=200\n")
    kafka.start()
    clock = ManualClock(datetime(2026, 3, 1, 17, tzinfo=UTC))
    kept = open_erasable(kafka.url, clock)
    try:
        admin = AIOKafkaAdminClient(bootstrap_servers=brokers(kafka.url))
        await admin.start()
        config = {**topic(STREAM, 1).config, "file.delete.delay.ms": "100"}
        await admin.create_topics([NewTopic(STREAM, 1, 1, topic_configs=config)])
        await admin.close()
        await kept.put(STREAM, "stays", b"this one stays")
        await kept.put(STREAM, "goes", b"planted-and-erased")
        assert holds(tmp_path, b"planted-and-erased")
        await kept.erase(STREAM, ["goes"])
        clock.advance_to(clock.now() + timedelta(days=1))
        await kept.tidy(STREAM)
        async with asyncio.timeout(SOON):
            while holds(tmp_path, b"planted-and-erased"):  # noqa: ASYNC110 -- Kafka tells nobody
                await asyncio.sleep(0.1)
        assert await kept.get(STREAM, "stays") == b"this one stays"
        assert await kept.get(STREAM, "goes") is None
    finally:
        await kept.close()
        kafka.stop()


def holds(folder: Path, planted: bytes) -> bool:
    found = False
    for path in folder.rglob("*.log*"):
        try:
            found = found or planted in path.read_bytes()
        except FileNotFoundError:  # thrown away just now
            continue
    return found


async def test_without_kafka_it_is_unavailable() -> None:
    kept = open_erasable("kafka://127.0.0.1:1", SystemClock())
    for call in (kept.put(STREAM, "a", b"b"), kept.get(STREAM, "a"), kept.erase(STREAM, ["a"])):
        with pytest.raises(Unavailable):
            await call
    await kept.close()
