"""docs/subscribing.md, as a consumer lives by it: the program is taken from the page, and its line is cut and cut."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from libs.events.envelope import format_instant
from rozana.client import Client
from rozana.demo.cast import STATE
from rozana.demo.script import at
from rozana.process import start_up
from tests.e2e.running import DAY, DISTRICTS, Office, cast, recorded
from tests.servers.server import free_port

PAGE = Path(__file__).parents[2] / "docs" / "subscribing.md"
SETTINGS = {
    "ROZANA_STATES": STATE,
    "ROZANA_CLOCK_START": format_instant(at(DAY, 12 * 60)),
    "ROZANA_RATE": "100000/100000",
}
CUTS = 100


def program(folder: Path) -> Path:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    path = folder / "follow.py"
    path.write_text(text)
    return path


class Line:
    """A TCP proxy that breaks every connection off after so many bytes of the answer, `CUTS` times."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._random = Random(4)
        self.cuts = 0
        self.done = asyncio.Event()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        there_writer.write(await reader.readuntil(b"\r\n\r\n"))
        head = await there_reader.readuntil(b"\r\n\r\n")
        left = len(head) + self._random.randint(1, 6000) if self.cuts < CUTS else sys.maxsize
        piece = head
        with contextlib.suppress(ConnectionError):
            while piece and left > 0:
                writer.write(piece[:left])
                await writer.drain()
                left -= len(piece)
                if left > 0:
                    piece = await there_reader.read(1 << 16)
        if left <= 0:
            self.cuts += 1
            if self.cuts == CUTS:
                self.done.set()
        writer.transport.abort()
        there_writer.transport.abort()


@pytest.mark.long
async def test_who_reconnects_a_hundred_times_under_load_sees_every_change_in_order(tmp_path: Path) -> None:
    data = tmp_path / "data"
    up = await start_up(data, settings=SETTINGS)
    line = Line(urlsplit(up.url).port or 0)
    async with Client(up.url) as client, line.open() as port:
        office = Office(data, client)
        await office.import_roster(cast())
        follower = await asyncio.create_subprocess_exec(
            *(sys.executable, str(program(tmp_path)), f"http://127.0.0.1:{port}", STATE),
            env=os.environ | {"ROZANA_TOKEN": office.token("aicc", "in")},
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            posting = asyncio.ensure_future(_post(office, line.done))
            await line.done.wait()
            last = await posting
            assert follower.stdout is not None
            told: list[list[str]] = []
            while not told or int(told[-1][0]) < last:
                told.append((await follower.stdout.readline()).decode().split())
        finally:
            follower.kill()
            await follower.wait()
    assert await up.stop() == 0
    events = await recorded(data, f"rozana.{STATE}.reports")
    assert line.cuts >= CUTS
    assert [[offset, event_id, event_type] for offset, event_id, event_type, _ in told] == [
        [str(offset), event.id, event.type] for offset, event in enumerate(events[: last + 1])
    ]
    assert '"level": "error"' not in (data / "rozana.jsonl").read_text()


async def _post(office: Office, done: asyncio.Event) -> int:
    """File reports until `done`, at the pace of their answers; the offset of the last one."""
    last, copy = -1, 0
    while not done.is_set():
        for district in DISTRICTS:
            last = (await office.file(district, copy=f"{copy}"))["offset"]
        copy += 1
    return last


async def test_what_asking_again_would_not_change_ends_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    up = await start_up(data, settings=SETTINGS)
    async with Client(up.url) as client:
        office = Office(data, client)
        for state, token, status in (
            ("in-ka", office.token("pcc", STATE), 404),
            (STATE, office.token("operator", "in"), 403),
            (STATE, "none", 401),
        ):
            follower = await asyncio.create_subprocess_exec(
                *(sys.executable, str(program(tmp_path)), up.url, state),
                env=os.environ | {"ROZANA_TOKEN": token},
                stderr=asyncio.subprocess.PIPE,
            )
            _, told = await follower.communicate()
            assert follower.returncode == 1
            assert f"'{status} " in told.decode()
    assert await up.stop() == 0


async def test_it_waits_for_a_server_that_is_away(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    up = await start_up(data, settings=SETTINGS)
    token = Office(data, Client(up.url)).token("aicc", "in")
    assert await up.stop() == 0
    follower = await asyncio.create_subprocess_exec(
        *(sys.executable, str(program(tmp_path)), f"http://127.0.0.1:{port}", STATE),
        env=os.environ | {"ROZANA_TOKEN": token},
        stdout=asyncio.subprocess.PIPE,
    )
    up = await start_up(data, port=port, settings=SETTINGS)
    try:
        async with Client(up.url) as client, asyncio.timeout(60):
            await Office(data, client).import_roster(cast())
            assert follower.stdout is not None
            assert (await follower.stdout.readline()).startswith(b"0 ")
    finally:
        follower.kill()
        await follower.wait()
    assert await up.stop() == 0
