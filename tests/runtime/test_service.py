"""A real process with a real server: how it starts, drains, and ends."""

import asyncio
import resource
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from libs.runtime.errors import StartRefused
from libs.runtime.service import bind

ROOT = Path(__file__).parents[2]
CANARY = "canary-4711"
SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def line(process: Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()


@asynccontextmanager
async def served(mode: str, *arguments: str) -> AsyncIterator[tuple[Process, str]]:
    """The process once it serves, and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.runtime.served", mode, *arguments, stdout=PIPE, stderr=PIPE, cwd=ROOT
    )
    try:
        word, _, port = (await line(process)).partition(" ")
        assert word == "bound"
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process: Process) -> tuple[int, list[str], str]:
    """Exit code, the lines of stdout, stderr."""
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    assert CANARY not in out.decode() + err.decode()
    return process.returncode, out.decode().splitlines(), err.decode()


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_signal_drains_and_exits_0(number: signal.Signals) -> None:
    async with served("runs") as (process, address), httpx.AsyncClient(base_url=address) as client:
        assert (await client.get("/live")).status_code == 200
        under_way = asyncio.create_task(client.get("/slow"))
        assert await line(process) == "started"
        process.send_signal(number)
        assert (await under_way).json() == {"answered": "while draining"}
        code, out, _ = await ended(process)
        assert (code, out) == (0, ["background ends", "closed"])


async def test_a_long_stream_ends_when_draining_begins() -> None:
    async with served("runs") as (process, address), httpx.AsyncClient(base_url=address) as client:
        async with client.stream("GET", "/stream") as answer:
            chunks = answer.aiter_bytes()
            assert await anext(chunks) == b"data: 1\n\n"
            process.terminate()
            assert [chunk async for chunk in chunks] == []
        assert (await ended(process))[0] == 0


async def test_draining_is_bounded() -> None:
    async with served("runs") as (process, address), httpx.AsyncClient(base_url=address) as client:
        under_way = asyncio.create_task(client.get("/stuck", timeout=30))
        assert await line(process) == "started"
        process.terminate()
        code, out, _ = await ended(process)
        assert (code, out[-1]) == (0, "closed")
        await asyncio.gather(under_way, return_exceptions=True)


@pytest.mark.parametrize("second", SIGNALS)
async def test_a_second_signal_kills(second: signal.Signals) -> None:
    async with served("runs") as (process, address), httpx.AsyncClient(base_url=address) as client:
        stuck = asyncio.create_task(client.get("/stuck", timeout=30))
        assert await line(process) == "started"
        slow = asyncio.create_task(client.get("/slow", timeout=30))
        assert await line(process) == "started"
        process.terminate()
        await slow  # answered because draining has begun
        process.send_signal(second)
        code, out, _ = await ended(process)
        assert code == -second
        assert "closed" not in out
        await asyncio.gather(stuck, return_exceptions=True)


async def test_a_signal_at_the_first_moment_is_heard() -> None:
    async with served("signals-itself") as (process, _):
        assert (await ended(process))[:2] == (0, ["background ends", "closed"])


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("returns", "serve.<locals>.consume ended"),
        ("loses its way", "serve.<locals>.consume was cancelled"),
        ("raises", "builtins.ValueError"),
        ("stops", "has a gap at 7; restore it"),
        ("refuses", "rozana: ROZANA_LOG: another log; say which\n"),
    ],
)
async def test_a_dying_background_ends_the_process(mode: str, words: str) -> None:
    async with served(mode) as (process, address), httpx.AsyncClient(base_url=address) as client:
        under_way = asyncio.create_task(client.get("/slow"))
        assert await line(process) == "started"
        await client.get("/die")
        assert (await under_way).status_code == 200
        code, out, err = await ended(process)
        assert (code, out) == (1, ["background ends", "closed"])
        assert words in err
        assert "Traceback" not in err
        if mode == "refuses":
            assert [text for text in err.splitlines() if not text.startswith("{")] == [words.strip()]


async def test_a_busy_port_is_refused_in_one_line() -> None:
    async with served("runs") as (_, address):
        port = address.rpartition(":")[2]
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.runtime.served", "runs", port, stdout=PIPE, stderr=PIPE, cwd=ROOT
        )
        code, out, err = await ended(second)
    assert (code, out) == (1, [])
    assert err.count("\n") == 1
    assert err.startswith(f"rozana: ROZANA_HOST, ROZANA_PORT: cannot listen on 127.0.0.1 port {port}: ")


def refused(take: Callable[[], socket.socket]) -> None:
    with pytest.raises(StartRefused, match=r"^ROZANA_HOST, ROZANA_PORT: cannot listen on [^\n]*$"):
        take()


def test_bind() -> None:
    with bind("127.0.0.1", 0) as first:
        refused(lambda: bind("127.0.0.1", first.getsockname()[1]))
    refused(lambda: bind("192.0.2.1", 0))
    refused(lambda: bind("host.invalid", 0))


async def test_responses_name_no_server() -> None:
    async with served("runs") as (_, address), httpx.AsyncClient(base_url=address) as client:
        answer = await client.get("/live")
        assert "server" not in answer.headers
        assert "date" in answer.headers


async def sent(address: str, request: bytes, then: Callable[[], Awaitable[None]] | None = None) -> bytes:
    """Bytes over a socket, for what an HTTP client would not send."""
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    if then is not None:
        await then()
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


async def test_bytes_that_are_no_request_leave_nothing_in_the_log() -> None:
    async with served("runs") as (process, address):
        answer = await sent(address, f"{CANARY} {CANARY}\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 400")
        process.terminate()
        assert (await ended(process))[0] == 0


async def test_it_takes_as_many_open_files_as_it_may() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with served("runs") as (process, _):
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        async with served("runs") as (process, _):
            assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
