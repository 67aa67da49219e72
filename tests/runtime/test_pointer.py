"""Which collection is live: one pointer a version of a projection, moved by whoever read it last; leases and seals."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from libs.runtime.errors import Reopen, StartRefused
from libs.runtime.pointer import (
    LEASE_SECONDS,
    POINTERS,
    SEAL_SECONDS,
    Lease,
    Pointer,
    change,
    folded_collection,
    live,
    live_collection,
    open_collection,
    pointer_of,
    snapshots_of,
    sweep,
)
from libs.runtime.store import Document, DocumentStore
from libs.runtime.store_sqlite import open_store
from tests.runtime.test_projector import COUNTS

NEWER = replace(COUNTS, version=2)
FIRST = "counts.v1.0"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    opened = open_store(tmp_path / "store")
    yield opened
    await opened.close()


async def test_the_first_start_makes_the_pointer_and_readers_know_the_name_before(store: DocumentStore) -> None:
    assert await live(store, COUNTS) is None
    assert await live_collection(store, COUNTS) == await folded_collection(store, COUNTS) == FIRST
    assert await store.collections() == []
    assert await asyncio.gather(*(open_collection(store, COUNTS) for _ in range(3))) == [FIRST] * 3
    assert await live(store, COUNTS) == Pointer(1, 0, FIRST)
    assert list(await store.ids(POINTERS)) == ["counts.v1"]


class OtherIsFaster:
    """A real store in which another member starts while this one looks."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

    async def ids(self, collection: str) -> Sequence[str]:
        await change(self._store, COUNTS, Pointer(1, -1, FIRST))
        return await self._store.ids(collection)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.mark.parametrize("newer", [False, True])
async def test_two_members_may_start_at_once(store: DocumentStore, newer: bool) -> None:
    if newer:  # and a rebuild of the next release may be done already
        await change(store, NEWER, Pointer(2, -1, "counts.v2.0"))
    raced: Any = OtherIsFaster(store)
    assert await open_collection(raced, COUNTS) == FIRST
    assert await live_collection(raced, COUNTS) == FIRST


async def test_of_two_who_move_it_from_the_same_place_one_is_told(store: DocumentStore) -> None:
    await open_collection(store, COUNTS)
    seen = await pointer_of(store, COUNTS)
    assert seen is not None
    assert await change(store, COUNTS, replace(seen, building="a")) == Pointer(1, 1, FIRST, building="a")
    assert await change(store, COUNTS, replace(seen, building="b")) is None
    assert await pointer_of(store, COUNTS) == Pointer(1, 1, FIRST, building="a")


async def test_versions_do_not_meet_and_a_member_of_one_that_was_never_made_is_told_what_to_do(
    store: DocumentStore,
) -> None:
    await open_collection(store, COUNTS)
    for call in (live_collection, open_collection):
        with pytest.raises(StartRefused, match=r"counts are of version 1, this program's of 2: run `rozana rebuild`"):
            await call(store, NEWER)
    building = await change(store, NEWER, Pointer(2, -1, building="counts.v2.0"))
    assert building is not None
    with pytest.raises(StartRefused):  # a rebuild of it has begun, and is not whole
        await open_collection(store, NEWER)
    assert await folded_collection(store, NEWER) == FIRST
    await change(store, NEWER, replace(building, collection="counts.v2.0", building=None))
    assert [await open_collection(store, each) for each in (COUNTS, NEWER)] == [FIRST, "counts.v2.0"]
    with pytest.raises(StartRefused, match="a newer Rozana made them"):
        await live_collection(store, replace(COUNTS, version=0))


async def test_what_release_0_1_0_wrote_is_understood_and_left_as_it_is(store: DocumentStore) -> None:
    old = Document("counts", 4, {"projection_version": 1, "collection": "counts.v1.4"})
    await store.put(POINTERS, [old])
    assert await open_collection(store, COUNTS) == "counts.v1.4"
    seen = await pointer_of(store, COUNTS)
    assert seen == Pointer(1, 4, "counts.v1.4")
    await change(store, COUNTS, replace(seen, collection="counts.v1.5", before=seen.collection))
    assert await live_collection(store, COUNTS) == "counts.v1.5"
    assert await store.get(POINTERS, "counts") == old


