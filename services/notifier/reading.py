"""The alerts as they stand, for those who answer and those who deliver."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from libs.events.alerts import AlertEscalated
from libs.events.envelope import format_instant
from libs.events.streams import Kind, stream_name
from libs.runtime.log import EventLog
from libs.runtime.pointer import live_collection
from libs.runtime.positions import Positions
from libs.runtime.projector import as_of
from libs.runtime.store import Document, DocumentStore
from services.notifier.alerts import PROJECTIONS, Alert
from services.notifier.outbox import OUTBOX

MOST_OF_ONE_ALERT = 1000
"""Deliveries of one district and instant: all its levels, on all channels that there ever were."""

Place = tuple[str, str]
"""raised_at and alert_id: where a page ends."""
ELSEWHERE_SECONDS = 0.2
"""How often the store is asked how far a state is that another process folds."""


class AlertReader:
    """Reads the documents of both collections, by the kind of stream that they are folded from."""

    def __init__(self, log: EventLog, store: DocumentStore, positions: Mapping[Kind, Positions]) -> None:
        self._log = log
        self._store = store
        self._positions = positions

    async def get(self, kind: Kind, alert_id: str) -> Document | None:
        return await self._store.get(await live_collection(self._store, PROJECTIONS[kind]), alert_id)

    async def page(
        self, kinds: Collection[Kind], where: Mapping[str, str | Sequence[str]], *, after: Place | None, limit: int
    ) -> Sequence[Document]:
        """Up to `limit` alerts behind `after`, the newest `raised_at` first."""
        found: list[Document] = []
        for kind in kinds:
            collection = await live_collection(self._store, PROJECTIONS[kind])
            found += await self._store.find(
                collection, where, order_by="raised_at", descending=True, after=after, limit=limit
            )
        return sorted(found, key=place, reverse=True)[:limit]

    async def folded(self, kind: Kind, state: str, offset: int) -> None:
        """Return when the event at `offset` can be seen here, whoever folds the state."""
        positions, stream = self._positions[kind], stream_name(kind, state)
        while offset >= 0:
            if stream in positions:
                await positions.reached(stream, offset)
                if stream in positions:
                    return
            collection = await live_collection(self._store, PROJECTIONS[kind])
            at = (await as_of(self._store, collection, [stream])).get(stream)
            if at is not None and at.offset >= offset:
                return
            await asyncio.sleep(ELSEWHERE_SECONDS)

    async def caught_up(self, kind: Kind, state: str) -> None:
        """Return when all that is in the stream now can be seen here."""
        await self.folded(kind, state, await self._log.end(stream_name(kind, state)) - 1)


async def deliveries_of(store: DocumentStore, alert: Alert) -> Sequence[Document]:
    """What there is in the outbox about an alert."""
    told = [alert.raised_at, *(line.at for line in alert.history if line.type == AlertEscalated.NAME)]
    where = {"subject": alert.subject, "raised_at": [format_instant(at) for at in told]}
    found = await store.find(OUTBOX, where, limit=MOST_OF_ONE_ALERT)
    return [document for document in found if document.body["alert_id"] == alert.alert_id]


def place(document: Document) -> Place:
    return str(document.body["raised_at"]), document.id
