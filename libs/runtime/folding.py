"""A projection's collection, folded on by hand: from where it is to the offsets that are asked for."""

from collections.abc import Callable, Mapping
from typing import Any

from libs.runtime.batch import Batch, Checkpoint
from libs.runtime.consumer import replay
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.log import EventLog
from libs.runtime.projection import Projection
from libs.runtime.projector import Projector
from libs.runtime.store import DocumentStore
from libs.runtime.telemetry import Metrics

AT_ONCE = 5000
"""So many records a batch, so that each document is written seldom."""


class Folding:
    """It remembers where it is, so that each step goes on there; snapshots are written by `keep` alone.

    Others may write into the same collection: what they have folded is passed over. `progress` hears how many records
    have just been folded.
    """

    def __init__(
        self,
        projection: Projection[Any],
        log: EventLog,
        store: DocumentStore,
        collection: str,
        *,
        dead_letters: DeadLetters | None = None,
        progress: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._name = projection.name
        self._log = log
        self._dead_letters = dead_letters
        self._progress = progress
        self._projector = Projector(projection, store, collection)
        self._reached: dict[str, Checkpoint] = {}

    async def to(self, ends: Mapping[str, int]) -> None:
        """Fold each stream up to before its end in `ends`. Raises LogMismatch, ReadStopped, Unavailable."""
        await replay(
            self._name,
            self._log,
            ends,
            self,
            metrics=Metrics(),  # of its own: what is replayed was counted when it was new
            dead_letters=self._dead_letters,
            progress=self._progress,
            max_records=AT_ONCE,
        )

    async def keep(self) -> None:
        await self._projector.keep()

    # the sink

    async def checkpoint(self, stream: str) -> Checkpoint | None:
        return self._reached.get(stream) or await self._projector.checkpoint(stream)

    async def fold(self, batch: Batch) -> None:
        await self._projector.fold(batch)
        self._reached[batch.stream] = batch.checkpoint

    async def rest(self) -> bool:
        return False  # snapshots are kept when that is asked for
