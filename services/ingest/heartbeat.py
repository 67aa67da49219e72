"""ingest's signs of life, about one a minute: each is a durable append, made when the index has read to the log's end.

So a minute with a heartbeat is one in which a report could be taken, and a silence is an outage, whatever its cause:
ingest was not there, or the log was not, or the index had not caught up. Of several processes any one's counts.
They come at whole minutes, because grace ends at whole minutes: the one of that moment says that all of it was there.

On a shifted clock it is a minute of the system's clock, but never more than one heartbeat a real second. Each says
within which time the next one comes, and that is at least ten real seconds: the faster the clock, the longer an outage
must be to be one, and a demo that stands still for a moment is none.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Never
from uuid import NAMESPACE_URL, uuid5

from libs.events.codec import encode
from libs.events.envelope import Event, format_instant
from libs.events.streams import stream_name
from libs.events.system import HeartbeatAppended
from libs.runtime.clock import Clock
from libs.runtime.errors import Unavailable
from libs.runtime.log import EventLog, NewRecord
from libs.runtime.positions import Positions

SYSTEM = stream_name("system")
EVERY_SECONDS, WITHIN_SECONDS = 60, 120
"""Of the system's clock: one may fail, two are an outage."""
REAL_SECONDS, REAL_WITHIN_SECONDS = 1, 10


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, and how soon at the latest, on a clock that runs `speed` times as fast as the real one."""

    speed: float = 1.0

    @property
    def every(self) -> timedelta:
        return timedelta(minutes=ceil(max(EVERY_SECONDS, REAL_SECONDS * self.speed) / EVERY_SECONDS))

    def next_after(self, now: datetime) -> datetime:
        """At a whole minute, or after as many as a real second takes."""
        return now.replace(second=0, microsecond=0) + self.every

    @property
    def within_seconds(self) -> int:
        return ceil(max(WITHIN_SECONDS, REAL_WITHIN_SECONDS * self.speed))


def heartbeat(now: datetime, pace: Pace) -> Event:
    """The sign of life of this moment. Processes that say it at the same moment say it under one id."""
    return Event(
        id=str(uuid5(NAMESPACE_URL, f"urn:rozana:heartbeat:ingest|{format_instant(now)}")),
        source="urn:rozana:ingest",
        time=now,
        data=HeartbeatAppended(service="ingest", within_seconds=pace.within_seconds),
    )


async def live(log: EventLog, clock: Clock, positions: Positions, pace: Pace) -> Never:
    """Give signs of life for ever; `positions` are those of the index. Where the log takes none, its silence tells."""
    while True:
        with suppress(Unavailable):
            for stream in positions.streams:
                await positions.reached(stream, await log.end(stream) - 1)
            event = heartbeat(clock.now(), pace)
            headers, value = encode(event)
            await log.append(SYSTEM, [NewRecord(event.subject, headers, value, event)])
        await clock.sleep_until(pace.next_after(clock.now()))
