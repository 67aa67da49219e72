"""The whole country closes its day at one instant, and grievances come in at that moment: when are their alerts there?

The notifier as it runs, with its timekeeper, in one process for all states. What is measured lies between two durable
appends: of `clock.reached`, or of a grievance, and of the last alert that it is the cause of. Since the states take
turns, a third number tells what that one does not: how long after the instant the last state's alerts are there. Hours
lie between an evening's instants; here the next one comes when nothing has been said for a while.
"""

import asyncio
import contextlib
import gc
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from bench.india import ONE_DAY, India, append_all
from bench.live import notifier, seconds_line
from bench.measure import Line
from libs.events.alerts import AlertRaised, Rule
from libs.events.codec import encode
from libs.events.envelope import Event
from libs.events.grievances import GrievanceRaised, Severity
from libs.events.streams import stream_name
from libs.runtime.clock import ManualClock
from libs.runtime.log import EventLog, LogReader, NewRecord, Record
from libs.runtime.log_sqlite import open_log
from libs.runtime.service import COLLECT_AFTER
from services.notifier.records import event_time

STATES, DISTRICTS = 36, 71
JUDGED_AFTER = timedelta(seconds=5)
PATIENCE = 120.0
QUIET_SECONDS = 1.5
"""Longer than the notifier waits with a digest."""
Place = tuple[str, int]
"""Stream and offset."""


class Noted:
    """A log, and when (`perf_counter`) each of its records was durable, and the last alert of each cause."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.durable: dict[Place, float] = {}
        self.told: dict[tuple[Rule, Place], float] = {}
        self.causes: Counter[Rule] = Counter()
        self.more = asyncio.Event()

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        appended = await self._log.append(stream, records)
        now = time.perf_counter()
        for new, record in zip(records, appended, strict=True):
            self.durable[stream, record.offset] = now
            if new.event is not None and isinstance(data := new.event.data, AlertRaised):
                told = data.rule, (data.cause.stream, data.cause.offset)
                self.causes[data.rule] += told not in self.told
                self.told[told] = now
        self.more.set()
        return appended

    async def end(self, stream: str) -> int:
        return await self._log.end(stream)

    async def read(self, stream: str, offset: int, *, max_records: int = 1000) -> Sequence[Record]:
        return await self._log.read(stream, offset, max_records=max_records)

    def reader(self, positions: Mapping[str, int]) -> AbstractAsyncContextManager[LogReader]:
        return self._log.reader(positions)

    async def identity(self) -> str:
        return await self._log.identity()

    async def last_time(self) -> datetime | None:
        return await self._log.last_time()

    async def close(self) -> None:
        await self._log.close()

    def seconds(self, rule: Rule) -> list[float]:
        """From each cause to the last alert that it has led to."""
        return [at - self.durable[place] for (told, place), at in self.told.items() if told is rule]

    async def until_quiet(self) -> None:
        """Return when nothing has been appended for a while."""
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(TimeoutError):
                while True:
                    self.more.clear()
                    async with asyncio.timeout(QUIET_SECONDS):
                        await self.more.wait()

    async def until_told(self, rule: Rule, causes: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.causes[rule] < causes:
                self.more.clear()
                await self.more.wait()


def measure(folder: Path, *, quick: bool) -> list[Line]:
    """An evening as it is, and one on which nobody files, of which no judgement is held."""
    gc.set_threshold(*COLLECT_AFTER)  # as the service does
    lines: list[Line] = []
    for silent, said in ((20, "one in twenty silent"), (1, "all silent")):
        (folder / str(silent)).mkdir()
        judged, raised, all_told = asyncio.run(closed_together(folder / str(silent), 3 if quick else 14, silent=silent))
        lines += [
            seconds_line(f"{STATES} states at once, {said}: judgement -> its alerts", judged, 250),
            seconds_line(f"{STATES} states at once, {said}: grievance -> its alert", raised, 250),
            seconds_line(f"{STATES} states at once, {said}: the instant -> all alerts of all states", all_told),
        ]
    return lines


def _raised(state: str, district: str, at: datetime, number: int) -> tuple[str, list[NewRecord]]:
    grievance_id = str(UUID(int=Random(f"{state} {number}").getrandbits(128), version=4))
    data = GrievanceRaised(
        state=state, district=district, grievance_id=grievance_id, category="conduct", severity=Severity.HIGH
    )
    event = Event(grievance_id, "urn:rozana:grievances", event_time("grievances", at), data)
    return stream_name("grievances", state), [NewRecord(event.subject, *encode(event))]


async def closed_together(folder: Path, evenings: int, *, silent: int) -> tuple[list[float], list[float], list[float]]:
    """Seconds to the alerts of each state's closed day; to the alert of each grievance, one a state an evening; and, of
    each evening, from when the timekeepers may begin until all of them are there.

    silent: every so-manieth district of each state files nothing; 1: none does.
    """
    india = India(states=STATES, districts=DISTRICTS, first=date(2026, 1, 1), days=0)
    clock = ManualClock(india.beginning)
    log = Noted(open_log(folder / "log.db", clock))
    all_told: list[float] = []
    try:
        await append_all(log, india)
        async with notifier(log, clock, folder, india.codes, keep_time=True):
            gc.collect()
            gc.freeze()  # as the service does when it has started
            for number in range(evenings):
                day = india.first + number * ONE_DAY
                clock.advance_to(india.at(day, "18:00"))
                for state in india.codes:
                    filed = list(india.filed(state, day, clock.now(), silent=silent))
                    await log.append(stream_name("reports", state), filed)
                clock.advance_to(india.at(day, "19:00") + JUDGED_AFTER)
                await log.until_told(Rule.DUE_SOON, STATES * (number + 1))
                await log.until_quiet()  # the reminders and the escalations of the day before are hours ago
                closing = india.at(day + ONE_DAY, "00:00") + JUDGED_AFTER
                raised = [_raised(state, f"{state}.d{number:02}", closing, number) for state in india.codes]
                clock.advance_to(closing)
                began = time.perf_counter()
                await asyncio.gather(*(log.append(*each) for each in raised))
                await log.until_told(Rule.MISSED_REPORT, STATES * (number + 1))
                await log.until_told(Rule.GRIEVANCE_RAISED, STATES * (number + 1))
                all_told.append(time.perf_counter() - began)
        return log.seconds(Rule.MISSED_REPORT), log.seconds(Rule.GRIEVANCE_RAISED), all_told
    finally:
        await log.close()
