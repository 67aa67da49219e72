"""`(await given(events).of(projection, store)).shows(id, member=…)`: what a projection makes of a story.

Every story is folded a second time with each event repeated right behind itself: that changes nothing but what tells
of the repetition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from libs.events.envelope import Event
from libs.runtime.batch import Item, Unreadable
from libs.runtime.projection import Body, Projection
from libs.runtime.store import DocumentStore
from services.aggregator.board import entries
from tests.aggregator.folding import documents, fold, items
from tests.duty.events import code

OF_REPETITION = {"offset", "copies", "conflicts"}


@dataclass
class Shown:
    documents: Mapping[str, Body]

    def shows(self, document_id: str, **members: object) -> "Shown":
        body = self.documents[document_id]
        assert {name: body[name] for name in members} == members
        return self

    def district(self, document_id: str, district: str, **members: object) -> "Shown":
        entry = entries(self.documents[document_id])[code(district)]
        assert {name: entry[name] for name in members} == members
        return self


@dataclass
class Given:
    said: tuple[Event | Unreadable, ...]

    async def of(self, projection: Projection[Any], store: DocumentStore) -> Shown:
        once = await _folded(projection, store, items(self.said))
        twice = await _folded(projection, store, items(repeated for each in self.said for repeated in (each, each)))
        assert _without(twice) == _without(once)
        return Shown(once)


def given(*said: Event | Unreadable) -> Given:
    return Given(said)


async def _folded(projection: Projection[Any], store: DocumentStore, said: Sequence[Item]) -> Mapping[str, Body]:
    for collection in await store.collections():
        await store.drop(collection)
    await fold(projection, store, said)
    return await documents(projection, store)


def _without(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _without(each) for name, each in value.items() if name not in OF_REPETITION}
    return value
