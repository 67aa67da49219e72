"""`rozana tail` prints each event once, also when the server goes away and comes back."""

import asyncio
import os
import sys
from pathlib import Path

import httpx
import pytest

from libs.events.envelope import format_instant
from rozana.client import Client, Refused
from rozana.demo.cast import STATE
from rozana.demo.script import at
from rozana.process import start_up
from rozana.tail import follow, line_of
from tests.e2e.running import DAY, Office, cast
from tests.servers.server import free_port

SETTINGS = {"ROZANA_STATES": STATE, "ROZANA_CLOCK_START": format_instant(at(DAY, 12 * 60))}


async def test_it_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    port = free_port()
    up = await start_up(tmp_path, port=port, settings=SETTINGS)
    tail = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rozana", "tail", STATE),
        env=os.environ | {"ROZANA_DATA": str(tmp_path), "ROZANA_URL": up.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert tail.stdout is not None
    assert tail.stderr is not None
    try:
        async with Client(up.url) as client, asyncio.timeout(60):
            office = Office(tmp_path, client)
            roster = cast(("in-mp.guna", "in-mp.dhar"))
            await office.import_roster(roster)
            begun = (await tail.stderr.readline()).decode()
            assert begun == f"following {STATE} from now on (no grievances); Ctrl-C ends it\n"
            await office.file("in-mp.guna")
            lines = [(await tail.stdout.readline()).decode()]
            await up.kill()
            up = await start_up(tmp_path, port=port, settings=SETTINGS)
            last = await office.file("in-mp.dhar")
            while lines[-1].split()[0] != str(last["offset"]):
                lines.append((await tail.stdout.readline()).decode())
        offsets = [int(line.split()[0]) for line in lines]
        assert offsets == list(range(offsets[0], last["offset"] + 1))
        assert "report.filed         in-mp.dhar               day 2026-11-23" in lines[-1]
    finally:
        tail.kill()
        await tail.wait()
        assert await up.stop() == 0


async def test_a_refusal_ends_it() -> None:
    problem = {"title": "Not Found", "status": 404, "detail": "there is no such resource here"}
    refusing = httpx.MockTransport(lambda _: httpx.Response(404, json=problem))
    async with Client("http://rozana.test", transport=refusing) as client:
        with pytest.raises(Refused, match="was refused with 404: there is no such resource here"):
            await anext(follow(client, STATE))


def test_a_line_says_what_happened_to_whom() -> None:
    event = {
        "type": "rozana.president.appointed.v1",
        "time": "2026-11-23T14:41:05.25Z",
        "subject": "in-mp.guna",
        "data": {"name": "Holder of Guna", "since": "2026-08-16"},
    }
    assert line_of("17", event) == (
        "    17  2026-11-23T14:41:05Z  president.appointed  in-mp.guna               name Holder of Guna"
    )
