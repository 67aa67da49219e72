"""The broker that leads all streams is gone for longer than aiokafka's producer survives, then restarts five times.

A second broker stays and says that there is no leader: to whoever asks it, Kafka is there. Ingest, aggregator and
notifier run as processes; nobody helps them.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from libs.events.alerts import AlertRaised, Rule
from libs.events.codec import decode
from libs.events.grievances import GrievanceRaised
from libs.events.streams import STREAMS, Kind, stream_name
from libs.events.values import EventData
from libs.runtime.clock import SystemClock
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.keys import demo_keys
from libs.runtime.log_kafka import open_log
from libs.runtime.log_kafka_client import brokers
from libs.runtime.topics import topic
from rozana.client import Client
from rozana.demo.cast import STATE
from tests.e2e.members import fleet
from tests.e2e.running import DISTRICTS, MORNING, Office, cast, until
from tests.e2e.test_connected import OUTAGE_ANSWER, RECOVERED, log_answers
from tests.rozana.command import rozana
from tests.servers.kafka import Kafka
from tests.servers.mongo import Mongo

pytestmark = pytest.mark.connected
LEADERLESS = 42.0
"""Seconds: after 40 aiokafka's idempotent producer has lost its place."""
RESTARTS = 5
LEADS = 2
"""The number of the broker that has all streams."""
SERVICES = ("ingest", "aggregator", "notifier")
QUICKLY_MISSED = "broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500\n"
PACE = 0.2


@dataclass(frozen=True, slots=True)
class Cluster:
    stays: Kafka
    leads: Kafka


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    stays = Kafka(tmp_path / "stays", properties=QUICKLY_MISSED)
    stays.start()
    try:
        leads = Kafka(tmp_path / "leads", properties=QUICKLY_MISSED, joins=stays)
        leads.start()
        yield Cluster(stays, leads)
        leads.stop()
    finally:
        stays.stop()


@contextlib.asynccontextmanager
async def asked(kafka: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers(kafka.url))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def make_topics(cluster: Cluster) -> None:
    names = [each.name(STATE if each.per == "state" else None) for each in STREAMS.values()]
    new = [
        NewTopic(name, -1, -1, replica_assignments={0: [LEADS]}, topic_configs=dict(topic(name, 1).config))
        for name in names
    ]
    async with asked(cluster.stays) as admin:
        answer = await admin.create_topics(new)
        assert {code for _, code, *_ in answer.topic_errors} == {0}


async def leaderless(cluster: Cluster) -> bool:
    """Whether the broker that stays says so."""
    reports = stream_name("reports", STATE)
    with contextlib.suppress(KafkaError):
        async with asked(cluster.stays) as admin:
            [found] = await admin.describe_topics([reports])
            return bool(found["partitions"][0]["leader"] < 0)
    return False


