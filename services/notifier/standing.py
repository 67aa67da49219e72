"""What alerts are open and what waits to be delivered, for the metrics. Of grievances it tells no state and no hour."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import get_args

from libs.events.alerts import ON_GRIEVANCES, Rule
from libs.events.streams import Kind, state_of
from libs.runtime.clock import Clock
from libs.runtime.pointer import live_collection
from libs.runtime.positions import Positions
from libs.runtime.store import DocumentStore
from libs.runtime.telemetry import Metrics
from services.notifier.alerts import PROJECTIONS
from services.notifier.outbox import OUTBOX, Outcome
from services.notifier.reading import place

OPEN = ("open", "acknowledged", "snoozed")
ON_DUTIES = tuple(rule.value for rule in Rule if rule not in ON_GRIEVANCES)
PAGE = 500

Counts = Counter[tuple[str, str]]
"""By rule and level."""


class Standing:
    """`folded`: how far the alerts are folded. A state is counted again only when something has happened there."""

    def __init__(
        self,
        store: DocumentStore,
        clock: Clock,
        folded: Mapping[Kind, Positions],
        channels: Iterable[str],
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._clock = clock
        self._folded = folded
        self._metrics = metrics
        self._counted: dict[str, tuple[int, Counts]] = {}
        """By stream of alerts: as of which position, and what."""
        self._grievances: tuple[date, Counts] | None = None
        self._shown: set[tuple[str, str]] = set()
        for channel in channels:
            for outcome in get_args(Outcome):
                metrics.deliveries.labels(
                    channel=channel, outcome=outcome
                )  # at 0, so that the first one is an increase

    async def look(self) -> None:
        """Set the gauges of the alerts and of the outbox."""
        positions = self._folded["alerts"]
        for gone in [stream for stream in self._counted if stream not in positions]:
            del self._counted[gone]  # whoever folds it now counts them
        for stream in positions.streams:
            if stream not in positions:
                continue  # it has gone while another was counted
            at = positions[stream]
            if self._counted.get(stream, (-1, None))[0] != at:
                self._counted[stream] = (at, await self._count("alerts", {"state": state_of(stream) or ""}))
        today = self._clock.now().date()
        if self._grievances is None or self._grievances[0] != today:
            self._grievances = (today, await self._count("grievances", {}, before=today))
        total = sum((counts for _, counts in self._counted.values()), start=Counts()) + self._grievances[1]
        self._shown |= total.keys()
        for rule, level in self._shown:
            self._metrics.alerts_open.labels(rule=rule, level=level).set(total[rule, level])
        self._metrics.outbox_age_seconds.set(await self._outbox_age())

    async def _count(self, kind: Kind, where: Mapping[str, str], before: date | None = None) -> Counts:
        """The open alerts of a kind; with `before`, only those raised before that day."""
        found: Counts = Counter()
        collection = await live_collection(self._store, PROJECTIONS[kind])
        after = None
        while page := await self._store.find(
            collection, {**where, "status": OPEN}, order_by="raised_at", after=after, limit=PAGE
        ):
            for document in page:
                if before is None or str(document.body["raised_at"]) < before.isoformat():
                    found[str(document.body["rule"]), str(document.body["level"])] += 1
            after = place(page[-1])
        return found

    async def _outbox_age(self) -> float:
        """Of the oldest that waits; not of those on grievances, whose hour nobody knows, nor of what is kept back."""
        now = self._clock.now()
        where = {"status": ("due", "claimed"), "rule": ON_DUTIES}
        waiting = await self._store.find(OUTBOX, where, order_by="raised_at", limit=PAGE)
        ages = [
            (now - datetime.fromisoformat(str(document.body["raised_at"]))).total_seconds()
            for document in waiting
            if not document.body.get("held_until")
        ]
        return max(ages, default=0.0)
