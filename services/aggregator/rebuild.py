"""Make a projection anew from the log, beside the live one, compare the two, and change over.

Readers see the old collection until the pointer moves, so never a half-built one (design.md, section 5).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from libs.events.streams import state_of, stream_name
from libs.runtime.consumer import replay
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.errors import StartRefused
from libs.runtime.log import EventLog
from libs.runtime.projection import Projection, collection_hash, state_of_document
from libs.runtime.projector import Projector, collection_name, live, point_to, snapshots_of
from libs.runtime.store import Document, DocumentStore
from libs.runtime.telemetry import Metrics
from services.aggregator.projector import AT_ONCE

COPIED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A collection that is now live. The hashes are canonical (`collection_hash`), over all its documents.

    events: how many records were replayed.
    live_hash: of the collection it took the place of, folded to the same end; None when there was none, or none of
        this version. It should be equal to `hash`: if not, the new collection is right by definition.
    """

    collection: str
    hash: str
    live_hash: str | None
    events: int


async def rebuild(
    projection: Projection[Any],
    log: EventLog,
    store: DocumentStore,
    states: Sequence[str],
    *,
    only: Collection[str] | None = None,
    dead_letters: DeadLetters,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Rebuilt:
    """Replay the streams of `states` to where they end now, and make what comes of it the live collection.

    The live one is first folded to the same end, as at any start: it may have stopped short of it. Nothing is written
    to the log but dead letters that are not there yet. `progress` hears how many records of how many are done.

    With `only`, these states alone are replayed; what was made of the others is taken over as it is. (Where there is
    no live collection of this version to take it from, all are replayed.)

    Raises what a reader raises (LogMismatch, ReadStopped, Unavailable); the live collection then stays as it is.
    """
    pointer = await live(store, projection)
    old = pointer.collection if pointer is not None and pointer.version == projection.version else None
    streams = [stream_name(projection.kind, state) for state in states if old is None or only is None or state in only]
    ends = {stream: await log.end(stream) for stream in streams}

    live_hash = None
    if old is not None:
        await _fold(projection, log, store, old, ends, dead_letters)
        live_hash = await collection_hash(store, old)

    generation = pointer.generation + 1 if pointer else 0
    collection = collection_name(projection, generation)
    await _drop(store, collection)  # of a rebuild that was broken off
    if old is not None and only is not None:
        await _take_over(store, old, collection, without=only)
    total, done = sum(ends.values()), 0

    def count(records: int) -> None:
        nonlocal done
        done += records
        progress(done, total)

    await _fold(projection, log, store, collection, ends, dead_letters, count)
    rebuilt = Rebuilt(collection, await collection_hash(store, collection), live_hash, total)
    if not await point_to(store, projection, generation):
        raise StartRefused(f"{projection.name} was rebuilt by another process at the same time: its result is live")
    if pointer is not None:
        await _drop(store, pointer.collection)
    return rebuilt


async def _fold(
    projection: Projection[Any],
    log: EventLog,
    store: DocumentStore,
    collection: str,
    ends: dict[str, int],
    dead_letters: DeadLetters,
    progress: Callable[[int], None] = lambda _count: None,
) -> None:
    projector = Projector(projection, store, collection)
    # Metrics of its own: what is replayed was counted when it was new.
    await replay(
        projection.name,
        log,
        ends,
        projector,
        metrics=Metrics(),
        dead_letters=dead_letters,
        progress=progress,
        max_records=AT_ONCE,
    )
    await projector.keep()


async def _take_over(store: DocumentStore, old: str, new: str, *, without: Collection[str]) -> None:
    """Copy the documents of all states but these, then their snapshots: as a fold writes them."""

    def theirs(document: Document) -> bool:
        return state_of_document(document) not in without

    def of_their_stream(snapshot: Document) -> bool:
        return state_of(snapshot.id.partition("/")[0]) not in without

    for source, target, wanted in ((old, new, theirs), (snapshots_of(old), snapshots_of(new), of_their_stream)):
        ids = await store.ids(source)
        for start in range(0, len(ids), COPIED_AT_ONCE):
            found = await store.get_many(source, ids[start : start + COPIED_AT_ONCE])
            await store.put(target, [each for each in found.values() if wanted(each)])


async def _drop(store: DocumentStore, collection: str) -> None:
    await store.drop(collection)
    await store.drop(snapshots_of(collection))
