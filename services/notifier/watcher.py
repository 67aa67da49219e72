"""Folds duty, asks the rules, appends what they say. Its memory is the log: there is no store (guarantee 6).

Everything is folded from offset 0 at each start, and the rules say again what they have said before; `Said` knows what
of it the log already holds.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Never

from libs.duty.days import OpenDay
from libs.duty.outcomes import Outcome
from libs.duty.state_duty import StateDuty, Step, ahead
from libs.events.alerts import AlertData, AlertEscalated, AlertRaised, AlertResolved, Rule
from libs.events.clock import ClockReached
from libs.events.digest import StateDayClosed
from libs.events.envelope import Event, Recorded
from libs.events.policy import Credit
from libs.events.streams import Kind, stream_name
from libs.runtime.batch import Batch, Checkpoint, Item, breathe
from libs.runtime.clock import Clock
from libs.runtime.consumer import consume, replay
from libs.runtime.log import EventLog
from libs.runtime.positions import Positions
from libs.runtime.telemetry import Logger, Metrics
from services.notifier.digests import Digests, event_id
from services.notifier.records import SOURCE, event_time, record_of
from services.notifier.rules import RULES
from services.notifier.rules.rule import LADDERS, AlertRule, Seen
from services.notifier.said import Said

TARGETS: Mapping[Kind, Kind] = {"reports": "alerts", "alerts": "alerts", "grievances": "grievances"}
"""Where what is said of a kind of stream is written: alerts on grievances never leave it."""
QUIET_SECONDS = 1.0
"""Digests are said when a stream has been quiet so long, in real time: a burst of late reports is one restatement."""
WAITING_SECONDS = 10.0
"""Where it is never quiet, a digest waits no longer than this."""
DIGESTS_AT_ONCE = 100
"""More there are only where a log of before there were digests is read for the first time."""


@dataclass(frozen=True, slots=True)
class _Watched:
    """One stream that rules watch, and what each remembers of it."""

    kind: Kind
    state: str
    rules: Sequence[tuple[AlertRule[Any], Any]]

    @property
    def target(self) -> str:
        return stream_name(TARGETS[self.kind], self.state)

    def next_due(self) -> datetime | None:
        return min((due for rule, memory in self.rules if (due := rule.next_due(memory))), default=None)


class Watcher:
    """The sink over the reports, alerts and grievances streams of its states."""

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        states: Iterable[str],
        *,
        metrics: Metrics,
        logger: Logger,
        rules: Sequence[AlertRule[Any]] = RULES,
        positions: Positions | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`positions` get the streams of these states, besides those that they have. now: real time in seconds."""
        self._log = log
        self._clock = clock
        self._metrics = metrics
        self._logger = logger
        self._now = now
        self._duties = {state: StateDuty(state) for state in states}
        self._watched = {
            stream_name(kind, state): _Watched(
                kind, state, [(rule, rule.memory()) for rule in rules if rule.kind == kind]
            )
            for state in self._duties
            for kind in TARGETS
        }
        for level, _ in enumerate(LADDERS[Rule.MISSED_REPORT][1:], 2):
            metrics.alerts_escalated.labels(Rule.MISSED_REPORT.value, str(level))  # at 0 from the start
        self._said = Said(self._watched)
        self._digests = {stream_name("reports", state): Digests(state) for state in self._duties}
        self._moved = dict.fromkeys(self._digests, self._now())
        self._waiting: dict[str, float] = {}
        """By reports stream, when a record was last folded, and since when digests wait; by `now`."""
        self._targets = [watched.target for watched in self._watched.values()]
        self._streams = tuple(dict.fromkeys([*self._targets, *self._watched]))
        self.positions = Positions() if positions is None else positions
        self.positions.add(self._streams)

    async def run(self) -> Never:
        """Read all that was said before to the end, then watch for ever. Raises as `consume` does."""
        ends = {stream: await self._log.end(stream) for stream in self._targets}
        await replay("watcher_recall", self._log, ends, self._said, metrics=self._metrics)
        await consume("watcher", self._log, self.positions, self, metrics=self._metrics, streams=self._streams)

    def next_due(self, stream: str) -> datetime | None:
        """The instant for which the stream wants a clock.reached, as far as it is folded."""
        watched = self._watched[stream]
        dues = (watched.next_due(), self._duties[watched.state].next_due() if watched.kind == "reports" else None)
        return min((due for due in dues if due), default=None)

    def judged_at(self, state: str, due: datetime) -> Sequence[tuple[OpenDay, Credit | None]]:
        """The days that a clock.reached of `due` judges, and what their policies give for outages."""
        duty = self._duties[state]
        return [(day, duty.policies.on(day.day).policy.credit) for day in duty.judged_at(due)]

    def unsaid(self, state: str) -> Sequence[StateDayClosed]:
        """The digests that the state's reports stream does not hold yet, as far as it is folded."""
        return self._digests[stream_name("reports", state)].unsaid()

    def names_of(self, state: str, district: str) -> tuple[str, str]:
        """What a district is called, in English and in Hindi, as far as it is folded; empty where it is not."""
        duty = self._duties.get(state)
        found = None if duty is None else duty.roster.get(district)
        return ("", "") if found is None else (found.name_en, found.name_hi)

    # -- the sink --------------------------------------------------------------------------------------------------

    async def checkpoint(self, stream: str) -> Checkpoint | None:
        """What rules watch is folded from the beginning."""
        return None if stream in self._watched else await self._said.checkpoint(stream)

    async def fold(self, batch: Batch) -> None:
        await self._said.fold(batch)
        if batch.stream not in self._watched:
            return
        watched = self._watched[batch.stream]
        for done, item in enumerate(batch.items, 1):
            await breathe(done)
            seen = self._see(watched, item)
            alerts = [alert for rule, memory in watched.rules for alert in rule.watch(memory, seen)]
            await self._say(watched, alerts)
        if batch.stream in self._moved:
            self._moved[batch.stream] = self._now()
            duty = self._duties[watched.state]
            held, unread = (
                each.labels(duty.state) for each in (self._metrics.judgements_held, self._metrics.unread_records)
            )
            held.set(sum(day.held_until is not None for day in duty.days.values()))
            unread.set(sum(map(len, duty.unread.values())))

    async def rest(self) -> bool:
        """Say what closed days have come to, where all of the stream is folded: what stands further on may say it."""
        for stream, digests in self._digests.items():
            unsaid = digests.unsaid()[:DIGESTS_AT_ONCE]
            if not unsaid:
                continue
            now = self._now()
            waited = now - self._waiting.setdefault(stream, now)
            if now - self._moved[stream] < QUIET_SECONDS and waited < WAITING_SECONDS:
                continue
            if await self._log.end(stream) <= self.positions[stream]:
                await self._say_digests(stream, unsaid)
                del self._waiting[stream]
        return any(digests.unsaid() for digests in self._digests.values())

    # -- what there is to say --------------------------------------------------------------------------------------

    def _see(self, watched: _Watched, item: Item) -> Seen:
        event = item.event if isinstance(item, Recorded) else None
        if watched.kind != "reports":
            if event is not None and isinstance(event.data, ClockReached) and ahead(event.data, item.appended_at):
                self._ignored(item)
                event = None
            return Seen(watched.state, item.stream, item.offset, event)
        duty = self._duties[watched.state]
        step = self._fold_duty(duty, item)
        self._digests[item.stream].see(item.offset, event, step.days.values(), duty)
        return Seen(watched.state, item.stream, item.offset, event, step.transitions, duty)

    def _fold_duty(self, duty: StateDuty, item: Item) -> Step:
        if not isinstance(item, Recorded):
            # No closed day changes by it.
            return Step(Outcome.APPLIED, duty.hold(item.key, item.appended_at, item.offset))
        step = duty.evolve(item)
        if step.outcome is not Outcome.APPLIED:
            # Counted here and nowhere else, though every projection folds the same.
            self._metrics.outcomes.labels(state=duty.state, outcome=step.outcome.value).inc()
        if step.outcome is Outcome.CLOCK_AHEAD:
            self._ignored(item)
        return step

    def _ignored(self, item: Item) -> None:
        self._logger.error("a clock ahead of the log was ignored", stream=item.stream, offset=item.offset)

    async def _say(self, watched: _Watched, alerts: Sequence[AlertData]) -> None:
        """Append what this record made so, less what is there, in one piece, before the next record is looked at."""
        new: list[Event] = []
        for alert in alerts:
            event_id = alert.event_id()
            if not self._said.holds(alert.cause, event_id):
                time = event_time(TARGETS[watched.kind], self._clock.now())
                new.append(Event(event_id, SOURCE, time, alert))
                self._count(watched.kind, alert)
        if new:
            await self._log.append(watched.target, [record_of(event) for event in new])
            for event in new:
                self._said.learn(event)

    async def _say_digests(self, stream: str, unsaid: Sequence[StateDayClosed]) -> None:
        now = self._clock.now()
        await self._log.append(stream, [record_of(Event(event_id(data), SOURCE, now, data)) for data in unsaid])

    def _count(self, kind: Kind, alert: AlertData) -> None:
        match alert:
            case AlertRaised():
                counter, word = self._metrics.alerts_raised, str(alert.level)
            case AlertResolved():
                counter, word = self._metrics.alerts_resolved, alert.how
            case AlertEscalated():
                counter, word = self._metrics.alerts_escalated, str(alert.level)
            case _:
                return
        if kind == "grievances":
            self._metrics.later(counter, alert.rule.value, word)
        else:
            counter.labels(alert.rule.value, word).inc()
