"""`rozana verify` beside a system that is being written to, and after one that was killed: never a false difference."""

import asyncio
from pathlib import Path

import httpx

from rozana.client import Client
from rozana.demo.cast import STATE
from rozana.process import start_up
from tests.e2e.running import DAY, DISTRICTS, Office, cast
from tests.e2e.test_restart import EVENING, clock
from tests.rozana.command import rozana


async def verified(data: Path) -> None:
    code, out, told = await rozana("verify", ROZANA_DATA=str(data), ROZANA_STATES=STATE)
    assert (code, [line for line in out.splitlines() if " ok " not in line]) == (0, []), out + told


async def test_beside_a_running_system_and_after_a_kill(tmp_path: Path) -> None:
    up = await start_up(tmp_path, settings=clock(EVENING) | {"ROZANA_RATE": "100000/100000"})
    async with Client(up.url) as client:
        office = Office(tmp_path, client)
        await office.import_roster(cast())
        posted = 0

        async def phone(district: str) -> None:
            nonlocal posted
            for number in range(100_000):
                body, token = office.report(district, DAY, f"{district}-{number}")
                try:
                    await client.http.post("/v1/reports", json=body, headers={"Authorization": f"Bearer {token}"})
                except httpx.TransportError:
                    return  # it was killed
                posted += 1

        async with asyncio.TaskGroup() as group:
            for district in DISTRICTS[:1]:
                group.create_task(phone(district))
            before = posted
            for _ in range(2):
                await verified(tmp_path)
                assert posted > before  # it was compared while it moved
                before = posted
            await up.kill()
    await verified(tmp_path)
