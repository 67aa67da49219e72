"""Two collections of one projection, document by document, each at an offset that both have, while both move on."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from typing_extensions import TypeIs

from libs.runtime.projection import state_of_document
from libs.runtime.store import Document, DocumentStore

AT_ONCE = 500
ABSENT = "nothing"
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Place:
    store: DocumentStore
    collection: str

    async def get(self, ids: Sequence[str]) -> Mapping[str, Document]:
        return await self.store.get_many(self.collection, ids)


@dataclass(frozen=True, slots=True)
class Pair:
    """A document as both have it, at one offset; None where one has none."""

    id: str
    live: Document | None
    replayed: Document | None

    def difference(self) -> str | None:
        """The first one, `/counts/late: live 1, replayed 2`."""
        return first_difference(*(_whole(each) for each in (self.live, self.replayed)))


async def pairs(
    live: Place, replayed: Place, ends: Mapping[str, int], move: Callable[[str, int], Awaitable[None]]
) -> AsyncIterator[Pair]:
    """Every document of the states in `ends`, before which offset all of a state is in both collections; no others.

    Where the live one has gone on since, because somebody writes into it, `move(state, end)` brings the replayed one
    to the document's very offset, and `ends` with it. So `live` is read once, and compared as it was then.
    """
    ahead: list[Document] = []
    ids = sorted({*await live.store.ids(live.collection), *await replayed.store.ids(replayed.collection)})
    for start in range(0, len(ids), AT_ONCE):
        page = ids[start : start + AT_ONCE]
        made = await replayed.get(page)
        there = await live.get(page)
        for each in page:
            document = there.get(each)
            known = document or made.get(each)
            if known is None or (state := state_of_document(known)) not in ends:
                continue
            if document is not None and document.version >= ends[state]:
                ahead.append(document)
            else:
                yield Pair(each, document, made.get(each))
    for document in sorted(ahead, key=lambda one: one.version):
        if document.version >= ends[state_of_document(document)]:
            await move(state_of_document(document), document.version + 1)
        yield Pair(document.id, document, (await replayed.get([document.id])).get(document.id))


def first_difference(live: object, replayed: object) -> str | None:
    """A JSON pointer and both values, `/counts/late: live 1, replayed 2`; None when they are equal."""
    for pointer, one, other in _differences(live, replayed, ""):
        return f"{pointer or '/'}: live {_shown(one)}, replayed {_shown(other)}"
    return None


class _Absent:
    """Stands for a member or an item that the other side has."""


_MISSING = _Absent()


def _differences(one: object, other: object, pointer: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted(one.keys() | other.keys()):
            step = str(name).replace("~", "~0").replace("/", "~1")
            yield from _differences(one.get(name, _MISSING), other.get(name, _MISSING), f"{pointer}/{step}")
    elif _is_list(one) and _is_list(other):
        for index in range(max(len(one), len(other))):
            yield from _differences(_item(one, index), _item(other, index), f"{pointer}/{index}")
    elif type(one) is not type(other) or one != other:
        yield pointer, one, other


def _item(values: Sequence[object], index: int) -> object:
    return values[index] if index < len(values) else _MISSING


def _is_list(value: object) -> TypeIs[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _shown(value: object) -> str:
    if value is _MISSING:
        return ABSENT
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _whole(document: Document | None) -> Mapping[str, object] | None:
    """The body, and the version beside it under a name that no body has."""
    return None if document is None else {**document.body, "(version)": document.version}
