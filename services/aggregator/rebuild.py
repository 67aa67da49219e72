"""Make a projection anew from the log, beside the live one, compare the two, and change over; and the way back.

Readers see the old collection until the pointer moves, so never a half-built one (design.md, section 5). Where members
of the services read and write meanwhile, ADR 0017 says why they lose nothing, and why no reader sees an offset fall.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from libs.events.canonical import canonical_hash
from libs.events.streams import state_of, stream_name
from libs.runtime.comparing import Place, pairs
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.errors import StartRefused
from libs.runtime.folding import Folding
from libs.runtime.log import EventLog
from libs.runtime.pointer import LEASE_SECONDS, Pointer, change, collection_name, pointer_of, snapshots_of, sweep
from libs.runtime.projection import Projection, collection_hash, state_of_document
from libs.runtime.store import Document, DocumentStore

COPIED_AT_ONCE = 500
MOST_TOLD = 20
"""So many differences are told in words."""
ATTEMPTS = 3
"""To change over: where a seal stands for too long, members take it off."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was made. The hashes are canonical, over all documents of the states that were replayed, as in
    `collection_hash`.

    events: how many records were replayed before the comparison.
    live_hash: of the collection it is to take the place of, each document at the same offset; None when there was none
        of this version. It should be equal to `hash`: if not, the new collection is right by definition.
    different: how many documents differ; `differences` tells the first of them.
    live: whether it was changed over to. Where documents differ it is not, unless that was asked for.
    """

    collection: str
    hash: str
    live_hash: str | None
    events: int
    different: int = 0
    differences: Sequence[str] = ()
    live: bool = True


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """`shared`: members of the services may read and write in this store meanwhile.

    Every call raises what a reader raises (LogMismatch, ReadStopped, Unavailable), and StartRefused when another
    process has begun the same meanwhile; the live collection then stays as it is.
    """

    projection: Projection[Any]
    log: EventLog
    store: DocumentStore
    dead_letters: DeadLetters
    shared: bool = False

    async def rebuild(
        self,
        states: Sequence[str],
        *,
        only: Collection[str] | None = None,
        even_if_different: bool = False,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Rebuilt:
        """Replay the streams of `states` to where they end now, compare, catch up, and make what comes of it live.

        The live one is first folded to the same end, as at any start: it may have stopped short of it. Nothing is
        written to the log but dead letters that are not there yet. `progress` hears how many records of how many are
        done. The collection that was live stays until the next rebuild, for `go_back`.

        With `only`, these states alone are replayed. What was made of the others, and of states that are not among
        `states`, is taken over as it is. (Where there is no live collection of this version, all are replayed.)
        """
        known = await pointer_of(self.store, self.projection) or Pointer(self.projection.version, -1)
        building = collection_name(self.projection, known.generation + 1)
        pointer = await self._change(replace(known, building=building, sealed=False))
        await sweep(self.store, self.projection, pointer)
        old = pointer.collection
        known_streams = {stream_name(self.projection.kind, state) for state in states}
        anew, taken = known_streams, set[str]()
        if old is not None:
            anew = {each for each in known_streams if only is None or state_of(each) in only}
            taken = (await self._streams(old) | known_streams) - anew
            await self._take_over(old, building, taken, without={state_of(each) for each in anew})
        ends = await self._ends(anew)
        total, done = sum(ends.values()), 0

        def count(records: int) -> None:
            nonlocal done
            done += records
            progress(min(done, total), total)

        made = self._folding(building, count)
        await made.to(ends)
        if old is None:
            rebuilt = Rebuilt(building, await collection_hash(self.store, building), None, total)
        else:
            await self._folding(old).to(ends)
            rebuilt = await self._compare(old, building, made, ends)
            if rebuilt.different and not even_if_different:
                await sweep(self.store, self.projection, await self._change(replace(pointer, building=None)))
                return replace(rebuilt, live=False)
        await self._change_over(building, made, anew | taken)
        return rebuilt

    async def go_back(self) -> str:
        """Make the collection that was live before the live one, once it has caught up. Answers its name."""
        pointer = await pointer_of(self.store, self.projection)
        if pointer is None or pointer.collection is None or pointer.before is None:
            raise StartRefused(
                f"there is no collection of {self.projection.name} to go back to: the last rebuild leaves one"
            )
        await self._change(replace(pointer, building=pointer.before, sealed=False))
        streams = await self._streams(pointer.before) | await self._streams(pointer.collection)
        await self._change_over(pointer.before, self._folding(pointer.before), streams)
        return pointer.before

    # -- the parts -------------------------------------------------------------------------------------------------

    def _folding(self, collection: str, progress: Callable[[int], None] = lambda _count: None) -> Folding:
        return Folding(
            self.projection, self.log, self.store, collection, dead_letters=self.dead_letters, progress=progress
        )

    async def _ends(self, streams: Collection[str]) -> Mapping[str, int]:
        return {stream: await self.log.end(stream) for stream in sorted(streams)}

    async def _streams(self, collection: str) -> set[str]:
        """Those that were folded into it."""
        return {each.partition("/")[0] for each in await self.store.ids(snapshots_of(collection))}

    async def _change(self, to: Pointer) -> Pointer:
        changed = await change(self.store, self.projection, to)
        if changed is None:
            raise self._another()
        return changed

    def _another(self) -> StartRefused:
        return StartRefused(
            f"{self.projection.name} is being rebuilt by another process, which has begun later: let that one end"
        )

    async def _compare(self, old: str, new: str, made: Folding, ends: Mapping[str, int]) -> Rebuilt:
        """Each document of the old collection with that of the new one at its offset, though members write the old."""
        by_state = {state_of(stream) or "": end for stream, end in ends.items()}

        async def move(state: str, end: int) -> None:
            stream = stream_name(self.projection.kind, state)
            by_state[state] = min(end, await self.log.end(stream))  # what lies behind it, nobody has folded
            await made.to({stream: by_state[state]})

        hashes: dict[str, tuple[str | None, str | None]] = {}
        differences: list[str] = []
        async for pair in pairs(Place(self.store, old), Place(self.store, new), by_state, move):
            hashes[pair.id] = _hash(pair.live), _hash(pair.replayed)
            if difference := pair.difference():
                differences.append(f"{pair.id} {difference}")
        live, replayed = (
            canonical_hash([both[side] for _, both in sorted(hashes.items()) if both[side]]) for side in (0, 1)
        )
        return Rebuilt(new, replayed, live, sum(ends.values()), len(differences), tuple(differences[:MOST_TOLD]))

    async def _change_over(self, target: str, made: Folding, streams: Collection[str]) -> None:
        """Catch up, and move the pointer.

        With members: a seal keeps them from beginning to write into the live collection. When their leases have run
        out, all that is there lies below the log's end, and to that the new one is folded before readers go there.
        """
        for _ in range(ATTEMPTS):
            await self._catch_up(made, streams)
            pointer = await pointer_of(self.store, self.projection)
            if pointer is None or pointer.building != target:
                raise self._another()
            if self.shared and pointer.collection is not None:
                sealed = await change(self.store, self.projection, replace(pointer, sealed=True))
                if sealed is None:
                    continue
                pointer = sealed
                await asyncio.sleep(LEASE_SECONDS)
                await self._catch_up(made, streams)
            after = replace(pointer, collection=target, before=pointer.collection, building=None, sealed=False)
            if moved := await change(self.store, self.projection, after):
                await sweep(self.store, self.projection, moved)
                return
        raise StartRefused(
            f"{self.projection.name}: members did not wait for the change, as log or store are too slow: run it again"
        )

    async def _catch_up(self, made: Folding, streams: Collection[str]) -> None:
        await made.to(await self._ends(streams))
        await made.keep()

    async def _take_over(
        self, old: str, new: str, streams: Collection[str], *, without: Collection[str | None]
    ) -> None:
        """Copy the documents of all states but these, which may go on meanwhile: snapshots are read first, and written
        last.
        """
        snapshots = await self.store.get_many(
            snapshots_of(old), [each for stream in streams for each in (stream, f"{stream}/as_of")]
        )
        ids = await self.store.ids(old)
        for start in range(0, len(ids), COPIED_AT_ONCE):
            found = await self.store.get_many(old, ids[start : start + COPIED_AT_ONCE])
            await self.store.put(new, [each for each in found.values() if state_of_document(each) not in without])
        await self.store.put(snapshots_of(new), list(snapshots.values()))


def _hash(document: Document | None) -> str | None:
    return None if document is None else canonical_hash([document.id, document.version, document.body])
