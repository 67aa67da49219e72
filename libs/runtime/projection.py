"""A projection is a value: what it is called, what it handles, and two pure functions. The projector does the rest."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from libs.events.canonical import canonical_hash
from libs.events.envelope import Recorded
from libs.events.streams import Kind
from libs.events.values import EventData
from libs.runtime.batch import Unreadable
from libs.runtime.store import Document, DocumentStore, Json

Body = Mapping[str, Json]
MakeBody = Callable[[], Body]
Snapshot = TypeVar("Snapshot")
_BEFORE = re.compile(r"[/.]")


class Documents:
    """The documents of one batch, in memory. Knows which of them already hold the event being folded."""

    def __init__(self, loaded: Mapping[str, Document]) -> None:
        self._versions = {document.id: document.version for document in loaded.values()}
        self._bodies: dict[str, Body | MakeBody] = {document.id: document.body for document in loaded.values()}
        self._touched: dict[str, None] = {}
        self.offset = 0
        """Of the event being folded; set by the projector."""

    def get(self, document_id: str) -> Body | None:
        """The body as it stands, if the document was named by `keys` or put earlier in the batch, and exists."""
        body = self._bodies.get(document_id)
        return body() if callable(body) else body

    def put(self, document_id: str, body: Body | MakeBody) -> None:
        """Replace the document; nothing happens when it already holds this event or a later one (guarantee 4).

        A function is called when the batch is written, so that a large document is made once, however many events of
        the batch touch it. What it makes may change only by events that put the document again.
        """
        if document_id in self._touched or self._versions.get(document_id, -1) < self.offset:
            self._versions[document_id], self._bodies[document_id] = self.offset, body
            self._touched[document_id] = None

    def touched(self) -> list[Document]:
        """Each changed document once, in the order of first touch."""
        bodies = {document_id: self._bodies[document_id] for document_id in self._touched}
        return [
            Document(document_id, self._versions[document_id], body() if callable(body) else body)
            for document_id, body in bodies.items()
        ]


@dataclass(frozen=True, slots=True)
class Projection(Generic[Snapshot]):
    """Documents folded from one kind of stream; can be thrown away and rebuilt.

    name, version: make the collection's name; another version is another collection.
    kind: the kind of stream it folds, one stream a state.
    handles: the event data that `evolve` is given; all else is passed over.
    initial: state -> the snapshot before the first event; dump and load turn it into JSON and back.
    keys: the ids of the documents that `evolve` will read for an event. Those it only writes need no mention.
    evolve: folds one event into the snapshot and the documents. Reads nothing else. It may change the snapshot in
        place, but puts a new body for each document.
    hold: the same for a record that cannot be read.
    """

    name: str
    version: int
    kind: Kind
    handles: frozenset[type[EventData]]
    initial: Callable[[str], Snapshot]
    dump: Callable[[Snapshot], Body]
    load: Callable[[Body], Snapshot]
    keys: Callable[[Recorded], Iterable[str]]
    evolve: Callable[[Snapshot, Documents, Recorded], None]
    hold: Callable[[Snapshot, Documents, Unreadable], None]


def state_of_document(document: Document) -> str:
    """The state whose stream made it: its member `state`, or what its id begins with (`in-mp`, `in-mp/2026-11-23`).

    Every projection keeps to one of the two, so that a state can be folded anew beside the others.
    """
    state = document.body.get("state")
    return state if isinstance(state, str) else _BEFORE.split(document.id, maxsplit=1)[0]


async def collection_hash(store: DocumentStore, collection: str) -> str:
    """Canonical hash over all documents of a collection with their ids and versions, in order of id."""
    ids = await store.ids(collection)
    lines: list[str] = []
    for start in range(0, len(ids), 500):
        found = await store.get_many(collection, ids[start : start + 500])
        lines += [
            canonical_hash([one.id, one.version, one.body]) for one in map(found.__getitem__, ids[start : start + 500])
        ]
    return canonical_hash(lines)
