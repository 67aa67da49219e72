"""What the log already holds of the alerts on each stream: why nothing is raised twice (guarantee 6).

Whoever watches a stream appends alerts in the order of their causes. So all below the highest cause has been said, and
of the record at it, what has been said is known by id. Replicas hear of each other in the same way.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from libs.events.alerts import AlertEscalated, AlertRaised, AlertReopened, AlertResolved
from libs.events.envelope import Event, Recorded
from libs.events.values import Cause
from libs.runtime.batch import Batch, Checkpoint


@dataclass(slots=True)
class _Highest:
    offset: int = -1
    ids: set[str] = field(default_factory=set)


class Said:
    """The sink over the streams that alerts are written to. `sources` are the streams that they are about."""

    def __init__(self, sources: Iterable[str]) -> None:
        self._highest = {source: _Highest() for source in sources}
        self._read: dict[str, Checkpoint] = {}

    def learn(self, event: Event) -> None:
        match event.data:  # what people do is no rule's, though it stands in the same stream
            case (
                AlertRaised(cause=cause)
                | AlertEscalated(cause=cause)
                | AlertReopened(cause=cause)
                | AlertResolved(cause=cause)
            ) if cause.stream in self._highest:
                highest = self._highest[cause.stream]
                if cause.offset > highest.offset:
                    highest.offset, highest.ids = cause.offset, set()
                if cause.offset == highest.offset:
                    highest.ids.add(event.id)
            case _:
                pass

    def holds(self, cause: Cause, event_id: str) -> bool:
        highest = self._highest[cause.stream]
        return cause.offset < highest.offset or (cause.offset == highest.offset and event_id in highest.ids)

    # -- the sink --------------------------------------------------------------------------------------------------

    async def checkpoint(self, stream: str) -> Checkpoint | None:
        """Behind what was read in this process."""
        return self._read.get(stream)

    async def fold(self, batch: Batch) -> None:
        for item in batch.items:
            if isinstance(item, Recorded):
                self.learn(item.event)
        self._read[batch.stream] = batch.checkpoint

    async def rest(self) -> bool:
        return False
