"""Appends clock.reached when something falls due, so that silence becomes an event like any other (guarantee 5).

Which instants it appends follows from the stream alone: stopped for hours, it appends the same ones later.
"""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Never
from uuid import NAMESPACE_URL, uuid5

from libs.events.clock import ClockReached
from libs.events.envelope import Event, format_instant
from libs.events.streams import Kind, stream_name
from libs.runtime.clock import Clock
from libs.runtime.log import EventLog
from services.notifier.records import SOURCE, event_time, record_of
from services.notifier.watcher import Watcher

APPEND_DEADLINE = timedelta(seconds=5)
"""So long after an instant, all that was received by then is in the log, or was answered with 503 (guarantee 1)."""


class Timekeeper:
    """Keeps the time of the streams that the watcher folds."""

    def __init__(self, log: EventLog, clock: Clock, watcher: Watcher) -> None:
        self._log = log
        self._clock = clock
        self._watcher = watcher

    async def keep(self, kind: Kind, state: str) -> Never:
        """Append what falls due in the stream, one instant after the other, for ever. Raises what the log raises."""
        stream = stream_name(kind, state)
        positions = self._watcher.positions
        while True:
            end = await self._log.end(stream)
            await positions.reached(stream, end - 1)
            due = self._watcher.next_due(stream)
            if due is None:
                await positions.reached(stream, end)
            elif self._clock.now() < due + APPEND_DEADLINE:
                await _first(self._clock.sleep_until(due + APPEND_DEADLINE), positions.reached(stream, end))
            else:
                await self._reach(kind, state, due)

    async def _reach(self, kind: Kind, state: str, due: datetime) -> None:
        stream = stream_name(kind, state)
        event = Event(
            id=str(uuid5(NAMESPACE_URL, f"urn:rozana:clock:{stream}|{format_instant(due)}")),
            source=SOURCE,
            time=event_time(kind, self._clock.now()),
            data=ClockReached(state=state, at=due),
        )
        appended = await self._log.append(stream, [record_of(event)])
        await self._watcher.positions.reached(stream, appended[-1].offset)
        if self._watcher.next_due(stream) == due:
            # The log's own clock lags behind ours, so the event was ignored. Said again at once, it would be again.
            await self._clock.sleep_until(self._clock.now() + APPEND_DEADLINE)


async def _first(*waits: Coroutine[object, object, None]) -> None:
    """Return when one of them has; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
