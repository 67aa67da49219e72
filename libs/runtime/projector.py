"""From streams to documents: loads what a batch needs, folds in memory, writes each touched document once, then, about
once a second, the snapshot (guarantee 4). One projector runs one projection over the streams of all its states.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from libs.events.envelope import Recorded
from libs.events.streams import state_of
from libs.runtime.consumer import Batch, Checkpoint
from libs.runtime.errors import StartRefused
from libs.runtime.projection import Documents, Projection, Snapshot
from libs.runtime.store import Document, DocumentStore

SNAPSHOTS = "snapshots"
POINTERS = "pointers"
SNAPSHOT_SECONDS = 1.0


async def live_collection(store: DocumentStore, projection: Projection[Snapshot]) -> str:
    """The collection that readers see: the pointer document names it; without one, the first."""
    pointer = await store.get(POINTERS, projection.name)
    if pointer is None:
        return collection_name(projection, 0)
    if pointer.body["projection_version"] != projection.version:
        raise StartRefused(
            f"the store holds {projection.name} in version {pointer.body['projection_version']}, this program makes"
            f" version {projection.version}: run `rozana rebuild {projection.name}`"
        )
    return str(pointer.body["collection"])


def collection_name(projection: Projection[Snapshot], generation: int) -> str:
    return f"{projection.name}.v{projection.version}.{generation}"


@dataclass(slots=True)
class _Folded(Generic[Snapshot]):
    """One stream's snapshot in memory, and how far it is ahead of the stored one."""

    snapshot: Snapshot
    checkpoint: Checkpoint | None
    event_time: str | None
    stored: Checkpoint | None
    stored_at: float = float("-inf")


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
        found = await self._store.get(SNAPSHOTS, snapshot_id(self._collection, stream))
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
        wanted = [
            key
            for item in batch.items
            if isinstance(item, Recorded) and type(item.event.data) in projection.handles
            for key in projection.keys(item)
        ]
        documents = Documents(
            await self._store.get_many(self._collection, list(dict.fromkeys(wanted))) if wanted else {}
        )
        for item in batch.items:
            documents.offset = item.offset
            if not isinstance(item, Recorded):
                projection.hold(folded.snapshot, documents, item)
                continue
            folded.event_time = item.event.time.isoformat()
            if type(item.event.data) in projection.handles:
                projection.evolve(folded.snapshot, documents, item)
        if touched := documents.touched():
            await self._store.put(self._collection, touched)
        folded.checkpoint = batch.checkpoint

    async def rest(self) -> None:
        """Keep the snapshots that have moved, each at most once in SNAPSHOT_SECONDS."""
        for stream, folded in self._streams.items():
            if folded.checkpoint != folded.stored and self._now() - folded.stored_at >= SNAPSHOT_SECONDS:
                await self._keep(stream, folded)

    async def keep(self) -> None:
        """Keep all snapshots now."""
        for stream, folded in self._streams.items():
            if folded.checkpoint != folded.stored:
                await self._keep(stream, folded)

    async def _keep(self, stream: str, folded: _Folded[Snapshot]) -> None:
        at = folded.checkpoint
        assert at is not None  # noqa: S101 -- it differs from the stored one, and never goes back to None
        body = {
            "event_id": at.event_id,
            "log": at.log,
            "event_time": folded.event_time,
            "snapshot": self._projection.dump(folded.snapshot),
        }
        await self._store.put(SNAPSHOTS, [Document(snapshot_id(self._collection, stream), at.offset, body)])
        folded.stored, folded.stored_at = at, self._now()


def snapshot_id(collection: str, stream: str) -> str:
    return f"{collection}/{stream}"
