"""The whole system on a real Kafka and a server that speaks MongoDB's protocol."""

import asyncio
import contextlib
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from libs.duty.state_duty import StateDuty
from libs.events.codec import decode
from libs.events.envelope import Recorded
from libs.events.policy import PolicyAdopted
from libs.events.streams import STREAMS, keeps_hours, stream_name
from libs.runtime.auth import issue_demo_token
from libs.runtime.clock import ManualClock, SystemClock
from libs.runtime.errors import Unavailable
from libs.runtime.keys import demo_keys
from libs.runtime.log import EventLog
from libs.runtime.log_kafka import open_log as open_kafka
from libs.runtime.log_kafka_admin import create_topics
from libs.runtime.log_sqlite import open_log
from libs.runtime.store_mongo import open_store as open_mongo
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import configure_logging, get_logger
from rozana.assembly import SERVICES, assemble
from rozana.client import Client, Refused, Unreachable
from rozana.compose import Adapters
from rozana.demo.cast import STATE, report
from rozana.process import READY
from rozana.roster import posted
from rozana.upkeep import projections_hash, stream_ends
from services.notifier.digests import Digests
from tests.e2e.running import DAY, DISTRICTS, MORNING, PATIENCE, TENURES, Office, cast, settings_of, until
from tests.servers.kafka import Kafka
from tests.servers.mongo import Mongo
from tests.servers.topics import delete_topics

pytestmark = pytest.mark.connected
TOPICS = [stream.name(STATE if stream.per == "state" else None) for stream in STREAMS.values()]
LATE = DISTRICTS[1]
HEARTBEATS = stream_name("system")
OUTAGE_ANSWER = 10.0
"""Seconds in which a request is told that a server is away: the deadline, and a machine that does other things."""
RECOVERED = 10.0
"""Seconds after which a service uses a server again that has come back: that has answered us."""
IST = timezone(timedelta(hours=5, minutes=30))


@contextlib.asynccontextmanager
async def topics(kafka: Kafka, *, own_clock: bool) -> AsyncIterator[None]:
    await create_topics(kafka.url, TOPICS, own_clock=own_clock)
    yield
    await delete_topics(kafka.url, TOPICS)


# The same day


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+05:30").astimezone(UTC)


async def all_is_told(log: EventLog) -> bool:
    """Whether the digests of all closed days stand in the log: what comes after them is then where it always is."""
    duty, digests = StateDuty(STATE), Digests(STATE)
    for record in await log.read(stream_name("reports", STATE), 0):
        recorded = Recorded(decode(record.headers, record.value), record.stream, record.offset, record.appended_at)
        digests.see(record.offset, recorded.event, duty.evolve(recorded).days.values(), duty)
    return not digests.unsaid()


async def the_day(folder: Path, adapters: Adapters, clock: ManualClock) -> tuple[Mapping[str, int], str]:
    """One district stays silent, one is late, one files twice. Answers the streams' ends and the projections' hash."""
    configure_logging(io.StringIO())
    settings = settings_of(folder)
    assembled = assemble(settings, adapters, logger=get_logger("test"))
    keys = demo_keys(settings.data)
    loops = [asyncio.ensure_future(loop()) for loop in assembled.background]

    async def settled() -> bool:
        """Every loop has read all there is, and nothing was added meanwhile."""
        ends = await stream_ends(adapters, [STATE])
        gauge = assembled.metrics.consumer_position
        shown = [sample for metric in gauge.collect() for sample in metric.samples]
        read = all(
            sample.value == ends[sample.labels["stream"]] for sample in shown if keeps_hours(sample.labels["stream"])
        )
        told = await all_is_told(adapters.log)
        return read and told and not await assembled.health.failing() and ends == await stream_ends(adapters, [STATE])

    try:
        transport = httpx.ASGITransport(assembled.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://rozana") as client:

            async def post(path: str, body: object, kind: str, token: str) -> None:
                headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
                answer = await client.post(path, json=body, headers=headers)
                assert answer.status_code in {200, 202}, answer.text

            async def file(district: str, copy: str = "first") -> None:
                token = issue_demo_token(keys, "president", district, TENURES[district])
                await post("/v1/reports", report(district, DAY, TENURES[district], copy), "application/json", token)

            async def get(path: str) -> Mapping[str, Any]:
                token = issue_demo_token(keys, "aicc", "in", None)
                answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
                found: Mapping[str, Any] = answer.json()
                return found

            async def alerts(number: int) -> bool:
                return len((await get("/v1/alerts")).get("items", ())) == number

            async def closed(day: str) -> bool:
                return bool((await get(f"/v1/states/{STATE}/days/{day}")).get("closed"))

            await until(settled)
            batch = "application/cloudevents-batch+json"
            for data in cast():
                clock.advance_to(clock.now() + timedelta(seconds=1))
                await post("/v1/events", [posted(data)], batch, issue_demo_token(keys, "pcc", STATE, None))
                if isinstance(data, PolicyAdopted):
                    await until(lambda: closed("2026-11-22"))  # the clock has come to the days that are past
                    await until(settled)
            await until(settled)
            for number, district in enumerate(DISTRICTS[2:]):
                clock.advance_to(at(f"2026-11-23T12:{number:02}:00"))
                await file(district)
            await file(DISTRICTS[2], "second")
            await until(settled)
            clock.advance_to(at("2026-11-23T19:30:00"))
            await until(lambda: alerts(2))  # both are reminded
            await until(settled)
            clock.advance_to(at("2026-11-24T00:01:00"))
            await until(lambda: alerts(4))  # both have missed
            await until(lambda: closed("2026-11-23"))
            await until(settled)
            clock.advance_to(at("2026-11-24T00:40:00"))
            await file(LATE)
            await until(settled)
            await asyncio.sleep(0)
            await until(settled)
            ends = dict(await stream_ends(adapters, [STATE]))
            del ends[HEARTBEATS]  # one more or less, as the loops wake
            return ends, await projections_hash(adapters.store)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops)
        await adapters.close()


