"""Which of a projection's collections is live, and how it changes while members read and write (ADR 0017).

One document for each version of a projection, so that members of two releases never meet: each reads and writes the
collection of its own version. It is changed by generation, one above the one that was read: of two who change it at
once one is told. Whoever reads asks it each time; whoever writes holds a lease.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from libs.runtime.errors import Reopen, StartRefused
from libs.runtime.projection import Body, Projection
from libs.runtime.store import Document, DocumentStore

POINTERS = "pointers"
LEASE_SECONDS = 1.0
"""So long after it has read the pointer a member may begin to write into the collection that was live then."""
SEAL_SECONDS = 5.0
"""So long a member waits at a seal. Then whoever set it is gone or too slow: the member takes it off."""
LOOK_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Pointer:
    """`projection_version` is that of the projection. None: there is no such collection."""

    projection_version: int
    generation: int
    collection: str | None = None
    """The live one."""
    before: str | None = None
    """The one that was live before it, kept for the way back."""
    building: str | None = None
    """What a rebuild is making: it is whoever has last begun, and all others give up."""
    sealed: bool = False
    """Nobody begins to write into the live one: the next change names another."""


async def pointer_of(store: DocumentStore, projection: Projection[Any]) -> Pointer | None:
    """Of this version of the projection; None before its first start."""
    found = await store.get_many(POINTERS, [_id(projection), projection.name])
    for each in (found.get(_id(projection)), found.get(projection.name)):  # release 0.1.0 had one for all versions
        if each is not None and (pointer := _read(each)).projection_version == projection.version:
            return pointer
    return None


async def live(store: DocumentStore, projection: Projection[Any]) -> Pointer | None:
    """The same, or else that of the highest other version that has a live collection."""
    own = await pointer_of(store, projection)
    if own is not None and own.collection is not None:
        return own
    named = [each for each in await store.ids(POINTERS) if each.partition(".v")[0] == projection.name]
    found = [each for each in map(_read, (await store.get_many(POINTERS, named)).values()) if each.collection]
    return max(  # our own is there after all when another member was just starting, too
        found, key=lambda each: (each.projection_version == projection.version, each.projection_version), default=None
    )


async def live_collection(store: DocumentStore, projection: Projection[Any]) -> str:
    """The collection that readers of this version see; before its first start the one that will be. Raises
    StartRefused when only other versions have one.
    """
    found = await live(store, projection)
    if found is None or found.collection is None:
        return collection_name(projection, 0)
    if found.projection_version == projection.version:
        return found.collection
    advice = (
        "run `rozana rebuild`, then start again"
        if found.projection_version < projection.version
        else "a newer Rozana made them; start that one, or run `rozana rebuild`"
    )
    raise StartRefused(
        f"the store's {projection.name} are of version {found.projection_version}, this program's of"
        f" {projection.version}: {advice}"
    )


async def folded_collection(store: DocumentStore, projection: Projection[Any]) -> str:
    """That of whatever version: for who asks how far it is folded, and not what is in it."""
    pointer = await live(store, projection)
    return (pointer.collection if pointer else None) or collection_name(projection, 0)


async def open_collection(store: DocumentStore, projection: Projection[Any]) -> str:
    """The live collection, for its writer: makes the pointer at the first start. Raises StartRefused."""
    if await live(store, projection) is None:
        known = await pointer_of(store, projection) or Pointer(projection.version, -1)
        if known.collection is None:  # else another was starting, too, and was faster: its collection is the live one
            name = collection_name(projection, known.generation + 1)
            await change(store, projection, replace(known, collection=name))
    return await live_collection(store, projection)


async def change(store: DocumentStore, projection: Projection[Any], to: Pointer) -> Pointer | None:
    """Make it so, one generation above that of `to`, which is how it was read. None: somebody else was faster."""
    after = replace(to, generation=to.generation + 1)
    body: Body = {name: value for name, value in asdict(after).items() if name != "generation"}
    written = await store.put(POINTERS, [Document(_id(projection), after.generation, body)])
    return after if written[0] else None


async def sweep(store: DocumentStore, projection: Projection[Any], pointer: Pointer) -> None:
    """Drop what the pointer does not name, of this version of the projection: what rebuilds left behind."""
    named = {each for each in (pointer.collection, pointer.before, pointer.building) if each}
    for each in await store.collections():
        if each.startswith(f"{_id(projection)}.") and each.removesuffix(SNAPSHOTS) not in named:
            await store.drop(each)


SNAPSHOTS = ".snapshots"


def collection_name(projection: Projection[Any], generation: int) -> str:
    return f"{_id(projection)}.{generation}"


def snapshots_of(collection: str) -> str:
    """The collection with its snapshots: of each stream one document, and a small one that says how far it is."""
    return f"{collection}{SNAPSHOTS}"


class Lease:
    """A process's leave to begin writing into a projection's live collection, good for LEASE_SECONDS after the pointer
    was last read.

    So nobody begins to write later than that after a seal was set; and since a batch is read from the log before its
    writing begins, all that is ever written there lies below the log's end of that moment. `now` is real time.
    """

    def __init__(
        self, store: DocumentStore, projection: Projection[Any], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._projection = projection
        self._now = now
        self._collection: str | None = None
        """The one that may be written until then."""
        self._until = float("-inf")
        self._looking = asyncio.Lock()

    async def hold(self, collection: str) -> None:
        """Return when writing may begin: at once, or when the seal is off again. Raises Reopen when another is live."""
        async with self._looking:
            began = self._now()
            while (asked := self._now()) >= self._until or self._collection != collection:
                pointer = await pointer_of(self._store, self._projection)
                if pointer is None or pointer.collection != collection:
                    raise Reopen(f"{collection} is not the live collection any more")
                if not pointer.sealed:
                    self._collection, self._until = collection, asked + LEASE_SECONDS
                    return
                if asked - began < SEAL_SECONDS:
                    await asyncio.sleep(LOOK_EVERY)
                else:
                    await change(self._store, self._projection, replace(pointer, sealed=False))


def _id(projection: Projection[Any]) -> str:
    return f"{projection.name}.v{projection.version}"


def _read(found: Document) -> Pointer:
    body = found.body
    version = body["projection_version"]
    assert isinstance(version, int)  # noqa: S101 -- written by `change`
    collection, before, building = (
        None if (value := body.get(name)) is None else str(value) for name in ("collection", "before", "building")
    )
    return Pointer(version, found.version, collection, before, building, sealed=bool(body.get("sealed")))
