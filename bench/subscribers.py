"""What do a thousand readers of a state's changes cost? `python -m bench.subscribers [READERS]`.

A real `rozana up` on an empty folder, real sockets on loopback. Printed: memory of the process before and with the
readers, the time from a report's acknowledgement until every reader has it, and CPU while all is quiet.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from libs.runtime.auth import issue_demo_token
from libs.runtime.keys import demo_keys
from rozana.client import Client
from rozana.demo.cast import POLICY, STATE, report, roster
from rozana.process import Up, start_up
from rozana.roster import posted

READERS = 1000
ROUNDS = 30
QUIET_SECONDS = 20.0
NOON = "2026-11-23T12:00:00+05:30"


class Reader:
    """One connection; `came` is when the newest event was here (real time), by its offset."""

    def __init__(self) -> None:
        self.came: dict[int, float] = {}

    async def connect(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._reader, self._writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 17)
        self._writer.write(
            f"GET /v1/states/{STATE}/changes HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while line := await self._reader.readline():
            if line.startswith(b"id: "):
                self.came[int(line[4:])] = time.perf_counter()

    def close(self) -> None:
        self._task.cancel()
        self._writer.close()


def resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(data: Path, count: int) -> None:
    up = await start_up(
        data, settings={"ROZANA_STATES": STATE, "ROZANA_CLOCK_START": NOON, "ROZANA_RATE": "1000000/1000000"}
    )
    try:
        async with Client(up.url) as client:
            await _measure(data, up, client, count)
    finally:
        await up.stop()


async def _measure(data: Path, up: Up, client: Client, count: int) -> None:
    keys, pid = demo_keys(data), up.process.pid
    people = [data for data in roster() if hasattr(data, "person_id")][:ROUNDS]
    office = issue_demo_token(keys, "pcc", STATE)
    await client.post_events([posted(each) for each in (POLICY, *roster())], office)
    await asyncio.sleep(2)
    before = resident_kib(pid)
    readers = [Reader() for _ in range(count)]
    for first in range(0, count, 50):
        await asyncio.gather(*(reader.connect(up.url, office) for reader in readers[first : first + 50]))
    await asyncio.sleep(2)
    connected = resident_kib(pid)
    seconds = [await _round(client, readers, keys_token(keys, person), person) for person in people]
    after = resident_kib(pid)
    busy, started = cpu_seconds(pid), time.perf_counter()
    await asyncio.sleep(QUIET_SECONDS)
    quiet = (cpu_seconds(pid) - busy) / (time.perf_counter() - started)
    for reader in readers:
        reader.close()
    ordered = sorted(seconds)
    print(f"readers                        {count:>8}")
    print(f"memory without readers         {before / 1024:>8.1f} MiB")
    print(f"memory with them, connected    {connected / 1024:>8.1f} MiB  {(connected - before) / count:.1f} KiB each")
    print(f"memory after {ROUNDS:>3} events        {after / 1024:>8.1f} MiB  {(after - before) / count:.1f} KiB each")
    milliseconds = f"p50 {statistics.median(ordered) * 1000:.0f} ms, max {ordered[-1] * 1000:.0f} ms"
    print(f"acknowledged -> all have it    {milliseconds}")
    print(f"CPU while quiet                {quiet:>8.2%} of a core")


def keys_token(keys: object, person: object) -> str:
    return issue_demo_token(keys, "president", str(person.subject), str(person.tenure_id))  # type: ignore[arg-type,attr-defined]


async def _round(client: Client, readers: Sequence[Reader], token: str, person: object) -> float:
    body = report(str(person.subject), date(2026, 11, 23), str(person.tenure_id), "first")  # type: ignore[attr-defined]
    answer = await client.post("/v1/reports", body, token)
    acknowledged, offset = time.perf_counter(), answer.body["offset"]
    while any(offset not in reader.came for reader in readers):  # noqa: ASYNC110 -- a thousand tasks, none the last
        await asyncio.sleep(0.005)
    return max(0.0, max(reader.came[offset] for reader in readers) - acknowledged)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else READERS
    with TemporaryDirectory() as data:
        asyncio.run(measure(Path(data), count))


if __name__ == "__main__":
    main()
