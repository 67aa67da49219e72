"""How the days stand, for the metrics: of each state that has a policy, today and yesterday by its own calendar."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import cast

from libs.duty.counts import COUNTED
from libs.events.envelope import Recorded
from libs.runtime.batch import Batch
from libs.runtime.clock import Clock
from libs.runtime.errors import Unavailable
from libs.runtime.telemetry import Metrics
from services.aggregator.reading import Reading

Board = Mapping[str, object]
DAYS = {"today": timedelta(0), "yesterday": timedelta(days=1)}


class Standing:
    """Looks only at the states in which something has happened since, or a day has ended."""

    def __init__(self, reading: Reading, clock: Clock, metrics: Metrics) -> None:
        self._reading = reading
        self._clock = clock
        self._metrics = metrics
        self._seen: dict[str, tuple[object, object]] = {}
        self._unjudged: dict[str, list[datetime]] = {}
        """By state, when those of the two days are to be judged that are not."""
        self._started = clock.now()

    async def look(self, states: Collection[str]) -> None:
        """Set the gauges of the days of these states, which are folded here; take away those of all others."""
        for gone in self._seen.keys() - states:
            self._forget(gone)
        for state in await self._reading.states(sorted(states)):
            code, today = str(state["state"]), date.fromisoformat(str(state["today"]))
            seen = (today, state["as_of"])
            if self._seen.get(code) != seen and await self._show(code, today, str(state["first_day"])):
                self._seen[code] = seen
        now = self._clock.now()
        for code, due in self._unjudged.items():
            overdue = max(((now - at).total_seconds() for at in due), default=0)
            self._metrics.judgement_overdue_seconds.labels(state=code).set(max(overdue, 0))

    def _forget(self, state: str) -> None:
        """Whoever folds it now shows it."""
        del self._seen[state]
        self._unjudged.pop(state, None)
        gauges = self._metrics
        for gauge in (gauges.district_days, gauges.completeness_numerator, gauges.completeness_denominator):
            gauge.remove_by_labels({"state": state})
        gauges.judgement_overdue_seconds.remove_by_labels({"state": state})

    async def _show(self, state: str, today: date, first_day: str) -> bool:
        """False while the store cannot say yet."""
        try:
            boards = {
                name: await self._reading.day(state, today - ago)
                for name, ago in DAYS.items()
                if (today - ago).isoformat() >= first_day
            }
        except Unavailable:
            return False
        found = {name: board for name, board in boards.items() if board is not None}
        for name, board in found.items():
            self._show_day(state, name, board)
        self._unjudged[state] = [
            datetime.fromisoformat(str(board["held_until"] or board["grace_until"]))
            for board in found.values()
            if not board["closed"]
        ]
        return True

    def _show_day(self, state: str, day: str, board: Board) -> None:
        counts = cast("Mapping[str, int]", board["counts"])
        for status in COUNTED:
            self._metrics.district_days.labels(state=state, day=day, status=status.value).set(counts[status.value])
        completeness = cast("Mapping[str, int]", board["completeness"])
        self._metrics.completeness_numerator.labels(state=state, day=day).set(completeness["numerator"])
        self._metrics.completeness_denominator.labels(state=state, day=day).set(completeness["denominator"])

    def told(self, batch: Batch) -> None:
        """The store holds this batch. What lay in the log before this process began has waited for other reasons."""
        now = self._clock.now()
        for item in batch.items:
            if isinstance(item, Recorded) and item.appended_at >= self._started:
                self._metrics.board_seconds.observe(max((now - item.event.time).total_seconds(), 0))
