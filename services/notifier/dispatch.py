"""One message on its way: claimed, put together, asked about once more, sent, and written down (guarantee 7).

A delivery is claimed by a conditional write with a lease. Stopped between any two writes, it is due again when the
lease has run out, under the same key. What may have arrived once is sent again as it was: of the same alerts.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from libs.events.streams import STREAMS, Kind
from libs.runtime.clock import Clock
from libs.runtime.store import DocumentStore
from libs.runtime.telemetry import Logger, Metrics
from services.notifier.alerts import Alert
from services.notifier.allowance import take
from services.notifier.channels.channel import Channel, Message, NotNow, Recipient, Undeliverable
from services.notifier.contacts import Contact, Contacts
from services.notifier.gathering import Kept
from services.notifier.outbox import OUTBOX, Attempt, Delivery, Outcome, Why, stored
from services.notifier.reading import MOST_OF_ONE_ALERT, AlertReader
from services.notifier.records import event_time
from services.notifier.routing import fits
from services.notifier.sending import Over, Wait, next_morning, quiet_until, urgent, verdict

LEASE = timedelta(seconds=30)
SEND_SECONDS = 20.0
CATCH_UP_SECONDS = 5.0
"""Together shorter than the lease, so that nobody else sends what is being sent."""
MOST_ATTEMPTS = 12
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=15)
"""Between attempts: doubled each time up to this, so that all of them take some three quarters of an hour."""
MOST_PAUSE = timedelta(hours=1)
"""However long the other side asks to be left alone."""

Names = Callable[[str, str], tuple[str, str]]
"""(state, district) -> what it is called, in English and in Hindi; empty where nobody knows."""


def real_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Unwanted:
    """It no longer goes to this channel, or to this person."""

    reason: Why


Said = Wait | Over | Unwanted | None
"""Why a delivery does not go out now; None: it does."""


class Dispatch:
    """`now` is real time (UTC)."""

    def __init__(
        self,
        store: DocumentStore,
        clock: Clock,
        alerts: AlertReader,
        channels: Iterable[Channel],
        names: Names,
        *,
        metrics: Metrics,
        logger: Logger,
        now: Callable[[], datetime] = real_now,
    ) -> None:
        self.channels = {channel.name: channel for channel in channels}
        self.now = now
        self._store = store
        self._clock = clock
        self._alerts = alerts
        self._contacts = Contacts(store)
        self._names = names
        self._metrics = metrics
        self._logger = logger

    async def ready(self, waiting: Sequence[Kept]) -> list[Kept]:
        """Those that may go out now. What must wait, or is over, is written down so, and needs no claim for it.

        What nobody knows the alert of yet, since the documents are behind the log, is left for the next time.
        """
        streams = {(each.delivery.kind, each.delivery.state) for each in waiting}
        known = {stream for stream in streams if await self._caught_up(*stream)}
        ready: list[Kept] = []
        for kept in waiting:
            delivery = kept.delivery
            if (delivery.kind, delivery.state) not in known or await self._overtakes(delivery):
                continue
            said = None if delivery.members else await self._said(delivery)
            if said is None:
                ready.append(kept)
            else:
                await self.end(kept, _by(self._tried(delivery), said))
        return ready

    async def deliver(self, message: Sequence[Kept]) -> None:
        """Send a message; the first delivery leads it."""
        lead, *others = message
        claimed = self._tried(lead.delivery).model_copy(
            update={
                "called": self._called(lead.delivery),
                "status": "claimed",
                "not_before": self.now() + LEASE,
                "tries": lead.delivery.tries + 1,
                "members": lead.delivery.members or tuple(each.key for each in others),
            }
        )
        held = Kept(lead.key, lead.version + 1, claimed)
        if await self._put(held):
            frozen = lead.delivery.may_have_arrived
            carried = await self._carry(held, frozen=frozen)
            if carried is not None:
                await self.end(*carried)

    async def end(self, kept: Kept, delivery: Delivery) -> None:
        """Write down what has become of a delivery, unless somebody else has, and count it."""
        if await self._put(Kept(kept.key, kept.version + 1, delivery)):
            last = delivery.attempts[-1]
            self._metrics.deliveries.labels(channel=delivery.channel, outcome=last.outcome).inc()
            if last.outcome == "parked":
                rule = delivery.rule.value
                self._logger.error(
                    "an alert cannot be delivered", channel=delivery.channel, rule=rule, reason=last.reason
                )

    # -- between claim and mark ------------------------------------------------------------------------------------

    async def _carry(self, held: Kept, *, frozen: bool) -> tuple[Kept, Delivery] | None:
        """The delivery as it is in the store, and as it ends; None: the lease is lost.

        frozen: it may have arrived before. All that stood in the log when it was claimed is asked once more.
        """
        claimed = held.delivery
        if claimed.tries > MOST_ATTEMPTS:
            return held, ended(claimed, "parked", "died")  # perhaps this message is what kills us
        if not await self._caught_up(claimed.kind, claimed.state):
            return held, self._later(claimed.model_copy(update={"tries": claimed.tries - 1}), "alerts-behind", None)
        said = await self._said(claimed)
        together = await self._gather(held, frozen=frozen, leads=said is None)
        if together is None:
            return None
        held, followers = together
        claimed = held.delivery
        if said is not None and (isinstance(said, Unwanted) or not followers):
            return held, _by(claimed, said)
        whole = [claimed, *(each.delivery for each in followers)]
        contact = None if claimed.contact is None else await self._contacts.get(claimed.state, claimed.contact)
        if contact is not None and not frozen and not await self._within_cap(held.key, contact, whole):
            until = next_morning(contact.quiet_hours, contact.zone, self._clock.now())
            wait = Wait(until, "daily-cap")
            await self._release(followers, wait)
            return held, _by(claimed.model_copy(update={"members": ()}), wait)
        return held, await self._send(held.key, claimed, whole, contact)

    async def _gather(self, held: Kept, *, frozen: bool, leads: bool) -> tuple[Kept, list[Kept]] | None:
        """Take the members along that still stand, and let go of the others. The lead tells whom it has at last.

        leads: whether the lead itself goes out. Where it does not, nobody goes with it, but what has gone once.
        """
        claimed = held.delivery
        if not claimed.members:
            return held, []
        found = await self._store.get_many(OUTBOX, claimed.members)
        ours: list[Kept] = []
        fresh: list[Kept] = []
        others: list[Kept] = []
        for key in claimed.members:
            if key not in found:
                continue
            kept = Kept(key, found[key].version, Delivery.model_validate(found[key].body))
            delivery = kept.delivery
            if delivery.lead == held.key and delivery.status == "gathered":
                stands = frozen or (leads and await self._said(delivery) is None)
                (ours if stands else others).append(kept)
            elif leads and not frozen and _is_free(delivery) and await self._said(delivery) is None:
                fresh.append(kept)
        await self._release(others, None)
        ours += await self._mark(held.key, fresh)
        members = tuple(each.key for each in ours)
        if members != claimed.members:
            held = Kept(held.key, held.version + 1, claimed.model_copy(update={"members": members}))
            if not await self._put(held):
                return None
        if frozen and not leads and all([await self._said(each.delivery) for each in ours]):
            return held, []  # nothing of it still stands
        return held, ours

    async def _mark(self, lead: str, fresh: Sequence[Kept]) -> list[Kept]:
        """Those that nobody else has taken in the meantime."""
        update = {"status": "gathered", "lead": lead, "not_before": None, "held_until": None}
        marked = [
            Kept(
                each.key,
                each.version + 1,
                each.delivery.model_copy(update=update | {"called": self._called(each.delivery)}),
            )
            for each in fresh
        ]
        if not marked:
            return []
        written = await self._store.put(OUTBOX, [stored(each.key, each.version, each.delivery) for each in marked])
        return [each for each, mine in zip(marked, written, strict=True) if mine]

    async def _release(self, followers: Sequence[Kept], wait: Wait | None) -> None:
        """Let them go their own way; with `wait`, not before it is over."""
        freed: dict[str, object] = {"status": "due", "lead": None} | ({} if wait is None else _kept_back(wait))
        if followers:
            documents = [
                stored(each.key, each.version + 1, each.delivery.model_copy(update=freed)) for each in followers
            ]
            await self._store.put(OUTBOX, documents)

    async def _within_cap(self, key: str, contact: Contact, whole: Sequence[Delivery]) -> bool:
        if any(map(urgent, whole)):
            return True
        person = f"{whole[0].state}/{whole[0].contact}"
        today = self._clock.now().astimezone(contact.zone).date()
        return await take(self._store, person, today, key, contact.daily_cap)

    async def _send(self, key: str, claimed: Delivery, whole: Sequence[Delivery], contact: Contact | None) -> Delivery:
        channel, after = self.channels[claimed.channel], None
        address = None if contact is None else contact.address(channel.name)
        to = None if contact is None or address is None else Recipient(contact.name, address, contact.language)
        about = tuple(each.about(each.called or self._called(each)) for each in whole)
        reason: Why
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await channel.send(Message(key, about, to))
        except Undeliverable as error:
            return ended(claimed, "parked", error.reason)
        except NotNow as error:
            reason, after = error.reason, error.after
        except TimeoutError:
            reason = "too-slow"
        except Exception as error:
            # Whatever a message makes of a channel, the other messages must not wait for it.
            self._logger.exception("a channel failed", channel=claimed.channel, exc_info=error)
            reason = "channel-broke"
        else:
            return ended(claimed, "sent", None)
        return self._later(claimed, reason, after)

    def _later(self, claimed: Delivery, reason: Why, after: timedelta | None) -> Delivery:
        if claimed.tries >= MOST_ATTEMPTS:
            return ended(claimed, "parked", reason)
        again = self.now() + max(pause(max(claimed.tries, 1)), min(after or timedelta(0), MOST_PAUSE))
        return ended(claimed, "failed", reason).model_copy(update={"status": "due", "not_before": again})

    def _called(self, delivery: Delivery) -> tuple[str, str]:
        """The district's names: those that were told, if any may have arrived, else as they are now."""
        if delivery.called is not None and delivery.may_have_arrived:
            return delivery.called
        return self._names(delivery.state, delivery.subject)

    # -- what there is to ask --------------------------------------------------------------------------------------

    async def _caught_up(self, kind: Kind, state: str) -> bool:
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                await self._alerts.caught_up(kind, state)
        except TimeoutError:
            return False
        return True

    async def _said(self, delivery: Delivery) -> Said:
        """By channel and person as they are now, by the alert as it stands."""
        route, now = self.channels[delivery.channel].route, self._clock.now()
        contact = None
        if route is None:
            found = await self._contacts.who(delivery.state, delivery.contact, delivery.channel)
            if found is None or not found.holds_on(now.astimezone(found.zone).date()):
                return Unwanted("contact-removed")
            contact = found
            route = contact.route(delivery.state)
        if not fits(route, delivery.kind, delivery) or await self._overheard(delivery, contact):
            return Unwanted("not-routed")
        alert = await self._alerts.get(delivery.kind, delivery.alert_id)
        said = verdict(delivery, None if alert is None else Alert.model_validate(alert.body), now)
        if said is None and contact is not None and not urgent(delivery):
            until = quiet_until(contact.quiet_hours, contact.zone, now)
            return None if until is None else Wait(until, "quiet-hours")
        return said

    async def _overtakes(self, delivery: Delivery) -> bool:
        """Whether it says that an alert is over, while the word that it holds is under way: that would come last."""
        if delivery.over_at is None:
            return False
        where = {"subject": delivery.subject, "status": "claimed"}
        claimed = await self._store.find(OUTBOX, where, limit=MOST_OF_ONE_ALERT)
        earlier = [Delivery.model_validate(each.body) for each in claimed]
        return any(
            each.alert_id == delivery.alert_id and each.channel == delivery.channel and each.over_at is None
            for each in earlier
        )

    async def _overheard(self, delivery: Delivery, contact: Contact | None) -> bool:
        """Whether somebody who may not read the stream has the same address: two contacts may share a mailbox."""
        if contact is None or STREAMS[delivery.kind].keeps_hours:
            return False
        address = contact.address(delivery.channel)
        others = (await self._contacts.of(delivery.state)).values()
        return any(each.audience != contact.audience and each.reached_at(address) for each in others)

    def _tried(self, delivery: Delivery) -> Delivery:
        attempt = Attempt(at=event_time(delivery.kind, self.now()))
        return delivery.model_copy(update={"attempts": (*delivery.attempts, attempt)})

    async def _put(self, kept: Kept) -> bool:
        """Whether it was written: of two that claim the same, one is told no."""
        return all(await self._store.put(OUTBOX, [stored(kept.key, kept.version, kept.delivery)]))


