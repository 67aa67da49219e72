"""MongoDB goes away under a running aggregator and comes back as an older copy: it is folded up again by itself."""

import asyncio
import shutil
from pathlib import Path

import pytest

from libs.runtime.clock import ManualClock
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.keys import demo_keys
from libs.runtime.log_sqlite import open_log
from libs.runtime.patience import PatientStore, in_loop
from libs.runtime.pointer import live_collection
from libs.runtime.projection import collection_hash
from libs.runtime.store_mongo import open_store as open_mongo
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import get_logger
from services.aggregator.projector import PROJECTIONS
from services.aggregator.rebuild import Rebuilding
from tests.aggregator.world import STATES, World
from tests.duty.events import added, appointed, filed, instant, policy
from tests.servers.mongo import Mongo

pytestmark = pytest.mark.connected
ON = "2026-11-23"
DATA = "journal"


async def test_it_is_folded_up_again_and_nothing_counts_twice(tmp_path: Path) -> None:
    mongo = Mongo(tmp_path / "mongo")
    mongo.start()
    clock = ManualClock(instant(f"{ON}T20:00"))
    log = open_log(tmp_path / "log", clock)
    store = PatientStore(open_mongo(mongo.url, deadline=1.0), get_logger("test"))
    made = World(log, store, clock, demo_keys(tmp_path))
    tasks = [asyncio.ensure_future(in_loop(loop)()) for loop in made.component.background]
    try:
        await made.told(policy(), added("guna"), appointed("guna"), filed("guna", ON, f"{ON}T20:00"))
        await made.kept()
        await asyncio.to_thread(mongo.stop)
        shutil.copy(mongo.folder / DATA, tmp_path / "older")
        await asyncio.to_thread(mongo.start)
        for number in range(3):
            await made.told(filed("guna", ON, f"{ON}T20:00", known_as=f"{number}"))
        await made.kept()

        await asyncio.to_thread(mongo.kill)  # with something still to be written
        await made.write(filed("guna", ON, f"{ON}T20:00", known_as="while it was away"))
        shutil.copy(tmp_path / "older", mongo.folder / DATA)
        await asyncio.to_thread(mongo.start)
        await made.kept()
        await made.folded()
        assert all(not task.done() for task in tasks)
        fresh = open_store(tmp_path / "fresh")
        for projection in PROJECTIONS:
            letters = DeadLetters(log, clock, made.metrics, get_logger("test"))
            again = await Rebuilding(projection, log, fresh, letters).rebuild(STATES)
            async with asyncio.timeout(10):
                while await collection_hash(store, await live_collection(store, projection)) != again.hash:  # noqa: ASYNC110 -- a store tells nobody
                    await asyncio.sleep(0.05)
        assert (await made.get(f"/v1/states/in-mp/days/{ON}")).json()["counts"]["on_time"] == 1
        assert await log.end(DeadLetters.STREAM) == 0  # an outage is no dead letter
        await fresh.close()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await store.close()
        await log.close()
        mongo.stop()
