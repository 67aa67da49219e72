"""Which projections there are, and the loop that folds a state into them."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Never

from libs.events.streams import stream_name
from libs.runtime.batch import Batch, Checkpoint
from libs.runtime.consumer import Consumer, TurnOf, consume_together, no_turn
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.log import EventLog
from libs.runtime.pointer import Lease
from libs.runtime.positions import Positions
from libs.runtime.projection import Projection
from libs.runtime.projector import Projector, reopened
from libs.runtime.store import DocumentStore
from libs.runtime.telemetry import Logger, Metrics
from services.aggregator.projections.districts import DISTRICTS
from services.aggregator.projections.reports import REPORTS
from services.aggregator.projections.state_days import STATE_DAYS

PROJECTIONS: tuple[Projection[Any], ...] = (STATE_DAYS, REPORTS, DISTRICTS)


AT_ONCE = 1000
"""So many records of a state a batch, so that catching up writes each board seldom."""
FOLDED_AT_ONCE = 8
"""States whose large batches are in memory, decoded, at one time: in a backlog of all India it is not all of them."""
LARGE = 100
"""Records of a batch that waits for its turn. Where states have a little news each, they share the store's calls."""
GATHER_SECONDS = 0.05
"""Between two looks at a state that has news: a board is written at most so often, however many reports come for it."""


def turns() -> TurnOf:
    """For all readers of a process."""
    turn = asyncio.Semaphore(FOLDED_AT_ONCE)
    return lambda records: turn if records >= LARGE else contextlib.nullcontext()


async def project(
    projections: Sequence[Projection[Any]],
    log: EventLog,
    store: DocumentStore,
    positions: Mapping[str, Positions],
    state: str,
    *,
    leases: Mapping[str, Lease],
    told: Callable[[Batch], None] | None = None,
    dead_letters: DeadLetters,
    metrics: Metrics,
    logger: Logger,
    turn_of: TurnOf = no_turn,
) -> Never:
    """Fold a state into the live collections of these projections, for ever, with one reader for all of them.

    positions, leases: by projection. told: hears of each batch that `state_days` has folded. turn_of: as
    `consume_together` has it; of the readers in this process all have the same.

    Raises as `consume_together` does.

    What the fold makes of an invalid event is counted by the notifier's watcher, which folds the same duty.
    """

    async def run(collections: Sequence[str]) -> Never:
        await consume_together(
            [
                Consumer(
                    each.name,
                    _Telling(each, store, collection, leases[each.name], told if each is STATE_DAYS else None),
                    positions[each.name],
                )
                for each, collection in zip(projections, collections, strict=True)
            ],
            log,
            {stream_name(each.kind, state) for each in projections},
            dead_letters=dead_letters,
            metrics=metrics,
            max_records=AT_ONCE,
            pause=partial(asyncio.sleep, GATHER_SECONDS),
            turn_of=turn_of,
        )

    await reopened(projections, store, run, logger)


class _Telling(Projector[Any]):
    """Tells of a batch once the store holds it."""

    def __init__(
        self,
        projection: Projection[Any],
        store: DocumentStore,
        collection: str,
        lease: Lease,
        told: Callable[[Batch], None] | None,
    ) -> None:
        super().__init__(projection, store, collection, lease=lease)
        self._told = told
        self._begun: dict[str, Checkpoint] = {}
        """Where streams are gone on with that nothing has been told of yet: in another collection that may be further
        on, by events that were never folded here."""

    async def checkpoint(self, stream: str) -> Checkpoint | None:
        found = await super().checkpoint(stream)
        if found is not None:
            self._begun[stream] = found
        return found

    async def rest(self) -> bool:
        while self._begun and self._told is not None:
            stream, checkpoint = self._begun.popitem()
            self._told(Batch(stream, (), checkpoint))
        return await super().rest()

    async def fold(self, batch: Batch) -> None:
        await super().fold(batch)
        self._begun.pop(batch.stream, None)
        if self._told is not None:
            self._told(batch)
