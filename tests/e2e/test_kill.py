"""kill -9 under load: whatever was acknowledged is in the log once, and everything folded from it is right."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from libs.events.alerts import AlertRaised
from libs.events.envelope import format_instant
from libs.events.streams import stream_name
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.pointer import live_collection
from libs.runtime.projection import collection_hash
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import Metrics, get_logger
from rozana.client import Client
from rozana.compose import opened
from rozana.demo.cast import STATE
from rozana.process import start_up
from rozana.upkeep import PROJECTIONS
from services.aggregator.rebuild import Rebuilding
from tests.e2e.running import DAY, DISTRICTS, Office, cast, recorded, settings_of
from tests.servers.server import free_port

SETTINGS = {
    "ROZANA_STATES": STATE,
    "ROZANA_CLOCK_START": "2026-11-23T12:00:00+05:30",
    "ROZANA_CLOCK_SPEED": "36000",  # ten hours a second: deadlines pass while it is killed
    "ROZANA_RATE": "100000/100000",
}
PHONES = 6
REPORTING = DISTRICTS[:4]
"""The others are silent."""
INDIA = ZoneInfo("Asia/Kolkata")


class Load:
    """Phones that file reports, and repeat each with the same id until it is answered."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._today = DAY
        self.done = asyncio.Event()
        self.receipts: dict[str, Mapping[str, Any]] = {}
        self.unanswered = 0

    async def phone(self, name: str) -> None:
        for number in count():
            if self.done.is_set():
                return
            body, token = self._office.report(REPORTING[number % len(REPORTING)], self._today, f"{name}-{number}")
            receipt = await self._until_answered(body, token)
            self.receipts[body["id"]] = receipt
            self._today = datetime.fromisoformat(receipt["received_at"]).astimezone(INDIA).date()
            await asyncio.sleep(0.01)  # a phone's pace, not a benchmark's

    async def _until_answered(self, body: Mapping[str, Any], token: str) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        while True:
            try:
                response = await self._office.client.http.post("/v1/reports", json=body, headers=headers)
            except httpx.TransportError:
                self.unanswered += 1
                await asyncio.sleep(0.02)  # a phone's patience
                continue
            if response.status_code in {200, 202}:
                receipt: Mapping[str, Any] = response.json()
                return receipt
            assert response.status_code == 503, response.text


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.long)])
async def test_killed_at_random_moments_it_loses_and_repeats_nothing(kills: int, tmp_path: Path) -> None:
    moments, port = random.Random(f"seed of {kills}"), free_port()
    up = await start_up(tmp_path, port=port, settings=SETTINGS)
    async with Client(up.url) as client:
        office = Office(tmp_path, client)
        await office.import_roster(cast())
        load = Load(office)
        async with asyncio.TaskGroup() as phones:
            for number in range(PHONES):
                phones.create_task(load.phone(f"phone-{number}"))
            for _ in range(kills):
                await asyncio.sleep(moments.uniform(0.02, 0.6))
                await up.kill()
                if moments.random() < 0.3:
                    await _killed_while_starting(tmp_path, port, moments.uniform(0.1, 0.9))
                up = await start_up(tmp_path, port=port, settings=SETTINGS)
            load.done.set()
    assert await up.stop() == 0
    assert load.unanswered > 0
    await _check_acknowledged(tmp_path, load.receipts)
    await _check_alerts(tmp_path)
    await _check_projections(tmp_path)


async def _killed_while_starting(data: Path, port: int, after: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(after):
            up = await start_up(data, port=port, settings=SETTINGS)
            await up.kill()


async def _check_acknowledged(data: Path, receipts: Mapping[str, Mapping[str, Any]]) -> None:
    """Every acknowledged id stands in the log exactly once, where and when its receipt says."""
    events = await recorded(data, stream_name("reports", STATE))
    assert all(times == 1 for times in Counter(event.id for event in events).values())
    offsets = {event.id: offset for offset, event in enumerate(events)}
    for report_id, receipt in receipts.items():
        event = events[offsets[report_id]]
        assert (receipt["offset"], receipt["received_at"]) == (offsets[report_id], format_instant(event.time))
        assert receipt["sha256"] == event.body_hash()


async def _check_alerts(data: Path) -> None:
    events = await recorded(data, stream_name("alerts", STATE))
    assert all(times == 1 for times in Counter(event.id for event in events).values())
    raised = Counter(event.data.alert_id for event in events if isinstance(event.data, AlertRaised))
    assert all(times == 1 for times in raised.values())


async def _check_projections(data: Path) -> None:
    """A fresh replay into an empty store gives the same documents, byte for byte; so does a rebuild in place."""
    settings = settings_of(data)
    async with opened(settings) as adapters:
        logger = get_logger("test")
        letters = DeadLetters(adapters.log, adapters.clock, Metrics(), logger)
        fresh = open_store(data / "fresh.db")
        for projection in PROJECTIONS.values():
            again = await Rebuilding(projection, adapters.log, adapters.store, letters).rebuild(settings.states)
            assert again.live_hash == again.hash
            await Rebuilding(projection, adapters.log, fresh, letters).rebuild(settings.states)
            assert await collection_hash(fresh, await live_collection(fresh, projection)) == again.hash
        await fresh.close()
