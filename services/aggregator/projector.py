"""Which projections there are, and the loop that folds one of them."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Never

from libs.events.streams import stream_name
from libs.runtime.consumer import Batch, Checkpoint, consume
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
GATHER_SECONDS = 0.05
"""Between two looks at a state that has news: a board is written at most so often, however many reports come for it."""


async def project(
    projection: Projection[Any],
    log: EventLog,
    store: DocumentStore,
    positions: Positions,
    state: str,
    *,
    lease: Lease,
    told: Callable[[Batch], None] | None = None,
    dead_letters: DeadLetters,
    metrics: Metrics,
    logger: Logger,
) -> Never:
    """Fold a state into a projection's live collection, for ever; `positions` says how far, `told` hears of each batch.

    Raises as `consume` does.

    What the fold makes of an invalid event is counted by the notifier's watcher, which folds the same duty.
    """

    async def run(collection: str) -> Never:
        await consume(
            projection.name,
            log,
            positions,
            _Telling(projection, store, collection, lease, told),
            dead_letters=dead_letters,
            metrics=metrics,
            max_records=AT_ONCE,
            streams=[stream_name(projection.kind, state)],
            pause=partial(asyncio.sleep, GATHER_SECONDS),
        )

    await reopened(projection, store, run, logger)


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
