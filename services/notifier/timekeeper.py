"""Appends clock.reached when something falls due, so that silence becomes an event like any other (guarantee 5).

Which instants it appends follows from the stream alone: stopped for hours, it appends the same ones later. Before it
has a day judged it looks at ingest's heartbeats, and appends outage.credited for what of our own outages fell into the
day's last hours: from its reminder to the end of its grace. While an outage lasts it waits for its end, as long as the
policy still gives something for it.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import date, datetime, timedelta
from typing import Never
from uuid import NAMESPACE_URL, uuid5

from libs.duty.outages import Owed, exhausted, owing
from libs.events.clock import ClockReached
from libs.events.envelope import Event, format_instant
from libs.events.outages import OutageCredited
from libs.events.streams import Kind, keeps_hours, stream_name
from libs.runtime.clock import Clock
from libs.runtime.errors import Unavailable
from libs.runtime.log import EventLog
from libs.runtime.telemetry import Logger, Metrics
from services.notifier.heartbeats import SYSTEM, Heartbeats
from services.notifier.records import SOURCE, event_time, record_of
from services.notifier.turns import Turns
from services.notifier.watcher import Watcher

APPEND_DEADLINE = timedelta(seconds=5)
"""So long after an instant, all that was received by then is in the log, or was answered with 503 (guarantee 1)."""
AGAIN_SECONDS = 1.0
"""Of real time: so long after the log took nothing it is tried again."""


class Timekeeper:
    """Keeps the time of the streams that the watcher folds."""

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        watcher: Watcher,
        heartbeats: Heartbeats,
        *,
        metrics: Metrics,
        logger: Logger,
        turns: Turns,
    ) -> None:
        self._log = log
        self._clock = clock
        self._watcher = watcher
        self._heartbeats = heartbeats
        self._metrics = metrics
        self._logger = logger
        self._turns = turns

    async def keep(self, kind: Kind, state: str) -> Never:
        """Append what falls due in the stream, one instant after the other, for ever."""
        stream = stream_name(kind, state)
        if kind == "reports":
            self._metrics.outage_minutes_credited.labels(state)  # at 0 from the start: else no increase is seen
        positions = self._watcher.positions
        refused = False
        while True:
            end = await self._log.end(stream)
            await positions.reached(stream, end - 1)
            due = self._watcher.next_due(stream)
            if due is None:
                await positions.reached(stream, end)
            elif self._clock.now() < due + APPEND_DEADLINE:
                await _first(self._clock.sleep_until(due + APPEND_DEADLINE), positions.reached(stream, end))
            else:
                try:
                    await (self._judge(state, due) if kind == "reports" else self._reach(kind, state, due))
                except Unavailable as error:  # a full disk, say: what is due stays due, and what was written is read
                    if not refused and keeps_hours(stream):  # else the line would tell that something is due there
                        self._logger.warning("what is due waits for the log", stream=stream, reason=str(error))
                    refused = True
                    await asyncio.sleep(AGAIN_SECONDS)
                else:
                    refused = False

    async def _judge(self, state: str, due: datetime) -> None:
        """Append what outages give back to the days that `due` judges; and when that is nothing more, clock.reached."""
        stream = stream_name("reports", state)
        signs, signs_end = self._heartbeats.positions, await self._log.end(SYSTEM)
        await signs.reached(SYSTEM, signs_end - 1)
        now, end = self._clock.now(), self._watcher.positions[stream]

        async def wait(until: datetime) -> None:
            heard = signs.reached(SYSTEM, signs_end), self._watcher.positions.reached(stream, end)
            await _first(self._clock.sleep_until(until), *heard)

        gaps = self._heartbeats.gaps(now)
        for day, credit in self._watcher.judged_at(state, due):
            doubtful = None if credit is None else self._heartbeats.doubtful_until(due)
            if doubtful is not None and now < doubtful:
                await wait(doubtful)
                return
            found = owing(day, credit, gaps)
            if not found.credits and found.wait_until is not None:
                patience = found.wait_until + APPEND_DEADLINE
                if now < patience:
                    await wait(patience)
                    return
                found = exhausted(day, credit, gaps)
            if found.credits:
                await self._credit(state, stream, day.day, found.credits)
                return
        await self._reach("reports", state, due)

    async def _credit(self, state: str, stream: str, day: date, owed: Sequence[Owed]) -> None:
        events = [
            Event(
                id=str(uuid5(NAMESPACE_URL, f"urn:rozana:outage:{state}|{day.isoformat()}|{format_instant(begin)}")),
                source=SOURCE,
                time=self._clock.now(),
                data=OutageCredited(state=state, day=day, from_=begin, to=end, minutes=minutes),
            )
            for begin, end, minutes in owed
        ]
        appended = await self._log.append(stream, [record_of(event) for event in events])
        self._metrics.outage_minutes_credited.labels(state).inc(sum(minutes for _, _, minutes in owed))
        await self._watcher.positions.reached(stream, appended[-1].offset)

    async def _reach(self, kind: Kind, state: str, due: datetime) -> None:
        stream = stream_name(kind, state)
        event = Event(
            id=str(uuid5(NAMESPACE_URL, f"urn:rozana:clock:{stream}|{format_instant(due)}")),
            source=SOURCE,
            time=event_time(kind, self._clock.now()),
            data=ClockReached(state=state, at=due),
        )
        async with self._turns.first():
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
