"""Kafka and a server that speaks MongoDB's protocol, beside what is measured: those of the connected tests."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.india import India, append_all
from libs.events.streams import STREAMS
from libs.runtime.clock import SystemClock
from libs.runtime.log_kafka import open_log
from libs.runtime.log_kafka_admin import create_topics
from tests.servers.kafka import Kafka
from tests.servers.mongo import Mongo

NEEDED = ("java", "javac", "mvn")


@dataclass(frozen=True, slots=True)
class Servers:
    kafka: str
    mongo: str
    """URLs, as Rozana's settings take them."""


def missing() -> Sequence[str]:
    """The commands that the servers need and that are not installed."""
    return [command for command in NEEDED if shutil.which(command) is None]


def topics_of(india: India) -> Sequence[str]:
    """All streams of these states, and those that belong to none."""
    return [
        stream.name(state)
        for stream in STREAMS.values()
        for state in (india.codes if stream.per == "state" else [None])
    ]


@contextlib.contextmanager
def servers(folder: Path, india: India) -> Iterator[Servers]:
    """Both of them new and empty, with the topics of these states."""
    kafka, mongo = Kafka(folder / "kafka"), Mongo(folder / "mongo", heap="8g")
    try:
        kafka.start()
        mongo.start()
        asyncio.run(create_topics(kafka.url, topics_of(india)))
        yield Servers(kafka.url, mongo.url)
    finally:
        kafka.kill()
        mongo.kill()


async def write_topics(url: str, india: India) -> int:
    """All of it into Kafka. Answers how many events that is."""
    log = open_log(url, SystemClock())
    try:
        return await append_all(log, india)
    finally:
        await log.close()
