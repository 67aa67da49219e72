"""Services as processes that share their states: started, frozen, killed, told to leave. Cheap enough for hundreds."""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from rozana.commands.serve import _alone
from tests.servers.server import free_port

SPAWNER = multiprocessing.get_context("forkserver")
SPAWNER.set_forkserver_preload(
    [
        "tests.e2e.members",
        "tests.e2e.running",
        "rozana.assembly",
        "libs.runtime.log_kafka",
        "libs.runtime.membership_kafka",
        "libs.runtime.store_mongo",
        "uvloop",
    ]
)
"""Every process is forked from one that has imported all there is: it starts in a tenth of the time."""
ENDS_SECONDS = 60.0
AWAY = "see whether "
"""What every line that tells of a server that is away advises to do."""


def _run(service: str, environ: Mapping[str, str], lines: Path) -> None:
    """In the child: `rozana SERVICE`, with these variables."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("ROZANA_")}
    os.environ.clear()
    os.environ.update(inherited | dict(environ))
    file = os.open(lines, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    signal.signal(signal.SIGUSR1, _tell)
    sys.exit(_alone(service, None))


def _tell(*_: object) -> None:
    """What every task waits for: the last words of one that does not end."""
    for each in gc.get_objects():
        if isinstance(each, asyncio.Task) and not each.done():
            where = " > ".join(_awaits(each.get_coro()))
            sys.stderr.write(f"{each.get_name()} {each.cancelling()} {where}\n")
    sys.stderr.flush()


def _awaits(awaited: Any) -> Iterator[str]:
    """Down from a task's coroutine to what it waits for; a task's own stack shows no more than the first of them."""
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is None:
            yield type(awaited).__name__
        else:
            yield f"{frame.f_code.co_qualname}:{frame.f_lineno}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)


@dataclass
class Member:
    service: str
    name: str
    port: int
    lines: Path
    process: ForkServerProcess
    frozen: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def freeze(self) -> None:
        self.send(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        self.send(signal.SIGCONT)
        self.frozen = False

    async def serves(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"GET /live HTTP/1.0\r\n\r\n")
            answer = await reader.readline()
            writer.close()
        except OSError:
            return False
        return bool(answer)

    async def ended(self) -> int | None:
        await asyncio.to_thread(self.process.join, ENDS_SECONDS)
        return self.process.exitcode

    def said(self) -> str:
        return self.lines.read_text()[-6000:] if self.lines.exists() else ""


@dataclass
class Fleet:
    """All that run now. `settings` are those of every process."""

    folder: Path
    settings: Mapping[str, str]
    members: list[Member] = field(default_factory=list)

    def start(self, service: str, name: str, port: int | None = None) -> Member:
        """Without waiting until it is ready."""
        lines = self.folder / f"{name}.jsonl"
        port = port or free_port()
        member = Member(service, name, port, lines, self._process(service, name, port, lines))
        self.members.append(member)
        return member

    def _process(self, service: str, name: str, port: int, lines: Path) -> ForkServerProcess:
        own = {**self.settings, "ROZANA_PORT": str(port), "ROZANA_MEMBER": name}
        process = SPAWNER.Process(target=_run, args=(service, own, lines), daemon=True)
        process.start()
        return process

    def of(self, service: str) -> Sequence[Member]:
        return [each for each in self.members if each.service == service]

    async def kill(self, member: Member) -> None:
        self.members.remove(member)
        with contextlib.suppress(ProcessLookupError):
            member.send(signal.SIGKILL)
        await member.ended()

    async def leave(self, member: Member) -> None:
        """In order, which must go well. One that has only just begun is told when it serves."""
        self.members.remove(member)
        member.thaw()
        async with asyncio.timeout(ENDS_SECONDS):
            while not await member.serves() and member.process.exitcode is None:  # noqa: ASYNC110 -- a process
                await asyncio.sleep(0.05)
        member.send(signal.SIGTERM)
        code = await member.ended()
        if code is None:
            member.send(signal.SIGUSR1)
            await asyncio.sleep(1)
            member.send(signal.SIGKILL)
        assert code == 0, f"{member.name} ended with {code}:\n{member.said()}"

    async def supervise(self, over: asyncio.Event) -> None:
        """Whoever begins while a server is away ends, and is begun again. Nothing else may end."""
        while not over.is_set():
            for member in self.members:
                code = member.process.exitcode
                if code is not None:
                    assert AWAY in member.said(), f"{member.name} ended with {code}:\n{member.said()}"
                    member.lines.unlink()
                    member.process = self._process(member.service, member.name, member.port, member.lines)
            await asyncio.sleep(0.1)

    def check(self) -> None:
        for member in self.members:
            code = member.process.exitcode
            assert code is None, f"{member.name} ended with {code}:\n{member.said()}"

    async def all_leave(self) -> None:
        self.check()
        await asyncio.gather(*(self.leave(member) for member in tuple(self.members)))


@contextlib.asynccontextmanager
async def fleet(folder: Path, settings: Mapping[str, str]) -> AsyncIterator[Fleet]:
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 -- nothing else runs yet
    made = Fleet(folder, settings)
    try:
        yield made
    finally:
        for member in tuple(made.members):
            await made.kill(member)
