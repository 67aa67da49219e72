"""Sends what the outbox holds, at least once, each time with the same key (guarantee 7).

A delivery is claimed by a conditional write with a lease, sent, and then written down as sent. Stopped between any two
of these, it is due again when the lease has run out. Leases, pauses and time limits go by real time; what is put off,
or too old, by the system's clock. Each channel has a worker of its own: one that hangs holds up itself alone.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Never

from libs.runtime.clock import Clock
from libs.runtime.store import Document, DocumentStore
from libs.runtime.telemetry import Logger, Metrics
from services.notifier.alerts import Alert
from services.notifier.channels.channel import Channel, NotNow, Undeliverable
from services.notifier.outbox import OUTBOX, SENT_WITHIN, Attempt, Delivery, Outcome, Why, opens_at
from services.notifier.reading import AlertReader, place
from services.notifier.records import event_time
from services.notifier.routing import fits
from services.notifier.sending import Over, Wait, verdict

LEASE = timedelta(seconds=30)
SEND_SECONDS = 20.0
"""Shorter than the lease, so that nobody else sends what is being sent."""
MOST_ATTEMPTS = 12
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=15)
"""Between attempts: doubled each time up to this, so that all of them take some three quarters of an hour."""
MOST_PAUSE = timedelta(hours=1)
"""However long the other side asks to be left alone."""
LOOK_SECONDS = 1.0
"""How often the outbox is looked through when nothing new comes in."""
AT_ONCE = 20
"""Deliveries of one channel under way at the same time."""
PAGE = 200


def real_now() -> datetime:
    return datetime.now(UTC)


class Courier:
    """The workers; any number of them may share an outbox. `now` is real time (UTC)."""

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
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There may be something new to send."""
        self._woken.set()
        self._woken = asyncio.Event()

    async def work(self, channel: str | None) -> Never:
        """Deliver what is for a channel, for ever; None: look after what is for channels that are not there.

        Raises what log and store raise; what a channel raises is an attempt that failed.
        """
        while True:
            woken = self._woken
            await self.sweep(channel)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await woken.wait()

    async def sweep(self, channel: str | None) -> None:
        """Try each delivery of a channel that is due once, the oldest first; None: let go of what is too old."""
        act = self._let_go if channel is None else self._deliver
        chunk: list[Document] = []
        async for document in self._waiting(channel):
            chunk.append(document)
            if len(chunk) == AT_ONCE:
                await asyncio.gather(*map(act, chunk))
                chunk = []
        await asyncio.gather(*map(act, chunk))

    async def _waiting(self, channel: str | None) -> AsyncIterator[Document]:
        after = None
        where = {"status": ("due", "claimed")}
        while page := await self._store.find(OUTBOX, where, order_by="raised_at", after=after, limit=PAGE):
            for document in page:
                name = str(document.body["channel"])
                if channel == (name if name in self._channels else None):
                    yield document
            after = place(page[-1])

    async def _deliver(self, document: Document) -> None:
        delivery, now = Delivery.model_validate(document.body), self._now()
        if delivery.not_before is not None and delivery.not_before > now:
            return
        if await self._held(delivery):
            return
        attempt = Attempt(at=event_time(delivery.kind, now))
        claimed = delivery.model_copy(
            update={
                "status": "claimed",
                "not_before": now + LEASE,
                "attempts": (*delivery.attempts, attempt),
                "tries": delivery.tries + 1,
            }
        )
        if await self._put(document.id, document.version + 1, claimed):
            ended = await self._attempt(document.id, claimed)
            await self._put(document.id, document.version + 2, ended)
            self._tell(ended)

    async def _let_go(self, document: Document) -> None:
        """Its channel may come back at the next start, until it is too old."""
        delivery = Delivery.model_validate(document.body)
        attempt = Attempt(at=event_time(delivery.kind, self._now()))
        if self._clock.now() - (delivery.held_until or opens_at(delivery)) > SENT_WITHIN:
            gone = delivery.model_copy(update={"attempts": (*delivery.attempts, attempt)})
            ended = _ended(gone, "expired", "channel-removed")
            if await self._put(document.id, document.version + 1, ended):
                self._tell(ended)

    def _tell(self, ended: Delivery) -> None:
        last = ended.attempts[-1]
        self._metrics.deliveries.labels(channel=ended.channel, outcome=last.outcome).inc()
        if last.outcome == "parked":
            self._logger.error(
                "an alert cannot be delivered", channel=ended.channel, rule=ended.rule.value, reason=last.reason
            )

    async def _held(self, delivery: Delivery) -> bool:
        """Whether it would only be put off again. A glance, that costs no claim: the log is asked before sending."""
        now = self._clock.now()
        if now < opens_at(delivery):
            return True  # even if it is over: that it is dropped would tell on the very day that there was a grievance
        if delivery.held_until is None or now >= delivery.held_until:
            return False
        return isinstance(verdict(delivery, await self._alert(delivery), now), Wait)

    async def _alert(self, delivery: Delivery) -> Alert | None:
        found = await self._alerts.get(delivery.kind, delivery.alert_id)
        return None if found is None else Alert.model_validate(found.body)

    async def _attempt(self, key: str, claimed: Delivery) -> Delivery:
        """Send, if it still should be: decided on all that stood in the log when it was claimed."""
        if claimed.tries > MOST_ATTEMPTS:
            return _ended(claimed, "parked", "died")  # perhaps this message is what kills us
        if not fits(self._channels[claimed.channel].route, claimed.kind, claimed):
            return _ended(claimed, "dropped", "not-routed")  # others read it since the last start, perhaps
        await self._alerts.caught_up(claimed.kind, claimed.state)
        match verdict(claimed, await self._alert(claimed), self._clock.now()):
            case Wait(until, reason):
                ended = _ended(claimed, "postponed", reason)
                return ended.model_copy(update={"status": "due", "held_until": until, "tries": 0})
            case Over(outcome, reason):
                return _ended(claimed, outcome, reason)
            case _:
                return await self._send(key, claimed)

    async def _send(self, key: str, claimed: Delivery) -> Delivery:
        channel, after = self._channels[claimed.channel], None
        reason: Why
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await channel.send(claimed.message(key))
        except Undeliverable as error:
            return _ended(claimed, "parked", error.reason)
        except NotNow as error:
            reason, after = error.reason, error.after
        except TimeoutError:
            reason = "too-slow"
        except Exception as error:
            # Whatever a message makes of a channel, the other messages must not wait for it.
            self._logger.exception("a channel failed", channel=claimed.channel, exc_info=error)
            reason = "channel-broke"
        else:
            return _ended(claimed, "sent", None)
        if claimed.tries >= MOST_ATTEMPTS:
            return _ended(claimed, "parked", reason)
        again = self._now() + max(pause(claimed.tries), min(after or timedelta(0), MOST_PAUSE))
        return _ended(claimed, "failed", reason).model_copy(update={"status": "due", "not_before": again})

    async def _put(self, key: str, version: int, delivery: Delivery) -> bool:
        """Whether it was written: of two that claim the same, one is told no."""
        return all(await self._store.put(OUTBOX, [Document(key, version, delivery.model_dump(mode="json"))]))


def _ended(claimed: Delivery, outcome: Outcome, reason: Why | None) -> Delivery:
    *earlier, last = claimed.attempts
    last = last.model_copy(update={"outcome": outcome, "reason": reason})
    return claimed.model_copy(
        update={"status": outcome, "held_until": None, "not_before": None, "attempts": (*earlier, last)}
    )


def pause(attempts: int) -> timedelta:
    """After so many failed ones."""
    return min(FIRST_PAUSE * (1 << attempts - 1), LONGEST_PAUSE)
