"""The Kafka benchmark still runs, and still refuses to compare sides that have made different documents."""

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from bench.backlog import backlog
from bench.india import India
from bench.servers import Servers, topics_of
from libs.runtime.log_kafka_admin import create_topics
from tests.servers.kafka import Kafka
from tests.servers.mongo import Mongo
from tests.servers.topics import delete_topics

pytestmark = pytest.mark.connected
INDIA = India(states=2, districts=3, first=date(2026, 1, 1), days=3)


@pytest.fixture
def running(kafka: Kafka, mongo: Mongo) -> Iterator[Servers]:
    asyncio.run(create_topics(kafka.url, topics_of(INDIA)))
    yield Servers(kafka.url, mongo.url)
    asyncio.run(delete_topics(kafka.url, topics_of(INDIA)))


def test_all_sides_make_the_documents_of_an_embedded_replay(tmp_path: Path, running: Servers) -> None:
    lines = backlog(tmp_path, running, INDIA, rounds=1)
    assert [line.what for line in lines if line.met is not None] == [
        "Kafka -> documents against bytewax, processor",
        "Kafka -> documents against loop, processor",
        "Kafka -> documents, memory",
    ]
