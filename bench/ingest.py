"""Ingest: one report a request, acknowledged when it is durable, on one core. The load comes from another process."""

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

from bench.india import INDIA, India, write_log
from bench.load import closed_loop, post
from bench.measure import Cost, Line, alternate, compared, cpu_of, quantile, told
from bench.serve import LOG_FILE
from bench.servers import servers, write_topics
from libs.runtime.auth import issue_demo_token
from libs.runtime.keys import demo_keys

DAYS = 7
WORLD = India(states=12, districts=71, first=datetime.now(INDIA).date() - timedelta(days=30), days=0)
CONNECTIONS = 64
SIDES = ("rozana", "peer", "bare")


def measure(folder: Path, *, quick: bool) -> list[Line]:
    """Alternating rounds, each with a fresh server on a fresh copy of one log."""
    prepared = folder / "prepared"
    prepared.mkdir()
    asyncio.run(write_log(prepared / LOG_FILE, WORLD))
    warm, requests = _requests(prepared, 1500 if quick else 4000, "ingest")
    latencies: dict[str, list[float]] = {side: [] for side in SIDES}

    def run(side: str) -> Cost:
        copy = folder / "round"
        shutil.copytree(prepared, copy)
        try:
            cost, seconds = _round(side, copy, warm, requests)
        finally:
            shutil.rmtree(copy)
        latencies[side].append(quantile(seconds, 0.99) * 1000)
        return cost

    costs = alternate(3 if quick else 5, {side: partial(run, side) for side in SIDES})
    return _lines("ingest", costs, latencies)


def measure_on_kafka(folder: Path, *, quick: bool) -> list[Line]:
    """The same with Kafka's acknowledgement (acks=all, idempotent), and from all sides the same one."""
    with servers(folder, WORLD) as running:
        asyncio.run(write_topics(running.kafka, WORLD))
        return on_kafka(folder, running.kafka, count=1500 if quick else 4000, rounds=3 if quick else 5)


def on_kafka(folder: Path, kafka: str, *, count: int, rounds: int) -> list[Line]:
    """On topics that hold WORLD. The rounds share them, so each posts other reports; Rozana alone reads them too."""
    latencies: dict[str, list[float]] = {side: [] for side in SIDES}
    number = itertools.count()

    def run(side: str) -> Cost:
        cost, seconds = _round(side, folder, *_requests(folder, count, f"ingest {next(number)}"), kafka)
        latencies[side].append(quantile(seconds, 0.99) * 1000)
        return cost

    costs = alternate(rounds, {side: partial(run, side) for side in SIDES})
    return _lines("ingest on Kafka", costs, latencies)


def _lines(what: str, costs: Mapping[str, Sequence[Cost]], latencies: Mapping[str, Sequence[float]]) -> list[Line]:
    return [
        *compared(f"{what} against FastAPI + pydantic body", costs["rozana"], costs["peer"], 1.6),
        *compared(f"{what} against the same without token, rules, retries", costs["rozana"], costs["bare"]),
        *(told(f"  {side}, p99 {min(latencies[side]):.0f} ms", costs[side]) for side in SIDES),
    ]


def _requests(folder: Path, count: int, seed: str) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """One for each district, so that every token has been seen once; then `count` that are measured."""
    keys, draw, today = demo_keys(folder), Random(seed), datetime.now(INDIA).date()
    places = [place for state in WORLD.codes for place in WORLD.places(state)]
    tokens = {district: issue_demo_token(keys, "president", district, tenure) for district, tenure in places}
    made = [
        post("/v1/reports", WORLD.body(district, today - timedelta(days=ago), tenure, draw), tokens[district])
        for ago in range(DAYS)
        for district, tenure in draw.sample(places, len(places))
    ]
    return made[: len(places)], made[len(places) : len(places) + count]


def _round(
    side: str, folder: Path, warm: Sequence[bytes], requests: Sequence[bytes], *urls: str
) -> tuple[Cost, Sequence[float]]:
    *others, core = sorted(os.sched_getaffinity(0))
    with (folder / "server.jsonl").open("wb") as lines:
        server = subprocess.Popen(
            [sys.executable, "-m", "bench.serve", side, str(folder), str(core), str(WORLD.states), *urls],
            stdout=subprocess.PIPE,
            stderr=lines,
        )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        os.sched_setaffinity(0, set(others or [core]))
        asyncio.run(closed_loop(port, warm, CONNECTIONS))
        before = cpu_of(server.pid)
        started = asyncio.run(_watched(port, requests))
        cpu = cpu_of(server.pid) - before
    finally:
        os.sched_setaffinity(0, {*others, core})
        server.terminate()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()
    wall, seconds = started
    return Cost(len(requests), wall, cpu), seconds


async def _watched(port: int, requests: Sequence[bytes]) -> tuple[float, Sequence[float]]:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    answers = await closed_loop(port, requests, CONNECTIONS)
    if set(answers.statuses) != {202}:
        raise RuntimeError(f"not all were taken: {answers.statuses}")
    return loop.time() - begun, answers.seconds
