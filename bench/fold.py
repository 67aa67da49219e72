"""One side of the Kafka benchmark, in a process of its own: `python -m bench.fold SIDE` reads on standard input, as
JSON, what to fold, and says on standard output what it cost.

Rozana's sides are put together as the commands put them together: patient adapters, uvloop, the command's collector.
"""

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from libs.events.streams import state_of
from libs.runtime.clock import SystemClock
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.log_kafka import open_log
from libs.runtime.patience import PatientLog, PatientStore, in_loop
from libs.runtime.pointer import Lease
from libs.runtime.positions import Positions
from libs.runtime.service import COLLECT_AFTER
from libs.runtime.store_mongo import open_store
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from services.aggregator.projections.state_days import STATE_DAYS
from services.aggregator.projector import PROJECTIONS, project, turns

SIDES = ("rozana", "aggregator", "bytewax", "loop")


@dataclass(frozen=True, slots=True)
class Task:
    """ends: by topic, the offset behind the last record there is, or is to come.
    collection: where a peer writes. tail: bytewax is to wait for more, and is ended from outside.
    """

    kafka: str
    mongo: str
    collection: str
    ends: Mapping[str, int]
    core: int
    tail: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of real time and of the processor, start-up left out; MiB at the highest, with everything."""

    wall: float
    cpu: float
    peak: float


def peak_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


async def rozana(task: Task, *, all_projections: bool) -> None:
    """state_days alone, or every projection as the aggregator runs them. Ends when all is folded."""
    configure_logging(sys.stderr)
    logger = get_logger("bench")
    log = PatientLog(open_log(task.kafka, SystemClock()), logger)
    store = PatientStore(open_store(task.mongo), logger)
    letters, metrics = DeadLetters(log, SystemClock(), Metrics(), logger), Metrics()
    projections = PROJECTIONS if all_projections else (STATE_DAYS,)
    positions = {each.name: Positions(task.ends) for each in projections}
    leases = {each.name: Lease(store, each) for each in projections}
    turn_of = turns()

    async def fold(state: str) -> None:
        await project(
            projections,
            log,
            store,
            positions,
            state,
            leases=leases,
            dead_letters=letters,
            metrics=metrics,
            logger=logger,
            turn_of=turn_of,
        )

    try:
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(in_loop(partial(fold, state))()) for state in filter(None, map(state_of, task.ends))
            ]
            for reached in positions.values():
                for stream, end in task.ends.items():
                    await reached.reached(stream, end - 1)
            for loop in loops:
                loop.cancel()
    finally:
        await log.close()
        await store.close()


def main() -> int:
    side, task = sys.argv[1], Task(**json.load(sys.stdin))
    os.sched_setaffinity(0, {task.core})
    if side == "bytewax":
        from bench.peers import bytewax_boards  # noqa: PLC0415 -- nobody else's memory holds it

        work: Any = lambda: bytewax_boards.run(  # noqa: E731
            task.kafka, task.mongo, task.collection, list(task.ends), tail=task.tail
        )
    else:
        gc.set_threshold(*COLLECT_AFTER)
        if side == "loop":
            from bench.peers import loop_boards  # noqa: PLC0415 -- as above

            main_of: Any = lambda: loop_boards.run(task.kafka, task.mongo, task.collection, task.ends)  # noqa: E731
        else:
            main_of = lambda: rozana(task, all_projections=side == "aggregator")  # noqa: E731
        work = lambda: asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main_of())  # noqa: E731
    print("ready", flush=True)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    print(json.dumps(asdict(Spent(time.perf_counter() - wall, time.process_time() - cpu, peak_mib()))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
