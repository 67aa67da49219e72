"""Rebuilding the boards from an embedded log, against the `eventsourcing` library; and a million events."""

import asyncio
import gc
import shutil
from collections.abc import Mapping
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

from bench.india import India, write_log
from bench.measure import Cost, Line, alternate, compared, timed, told
from bench.peers import eventsourcing_replay as peer
from libs.runtime.clock import ManualClock
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.log_sqlite import open_log
from libs.runtime.service import COLLECT_AFTER
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import Metrics, get_logger
from services.aggregator.projections.state_days import STATE_DAYS
from services.aggregator.rebuild import Rebuilding

FIRST = date(2025, 11, 1)
SAME = ("status", "report_id", "received_at", "holder", "supplements")


def measure(folder: Path, *, quick: bool) -> list[Line]:
    """The same events on both sides; the peer gets a part of them, since its cost an event does not change."""
    gc.set_threshold(*COLLECT_AFTER)  # as the command does; the peer, in the same process, has it too
    large = India(states=8, districts=71, first=FIRST, days=60 if quick else 180)
    small = India(states=2, districts=71, first=FIRST, days=30 if quick else 60)
    counts = {
        "large": asyncio.run(write_log(folder / "large", large)),
        "small": asyncio.run(write_log(folder / "small", small)),
    }
    facts = peer.write_events(folder / "facts", chain.from_iterable(map(small.events, small.codes)))

    boards: dict[str, Mapping[str, Any]] = {}

    def theirs() -> Cost:
        view = folder / "view"
        cost = timed(facts, lambda: boards.update(peer=peer.replay(folder / "facts", view)))
        view.unlink()
        return cost

    def ours(which: str, india: India) -> Cost:
        cost = timed(counts[which], lambda: boards.update(ours=asyncio.run(_rebuilt(folder, which, india))))
        shutil.rmtree(folder / "store")
        return cost

    ours("small", small)
    theirs()
    _compare(boards["ours"], boards["peer"])
    costs = alternate(3 if quick else 5, {"rozana": lambda: ours("large", large), "peer": theirs})
    million = [1e6 / cost.per_second for cost in costs["rozana"]]
    return [
        *compared("replay against eventsourcing, a page a transaction", costs["rozana"], costs["peer"], 3.0),
        told(f"  rozana, {counts['large']:,} events", costs["rozana"]),
        told(f"  eventsourcing, {facts:,} events", costs["peer"]),
        Line("1,000,000 events at this rate", f"{min(million):.0f} to {max(million):.0f} s", "seconds"),
    ]


async def _rebuilt(folder: Path, which: str, india: India) -> Mapping[str, Any]:
    """As `rozana rebuild state_days` does it, into an empty store. Answers the boards."""
    clock, metrics = ManualClock(india.until), Metrics()
    log, store = open_log(folder / which, clock), open_store(folder / "store" / "store.db")
    try:
        letters = DeadLetters(log, clock, metrics, get_logger("bench"))
        rebuilt = await Rebuilding(STATE_DAYS, log, store, letters).rebuild(india.codes)
        ids = await store.ids(rebuilt.collection)
        return {
            name: each.body for name, each in (await store.get_many(rebuilt.collection, ids)).items() if "/" in name
        }
    finally:
        await log.close()
        await store.close()


def _compare(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """Both have made the same boards, or the comparison is void. The peer makes none for a day without a report."""
    for name, board in theirs.items():
        for district, entry in board["districts"].items():
            if any(ours[name]["districts"][district][member] != entry[member] for member in SAME):
                raise RuntimeError(f"{name}: the boards differ, so nothing is compared")