@dataclass
class Phone:
    """Sends one report after the other, each until it is acknowledged, and a grievance now and then."""

    office: Office
    today: date
    acked: list[str] = field(default_factory=list)
    refused: int = 0
    slowest: float = 0.0

    async def send(self, over: asyncio.Event) -> None:
        number = 0
        while not over.is_set():
            number += 1
            district = DISTRICTS[number % len(DISTRICTS)]
            if number % 10:
                body, token = self.office.report(district, self.today, f"copy {number}")
                await self.until_taken("/v1/reports", body, self.office.client.headers(token))
            else:
                grievance = {"id": str(uuid4()), "district": district, "category": "conduct", "severity": "high"}
                await self.until_taken("/v1/grievances", grievance, {})
            await asyncio.sleep(PACE)

    async def until_taken(self, path: str, body: Mapping[str, object], headers: dict[str, str]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            asked_at = loop.time()
            answer = await self.office.client.http.post(path, json=body, headers=headers, timeout=2 * OUTAGE_ANSWER)
            self.slowest = max(self.slowest, loop.time() - asked_at)
            if answer.status_code in {200, 202}:
                self.acked.append(str(body["id"]))
                return
            assert answer.status_code == 503, answer.text
            assert "retry-after" in answer.headers
            self.refused += 1
            await asyncio.sleep(PACE)


@pytest.mark.timeout(600)
async def test_services_wait_for_a_leader_and_then_go_on_by_themselves(
    tmp_path: Path, cluster: Cluster, mongo: Mongo
) -> None:
    await make_topics(cluster)
    data = tmp_path / "data"
    demo_keys(data)
    settings = {
        "ROZANA_DATA": str(data), "ROZANA_STATES": STATE, "ROZANA_RATE": "1000000/1000000",
        "ROZANA_LOG": cluster.stays.url, "ROZANA_STORE": f"{mongo.url}/{uuid4().hex}",
    }  # fmt: skip
    async with fleet(tmp_path / "lines", settings) as members:
        ingest, aggregator, notifier = (members.start(name, name) for name in SERVICES)
        async with Client(ingest.url) as to_ingest, Client(aggregator.url) as to_aggregator:
            office = Office(data, to_ingest)

            async def ready() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    async with httpx.AsyncClient(trust_env=False) as http:
                        answers = [await http.get(f"{each.url}/ready") for each in (ingest, aggregator, notifier)]
                        return all(each.is_success for each in answers)
                return False

            await until(ready)
            await office.import_roster(cast(tz=MORNING.key))
            phone = Phone(office, (await office.now()).astimezone(MORNING).date())

            async def taken(more_than: int) -> bool:
                return len(phone.acked) > more_than

            async def shown(identifier: str) -> bool:
                path, token = f"/v1/reports/{identifier}", office.token("aicc", "in")
                answer = await to_aggregator.http.get(path, headers=to_aggregator.headers(token))
                return answer.is_success

            async def recovered() -> None:
                """Within RECOVERED from when a client that has known no outage is served."""
                await log_answers(cluster.stays)
                before = len(phone.acked)
                async with asyncio.timeout(RECOVERED):
                    await until(lambda: taken(before + 1))
                    last = office.report(DISTRICTS[0], phone.today, f"after {before}")
                    await phone.until_taken("/v1/reports", last[0], to_ingest.headers(last[1]))
                    await until(lambda: shown(str(last[0]["id"])))
                    await until(ready)

            over = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(phone.send(over))
                await until(lambda: taken(12))
                await asyncio.to_thread(cluster.leads.kill)
                await until(lambda: leaderless(cluster))
                refused = phone.refused
                await asyncio.sleep(LEADERLESS)  # this is the fault
                assert phone.refused > refused
                assert not await ready()
                assert await leaderless(cluster)
                await asyncio.to_thread(cluster.leads.start)
                await recovered()
                for number in range(RESTARTS):
                    await asyncio.to_thread(cluster.leads.kill if number % 2 else cluster.leads.stop)
                    await asyncio.to_thread(cluster.leads.start)
                    await recovered()
                over.set()
            assert phone.slowest < OUTAGE_ANSWER
            members.check()
            await _nothing_is_lost(cluster, phone)
            code, out, told = await rozana("verify", **settings)
            assert code == 0, out + told
        await members.all_leave()
    said = _said(tmp_path / "lines")
    for name in SERVICES:
        assert "waiting for the log" in said[name]
        assert said[name].count("waiting for the log") == said[name].count("the log answers again")


async def _nothing_is_lost(cluster: Cluster, phone: Phone) -> None:
    """All that was acknowledged stands in the log, every grievance has its one alert, and nothing is a dead letter."""
    log = open_log(cluster.stays.url, SystemClock())

    async def events(kind: Kind) -> dict[str, EventData]:
        records = await log.read(stream_name(kind, STATE), 0, max_records=1_000_000)
        return {event.id: event.data for event in (decode(each.headers, each.value) for each in records)}

    async def all_told() -> bool:
        found = (await events("grievances")).values()
        raised = {each.grievance_id for each in found if isinstance(each, GrievanceRaised)}
        told = [each.period for each in found if isinstance(each, AlertRaised) and each.rule is Rule.GRIEVANCE_RAISED]
        assert len(told) == len(set(told))
        return bool(raised) and raised == set(told)

    try:
        assert set(phone.acked) <= {*await events("reports"), *await events("grievances")}
        await until(all_told)
        assert await log.end(DeadLetters.STREAM) == 0
    finally:
        await log.close()


def _said(folder: Path) -> dict[str, list[str]]:
    found = {}
    for name in SERVICES:
        lines = (folder / f"{name}.jsonl").read_text().splitlines()
        found[name] = [json.loads(line)["event"] for line in lines if line.startswith("{")]
    return found
