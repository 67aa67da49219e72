"""Readers of a state's changes on real sockets: many, slow, gone. What one does costs the others nothing."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.events.envelope import Event
from libs.runtime.service import BackgroundEnded, bind, run_service
from tests.aggregator.world import PATIENCE, World, until, world
from tests.duty.events import added, appointed, filed, policy

ON = "2026-11-23"
SLOW_SECONDS = 0.5
READERS = 30
MANY = 1200
"""Events of some 7 KB: eight megabytes for each reader, more than the kernel takes for one that does not read."""


def reports(first: int, count: int) -> list[Event]:
    text = "क" * 2000
    return [
        filed("guna", ON, f"{ON}T20:00", known_as=f"{number}", summary=text) for number in range(first, first + count)
    ]


@contextlib.asynccontextmanager
async def serving(made: World) -> AsyncIterator[int]:
    """The port of a real server. Its connections buffer little in the kernel."""
    listener = bind("127.0.0.1", 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
    bound = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def until_over() -> None:
        await over.wait()

    async def close() -> None:
        """The world closes what it opened."""

    server = asyncio.ensure_future(
        run_service(made.app, listener=listener, background=[until_over], on_bound=bound.set_result, close=close)
    )
    try:
        yield await bound
    finally:
        over.set()
        with contextlib.suppress(BackgroundEnded):
            await server


async def connect(made: World, port: int) -> socket.socket:
    """A reader that has read the head of its answer, and nothing behind it yet."""
    loop, reader = asyncio.get_running_loop(), socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    reader.setblocking(False)
    await loop.sock_connect(reader, ("127.0.0.1", port))
    token = made.token()
    request = f"GET /v1/states/in-mp/changes HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {token}\r\n\r\n"
    await loop.sock_sendall(reader, request.encode())
    head = await loop.sock_recv(reader, 4096)
    assert head.startswith(b"HTTP/1.1 200 "), head
    return reader


async def read(reader: socket.socket, offset: int) -> list[int]:
    """The offsets that come, up to this one."""
    loop, rest, found = asyncio.get_running_loop(), b"", list[int]()
    async with asyncio.timeout(PATIENCE):
        while offset not in found:
            got = await loop.sock_recv(reader, 1 << 16)
            assert got, "the server has hung up"
            *lines, rest = (rest + got).split(b"\n")
            found += [int(line[4:]) for line in lines if line.startswith(b"id: ")]
    return found


def subscribers(made: World, name: str = "subscribers") -> float:
    return made.metrics.registry.get_sample_value(f"rozana_{name}", {"state": "in-mp"}) or 0


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path, slow_seconds=SLOW_SECONDS) as made, made.running():
        await made.told(policy(), added("guna"), appointed("guna"))
        yield made


async def test_who_reads_nothing_is_dropped_and_costs_a_bounded_amount_of_memory(live: World) -> None:
    async with serving(live) as port:
        slow = [await connect(live, port) for _ in range(READERS)]
        quick = await connect(live, port)
        await until(lambda: subscribers(live) == READERS + 1)
        before = resident()
        reading = asyncio.ensure_future(read(quick, MANY + 2))
        for first in range(0, MANY, 100):
            await live.told(*reports(first, 100))
        assert await reading == list(range(3, MANY + 3))
        assert resident() - before < 60 * 2**20, f"{READERS} readers of 8 MB each would be 240"
        await until(lambda: subscribers(live) == 1)
        assert subscribers(live, "subscribers_dropped_total") == READERS
        loop = asyncio.get_running_loop()
        for reader in slow:
            with contextlib.suppress(ConnectionResetError):
                while await loop.sock_recv(reader, 1 << 16):
                    pass  # what the kernel still held
            reader.close()
        quick.close()
        await until(lambda: subscribers(live) == 0)
    assert [line for line in live.lines.getvalue().splitlines() if '"level": "error"' in line] == []


async def test_who_leaves_in_the_middle_is_no_failure(live: World) -> None:
    async with serving(live) as port:
        for number in range(20):
            reader = await connect(live, port)
            await live.told(*reports(number * 10, 10))
            await asyncio.get_running_loop().sock_recv(reader, 100)
            reader.close()
        await until(lambda: subscribers(live) == 0)
    assert subscribers(live, "subscribers_dropped_total") == 0
    assert [line for line in live.lines.getvalue().splitlines() if '"level": "error"' in line] == []


async def test_when_the_process_stops_all_answers_end_at_once(live: World) -> None:
    loop = asyncio.get_running_loop()
    async with serving(live) as port:
        readers = [await connect(live, port) for _ in range(3)]
        await until(lambda: subscribers(live) == 3)
        stopped = loop.time()
    assert loop.time() - stopped < 5, "draining waits for ten seconds"
    for reader in readers:
        assert await loop.sock_recv(reader, 100) == b"0\r\n\r\n"
        reader.close()
