"""The benchmarks on servers still run, and the one that compares still refuses sides that made different documents."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from bench import ingest, steady
from bench.backlog import backlog
from bench.india import INDIA, India
from bench.servers import Servers, topics_of, write_topics
from libs.runtime.log_kafka_admin import create_topics
from tests.servers.kafka import Kafka
from tests.servers.mongo import Mongo
from tests.servers.topics import delete_topics

pytestmark = pytest.mark.connected
FEW = India(states=2, districts=3, first=date(2026, 1, 1), days=3)
MONTH = India(states=2, districts=3, first=datetime.now(INDIA).date() - timedelta(days=30), days=0)
TODAY = India(states=2, districts=3, first=datetime.now(INDIA).date(), days=0)


@pytest.fixture
def running(kafka: Kafka, mongo: Mongo) -> Iterator[Servers]:
    asyncio.run(create_topics(kafka.url, topics_of(FEW)))
    yield Servers(kafka.url, mongo.url)
    asyncio.run(delete_topics(kafka.url, topics_of(FEW)))


def test_all_sides_make_the_documents_of_an_embedded_replay(tmp_path: Path, running: Servers) -> None:
    lines = backlog(tmp_path, running, FEW, rounds=1)
    assert [line.what for line in lines if line.met is not None] == [
        "Kafka -> documents against bytewax, processor",
        "Kafka -> documents against loop, processor",
        "Kafka -> documents, memory",
    ]


def test_live_traffic_is_followed(running: Servers) -> None:
    line = steady.keep_up("rozana", running, FEW, 100.0)
    assert line.met is not None


def test_a_post_is_seen(tmp_path: Path, running: Servers) -> None:
    own = replace(running, mongo=f"{running.mongo}/{uuid4().hex}")  # what another folded is of topics that are gone
    line = steady.seen(tmp_path, own, TODAY, seconds=0.05)
    assert line.measured.endswith(" of 50")


def test_ingest_is_compared(tmp_path: Path, running: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "WORLD", MONTH)
    asyncio.run(write_topics(running.kafka, MONTH))
    lines = ingest.on_kafka(tmp_path, running.kafka, count=10, rounds=1)
    assert "ingest on Kafka against FastAPI + pydantic body, processor" in [line.what for line in lines]
