"""A rebuild while members fold and answer: no answer fails, no offset falls, nothing is lost. (tests/e2e/
test_rebuild_on_servers.py does the same with processes and real servers.)"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from libs.runtime.dead_letters import DeadLetters
from libs.runtime.errors import StartRefused, Unavailable
from libs.runtime.folding import Folding
from libs.runtime.pointer import (
    LEASE_SECONDS,
    POINTERS,
    SEAL_SECONDS,
    change,
    collection_name,
    live_collection,
    pointer_of,
)
from libs.runtime.projection import collection_hash
from libs.runtime.store import Document, DocumentStore
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import get_logger
from services.aggregator.feed import QUIET_SECONDS
from services.aggregator.projections.state_days import STATE_DAYS
from services.aggregator.projector import PROJECTIONS
from services.aggregator.rebuild import Rebuilding
from tests.aggregator.folding import FailingStore
from tests.aggregator.following import following
from tests.aggregator.world import STATES, World, until, world
from tests.duty.events import STREAM, added, appointed, filed, policy

ON = "2026-11-23"
FIRST, OTHER = collection_name(STATE_DAYS, 0), collection_name(STATE_DAYS, 7)
BOARD = f"/v1/states/in-mp/days/{ON}"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made, made.running():
        await made.told(policy(), added("guna"), appointed("guna"), filed("guna", ON, f"{ON}T20:30"))
        yield made


def rebuilding(made: World, store: DocumentStore | None = None) -> Rebuilding:
    letters = DeadLetters(made.log, made.clock, made.metrics, get_logger("rebuild"))
    return Rebuilding(STATE_DAYS, made.log, store or made.store, letters, shared=True)


@contextlib.asynccontextmanager
async def busy(made: World) -> AsyncIterator[list[int]]:
    """Reports come in all the time, and two readers ask all the time. The offsets that were answered, in order."""
    seen: list[int] = []
    stopping = asyncio.Event()

    async def write() -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            await made.write(filed("guna", ON, f"{ON}T20:30", known_as=f"supplement {number}"))
            await asyncio.sleep(0)

    async def ask() -> None:
        while not stopping.is_set():
            answer = await made.get(BOARD)
            assert answer.status_code == 200, answer.text
            board = answer.json()
            assert board["counts"]["on_time"] == 1  # never a half-built one
            seen.append(board["as_of"]["offset"])

    tasks = [asyncio.create_task(work()) for work in (write, ask)]
    try:
        yield seen
    finally:
        stopping.set()
        await asyncio.gather(*tasks)


async def right(made: World, folder: Path) -> None:
    """What is live is what a fresh replay makes."""
    await made.folded()
    fresh = open_store(folder / "fresh")
    for projection in PROJECTIONS:
        letters = DeadLetters(made.log, made.clock, made.metrics, get_logger("rebuild"))
        again = await Rebuilding(projection, made.log, fresh, letters).rebuild(STATES)
        assert await collection_hash(made.store, await live_collection(made.store, projection)) == again.hash
    await fresh.close()


async def test_readers_and_writers_go_on_and_no_offset_falls(made: World, tmp_path: Path) -> None:
    async with busy(made) as seen:
        await until(lambda: len(seen) > 10)
        done = await rebuilding(made).rebuild(STATES)
        assert (done.live, done.hash) == (True, done.live_hash)
        at = len(seen)
        await until(lambda: len(seen) > at + 20 and seen[-1] > seen[at])  # members fold on in the new one
        await until(lambda: "projections go on from what the store says now" in made.lines.getvalue())
    assert seen == sorted(seen)
    assert await live_collection(made.store, STATE_DAYS) == done.collection
    await right(made, tmp_path)
    async with busy(made) as seen:
        assert await rebuilding(made).go_back() == FIRST
        await until(lambda: len(seen) > 20)
    assert seen == sorted(seen)
    (tmp_path / "again").mkdir()
    await right(made, tmp_path / "again")


class DiesAtTheFlip(FailingStore):
    """Its process dies when all that is left is to move the pointer: behind its seal."""

    async def put(self, collection: str, documents: Sequence[Document]) -> Sequence[bool]:
        if collection == POINTERS and documents[0].body["collection"] != FIRST:
            raise Unavailable("the process has died")
        return await super().put(collection, documents)


async def test_one_that_dies_anywhere_leaves_all_working_and_can_be_run_again(made: World, tmp_path: Path) -> None:
    dying = [FailingStore(made.store, writes) for writes in (0, 1, 2, 5)]
    for number, store in enumerate([*dying, DiesAtTheFlip(made.store, 1 << 30)]):
        with pytest.raises(Unavailable):
            await rebuilding(made, store).rebuild(STATES)
        before = (await made.get(BOARD)).json()["as_of"]["offset"]
        await made.write(filed("guna", ON, f"{ON}T20:30", known_as=f"after {number}"))
        async with asyncio.timeout(3 * SEAL_SECONDS):  # a member takes the last one's seal off
            await made.folded()
        assert (await made.get(BOARD)).json()["as_of"]["offset"] > before
    pointer = await pointer_of(made.store, STATE_DAYS)
    assert pointer is not None
    assert (pointer.collection, pointer.sealed) == (FIRST, False)
    assert (await rebuilding(made).rebuild(STATES)).live
    await right(made, tmp_path)


async def test_of_two_at_once_the_later_one_ends(made: World) -> None:
    first = rebuilding(made)
    later = await pointer_of(made.store, STATE_DAYS)
    assert later is not None

    def begin_another(_done: int, _total: int) -> None:
        claimed.append(
            asyncio.ensure_future(
                change(made.store, STATE_DAYS, replace(later, generation=later.generation + 1, building="x"))
            )
        )

    claimed: list[asyncio.Future[object]] = []
    with pytest.raises(StartRefused, match="by another process, which has begun later"):
        await first.rebuild(STATES, progress=begin_another)
    assert await live_collection(made.store, STATE_DAYS) == later.collection
    assert (await rebuilding(made).rebuild(STATES)).live


async def test_a_follower_of_changes_hears_of_what_his_member_has_not_folded_itself(made: World) -> None:
    """A member that goes on in another collection passes over what was folded there by the rebuild."""
    pointer = await pointer_of(made.store, STATE_DAYS)
    assert pointer is not None
    async with following(made, "/v1/states/in-mp/changes") as client:
        sealed = await change(made.store, STATE_DAYS, replace(pointer, sealed=True))
        assert sealed is not None
        await asyncio.sleep(LEASE_SECONDS)  # as a rebuild does: from now on the member waits
        await made.write(filed("guna", ON, f"{ON}T20:31", known_as="while it was sealed"))
        end = await made.log.end(STREAM)
        folding = Folding(STATE_DAYS, made.log, made.store, OTHER)
        await folding.to({STREAM: end})
        await folding.keep()
        assert client.events == []
        await change(made.store, STATE_DAYS, replace(sealed, collection=OTHER, sealed=False))
        async with asyncio.timeout(QUIET_SECONDS - 1):  # at once, and not when all has been quiet
            assert await client.until(1) == [end - 1]
