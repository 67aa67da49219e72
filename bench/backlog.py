"""300,000 events over 36 states, through Kafka into MongoDB documents.

Every side makes the documents of `state_days` and must have made the same ones, with the same offsets, as an embedded
replay of the same events: else nothing is compared. The servers are a real Kafka and one that speaks MongoDB's
protocol; what is measured has the last core, and shares it with whatever else the machine does.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median

from bench.fold import Spent, Task
from bench.india import India, write_log
from bench.measure import Cost, Line, alternate, compared, spread, told
from bench.servers import Servers, servers, write_topics
from libs.events.streams import stream_name
from libs.runtime.clock import ManualClock
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.log_kafka import open_log as open_kafka
from libs.runtime.log_sqlite import open_log
from libs.runtime.pointer import POINTERS, live_collection, snapshots_of
from libs.runtime.projection import collection_hash
from libs.runtime.store_mongo import open_store as open_mongo
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import Metrics, get_logger
from services.aggregator.projections.state_days import STATE_DAYS
from services.aggregator.projector import PROJECTIONS
from services.aggregator.rebuild import Rebuilding

FIRST = date(2025, 11, 1)
MOST_MIB = 200
PATIENCE = 600.0
PEERS = {"bytewax": round(1 / 0.65, 2), "loop": round(1 / 1.3, 2)}
"""How many times as cheap as each Rozana is to be: at most 0.65 of bytewax's cost, and 1.3 of the loop's."""


def measure(folder: Path, *, quick: bool) -> list[Line]:
    india = India(states=36, districts=46, first=FIRST, days=18 if quick else 180)
    with servers(folder, india) as running:
        return backlog(folder, running, india, rounds=1 if quick else 3)


def backlog(folder: Path, running: Servers, india: India, *, rounds: int) -> list[Line]:
    """All of it is in Kafka before anybody begins. The topics are there, and empty."""
    wanted = asyncio.run(_embedded(folder, india))
    count = asyncio.run(write_topics(running.kafka, india))
    ends = asyncio.run(_ends(running, india))
    spent: dict[str, list[Spent]] = {side: [] for side in ("rozana", *PEERS, "aggregator")}

    def run(side: str) -> Cost:
        spent[side].append(found := _fold(side, running, ends))
        made = asyncio.run(_hash_and_drop(running, side))
        if made != wanted:
            raise RuntimeError(f"{side} has made other documents than an embedded replay: nothing is compared")
        return Cost(count, found.wall, found.cpu)

    costs = alternate(rounds, {side: partial(run, side) for side in spent})
    lines = [
        line
        for peer, least in PEERS.items()
        for line in compared(f"Kafka -> documents against {peer}", costs["rozana"], costs[peer], least)
    ]
    peak = median([each.peak for each in spent["rozana"]])
    return [
        *lines,
        *(told(f"  {side}, {count:,} events", costs[side]) for side in spent),
        Line("Kafka -> documents, memory", f"{peak:.0f} MiB", f"< {MOST_MIB} MiB", peak < MOST_MIB),
        *(Line(f"  {side}, memory", spread([each.peak for each in spent[side]], "{:.0f} MiB")) for side in PEERS),
        Line("  the whole aggregator, memory", spread([each.peak for each in spent["aggregator"]], "{:.0f} MiB")),
    ]


async def _embedded(folder: Path, india: India) -> str:
    """The hash of the boards by an embedded replay."""
    await write_log(folder / "log", india)
    log, store = open_log(folder / "log", ManualClock(india.until)), open_store(folder / "store.db")
    try:
        letters = DeadLetters(log, ManualClock(india.until), Metrics(), get_logger("bench"))
        return (await Rebuilding(STATE_DAYS, log, store, letters).rebuild(india.codes)).hash
    finally:
        await log.close()
        await store.close()


async def _ends(running: Servers, india: India) -> Mapping[str, int]:
    log = open_kafka(running.kafka, ManualClock(india.until))
    try:
        streams = [stream_name("reports", state) for state in india.codes]
        return {stream: await log.end(stream) for stream in streams}
    finally:
        await log.close()


def _fold(side: str, running: Servers, ends: Mapping[str, int]) -> Spent:
    """In a process on the last core; the servers and whatever else there is have the others meanwhile."""
    core = sorted(os.sched_getaffinity(0))[-1]
    task = Task(running.kafka, running.mongo, side, ends, core)
    done = subprocess.run(
        [sys.executable, "-m", "bench.fold", side],
        input=json.dumps(asdict(task)).encode(),
        stdout=subprocess.PIPE,
        timeout=PATIENCE,
        check=True,
    )
    return Spent(**json.loads(done.stdout.splitlines()[-1]))


async def _hash_and_drop(running: Servers, side: str) -> str:
    """Of the boards that a side has made; the store is then as empty as before."""
    store = open_mongo(running.mongo, deadline=PATIENCE)
    try:
        if side in PEERS:
            made = await collection_hash(store, side)
            for collection in (side, f"{side}.offsets"):
                await store.drop(collection)
            return made
        made = await collection_hash(store, await live_collection(store, STATE_DAYS))
        for projection in PROJECTIONS if side == "aggregator" else [STATE_DAYS]:
            collection = await live_collection(store, projection)
            await store.drop(collection)
            await store.drop(snapshots_of(collection))
        await store.drop(POINTERS)
        return made
    finally:
        await store.close()
