"""Sends what the outbox holds, at least once, each time with the same key (guarantee 7).

A delivery is claimed by a conditional write with a lease, sent, and then written down as sent. Stopped between any two
of these, it is due again when the lease has run out. Leases, pauses and time limits go by real time.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Never

from libs.runtime.clock import Clock
from libs.runtime.errors import Unavailable
from libs.runtime.store import Document, DocumentStore
from libs.runtime.telemetry import Logger, Metrics
from services.notifier.channels.channel import Channel, Undeliverable
from services.notifier.outbox import OUTBOX, Attempt, Delivery, Outcome
from services.notifier.reading import AlertReader, place
from services.notifier.records import event_time

LEASE = timedelta(seconds=30)
SEND_SECONDS = 20.0
"""Shorter than the lease, so that nobody else sends what is being sent."""
MOST_ATTEMPTS = 12
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=15)
"""Between attempts: doubled each time up to this, so that all of them take some three quarters of an hour."""
LOOK_SECONDS = 1.0
"""How often the outbox is looked through when nothing new comes in."""
AT_ONCE = 20
"""Deliveries under way at the same time: a slow one holds up no more than these."""


def real_now() -> datetime:
    return datetime.now(UTC)


class Courier:
    """The worker; any number of them may share an outbox. `now` is real time (UTC)."""

    def __init__(
        self,
        store: DocumentStore,
        clock: Clock,
        alerts: AlertReader,
        channels: Iterable[Channel],
        *,
        metrics: Metrics,
        logger: Logger,
        now: Callable[[], datetime] = real_now,
    ) -> None:
        self._store = store
        self._clock = clock
        self._alerts = alerts
        self._channels = {channel.name: channel for channel in channels}
        self._metrics = metrics
        self._logger = logger
        self._now = now
        self.woken = asyncio.Event()
        """Set when there may be something new to send."""

    async def run(self) -> Never:
        """Deliver for ever. Raises what log and store raise; what a channel raises is an attempt that failed."""
        while True:
            self.woken.clear()
            await self.sweep()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self.woken.wait()

    async def sweep(self) -> None:
        """Try each delivery that is due once, the oldest first."""
        after = None
        where = {"status": ("due", "claimed")}
        while page := await self._store.find(OUTBOX, where, order_by="raised_at", after=after, limit=AT_ONCE):
            await asyncio.gather(*(self._deliver(document) for document in page))
            after = place(page[-1])

    async def _deliver(self, document: Document) -> None:
        delivery, now = Delivery.model_validate(document.body), self._now()
        if delivery.channel not in self._channels or (delivery.not_before is not None and delivery.not_before > now):
            return
        claimed = delivery.model_copy(
            update={
                "status": "claimed",
                "not_before": now + LEASE,
                "attempts": (*delivery.attempts, Attempt(at=event_time(delivery.kind, now))),
            }
        )
        if await self._put(document.id, document.version + 1, claimed):
            outcome = await self._attempt(document.id, claimed)
            await self._put(document.id, document.version + 2, self._ended(claimed, outcome))
            self._metrics.deliveries.labels(channel=claimed.channel, outcome=outcome).inc()
            if outcome == "parked":
                self._logger.error("an alert cannot be delivered", channel=claimed.channel, rule=claimed.rule.value)

    async def _attempt(self, key: str, claimed: Delivery) -> Outcome:
        """Send, if it still should be."""
        if self._clock.now() > claimed.expires_at:
            return "expired"
        if len(claimed.attempts) > MOST_ATTEMPTS:
            return "parked"  # the last claim did not live to tell: perhaps this message is what kills us
        await self._alerts.caught_up(claimed.kind, claimed.state)
        alert = await self._alerts.get(claimed.kind, claimed.alert_id)
        if alert is not None and alert.body["status"] == "resolved":
            return "dropped"
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._channels[claimed.channel].send(claimed.message(key))
        except Undeliverable:
            return "parked"
        except (Unavailable, TimeoutError):
            pass
        except Exception as error:
            # Whatever a message makes of a channel, the other messages must not wait for it.
            self._logger.exception("a channel failed", channel=claimed.channel, exc_info=error)
        else:
            return "sent"
        return "failed" if len(claimed.attempts) < MOST_ATTEMPTS else "parked"

    def _ended(self, claimed: Delivery, outcome: Outcome) -> Delivery:
        *earlier, last = claimed.attempts
        failed = outcome == "failed"
        return claimed.model_copy(
            update={
                "status": "due" if failed else outcome,
                "not_before": self._now() + pause(len(claimed.attempts)) if failed else None,
                "attempts": (*earlier, last.model_copy(update={"outcome": outcome})),
            }
        )

    async def _put(self, key: str, version: int, delivery: Delivery) -> bool:
        """Whether it was written: of two that claim the same, one is told no."""
        return all(await self._store.put(OUTBOX, [Document(key, version, delivery.model_dump(mode="json"))]))


def pause(attempts: int) -> timedelta:
    """After so many failed ones."""
    return min(FIRST_PAUSE * (1 << attempts - 1), LONGEST_PAUSE)
