"""Whether the documents are what a fresh replay makes: document by document, each at an offset that both have.

A snapshot says how far a projection is folded for certain. All that is replayed up to there must be the same; of a
document that has gone on since, because `rozana up` is running or has died, the replay goes on to its very offset.
"""

from collections.abc import Callable, Sequence
from typing import Any

from libs.events.streams import STREAMS, stream_name
from libs.runtime.batch import Checkpoint
from libs.runtime.comparing import Pair, Place, pairs
from libs.runtime.consumer import position_after
from libs.runtime.errors import LogMismatch, ReadStopped, StartRefused
from libs.runtime.folding import Folding
from libs.runtime.log import EventLog
from libs.runtime.pointer import folded_collection, live_collection, snapshots_of
from libs.runtime.projection import Projection
from libs.runtime.store import DocumentStore
from rozana.verify.checks import Check

AT_ONCE = 500
REPLAYED_AT_ONCE = 5000


async def folded_to(
    store: DocumentStore, projections: Sequence[Projection[Any]], states: Sequence[str]
) -> dict[str, int]:
    """By stream, the offset below which all projections of it have folded everything."""
    found: dict[str, int] = {}
    for projection in projections:
        # Of whatever version: what it has folded, it has read.
        snapshots = snapshots_of(await folded_collection(store, projection))
        streams = [stream_name(projection.kind, state) for state in states]
        stored = await store.get_many(snapshots, streams)
        for stream in streams:
            to = stored[stream].version + 1 if stream in stored else 0
            found[stream] = min(found.get(stream, to), to)
    return found


async def check_projection(
    projection: Projection[Any],
    log: EventLog,
    store: DocumentStore,
    fresh: DocumentStore,
    states: Sequence[str],
    progress: Callable[[int], None] = lambda _count: None,
) -> Check:
    """Compare with a replay into `fresh`, which must not hold this projection yet."""
    check = Check(projection.name, discreet=not STREAMS[projection.kind].keeps_hours)
    try:
        compared = _Comparison(projection, log, store, fresh, await live_collection(store, projection), check)
        await compared.run(states, progress)
    except (StartRefused, ReadStopped) as error:  # another version or log, a gap, too many dead letters
        check.wrong(str(error))
    return check


class _Comparison:
    def __init__(
        self,
        projection: Projection[Any],
        log: EventLog,
        store: DocumentStore,
        fresh: DocumentStore,
        collection: str,
        check: Check,
    ) -> None:
        self._projection = projection
        self._log = log
        self._live = Place(store, collection)
        self._fresh = Place(fresh, projection.name)
        self._folding = Folding(projection, log, fresh, projection.name)
        self._check = check
        self._ends: dict[str, int] = {}
        """By state, the offset before which all is replayed."""

    async def run(self, states: Sequence[str], progress: Callable[[int], None]) -> None:
        for state in states:
            await self._replay_to_snapshot(state)
            progress(self._ends[state])
        async for pair in pairs(self._live, self._fresh, self._ends, self._replay):
            self._look_at(pair, self._live.collection, "documents")

    async def _replay_to_snapshot(self, state: str) -> None:
        stream = stream_name(self._projection.kind, state)
        snapshots = snapshots_of(self._live.collection)
        snapshot = await self._live.store.get(snapshots, stream)
        self._ends[state] = 0
        if snapshot is None:
            return
        at = Checkpoint(snapshot.version, str(snapshot.body["event_id"]), str(snapshot.body["log"]))
        await position_after(self._log, stream, at, await self._log.identity())
        await self._replay(state, snapshot.version + 1)
        await self._folding.keep()
        replayed = await self._fresh.store.get(snapshots_of(self._fresh.collection), stream)
        self._look_at(Pair(stream, snapshot, replayed), snapshots, "snapshots")

    async def _replay(self, state: str, end: int) -> None:
        stream = stream_name(self._projection.kind, state)
        if end > await self._log.end(stream):
            raise LogMismatch(f"{self._live.collection}: offset {end - 1} was folded, and {stream} does not have it")
        await self._folding.to({stream: end})
        self._ends[state] = end

    def _look_at(self, pair: Pair, collection: str, what: str) -> None:
        self._check.count(what)
        if difference := pair.difference():
            self._check.wrong(f"{collection} {pair.id} {difference}")
