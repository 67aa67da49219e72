"""What a service needs: memory, the processor while nothing happens, and how long a start takes."""

import asyncio
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from bench.india import India, write_log
from bench.measure import Line, cpu_of, rss_of
from bench.serve import LOG_FILE
from rozana.process import start_up

FIRST = date(2025, 11, 1)
MOST_MIB, MOST_IDLE = 120, 1.0
SETTLING_SECONDS = 30
"""A service is ready before it has folded everything: what it does then is not idling."""
YEAR = India(states=1, districts=71, first=FIRST, days=365)
LOGS = {
    "100,000 events": (India(states=36, districts=46, first=FIRST, days=61), 2.0),
    "600,000 events": (India(states=36, districts=46, first=FIRST, days=372), 10.0),
}


def measure(folder: Path, *, quick: bool) -> list[Line]:
    (folder / "year").mkdir()
    lines = asyncio.run(_year_of_a_state(folder / "year", 5 if quick else 20))
    for name, (india, seconds) in list(LOGS.items())[: 1 if quick else 2]:
        place = folder / name.replace(",", "").replace(" ", "-")
        place.mkdir()
        asyncio.run(write_log(place / LOG_FILE, india))
        lines += _ingest_alone(name, place, india.states, seconds)
    return lines


def _ingest_alone(name: str, folder: Path, states: int, budget: float) -> list[Line]:
    core = sorted(os.sched_getaffinity(0))[-1]
    with (folder / "server.jsonl").open("wb") as out:
        began = time.perf_counter()
        server = subprocess.Popen(
            [sys.executable, "-m", "bench.serve", "rozana", str(folder), str(core), str(states)],
            stdout=subprocess.PIPE,
            stderr=out,
        )
    try:
        assert server.stdout is not None
        server.stdout.readline()
        seconds = time.perf_counter() - began
        cpu, rss = cpu_of(server.pid), rss_of(server.pid)
    finally:
        server.terminate()
        server.wait()
    ready = f"{seconds:.1f} s, {cpu:.1f} s of the processor"
    return [
        Line(f"ingest ready, {name} in the log", ready, f"< {budget:g} s", min(seconds, cpu) < budget),
        Line(f"ingest memory, {name} in the log", f"{rss:.0f} MiB"),
    ]


async def _year_of_a_state(folder: Path, idle: int) -> list[Line]:
    """All services in one process: a first start, which builds every projection, and the next one."""
    count = await write_log(folder / LOG_FILE, YEAR)
    settings = {
        "ROZANA_LOG": f"sqlite:///{folder / LOG_FILE}",
        "ROZANA_CLOCK_START": YEAR.until.isoformat(),
        "ROZANA_STATES": YEAR.codes[0],
    }
    starts, rss, busy = [], 0.0, 0.0
    for _ in range(2):
        began = time.perf_counter()
        up = await start_up(folder, settings=settings)
        starts.append(time.perf_counter() - began)
        pid = up.process.pid
        await asyncio.sleep(SETTLING_SECONDS)
        before = cpu_of(pid)
        await asyncio.sleep(idle)
        busy, rss = (cpu_of(pid) - before) / idle * 100, rss_of(pid)
        await up.stop()
    return [
        Line(f"rozana up, a year of one state ({count:,}), first start", f"{starts[0]:.1f} s"),
        Line("rozana up, the same, started again", f"{starts[1]:.1f} s"),
        Line("rozana up, memory", f"{rss:.0f} MiB", f"< {MOST_MIB} MiB", rss < MOST_MIB),
        Line("rozana up, processor while idle", f"{busy:.1f} %", f"< {MOST_IDLE:g} %", busy < MOST_IDLE),
    ]
