"""The servers of the tests do what the tests that use them rely on."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from tests.servers.kafka import Kafka
from tests.servers.mongo import Mongo

pytestmark = pytest.mark.connected


async def test_mongo_keeps_what_it_acknowledged_through_a_kill(tmp_path: Path) -> None:
    server = Mongo(tmp_path / "mongo")
    server.start()
    try:
        async with AsyncMongoClient[dict[str, int]](server.url, journal=True, serverSelectionTimeoutMS=2000) as client:
            for number in range(50):
                await client["test"]["c"].insert_one({"n": number})
            server.kill()
            with pytest.raises(PyMongoError):
                await client["test"]["c"].count_documents({})
            server.start()
            assert await client["test"]["c"].count_documents({}) == 50
    finally:
        server.stop()


async def test_a_frozen_kafka_answers_again_once_thawed(tmp_path: Path) -> None:
    server = Kafka(tmp_path / "kafka")
    server.start()
    try:
        server.freeze()
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)  # the system accepts, the server does not
        writer.close()
        server.thaw()
        server.stop()
        server.start()
    finally:
        server.kill()
    assert server.said().count(Kafka.READY) == 2


def test_a_server_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    server = Kafka(tmp_path / "kafka")
    (tmp_path / "kafka" / "server.properties").write_text("process.roles=nobody")
    with pytest.raises(AssertionError, match=r"Kafka did not start; its log ends with:(.|\n)*process.roles"):
        server.start()


@pytest.mark.parametrize(("ci", "outcome"), [("0", "1 skipped"), ("1", "1 error")])
def test_without_java_it_is_said_in_one_line_and_fails_in_ci(tmp_path: Path, ci: str, outcome: str) -> None:
    here = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "connected", "-k", "test_the_fixture", "-p", "no:cacheprovider",
         "tests/servers/test_fixtures.py"],
        cwd=here, env={"PATH": str(tmp_path), "REQUIRE_TOOLS": ci}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert outcome in done.stdout
    assert "need Java 17 (a JDK) and Maven: java is not installed" in done.stdout
