"""`rozana up` as a child process: started until it is ready, stopped in order, or killed."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from libs.runtime.errors import RozanaError

READY = "Rozana is ready at "
"""What `rozana up` says on standard output, followed by its URL."""
LOG_FILE = "rozana.jsonl"
START_SECONDS = 60.0
STOP_SECONDS = 30.0


class ProcessFailed(RozanaError):
    """The child did not start, or did not end as it should."""


@dataclass(frozen=True, slots=True)
class Up:
    """A running `rozana up`, in a session of its own so that Ctrl-C reaches its parent alone."""

    url: str
    process: asyncio.subprocess.Process

    async def stop(self) -> int:
        """SIGTERM, and the exit code. Killed when it does not end in STOP_SECONDS (ProcessFailed)."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await self.process.wait()
        except TimeoutError:
            await self.kill()
            raise ProcessFailed(f"`rozana up` did not end within {STOP_SECONDS:g} s of SIGTERM") from None

    async def kill(self) -> None:
        """SIGKILL: as if the power went."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


async def start_up(data: Path, *, port: int = 0, settings: Mapping[str, str] | None = None, command: str = "up") -> Up:
    """Start it on the folder `data` and return once it is ready. Its log goes to LOG_FILE in there.

    command: also a service by its name, on Kafka and MongoDB.
    settings: ROZANA_ variables; none are taken from the environment. Raises ProcessFailed, with its last words.
    """
    data.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 -- nothing else runs yet
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("ROZANA_")}
    own = {"ROZANA_DATA": str(data), "ROZANA_PORT": str(port)}
    with (data / LOG_FILE).open("ab") as log:
        start = log.tell()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rozana", command),
            env=inherited | own | dict(settings or {}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert process.stdout is not None  # noqa: S101 -- asked for above
    try:
        async with asyncio.timeout(START_SECONDS):
            line = (await process.stdout.readline()).decode().strip()
    except BaseException as error:
        process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            raise ProcessFailed(
                f"`rozana up` was not ready within {START_SECONDS:g} s: see {data / LOG_FILE}"
            ) from None
        raise
    if not line.startswith(READY):
        code = await process.wait()
        said = (data / LOG_FILE).read_bytes()[start:].decode(errors="replace").strip().splitlines()
        reason = said[-1].removeprefix("rozana: ") if said else "it said nothing"
        raise ProcessFailed(f"`rozana up` ended with {code}: {reason}")
    return Up(line.removeprefix(READY), process)