def _by(tried: Delivery, said: Wait | Over | Unwanted) -> Delivery:
    match said:
        case Wait(reason=reason):
            waits = {"status": "due", "tries": 0} | _kept_back(said)
            return ended(tried, "postponed", reason).model_copy(update=waits)
        case Over(outcome, reason):
            return ended(tried, outcome, reason)
        case Unwanted(reason):
            return ended(tried, "dropped", reason)


def _kept_back(wait: Wait) -> dict[str, object]:
    held: dict[str, object] = {"held_until": wait.until}
    if wait.reason in ("quiet-hours", "daily-cap"):
        held |= {"kept_until": wait.until, "kept_for": wait.reason}
    return held


def _is_free(delivery: Delivery) -> bool:
    """Whether it may go in the message of another."""
    return delivery.status == "due" and not delivery.may_have_arrived and not delivery.members


def ended(claimed: Delivery, outcome: Outcome, reason: Why | None) -> Delivery:
    *earlier, last = claimed.attempts
    last = last.model_copy(update={"outcome": outcome, "reason": reason})
    return claimed.model_copy(
        update={"status": outcome, "held_until": None, "not_before": None, "attempts": (*earlier, last)}
    )


def pause(attempts: int) -> timedelta:
    """After so many failed ones."""
    return min(FIRST_PAUSE * (1 << attempts - 1), LONGEST_PAUSE)
