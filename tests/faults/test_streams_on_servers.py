"""On Kafka and MongoDB's protocol: a record that cannot be read holds its district alone, a log that lost records stops
its state alone; everybody else goes on."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from libs.events.streams import STREAMS, stream_name
from libs.runtime.auth import issue_demo_token
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.health import Health
from libs.runtime.keys import demo_keys
from libs.runtime.log_kafka_admin import create_topics
from libs.runtime.patience import in_loop
from libs.runtime.settings import load_settings
from libs.runtime.telemetry import configure_logging, get_logger
from rozana.assembly import assemble
from rozana.compose import Adapters, opened, patient
from rozana.demo.cast import STATE, report
from rozana.roster import posted
from rozana.states import state_codes
from tests.e2e.running import DISTRICTS, MORNING, TENURES, cast, until
from tests.rozana.command import rozana
from tests.runtime.broken import BROKEN
from tests.servers.kafka import Kafka
from tests.servers.mongo import Mongo
from tests.servers.topics import delete_topics

pytestmark = pytest.mark.connected
OTHER = "in-rj"
STATES = (STATE, OTHER)
TOPICS = [each.name(state) for each in STREAMS.values() for state in (STATES if each.per == "state" else (None,))]
POISON = BROKEN["every byte"]
GUNA = "in-mp.guna"


@dataclass(frozen=True, slots=True)
class Running:
    """All services in this process, as members of their groups."""

    adapters: Adapters
    health: Health
    client: httpx.AsyncClient
    data: Path
    lines: io.StringIO

    async def import_roster(self, state: str) -> None:
        events = cast(tz=MORNING.key)
        batch = [
            posted(type(each).model_validate_json(each.model_dump_json().replace(STATE, state))) for each in events
        ]
        headers = self._headers("pcc", state) | {"Content-Type": "application/cloudevents-batch+json"}
        answer = await self.client.post("/v1/events", json=batch, headers=headers)
        assert {each["status"] for each in answer.json()["results"]} == {202}

    async def file(self, district: str) -> str:
        tenure = TENURES[district.replace(OTHER, STATE)]
        body = report(district, self.today(), tenure, "first")
        answer = await self.client.post("/v1/reports", json=body, headers=self._headers("president", district, tenure))
        assert answer.status_code == 202, answer.text
        return str(body["id"])

    def today(self) -> date:
        return self.adapters.clock.now().astimezone(MORNING).date()

    async def statuses(self, state: str) -> Mapping[str, str]:
        """Of today; nobody's when there is no board."""
        answer = await self.client.get(f"/v1/states/{state}/days/{self.today()}", headers=self._headers("aicc", "in"))
        return {each["district"]: each["status"] for each in answer.json().get("districts", ())}

    async def shows(self, report_id: str) -> bool:
        answer = await self.client.get(f"/v1/reports/{report_id}", headers=self._headers("aicc", "in"))
        return answer.is_success

    async def ready(self) -> bool:
        return not await self.health.failing()

    def _headers(self, role: str, scope: str, tenure: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {issue_demo_token(demo_keys(self.data), role, scope, tenure)}"}


@contextlib.asynccontextmanager
async def running(environ: Mapping[str, str]) -> AsyncIterator[Running]:
    settings = load_settings(environ, state_codes())
    configure_logging(lines := io.StringIO())
    logger = get_logger("test")
    async with opened(settings) as adapters:
        assembled = assemble(settings, patient(settings, adapters, logger), logger=logger)
        loops = [asyncio.ensure_future(in_loop(loop)()) for loop in assembled.background]
        try:
            transport = httpx.ASGITransport(assembled.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://rozana") as client:
                yield Running(adapters, assembled.health, client, settings.data, lines)
            assert not [loop for loop in loops if loop.done()]
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.wait(loops)


@pytest.fixture
async def environ(tmp_path: Path, kafka: Kafka, mongo: Mongo) -> AsyncIterator[dict[str, str]]:
    await create_topics(kafka.url, TOPICS)
    yield {
        "ROZANA_DATA": str(tmp_path), "ROZANA_STATES": ",".join(STATES), "ROZANA_MEMBER": "alone",
        "ROZANA_LOG": kafka.url, "ROZANA_STORE": f"{mongo.url}/{uuid4().hex}",
    }  # fmt: skip
    await delete_topics(kafka.url, TOPICS)


async def test_a_record_that_cannot_be_read_holds_its_district_and_nobody_else(environ: dict[str, str]) -> None:
    async with running(environ) as system:
        await until(system.ready)
        await system.import_roster(STATE)
        reports = stream_name("reports", STATE)
        (poison,) = await system.adapters.log.append(reports, [POISON])
        filed = [await system.file(each) for each in DISTRICTS if each != GUNA]

        async def told() -> bool:
            return (await system.statuses(STATE)).get(GUNA) == "unknown" and await system.shows(filed[-1])

        await until(told)
        await until(system.ready)
        assert await system.adapters.log.end(DeadLetters.STREAM) == 1  # however many have met it
        code, out, told_of = await rozana("dead-letters", "list", **environ)
        assert (code, out.split()[:3]) == (0, [reports, str(poison.offset), GUNA])
        assert told_of.strip() == "1 dead letters; 0 of them can be read now"

        code, out, told_of = await rozana("dead-letters", "replay", **environ)  # beside the services
        assert code == 0, out + told_of
        assert out.startswith(f"replaying {STATE}\n")
        await until(told)
        assert await system.adapters.log.end(DeadLetters.STREAM) == 1
        late = await system.file(GUNA)  # whoever is unknown may still report
        await until(lambda: system.shows(late))


async def test_a_log_that_lost_records_stops_its_state_and_says_what_to_do(
    environ: dict[str, str], kafka: Kafka
) -> None:
    """As when Kafka was restored from a backup that is older than the documents."""
    lost = stream_name("reports", OTHER)
    async with running(environ) as system:
        await until(system.ready)
        for state in STATES:
            await system.import_roster(state)
        here, there = await system.file(GUNA), await system.file(GUNA.replace(STATE, OTHER))
        await until(lambda: system.shows(here))
        await until(lambda: system.shows(there))
        await until(system.ready)
    await delete_topics(kafka.url, [lost])
    await create_topics(kafka.url, [lost])
    async with running(environ) as system:

        async def stopped() -> bool:
            return f"{OTHER} is stopped" in (await system.health.failing()).get("aggregator states", "")

        await until(stopped)
        why = (await system.health.failing())["aggregator states"]
        assert "acknowledged events are missing. Restore the newest backup of the log" in why
        assert "a state is stopped; the others go on" in system.lines.getvalue()
        filed_since = await system.file(DISTRICTS[1])
        await until(lambda: system.shows(filed_since))
        assert (await system.statuses(STATE))[GUNA] != "pending"
        assert await system.adapters.log.end(DeadLetters.STREAM) == 0
