"""Live traffic on Kafka and MongoDB, spread over all states: what keeping up costs at 5,000 events a second, and how
long it takes from a post until the board has it at 1,000 a second, with broker and store on the same machine.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from itertools import chain, zip_longest
from pathlib import Path

from aiokafka import AIOKafkaProducer

from bench.backlog import FIRST
from bench.fold import Task
from bench.india import INDIA, India
from bench.live import PER_SECOND as POSTED_PER_SECOND
from bench.live import posted_and_seen, seconds_line
from bench.measure import Line, cpu_of
from bench.servers import Servers, servers, write_topics
from libs.events.streams import stream_name
from libs.runtime.log import NewRecord
from libs.runtime.log_kafka_client import brokers
from rozana.process import start_up

PER_SECOND = 5000
TICK = 0.01
MOST_OF_A_CORE = 60
SIDES = ("rozana", "loop", "bytewax", "aggregator")
BEHIND_SECONDS = 1.0
"""Whoever has folded the last event so soon after it was sent has kept up."""
AS_GOOD_AS = 0.95
"""Of the rate, what the sender must have reached for it to count."""
Sent = tuple[str, NewRecord]


def measure(folder: Path, *, quick: bool) -> list[Line]:
    """Each side on servers of its own, so that all find the same."""
    india = India(states=36, districts=46, first=FIRST, days=15 if quick else 60)
    lines = []
    for side in SIDES:
        with servers(folder / side, india) as running:
            lines.append(keep_up(side, running, india, PER_SECOND))
    today = replace(india, first=datetime.now(INDIA).date(), days=0)
    with servers(folder / "seen", today) as running:
        lines.append(seen(folder / "seen", running, today, seconds=3 if quick else 20))
    return lines


def keep_up(side: str, running: Servers, india: India, per_second: float) -> Line:
    """The share of a core that a side takes while events come evenly from all states."""
    streams = [[(stream_name("reports", state), record) for record in india.records(state)] for state in india.codes]
    ends = {sent[0][0]: len(sent) for sent in streams}
    plan = [each for each in chain.from_iterable(zip_longest(*streams)) if each is not None]
    core = sorted(os.sched_getaffinity(0))[-1]
    with _folding(side, Task(running.kafka, running.mongo, side, ends, core, tail=True)) as process:
        assert process.stdout is not None
        before = cpu_of(process.pid)
        seconds = asyncio.run(_send(running.kafka, plan, per_second))
        sent = time.perf_counter()
        cpu, behind = cpu_of(process.pid) - before, 0.0
        if side != "bytewax":  # which waits for more, and does not say how far it is
            cpu = json.loads(process.stdout.readline())["cpu"]
            behind = time.perf_counter() - sent
    rate, share = len(plan) / seconds, cpu / seconds * 100
    what = f"{len(plan):,} events at {rate:,.0f}/s over {india.states} states, {side}"
    told = f"{share:.0f} % of a core, {cpu / len(plan) * 1e6:.0f} us each, {behind:.1f} s behind at the end"
    if side != "rozana":
        return Line(f"  {what}", told)
    kept_up = behind < BEHIND_SECONDS and rate > per_second * AS_GOOD_AS
    return Line(what, told, f"< {MOST_OF_A_CORE} %", kept_up and share < MOST_OF_A_CORE)


@contextlib.contextmanager
def _folding(side: str, task: Task) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "bench.fold", side], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asdict(task)).encode())
            process.stdin.close()
            process.stdout.readline()
            yield process
        finally:
            process.kill()


async def _send(kafka: str, plan: list[Sent], per_second: float) -> float:
    """Each record at its instant, as good as it goes. Answers how many seconds that took."""
    producer = AIOKafkaProducer(bootstrap_servers=brokers(kafka), acks="all", linger_ms=2)
    await producer.start()
    try:
        began, at, acknowledged = time.perf_counter(), 0, []
        while at < len(plan):
            due = min(len(plan), int((time.perf_counter() - began) * per_second) + 1)
            for stream, record in plan[at:due]:
                acknowledged.append(
                    await producer.send(stream, record.value, record.key.encode(), 0, headers=list(record.headers))
                )
            at = due
            await asyncio.sleep(TICK)
        await asyncio.gather(*acknowledged)
        return time.perf_counter() - began
    finally:
        await producer.stop()


def seen(folder: Path, running: Servers, india: India, *, seconds: float) -> Line:
    """`rozana ingest` and `rozana aggregator`, each a process; all of it shares the machine."""
    found = asyncio.run(_seen(folder, running, india, seconds))
    return seconds_line(f"report posted -> on the board, Kafka and MongoDB, {POSTED_PER_SECOND}/s", found, 100)


async def _seen(folder: Path, running: Servers, india: India, seconds: float) -> list[float]:
    await write_topics(running.kafka, india)
    data = folder / "data"
    settings: Mapping[str, str] = {
        "ROZANA_LOG": running.kafka,
        "ROZANA_STORE": running.mongo,
        "ROZANA_STATES": ",".join(india.codes),
        "ROZANA_RATE": "1000000/1000000",
    }
    ingest = await start_up(data, settings=settings, command="ingest")
    try:
        aggregator = await start_up(data, settings=settings, command="aggregator")
        try:
            return await posted_and_seen(ingest.url, aggregator.url, data, india, seconds)
        finally:
            await aggregator.stop()
    finally:
        await ingest.stop()
