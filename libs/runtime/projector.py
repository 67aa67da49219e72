"""From streams to documents: loads what a batch needs, folds in memory, writes each touched document once, then, about
once a second, the snapshot (guarantee 4). One projector runs one projection over the streams of all its states.

In the store, the documents stand in the collection that the pointer names, the snapshots in `<collection>.snapshots`.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic

from libs.events.envelope import Recorded, format_instant
from libs.events.streams import state_of
from libs.runtime.consumer import Batch, Checkpoint, all_done, breathe
from libs.runtime.errors import StartRefused
from libs.runtime.projection import Body, Documents, Projection, Snapshot
from libs.runtime.store import Document, DocumentStore

POINTERS = "pointers"
SNAPSHOT_SECONDS = 1.0
SNAPSHOT_SHARE = 0.05
"""Of a projector's time, at most so much goes into snapshots: replaying faster than life, it keeps them less often."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which of a projection's collections is live. `version` is that of the projection."""

    version: int
    generation: int
    collection: str


async def live(store: DocumentStore, projection: Projection[Snapshot]) -> Pointer | None:
    """What the pointer document says, whatever the projection's version; None before the first start."""
    found = await store.get(POINTERS, projection.name)
    if found is None:
        return None
    version = found.body["projection_version"]
    assert isinstance(version, int)  # noqa: S101 -- written by point_to
    return Pointer(version, found.version, str(found.body["collection"]))


async def point_to(store: DocumentStore, projection: Projection[Snapshot], generation: int) -> bool:
    """Make the collection of this generation the live one. False: another process has come before."""
    body: Body = {"projection_version": projection.version, "collection": collection_name(projection, generation)}
    return (await store.put(POINTERS, [Document(projection.name, generation, body)]))[0]


async def live_collection(store: DocumentStore, projection: Projection[Snapshot]) -> str:
    """The collection that readers see: the pointer document names it; without one, the first. Raises StartRefused."""
    pointer = await live(store, projection)
    if pointer is None:
        return collection_name(projection, 0)
    if pointer.version != projection.version:
        advice = (
            "run `rozana rebuild`, then start again"
            if pointer.version < projection.version
            else "a newer Rozana made them; start that one, or run `rozana rebuild`"
        )
        raise StartRefused(
            f"the store's {projection.name} are of version {pointer.version}, this program's of"
            f" {projection.version}: {advice}"
        )
    return pointer.collection


async def open_collection(store: DocumentStore, projection: Projection[Snapshot]) -> str:
    """The live collection, for its writer: makes the pointer document at the first start. Raises StartRefused."""
    if await live(store, projection) is None:
        await point_to(store, projection, 0)
    return await live_collection(store, projection)


def collection_name(projection: Projection[Snapshot], generation: int) -> str:
    return f"{projection.name}.v{projection.version}.{generation}"


def snapshots_of(collection: str) -> str:
    """The collection with its snapshots: of each stream one document, and a small one that says how far it is."""
    return f"{collection}.snapshots"


@dataclass(frozen=True, slots=True)
class AsOf:
    """How far documents are folded: the last event, and when it was received (None: it could not be read)."""

    offset: int
    event_time: str | None


async def as_of(store: DocumentStore, collection: str, streams: Iterable[str]) -> Mapping[str, AsOf]:
    """By stream, how far a collection is at least; without the streams of which nothing is folded.

    Ask before reading the documents: they then hold all that is promised here.
    """
    found = await store.get_many(snapshots_of(collection), [_as_of_id(stream) for stream in streams])
    return {
        str(each.body["stream"]): AsOf(each.version, None if (time := each.body["event_time"]) is None else str(time))
        for each in found.values()
    }


def _as_of_id(stream: str) -> str:
    return f"{stream}/as_of"


@dataclass(slots=True)
class _Folded(Generic[Snapshot]):
    """One stream's snapshot in memory, and how far it is ahead of the stored one."""

    snapshot: Snapshot
    checkpoint: Checkpoint | None
    event_time: str | None
    stored: Checkpoint | None
    due: float = float("-inf")
    """When it may be stored again, by the projector's `now`."""


class Projector(Generic[Snapshot]):
    """The sink that folds one projection into one collection. `now` is real time in seconds."""

    def __init__(
        self,
        projection: Projection[Snapshot],
        store: DocumentStore,
        collection: str,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._projection = projection
        self._store = store
        self._collection = collection
        self._now = now
        self._streams: dict[str, _Folded[Snapshot]] = {}

    async def checkpoint(self, stream: str) -> Checkpoint | None:
        found = await self._store.get(snapshots_of(self._collection), stream)
        if found is None:
            folded = _Folded(self._projection.initial(state_of(stream) or ""), None, None, None)
        else:
            body = found.body
            at = Checkpoint(found.version, str(body["event_id"]), str(body["log"]))
            event_time = body["event_time"]
            snapshot = body["snapshot"]
            assert isinstance(snapshot, Mapping)  # noqa: S101 -- written by _keep
            folded = _Folded(self._projection.load(snapshot), at, str(event_time) if event_time else None, at)
        self._streams[stream] = folded
        return folded.checkpoint

    async def fold(self, batch: Batch) -> None:
        projection, folded = self._projection, self._streams[batch.stream]
        wanted = {
            key
            for item in batch.items
            if isinstance(item, Recorded) and type(item.event.data) in projection.handles
            for key in projection.keys(item)
        }
        documents = Documents(await self._store.get_many(self._collection, sorted(wanted)) if wanted else {})
        last: Recorded | None = None
        for done, item in enumerate(batch.items, 1):
            await breathe(done)
            documents.offset = item.offset
            if not isinstance(item, Recorded):
                projection.hold(folded.snapshot, documents, item)
                continue
            last = item
            if type(item.event.data) in projection.handles:
                projection.evolve(folded.snapshot, documents, item)
        if touched := documents.touched():
            await self._store.put(self._collection, touched)
        if last is not None:
            folded.event_time = format_instant(last.event.time)
        folded.checkpoint = batch.checkpoint

    async def rest(self) -> bool:
        """Keep the snapshots that have moved, each at most once in SNAPSHOT_SECONDS."""
        now = self._now()
        due = {
            stream: folded
            for stream, folded in self._streams.items()
            if folded.checkpoint != folded.stored and now >= folded.due
        }
        if due:
            await all_done(self._keep(stream, folded) for stream, folded in due.items())
            share = (self._now() - now) * len(self._streams) / len(due)
            for folded in due.values():
                folded.due = now + max(SNAPSHOT_SECONDS, share / SNAPSHOT_SHARE)
        return any(folded.checkpoint != folded.stored for folded in self._streams.values())

    async def keep(self) -> None:
        """Keep all snapshots now."""
        for stream, folded in self._streams.items():
            if folded.checkpoint != folded.stored:
                await self._keep(stream, folded)

    async def _keep(self, stream: str, folded: _Folded[Snapshot]) -> None:
        at = folded.checkpoint
        assert at is not None  # noqa: S101 -- it differs from the stored one, and never goes back to None
        body: Body = {
            "event_id": at.event_id,
            "log": at.log,
            "event_time": folded.event_time,
            "snapshot": self._projection.dump(folded.snapshot),
        }
        reached: Body = {"stream": stream, "event_time": folded.event_time}
        await self._store.put(
            snapshots_of(self._collection),
            [Document(stream, at.offset, body), Document(_as_of_id(stream), at.offset, reached)],
        )
        folded.stored = at