async def test_a_first_start_beside_a_rebuild_that_was_broken_off_begins_anew(store: DocumentStore) -> None:
    await change(store, COUNTS, Pointer(1, -1, building=FIRST))
    assert await live_collection(store, COUNTS) == FIRST
    assert await open_collection(store, COUNTS) == "counts.v1.1"


async def test_what_no_pointer_names_is_swept_and_nothing_else(store: DocumentStore) -> None:
    mine = ["counts.v1.1", "counts.v1.2", "counts.v1.3"]
    others = ["counts.v10.0", "counts.v2.0", "other.v1.1"]
    for each in (*mine, *others, "counts.v1.4"):
        for collection in (each, snapshots_of(each)):
            await store.put(collection, [Document("a", 0, {})])
    await sweep(store, COUNTS, Pointer(1, 9, mine[0], mine[1], mine[2]))
    assert set(await store.collections()) == {each for one in (*mine, *others) for each in (one, snapshots_of(one))}


# Leases and seals


class Ticks:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


async def sealed(store: DocumentStore) -> Pointer:
    await open_collection(store, COUNTS)
    seen = await pointer_of(store, COUNTS)
    assert seen is not None
    made = await change(store, COUNTS, replace(seen, sealed=True))
    assert made is not None
    return made


async def test_a_lease_is_good_for_its_time_and_no_longer(store: DocumentStore) -> None:
    await open_collection(store, COUNTS)
    now = Ticks()
    lease = Lease(store, COUNTS, now=now)
    await lease.hold(FIRST)
    pointer = await sealed(store)
    now.at = LEASE_SECONDS - 0.001
    await lease.hold(FIRST)  # it has not asked again: whoever set the seal waits for that long
    now.at = LEASE_SECONDS
    waiting = asyncio.create_task(lease.hold(FIRST))
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    await change(store, COUNTS, replace(pointer, collection="counts.v1.2", before=FIRST, sealed=False))
    with pytest.raises(Reopen, match=r"counts.v1.0 is not the live collection any more"):
        await waiting
    await lease.hold("counts.v1.2")
    with pytest.raises(Reopen):
        await lease.hold(FIRST)


async def test_a_seal_that_nobody_takes_off_is_taken_off_by_a_member(store: DocumentStore) -> None:
    pointer = await sealed(store)
    now = Ticks()
    waiting = asyncio.create_task(Lease(store, COUNTS, now=now).hold(FIRST))
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    now.at = SEAL_SECONDS
    async with asyncio.timeout(5):
        await waiting
    assert await pointer_of(store, COUNTS) == Pointer(1, 2, FIRST)
    # and who had set it comes too late
    assert await change(store, COUNTS, replace(pointer, collection="counts.v1.2", sealed=False)) is None


class OtherIsFasterStill(OtherIsFaster):
    """The other one comes after this one has seen that nobody has begun."""

    async def ids(self, collection: str) -> Sequence[str]:
        return await self._store.ids(collection)

    async def get_many(self, collection: str, document_ids: Sequence[str]) -> Mapping[str, Document]:
        found = await self._store.get_many(collection, document_ids)
        if not document_ids:
            await change(self._store, COUNTS, Pointer(1, -1, FIRST))
        return found


async def test_of_two_first_starts_at_one_time_the_later_takes_the_collection_of_the_other(
    store: DocumentStore,
) -> None:
    """Else it named another one: what was folded was folded again, and until then nobody found it."""
    other: Any = OtherIsFasterStill(store)
    assert await open_collection(other, COUNTS) == FIRST
    assert await live(store, COUNTS) == Pointer(1, 0, FIRST)
