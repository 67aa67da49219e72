"""Sends what the outbox holds, at least once, each time with the same key (guarantee 7).

The workers: each asks its channel's queue for what is due, has it put together and sent (dispatch.py). One that hangs
holds up itself alone. Leases, pauses and time limits go by real time; what is put off, or too old, by the system's.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Literal, Never

from libs.events.alerts import AlertData
from libs.runtime.clock import Clock
from libs.runtime.store import Document, DocumentStore
from services.notifier.dispatch import Dispatch, ended
from services.notifier.gathering import Kept, gathered
from services.notifier.outbox import OUTBOX, SENT_WITHIN, Attempt, Delivery, opens_at, queue_of, stamp, stored
from services.notifier.reading import MOST_OF_ONE_ALERT, place
from services.notifier.records import event_time

LOOK_SECONDS = 1.0
"""How often a queue is asked for what is due, when nothing new comes in."""
GATHER_SECONDS = 0.5
"""How long a channel that gathers waits when something new has come in: more of it may be on its way."""
LEFT_SECONDS = 60.0
"""How often what is for channels that are not there is looked through."""
AT_ONCE = 20
"""Messages of one channel under way at the same time."""
PAGE = 200


class Courier:
    """The workers; any number of them may share an outbox."""

    def __init__(self, store: DocumentStore, clock: Clock, dispatch: Dispatch) -> None:
        self._store = store
        self._clock = clock
        self._dispatch = dispatch
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There may be something new to send."""
        self._woken.set()
        self._woken = asyncio.Event()

    async def work(self, channel: str | None) -> Never:
        """Deliver what is for a channel, for ever; None: look after what is for channels that are not there.

        Raises what log and store raise; what a channel raises is an attempt that failed.
        """
        gathers = channel is not None and self._dispatch.channels[channel].gathers
        while True:
            woken = self._woken
            await (self.look_after_left() if channel is None else self.sweep(channel))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEFT_SECONDS if channel is None else LOOK_SECONDS):
                    await woken.wait()
                if gathers:
                    await asyncio.sleep(GATHER_SECONDS)

    async def sweep(self, channel: str) -> None:
        """Try each message of a channel that is due once, the oldest first."""
        clocks: Sequence[tuple[Literal["real", "system"], datetime]] = (
            ("system", self._clock.now()),
            ("real", self._dispatch.now()),
        )
        gathers = self._dispatch.channels[channel].gathers
        for clock, now in clocks:
            async for page in self._due(queue_of(channel, clock), now):
                ready = await self._dispatch.ready([_kept(document) for document in page])
                messages = gathered(ready, gathers=gathers)
                for first in range(0, len(messages), AT_ONCE):
                    await asyncio.gather(*map(self._dispatch.deliver, messages[first : first + AT_ONCE]))

    async def _due(self, queue: str, now: datetime) -> AsyncIterator[Sequence[Document]]:
        after: tuple[str, str] | None = None
        while found := await self._store.find(OUTBOX, {"queue": queue}, order_by="due_at", after=after, limit=PAGE):
            page = [document for document in found if str(document.body["due_at"]) <= stamp(now)]
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = str(page[-1].body["due_at"]), page[-1].id

    async def look_after_left(self) -> None:
        """Let go of what is too old for channels that are not there; put into its queue what was never in one."""
        after = None
        where = {"status": ("due", "claimed")}
        while page := await self._store.find(OUTBOX, where, order_by="raised_at", after=after, limit=PAGE):
            for kept in map(_kept, page):
                if kept.delivery.channel not in self._dispatch.channels:
                    await self._let_go(kept)
            unqueued = [
                stored(each.id, each.version + 1, _kept(each).delivery) for each in page if "queue" not in each.body
            ]
            if unqueued:  # an earlier Rozana wrote them
                await self._store.put(OUTBOX, unqueued)
            after = place(page[-1])

    async def _let_go(self, kept: Kept) -> None:
        """Its channel may come back at the next start, until it is too old."""
        delivery = kept.delivery
        if self._clock.now() - (delivery.held_until or opens_at(delivery)) > SENT_WITHIN:
            attempt = Attempt(at=event_time(delivery.kind, self._dispatch.now()))
            gone = delivery.model_copy(update={"attempts": (*delivery.attempts, attempt)})
            await self._dispatch.end(kept, ended(gone, "expired", "channel-removed"))

    async def reconsider(self, said: Iterable[AlertData]) -> None:
        """Something has become of these alerts: what waits for the end of a snooze is looked at again, at once.

        Not what is about a grievance before its day is over: that something becomes of it would tell that it is there.
        """
        for data in said:
            where = {"subject": data.subject_code, "status": "due"}
            for kept in map(_kept, await self._store.find(OUTBOX, where, limit=MOST_OF_ONE_ALERT)):
                delivery = kept.delivery
                held = delivery.alert_id == data.alert_id and delivery.held_until is not None
                if held and self._clock.now() >= opens_at(delivery):
                    freed = delivery.model_copy(update={"held_until": None})
                    await self._store.put(OUTBOX, [stored(kept.key, kept.version + 1, freed)])


def _kept(document: Document) -> Kept:
    return Kept(document.id, document.version, Delivery.model_validate(document.body))
