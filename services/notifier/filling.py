"""Fills the outbox from a kind of stream, and tells the courier."""

from collections.abc import Iterator, Mapping, Sequence

from libs.events.alerts import AlertData, AlertRaised, AlertResolved
from libs.events.envelope import Recorded
from libs.events.streams import Kind, state_of
from libs.runtime.batch import Batch
from libs.runtime.clock import Clock
from libs.runtime.projection import Body
from libs.runtime.projector import Projector
from libs.runtime.store import DocumentStore
from services.notifier.channels.channel import Channel
from services.notifier.contacts import Contact, Contacts, people_for
from services.notifier.delivery import Courier
from services.notifier.outbox import OUTBOX, News, Told, filling
from services.notifier.routing import Destination, channels_for


class Filling(Projector[Body]):
    """The sink. People are looked up once a batch: who becomes a contact hears of what is raised from then on."""

    def __init__(
        self, kind: Kind, store: DocumentStore, clock: Clock, channels: Sequence[Channel], courier: Courier
    ) -> None:
        super().__init__(filling(kind, self._destinations), store, OUTBOX)
        self._clock = clock
        self._courier = courier
        self._contacts = Contacts(store)
        self._routes = {each.name: route for each in channels if (route := each.route) is not None}
        self._to_the_end = {each.name: route for each in channels if each.hears_the_end and (route := each.route)}
        self._for_people = [each.name for each in channels if each.route is None]
        self._people: Mapping[str, Contact] = {}
        self._at = clock.now()

    async def fold(self, batch: Batch) -> None:
        said = [
            data
            for each in batch.items
            if isinstance(each, Recorded) and isinstance(data := each.event.data, AlertData)
        ]
        self._at = self._clock.now()
        if self._for_people and any(isinstance(data, News) for data in said):
            self._people = await self._contacts.of(state_of(batch.stream) or "")
        await super().fold(batch)
        await self._courier.reconsider(data for data in said if not isinstance(data, AlertRaised))
        self._courier.wake()

    def _destinations(self, kind: Kind, alert: Told) -> Iterator[Destination]:
        if isinstance(alert, AlertResolved):
            yield from channels_for(kind, alert, self._to_the_end)
            return
        yield from channels_for(kind, alert, self._routes)
        yield from people_for(alert.state, self._people, kind, alert, self._at, self._for_people)
