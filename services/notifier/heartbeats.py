"""ingest's heartbeats, folded to what matters of them: the silences in between. A sink of `consume`, without a store.

What counts is when the log took a heartbeat: then ingest could append. A silence longer than the heartbeat before it
has announced is a gap, whoever measures it and whenever. Before the first one nothing is known.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.duty.outages import Gap
from libs.events.envelope import Recorded
from libs.events.streams import stream_name
from libs.events.system import HeartbeatAppended
from libs.runtime.batch import Batch, Checkpoint, event_id
from libs.runtime.log import EventLog
from libs.runtime.positions import Positions

SYSTEM = stream_name("system")
A_WHILE = timedelta(minutes=5)
LOOKED_BACK = 50_000
"""Records: a month of one process's heartbeats. Whoever judges later than that finds no gap."""


@dataclass(frozen=True, slots=True)
class _Sign:
    """A heartbeat: when the log took it, and how soon the next one should come."""

    at: datetime
    within: timedelta

    @property
    def until(self) -> datetime:
        return self.at + self.within


class Heartbeats:
    """The gaps that lie in the stream, and since when there is nothing."""

    def __init__(self, log: EventLog) -> None:
        self.positions = Positions([SYSTEM])
        self._log = log
        self._gaps: list[Gap] = []
        self._last: _Sign | None = None

    def gaps(self, now: datetime) -> list[Gap]:
        """In order; the last one has no end if nothing has come for too long at `now`."""
        if self._last is not None and now >= self._last.until:
            return [*self._gaps, Gap(self._last.at, None)]
        return list(self._gaps)

    def doubtful_until(self, due: datetime) -> datetime | None:
        """Until when it cannot be told whether ingest was there at `due`; None: it can.

        A heartbeat tells it that came then or later, or a silence that has become a gap. On a fast clock none would.
        """
        last = self._last
        return None if last is None or last.at >= due or last.within > A_WHILE else last.until

    async def checkpoint(self, stream: str) -> Checkpoint | None:
        before = await self._log.end(stream) - LOOKED_BACK - 1
        if before < 0:
            return None
        [record] = await self._log.read(stream, before, max_records=1)
        return Checkpoint(before, event_id(record), await self._log.identity())

    async def fold(self, batch: Batch) -> None:
        for item in batch.items:
            if isinstance(item, Recorded) and isinstance(item.event.data, HeartbeatAppended):
                sign = _Sign(item.appended_at, timedelta(seconds=item.event.data.within_seconds))
                if self._last is not None and sign.at >= self._last.until:
                    self._gaps.append(Gap(self._last.at, sign.at))
                self._last = sign

    async def rest(self) -> bool:
        """Nothing is ever put off."""
        return False
