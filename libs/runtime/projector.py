"""From streams to documents: loads what a batch needs, folds in memory, writes each touched document once, then, about
once a second, the snapshot (guarantee 4). One projector runs one projection over the streams of all its states.

In the store, the documents stand in the collection that the pointer names, the snapshots in `<collection>.snapshots`.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Never

from libs.events.envelope import Recorded, format_instant
from libs.events.streams import STREAMS, state_of
from libs.runtime.batch import Batch, Checkpoint, breathe
from libs.runtime.consumer import all_done
from libs.runtime.errors import Reopen
from libs.runtime.patience import looking
from libs.runtime.pointer import Lease, open_collection, snapshots_of
from libs.runtime.projection import Body, Documents, Projection, Snapshot
from libs.runtime.store import Document, DocumentStore
from libs.runtime.telemetry import Logger

SNAPSHOT_SECONDS = 1.0
SNAPSHOT_SHARE = 0.05
"""Of a projector's time, at most so much goes into snapshots: replaying faster than life, it keeps them less often."""
LATEST_SNAPSHOT_SECONDS = 10.0
"""But not less often than this: one stall of the disk must not make what is shown old for long."""
QUIET_LOOK_SECONDS = 60.0
"""How often a projector to which nothing comes looks whether the store still holds what was written."""
SEEN_SECONDS = 1.0
"""So long what was written is taken to be there still: in less, no store goes away and comes back as an older copy."""


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
    """The sink that folds one projection into one collection. `now` is real time in seconds.

    With a `lease`, the collection is the live one, and Reopen is raised when that is another one by now. So it is when
    the store does not hold what was last written, because an older copy has come back in its place: what else is
    missing from that copy can be folded again only from its own snapshot.
    """

    def __init__(
        self,
        projection: Projection[Snapshot],
        store: DocumentStore,
        collection: str,
        *,
        lease: Lease | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._projection = projection
        self._store = store
        self._collection = collection
        self._lease = lease
        self._now = now
        self._streams: dict[str, _Folded[Snapshot]] = {}
        self._written: tuple[str, str, int] | None = None
        """What was last written: collection, id and version. All that was written before it is as durable."""
        self._seen = float("-inf")
        """When it was last known to be there, by `now`."""

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
            self._written = (snapshots_of(self._collection), stream, at.offset)
        self._streams[stream] = folded
        return folded.checkpoint

    async def fold(self, batch: Batch) -> None:
        if self._lease is not None:
            await self._lease.hold(self._collection)
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
            await self._put(self._collection, touched)
        if last is not None:
            folded.event_time = format_instant(last.event.time)
        folded.checkpoint = batch.checkpoint

    async def rest(self) -> bool:
        """Keep the snapshots that have moved, each at most once in SNAPSHOT_SECONDS."""
        if self._lease is not None:
            await self._lease.hold(self._collection)
        now = self._now()
        due = {
            stream: folded
            for stream, folded in self._streams.items()
            if folded.checkpoint != folded.stored and now >= folded.due
        }
        await self._look_again(QUIET_LOOK_SECONDS)
        if due:
            await all_done(self._keep(stream, folded) for stream, folded in due.items())
            share = (self._now() - now) * len(self._streams) / len(due)
            for folded in due.values():
                folded.due = now + min(max(SNAPSHOT_SECONDS, share / SNAPSHOT_SHARE), LATEST_SNAPSHOT_SECONDS)
        return any(folded.checkpoint != folded.stored for folded in self._streams.values())

    async def keep(self) -> None:
        """Keep all snapshots now."""
        for stream, folded in self._streams.items():
            if folded.checkpoint != folded.stored:
                await self._keep(stream, folded)

    async def _put(self, collection: str, documents: Sequence[Document]) -> None:
        await self._look_again(SEEN_SECONDS)
        with looking(self._look):
            await self._store.put(collection, documents)
        self._written = (collection, documents[-1].id, documents[-1].version)
        self._seen = self._now()

    async def _look_again(self, seconds: float) -> None:
        """Unless so many have not yet passed since the last look or write."""
        if self._now() >= self._seen + seconds:
            await self._look()

    async def _look(self) -> None:
        """Raises Reopen when the store has gone back: what was folded since would be missing from it for good."""
        if self._written is not None:
            collection, document_id, version = self._written
            found = await self._store.get(collection, document_id)
            if found is None or found.version < version:
                raise Reopen(f"the store holds less of {self._collection} than was written: it is an older copy")
        self._seen = self._now()

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
        await self._put(
            snapshots_of(self._collection),
            [Document(stream, at.offset, body), Document(_as_of_id(stream), at.offset, reached)],
        )
        folded.stored = at


async def reopened(
    projections: Sequence[Projection[Any]],
    store: DocumentStore,
    run: Callable[[Sequence[str]], Awaitable[Never]],
    logger: Logger,
) -> Never:
    """Run the loop that writes these projections on their live collections, and again on the next ones whenever one of
    them is another. Raises StartRefused and what the loop raises.
    """
    while True:
        collections = [await open_collection(store, each) for each in projections]
        try:
            await run(collections)
        except Reopen as moved:
            told = "projections go on from what the store says now"
            if all(STREAMS[each.kind].keeps_hours for each in projections):  # else an event may be what made it look
                logger.info(told, projections=[each.name for each in projections], reason=str(moved))
