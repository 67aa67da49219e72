"""Kafka has written a report, and its answer is lost, late, or without an offset: one record, and one true receipt."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.events.streams import STREAMS, stream_name
from libs.runtime.auth import issue_demo_token
from libs.runtime.clock import SystemClock
from libs.runtime.keys import demo_keys
from libs.runtime.log import EventLog
from libs.runtime.log_kafka import open_log
from libs.runtime.log_kafka_admin import create_topics
from libs.runtime.patience import PatientLog, in_loop
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import configure_logging, get_logger
from rozana.assembly import assemble
from rozana.compose import Adapters
from rozana.demo.cast import STATE, report
from rozana.roster import posted
from tests.contracts.log_contract import record
from tests.e2e.running import DISTRICTS, MORNING, TENURES, cast, settings_of, until
from tests.servers.kafka import Kafka
from tests.servers.relay import Relay, as_it_is, without_offset
from tests.servers.server import free_port
from tests.servers.topics import delete_topics

pytestmark = pytest.mark.connected
DEADLINE = 1.5
"""Seconds: of an append, so that none of these tests waits for long."""
REPORTS = stream_name("reports", STATE)
TOPICS = [each.name(STATE if each.per == "state" else None) for each in STREAMS.values()]


@dataclass(frozen=True, slots=True)
class Behind:
    """A Kafka that all clients reach by way of a relay at `port`."""

    kafka: Kafka
    port: int


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    port = free_port()
    kafka = Kafka(tmp_path_factory.mktemp("kafka"), properties=f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n")
    kafka.start()
    yield Behind(kafka, port)
    kafka.stop()


@dataclass(frozen=True, slots=True)
class Ingest:
    relay: Relay
    log: EventLog
    client: httpx.AsyncClient
    data: Path

    async def post(self, path: str, body: object, kind: str, role: str, scope: str, tenure: str = "") -> httpx.Response:
        token = issue_demo_token(demo_keys(self.data), role, scope, tenure or None)
        return await self.client.post(
            path, json=body, headers={"Authorization": f"Bearer {token}", "Content-Type": kind}
        )

    async def file(self, body: dict[str, Any]) -> httpx.Response:
        district = body["district"]
        return await self.post("/v1/reports", body, "application/json", "president", district, TENURES[district])


@pytest.fixture
async def ingest(tmp_path: Path, behind: Behind) -> AsyncIterator[Ingest]:
    """It knows the roster."""
    configure_logging(io.StringIO())
    clock = SystemClock()
    async with Relay(behind.kafka.port).open(behind.port) as relay:
        await create_topics(behind.kafka.url, TOPICS)
        log = open_log(behind.kafka.url, clock, deadline=DEADLINE)
        adapters = Adapters(log, open_store(tmp_path / "store.db"), clock)
        settings = settings_of(tmp_path)
        assembled = assemble(settings, adapters, logger=get_logger("test"), services=["ingest"])
        loops = [asyncio.ensure_future(loop()) for loop in assembled.background]
        try:
            transport = httpx.ASGITransport(assembled.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://rozana") as client:
                made = Ingest(relay, log, client, tmp_path)
                batch = [posted(data) for data in cast(tz=MORNING.key)]
                answer = await made.post("/v1/events", batch, "application/cloudevents-batch+json", "pcc", STATE)
                assert {each["status"] for each in answer.json()["results"]} == {202}
                yield made
        finally:
            relay.meddle = as_it_is
            for loop in loops:
                loop.cancel()
            await asyncio.wait(loops)
            await adapters.close()
            await delete_topics(behind.kafka.url, TOPICS)


def filed(number: int) -> dict[str, Any]:
    district = DISTRICTS[number]
    return report(district, SystemClock().now().astimezone(MORNING).date(), TENURES[district], "first")


async def answered_at_last(ingest: Ingest, body: dict[str, Any]) -> httpx.Response:
    """The answer of the first retry that is not told to come again."""
    answers: list[httpx.Response] = []

    async def retried() -> bool:
        answers.append(await ingest.file(body))
        return answers[-1].status_code != 503

    await until(retried)
    return answers[-1]


async def test_an_acknowledgement_without_an_offset_is_no_receipt(ingest: Ingest) -> None:
    """Nobody knows the place but the log itself: the retry is told it once the index has read so far."""
    end = await ingest.log.end(REPORTS)

    async def nowhere(answer: bytes) -> bytes:
        return without_offset(answer, REPORTS) if REPORTS.encode() in answer else answer

    ingest.relay.meddle = nowhere
    body = filed(0)
    refused = await ingest.file(body)
    assert refused.status_code == 503
    assert "retry-after" in refused.headers
    assert "retry with the same id" in refused.json()["detail"]
    answer = await answered_at_last(ingest, body)  # the broker answers as before: nothing more may be appended
    assert (answer.status_code, answer.json()["offset"]) == (200, end)
    assert await ingest.log.end(REPORTS) == end + 1


@pytest.mark.parametrize("late", [0.0, DEADLINE + 0.5])
async def test_an_answer_that_is_lost_or_too_late_leaves_one_record_and_its_receipt(
    ingest: Ingest, late: float
) -> None:
    """Cut off after the broker has written, aiokafka asks again; held back for too long, the phone does."""
    end, told = await ingest.log.end(REPORTS), asyncio.Event()

    async def once(answer: bytes) -> bytes | None:
        if REPORTS.encode() not in answer or told.is_set():
            return answer
        told.set()
        if not late:
            return None
        await asyncio.sleep(late)
        return answer

    ingest.relay.meddle = once
    body = filed(1)
    first = await ingest.file(body)
    assert told.is_set()
    assert first.status_code == (503 if late else 202)
    if late:
        assert "retry-after" in first.headers
    answer = await answered_at_last(ingest, body)
    assert (answer.status_code, answer.json()["offset"]) == (200, end)
    assert await ingest.log.end(REPORTS) == end + 1


async def test_a_loop_finds_what_it_has_appended_without_an_answer_and_does_not_append_it_again(ingest: Ingest) -> None:
    alerts = stream_name("alerts", STATE)
    log, held_back = PatientLog(ingest.log, get_logger("test")), asyncio.Event()

    async def too_late(answer: bytes) -> bytes:
        if alerts.encode() in answer and not held_back.is_set():
            held_back.set()
            await asyncio.sleep(DEADLINE + 0.5)
        return answer

    async def loop() -> None:
        first = await log.append(alerts, [record("before", key="in-mp.guna")])
        ingest.relay.meddle = too_late
        both = [record("one", key="in-mp.guna"), record("two", key="in-mp.guna")]
        again = await log.append(alerts, both)
        assert [each.offset for each in again] == [first[0].offset + 1, first[0].offset + 2]
        assert [each.value for each in again] == [each.value for each in both]

    await in_loop(loop)()
    assert held_back.is_set()
    assert await ingest.log.end(alerts) == 3


async def test_a_slow_broker_makes_answers_slow_and_nothing_else(ingest: Ingest) -> None:
    end = await ingest.log.end(REPORTS)

    async def slowly(answer: bytes) -> bytes:
        await asyncio.sleep(0.2)
        return answer

    ingest.relay.meddle = slowly
    answers = await asyncio.gather(*(ingest.file(filed(number)) for number in range(2, 6)))
    assert [each.status_code for each in answers] == [202] * 4
    assert sorted(each.json()["offset"] for each in answers) == list(range(end, end + 4))
