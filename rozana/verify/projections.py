"""Whether the documents are what a fresh replay makes: document by document, each at an offset that both have.

A snapshot says how far a projection is folded for certain. All that is replayed up to there must be the same; of a
document that has gone on since, because `rozana up` is running or has died, the replay goes on to its very offset.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from libs.events.streams import STREAMS, stream_name
from libs.runtime.consumer import Batch, Checkpoint, position_after, replay
from libs.runtime.errors import LogMismatch, ReadStopped, StartRefused
from libs.runtime.log import EventLog
from libs.runtime.projection import Projection, state_of_document
from libs.runtime.projector import Projector, collection_name, live, live_collection, snapshots_of
from libs.runtime.store import Document, DocumentStore
from libs.runtime.telemetry import Metrics
from rozana.verify.checks import Check, first_difference

AT_ONCE = 500
REPLAYED_AT_ONCE = 5000


async def folded_to(
    store: DocumentStore, projections: Sequence[Projection[Any]], states: Sequence[str]
) -> dict[str, int]:
    """By stream, the offset below which all projections of it have folded everything."""
    found: dict[str, int] = {}
    for projection in projections:
        pointer = await live(store, projection)  # of whatever version: what it has folded, it has read
        snapshots = snapshots_of(pointer.collection if pointer else collection_name(projection, 0))
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


class _GoingOn:
    """A sink that remembers where it is, so that each step of a replay goes on without a snapshot being written."""

    def __init__(self, projector: Projector[Any]) -> None:
        self._projector = projector
        self._reached: dict[str, Checkpoint] = {}

    async def checkpoint(self, stream: str) -> Checkpoint | None:
        return self._reached.get(stream) or await self._projector.checkpoint(stream)

    async def fold(self, batch: Batch) -> None:
        await self._projector.fold(batch)
        self._reached[batch.stream] = batch.checkpoint

    async def rest(self) -> bool:
        return False  # snapshots are kept when they are compared


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
        self._live = store
        self._fresh = fresh
        self._collection = collection
        self._replayed = projection.name
        self._projector = Projector(projection, fresh, self._replayed)
        self._sink = _GoingOn(self._projector)
        self._check = check
        self._ends: dict[str, int] = {}
        """By state, the offset before which all is replayed."""

    async def run(self, states: Sequence[str], progress: Callable[[int], None]) -> None:
        for state in states:
            await self._replay_to_snapshot(state, progress)
        ahead = await self._compare()
        for document in sorted(ahead, key=lambda each: each.version):
            await self._compare_ahead(document)

    async def _replay_to_snapshot(self, state: str, progress: Callable[[int], None]) -> None:
        stream = stream_name(self._projection.kind, state)
        snapshot = await self._live.get(snapshots_of(self._collection), stream)
        self._ends[state] = 0
        if snapshot is None:
            return
        at = Checkpoint(snapshot.version, str(snapshot.body["event_id"]), str(snapshot.body["log"]))
        await position_after(self._log, stream, at, await self._log.identity())
        await self._replay(state, snapshot.version + 1, progress)
        await self._projector.keep()
        replayed = await self._fresh.get(snapshots_of(self._replayed), stream)
        self._look_at(stream, snapshot, replayed, snapshots_of(self._collection))

    async def _replay(self, state: str, end: int, progress: Callable[[int], None] = lambda _count: None) -> None:
        await replay(
            self._projection.name,
            self._log,
            {stream_name(self._projection.kind, state): end},
            self._sink,
            metrics=Metrics(),
            progress=progress,
            max_records=REPLAYED_AT_ONCE,
        )
        self._ends[state] = end

    async def _compare(self) -> Sequence[Document]:
        """All documents of these states. Those that are ahead of the replay are answered, as they are here and now."""
        ahead: list[Document] = []
        ids = sorted({*await self._live.ids(self._collection), *await self._fresh.ids(self._replayed)})
        for start in range(0, len(ids), AT_ONCE):
            page = ids[start : start + AT_ONCE]
            replayed = await self._fresh.get_many(self._replayed, page)
            live = await self._live.get_many(self._collection, page)
            for document_id in page:
                document = live.get(document_id)
                if document is not None and document.version >= self._ends.get(state_of_document(document), 1 << 62):
                    ahead.append(document)
                elif document is None or state_of_document(document) in self._ends:
                    self._look_at(document_id, document, replayed.get(document_id), self._collection)
        return ahead

    async def _compare_ahead(self, document: Document) -> None:
        state = state_of_document(document)
        stream = stream_name(self._projection.kind, state)
        if document.version >= await self._log.end(stream):
            raise LogMismatch(
                f"{self._collection} {document.id}: offset {document.version} was folded, and {stream} does not have it"
            )
        if document.version >= self._ends[state]:
            await self._replay(state, document.version + 1)
        self._look_at(document.id, document, await self._fresh.get(self._replayed, document.id), self._collection)

    def _look_at(self, document_id: str, live: Document | None, replayed: Document | None, collection: str) -> None:
        self._check.count("snapshots" if collection != self._collection else "documents")
        difference = first_difference(*(_whole(each) for each in (live, replayed)))
        if difference is not None:
            self._check.wrong(f"{collection} {document_id} {difference}")


def _whole(document: Document | None) -> Mapping[str, object] | None:
    """The body, and the version beside it under a name that no body has."""
    return None if document is None else {**document.body, "(version)": document.version}