async def test_the_same_day_gives_the_same_projections_on_files_and_on_servers(
    tmp_path: Path, kafka: Kafka, mongo: Mongo
) -> None:
    results = []
    async with topics(kafka, own_clock=True):
        for name in ("files", "servers"):
            clock = ManualClock(at("2026-11-23T09:00:00"))
            (tmp_path / name).mkdir()
            adapters = (
                Adapters(open_log(tmp_path / name / "log.db", clock), open_store(tmp_path / name / "store.db"), clock)
                if name == "files"
                else Adapters(open_kafka(kafka.url, clock), open_mongo(f"{mongo.url}/{uuid4().hex}"), clock)
            )
            results.append(await the_day(tmp_path / name, adapters, clock))
    assert results[0] == results[1]
    assert results[0][0]["rozana.in-mp.alerts"] >= 4


# Services of their own, and what they suffer


async def log_answers(kafka: Kafka) -> None:
    """Return when Kafka leads the reports again, asked by a client that has known no outage."""

    async def answers() -> bool:
        log = open_kafka(kafka.url, SystemClock())
        try:
            with contextlib.suppress(Unavailable):
                return await log.end(stream_name("reports", STATE)) >= 0
            return False
        finally:
            await log.close()

    await until(answers)


async def store_answers(mongo: Mongo) -> None:
    async def answers() -> bool:
        store = open_mongo(f"{mongo.url}/rozana")
        try:
            with contextlib.suppress(Unavailable):
                return await store.get("pointers", "") is None
            return False
        finally:
            await store.close()

    await until(answers)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[Kafka, Mongo]]:
    kafka, mongo = Kafka(tmp_path / "kafka"), Mongo(tmp_path / "mongo")
    for server in (kafka, mongo):
        server.start()
    yield kafka, mongo
    for server in (kafka, mongo):
        server.stop()


