"""Stopped and started again: nothing lost, nothing raised twice, the same hash from every way to the projections."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.events.envelope import format_instant
from libs.events.streams import stream_name
from rozana.client import Client
from rozana.demo.cast import STATE
from rozana.demo.script import at
from rozana.process import start_up
from tests.e2e.running import DAY, DISTRICTS, Office, cast, day_is_told, recorded, standing, until
from tests.rozana.command import rozana

EVENING = at(DAY, 18 * 60)
JUDGED = at(DAY, 24 * 60)
REPORTED = DISTRICTS[:3]


def clock(start: datetime, speed: str = "1") -> dict[str, str]:
    return {"ROZANA_STATES": STATE, "ROZANA_CLOCK_START": format_instant(start), "ROZANA_CLOCK_SPEED": speed}


@pytest.fixture
async def evening(tmp_path: Path) -> Path:
    """A folder: six districts at 18:00, three of which have reported."""
    data = tmp_path / "evening"
    up = await start_up(data, settings=clock(EVENING))
    async with Client(up.url) as client:
        office = Office(data, client)
        await office.import_roster(cast())
        for district in REPORTED:
            await office.file(district)
    assert await up.stop() == 0
    return data


async def alerts_of(data: Path, settings: Mapping[str, str], *, until_now: datetime) -> Sequence[Mapping[str, Any]]:
    """Start, wait for the day to be judged and told, and the clock to come to `until_now`, stop; the alerts by then."""
    up = await start_up(data, settings=settings)
    async with Client(up.url) as client:
        office = Office(data, client)

        async def judged() -> bool:
            # Three are reminded, and have missed it at midnight: then the reminders are over.
            found = await office.alerts(rule="due-soon", status="resolved")
            return len(found) == 3 and await office.now() >= until_now and await day_is_told(data)

        await until(judged)
        found = await office.alerts()
    assert await up.stop() == 0
    return found


async def test_a_timekeeper_that_slept_over_the_deadline_raises_the_same(evening: Path, tmp_path: Path) -> None:
    asleep = tmp_path / "asleep"
    shutil.copytree(evening, asleep)
    late = JUDGED + timedelta(hours=3)
    awake_saw = await alerts_of(evening, clock(EVENING, "7200"), until_now=JUDGED)
    asleep_saw = await alerts_of(asleep, clock(late), until_now=late)

    def essence(alerts: Sequence[Mapping[str, Any]]) -> list[tuple[object, ...]]:
        members = ("rule", "subject", "period", "level", "alert_id", "raised_at", "resolved_at", "how", "status")
        return sorted(tuple(alert[name] for name in members) for alert in alerts)

    assert essence(asleep_saw) == essence(awake_saw)
    missed = {alert["subject"]: alert["raised_at"] for alert in asleep_saw if alert["rule"] == "missed-report"}
    assert missed == dict.fromkeys(DISTRICTS[3:], format_instant(JUDGED))


async def test_rebuild_and_an_empty_store_give_the_same_hash_and_raise_nothing(evening: Path) -> None:
    late = JUDGED + timedelta(hours=1)
    await alerts_of(evening, clock(late), until_now=late)
    before = await standing(evening)

    code, out, _ = await rozana("rebuild", ROZANA_DATA=str(evening), ROZANA_STATES=STATE)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        "state_days",
        "reports",
        "districts",
        "alerts",
        "grievance_alerts",
    ]
    assert all(line.endswith("the same") for line in out.splitlines())
    assert await standing(evening) == before

    _remove_store(evening)
    up = await start_up(evening, settings=clock(late))  # ready: all has been read again
    assert await up.stop() == 0
    assert await standing(evening) == before


async def test_rebuild_wants_up_stopped_and_says_so(evening: Path) -> None:
    up = await start_up(evening, settings=clock(EVENING))
    code, out, told = await rozana("rebuild", ROZANA_DATA=str(evening), ROZANA_STATES=STATE)
    assert (code, out) == (1, "")
    assert told.strip().startswith(f"rozana: {evening / 'log.db'} is in use by process {up.process.pid}")
    assert len(told.strip().splitlines()) == 1
    assert await up.stop() == 0


async def test_sigterm_answers_what_is_under_way_and_exits_0(tmp_path: Path) -> None:
    up = await start_up(tmp_path, settings=clock(EVENING) | {"ROZANA_RATE": "100000/100000"})
    acknowledged: set[str] = set()
    cut: list[str] = []
    async with Client(up.url) as client:
        office = Office(tmp_path, client)
        await office.import_roster(cast())

        async def phone(name: str) -> None:
            for number in range(100_000):
                body, token = office.report(DISTRICTS[0], DAY, f"{name}-{number}")
                try:
                    answer = await client.http.post(
                        "/v1/reports", json=body, headers={"Authorization": f"Bearer {token}"}
                    )
                except httpx.ConnectError:
                    return  # it no longer listens
                except httpx.TransportError as error:
                    cut.append(type(error).__name__)
                    return
                if answer.status_code != 202:
                    return
                acknowledged.add(body["id"])

        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(phone(f"phone-{number}"))
            await until(lambda: _at_least(acknowledged, 20))
            assert await up.stop() == 0
    # A connection that stood idle may be closed under a request that is just being sent; that is no answer cut off.
    assert set(cut) <= {"RemoteProtocolError", "ReadError", "WriteError"}
    stored = {event.id for event in await recorded(tmp_path, stream_name("reports", STATE))}
    assert acknowledged <= stored


def _remove_store(data: Path) -> None:
    for file in data.glob("store.db*"):
        file.unlink()


async def _at_least(found: set[str], wanted: int) -> bool:
    return len(found) >= wanted
