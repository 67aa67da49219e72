"""Folding events into the real store, in any batches, from any snapshot, and through a crash between any two writes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from libs.events.envelope import Event, Recorded
from libs.runtime.batch import Batch, Checkpoint, Item, Unreadable
from libs.runtime.errors import Unavailable
from libs.runtime.pointer import collection_name
from libs.runtime.projection import Body, Projection
from libs.runtime.projector import Projector
from libs.runtime.store import Document, DocumentStore
from tests.duty.events import STREAM, code, instant, recorded


class FailingStore:
    """A real store that stops for good after so many documents: as a process that dies between two writes."""

    def __init__(self, store: DocumentStore, writes: int) -> None:
        self._store = store
        self._left = writes

    async def put(self, collection: str, documents: Sequence[Document]) -> Sequence[bool]:
        allowed = documents[: self._left]
        self._left -= len(allowed)
        written = await self._store.put(collection, allowed)
        if len(allowed) < len(documents):
            raise Unavailable("the process has died")
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def unreadable(district: str, at: str) -> Unreadable:
    """A record of the district that nobody can read. Its offset is that of its place among the items."""
    return Unreadable(STREAM, -1, code(district), instant(at))


def items(said: Iterable[Event | Unreadable]) -> list[Item]:
    return [
        recorded(each, offset)
        if isinstance(each, Event)
        else Unreadable(each.stream, offset, each.key, each.appended_at)
        for offset, each in enumerate(said)
    ]


def checkpoint(item: Item) -> Checkpoint:
    return Checkpoint(item.offset, item.event.id if isinstance(item, Recorded) else "", "the log")


async def fold(
    projection: Projection[Any],
    store: DocumentStore,
    said: Sequence[Item],
    *,
    sizes: Iterable[int] = (),
    keep_every: int = 0,
) -> None:
    """Go on from the stored snapshot: in batches of `sizes`, the rest in one; a snapshot every so many batches."""
    projector = Projector(projection, store, collection_name(projection, 0))
    stored = await projector.checkpoint(STREAM)
    position = stored.offset + 1 if stored else 0
    for number, size in enumerate([*sizes, len(said)], 1):
        if batch := said[position : position + size]:
            await projector.fold(Batch(STREAM, batch, checkpoint(batch[-1])))
            position += len(batch)
            if keep_every and number % keep_every == 0:
                await projector.keep()
    await projector.keep()


async def documents(projection: Projection[Any], store: DocumentStore) -> Mapping[str, Body]:
    collection = collection_name(projection, 0)
    return {key: each.body for key, each in (await store.get_many(collection, await store.ids(collection))).items()}