@contextlib.asynccontextmanager
async def service(
    name: str, data: Path, kafka: Kafka, mongo: Mongo, *, database: str = "rozana", member: str = ""
) -> AsyncIterator[str]:
    """`rozana NAME` as a process of its own, until it is ready; its URL. `member` tells several of one name apart."""
    inherited = {key: text for key, text in os.environ.items() if not key.startswith("ROZANA_")}
    own = {
        "ROZANA_DATA": str(data), "ROZANA_PORT": "0", "ROZANA_STATES": STATE,
        "ROZANA_LOG": kafka.url, "ROZANA_STORE": f"{mongo.url}/{database}",
    }  # fmt: skip
    said = data / f"{name}{member}.jsonl"
    with said.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rozana", name),
            env=inherited | own,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE * 2):
            line = (await process.stdout.readline()).decode().strip()
        assert line.startswith(READY), said.read_text()[-3000:]
        yield line.removeprefix(READY)
        assert process.returncode is None, said.read_text()[-3000:]
        process.terminate()
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_each_service_alone_waits_out_what_happens_to_its_servers(
    tmp_path: Path, servers: tuple[Kafka, Mongo]
) -> None:
    """Ingest, aggregator and notifier as processes: while a server is away 503 or lag, afterwards all is there."""
    kafka, mongo = servers
    await create_topics(kafka.url, TOPICS)
    data = tmp_path / "data"
    data.mkdir()
    demo_keys(data)
    async with (
        service("ingest", data, kafka, mongo) as ingest,
        service("aggregator", data, kafka, mongo) as aggregator,
        service("notifier", data, kafka, mongo) as notifier,
        Client(ingest) as to_ingest,
        Client(aggregator) as to_aggregator,
        Client(notifier) as to_notifier,
    ):
        office, reader = Office(data, to_ingest), Office(data, to_aggregator)
        await office.import_roster(cast(tz=MORNING.key))
        today = (await office.now()).astimezone(MORNING).date()
        filed = {}

        async def file(district: str) -> int:
            body, token = (
                report(district, today, TENURES[district], "first"),
                office.token("president", district, TENURES[district]),
            )
            answer = await to_ingest.post("/v1/reports", body, token)
            if answer.status in {200, 202}:
                filed[district] = answer.body["id"]
            return answer.status

        async def shown() -> bool:
            """Every acknowledged report is on the board."""
            for identifier in filed.values():
                try:
                    await to_aggregator.get(f"/v1/reports/{identifier}", reader.token("aicc", "in"))
                except (Refused, Unreachable):
                    return False
            return True

        async def filed_at_last(district: str) -> bool:
            return await file(district) in {200, 202}

        assert await file(DISTRICTS[0]) == 202
        await until(shown)

        await asyncio.to_thread(mongo.kill)  # documents cannot be read or written; reports are taken all the same
        assert await file(DISTRICTS[1]) == 202
        async with asyncio.timeout(OUTAGE_ANSWER):
            answer = await to_aggregator.http.get(
                f"/v1/states/{STATE}/days/{today}", headers=to_aggregator.headers(reader.token("aicc", "in"))
            )
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        await asyncio.to_thread(mongo.start)
        await store_answers(mongo)
        async with asyncio.timeout(RECOVERED):
            await until(shown)

        await asyncio.to_thread(kafka.kill)  # nothing can be taken, and nobody says that it was
        body = report(DISTRICTS[2], today, TENURES[DISTRICTS[2]], "first")
        token = office.token("president", DISTRICTS[2], TENURES[DISTRICTS[2]])
        async with asyncio.timeout(OUTAGE_ANSWER):
            answer = await to_ingest.http.post("/v1/reports", json=body, headers=to_ingest.headers(token))
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        await asyncio.to_thread(kafka.start)
        await log_answers(kafka)
        async with asyncio.timeout(RECOVERED):
            await until(lambda: filed_at_last(DISTRICTS[2]))
            await until(shown)
            await to_notifier.get("/v1/alerts", reader.token("aicc", "in"), state=STATE)
            while not all(_recovered(data / f"{name}.jsonl") for name in SERVICES):  # noqa: ASYNC110 -- other processes
                await asyncio.sleep(0.05)
        assert filed.keys() == set(DISTRICTS[:3])
    for name in SERVICES:
        assert "dead letter" not in _events(data / f"{name}.jsonl")


async def test_a_service_that_finds_no_topics_waits_and_says_which(
    tmp_path: Path, servers: tuple[Kafka, Mongo]
) -> None:
    kafka, mongo = servers
    data = tmp_path / "data"
    data.mkdir()
    demo_keys(data)

    async def provide() -> None:
        log = data / "ingest.jsonl"
        await until(lambda: asyncio.to_thread(_says, log, "Kafka has no topic rozana.in-mp."))
        await create_topics(kafka.url, TOPICS)

    async with asyncio.TaskGroup() as group:
        group.create_task(provide())
        async with service("ingest", data, kafka, mongo) as url, Client(url) as client:
            await Office(data, client).import_roster(cast())


def _says(log: Path, text: str) -> bool:
    return log.exists() and text in log.read_text()


def _recovered(log: Path) -> bool:
    """A service has waited for the log, and every wait is over."""
    said = _events(log)
    return said.count("waiting for the log") == said.count("the log answers again") > 0


def _events(log: Path) -> list[str]:
    return [json.loads(line)["event"] for line in log.read_text().splitlines()]
