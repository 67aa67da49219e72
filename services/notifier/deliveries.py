"""What became of an alert's messages, for those who look: with its alert, and as a list of its own.

Operators see that a channel fails, and nothing of whom it is about; of grievances they see nothing at all.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from libs.events.alerts import ON_GRIEVANCES, Rule
from libs.events.streams import STREAMS, Kind
from libs.runtime.clock import Clock
from libs.runtime.principal import Role
from libs.runtime.store import Document, DocumentStore
from services.notifier.alerts import OFFICES, Alert, may_see, told_from
from services.notifier.contacts import Contacts
from services.notifier.outbox import OUTBOX, Attempt, Delivery, Status, stored
from services.notifier.reading import Place, deliveries_of, place
from services.notifier.rules.rule import LADDERS


def _absent(value: object) -> bool:
    return value is None


class Sent(BaseModel):
    """One message on one channel. What it is about is absent where the alert stands beside it, and for operators."""

    model_config = ConfigDict(frozen=True)

    channel: str
    status: Status
    configured: bool
    """Whether the channel is there; what waits for one that is not, waits until it is too old."""
    attempts: tuple[Attempt, ...]
    next_attempt: datetime | None
    """None: there is none, or nobody may know the hour."""
    contact: Annotated[str | None, Field(exclude_if=_absent)] = None
    """The id of the person it is for, and below where that is, of the address one letter and the domain."""
    to: Annotated[str | None, Field(exclude_if=_absent)] = None
    rule: Annotated[Rule | None, Field(exclude_if=_absent)] = None
    level: Annotated[int | None, Field(exclude_if=_absent)] = None
    alert_id: Annotated[str | None, Field(exclude_if=_absent)] = None
    state: Annotated[str | None, Field(exclude_if=_absent)] = None
    subject: Annotated[str | None, Field(exclude_if=_absent)] = None
    period: Annotated[str | None, Field(exclude_if=_absent)] = None


def rules_for(role: Role, kinds: Sequence[Kind]) -> Sequence[str]:
    """The rules whose alerts, in streams of `kinds`, an office may see at some level. Who is no office sees no content,
    and so of all rules.
    """
    offices = may_see(role) or OFFICES
    return [
        rule
        for rule, ladder in LADDERS.items()
        if ("grievances" if rule in ON_GRIEVANCES else "alerts") in kinds
        and any(told_from(*audience) in offices for audience in ladder)
    ]


class Retry(BaseModel):
    """Try again what is parked on a channel."""

    model_config = ConfigDict(extra="forbid", strict=True)

    channel: Annotated[str, Field(min_length=1, max_length=40)]


class Deliveries:
    """The outbox, as people see it. `channels` are those that there are now."""

    def __init__(self, store: DocumentStore, clock: Clock, channels: Sequence[str]) -> None:
        self._store = store
        self._clock = clock
        self._channels = frozenset(channels)
        self._contacts = Contacts(store)

    async def of(self, alert: Alert, *, aicc: bool) -> list[Sent]:
        """The alert's messages, in order of channel. aicc: for those who may know whom AICC tells."""
        own = [Delivery.model_validate(each.body) for each in await deliveries_of(self._store, alert)]
        shown = [sent for sent, _ in await self._sent(own, people=True, aicc=aicc)]
        return sorted(shown, key=lambda sent: (sent.channel, sent.contact or ""))

    async def page(
        self, rules: Sequence[str], where: Mapping[str, str], *, after: Place | None, limit: int
    ) -> Sequence[Document]:
        """Up to `limit` documents behind `after`, the newest `raised_at` first, about alerts by one of `rules`."""
        asked: dict[str, str | Sequence[str]] = {"rule": rules, **where}
        if where.get("rule", rules[0]) not in rules:
            return []
        return await self._store.find(OUTBOX, asked, order_by="raised_at", descending=True, after=after, limit=limit)

    async def retry(self, rules: Sequence[str], where: Mapping[str, str], channel: str) -> int:
        """Make what is parked on the channel due at once, and say how many that were. The courier still looks first."""
        count, after = 0, None
        while page := await self.page(rules, {**where, "status": "parked"}, after=after, limit=100):
            parked = [(document, Delivery.model_validate(document.body)) for document in page]
            due = [
                stored(document.id, document.version + 1, each.again())
                for document, each in parked
                if each.channel == channel
            ]
            count += sum(await self._store.put(OUTBOX, due)) if due else 0
            after = place(page[-1])
        return count

    async def shown(self, documents: Sequence[Document], *, content: bool, aicc: bool) -> list[dict[str, Any]]:
        """The items of a list; without `content`, nothing that leads to a district or a person."""
        found = [Delivery.model_validate(document.body) for document in documents]
        items = []
        for sent, delivery in await self._sent(found, people=content, aicc=aicc):
            about: dict[str, object] = {"rule": delivery.rule}
            if content:
                about |= delivery.model_dump(include={"level", "alert_id", "state", "subject", "period"})
            items.append(sent.model_copy(update=about).model_dump(mode="json"))
        return items

    async def _sent(
        self, deliveries: Sequence[Delivery], *, people: bool, aicc: bool
    ) -> Sequence[tuple[Sent, Delivery]]:
        """Each as it is shown. What goes in another's message has fared as that one has."""
        leads = await self._store.get_many(OUTBOX, sorted({each.lead for each in deliveries if each.lead}))
        contacts = await self._contacts.named({(each.state, each.contact) for each in deliveries if each.contact})
        shown = []
        for delivery in deliveries:
            lead = leads.get(delivery.lead or "")
            carrier = delivery if lead is None else Delivery.model_validate(lead.body)
            configured = delivery.channel in self._channels
            sent = Sent(
                channel=delivery.channel,
                status=carrier.status,
                configured=configured,
                attempts=carrier.attempts if carrier is delivery else (*delivery.attempts, *carrier.attempts),
                next_attempt=self._next(carrier) if configured else None,
            )
            person = contacts.get((delivery.state, delivery.contact or ""))
            if people and person is not None and (aicc or person.audience != "aicc"):
                to = _masked(person.address(delivery.channel))
                sent = sent.model_copy(update={"contact": delivery.contact, "to": to})
            shown.append((sent, delivery))
        return shown

    def _next(self, delivery: Delivery) -> datetime | None:
        """The end of what holds it back, by the system's clock; else the next attempt, in real time."""
        if delivery.held_until is not None and self._clock.now() < delivery.held_until:
            return delivery.held_until
        return delivery.not_before if STREAMS[delivery.kind].keeps_hours else None


def _masked(address: str | None) -> str | None:
    """Enough to tell one's own people apart, and nothing to write to."""
    if address is None:
        return None
    user, _, domain = address.partition("@")
    return f"{user[0]}…@{domain}"
