"""What there is to deliver: one document for each raised alert event and channel, kept until long after it was sent.

It is folded from the streams like a projection, but only to make documents: what becomes of one is the worker's, by
conditional writes on the same versions. (Were the collection lost, deliveries of the last day would be repeated, each
with the key that it had.)
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from libs.events.alerts import AlertRaised, Audience, Rule
from libs.events.envelope import Recorded, format_instant
from libs.events.streams import Kind
from libs.runtime.consumer import Unreadable
from libs.runtime.projection import Body, Documents, Projection
from services.notifier.channels.channel import Message

OUTBOX = "outbox"
"""The collection's name. There is one: it is never rebuilt beside another."""

KEPT: dict[Kind, timedelta] = {"alerts": timedelta(hours=24), "grievances": timedelta(hours=48)}
"""How old an alert may be when it is sent. Those on grievances know only their day: a day, counted from its end."""

Outcome = Literal["sent", "failed", "dropped", "expired", "parked"]
Status = Literal["due", "claimed", "sent", "dropped", "expired", "parked"]


class Attempt(BaseModel):
    """One claim: when (real time, UTC; about a grievance, the day) and how it ended.

    The outcome is None while it has not ended, or when nobody lived to tell.
    """

    model_config = ConfigDict(frozen=True)

    at: datetime
    outcome: Outcome | None = None


class Delivery(BaseModel):
    """One message on one channel, and what became of it. The document's id is the message's key."""

    model_config = ConfigDict(frozen=True)

    channel: str
    kind: Kind
    """Of the stream that the alert stands in."""
    alert_id: str
    state: str
    rule: Rule
    subject: str
    period: str
    level: int
    audience: tuple[Audience, ...]
    raised_at: datetime
    expires_at: datetime
    """By the system's clock."""
    status: Status = "due"
    not_before: datetime | None = None
    """Real time: the next attempt when it is due, the end of the lease when it is claimed."""
    attempts: tuple[Attempt, ...] = ()

    def message(self, key: str) -> Message:
        return Message(
            key,
            self.alert_id,
            self.rule,
            self.state,
            self.subject,
            self.period,
            self.level,
            self.audience,
            format_instant(self.raised_at),
        )


def filling(kind: Kind, channels: Sequence[str]) -> Projection[Body]:
    """The fold that makes the deliveries of a kind of stream, by these channels."""

    def keys(recorded: Recorded) -> Iterable[str]:
        return [key_of(recorded, channel) for channel in channels]

    def evolve(_snapshot: Body, documents: Documents, recorded: Recorded) -> None:
        data = recorded.event.data
        assert isinstance(data, AlertRaised)  # noqa: S101 -- it handles nothing else
        for channel in channels:
            key = key_of(recorded, channel)
            if documents.get(key) is None:  # replicas may have raised the same event twice
                delivery = Delivery(
                    channel=channel,
                    kind=kind,
                    alert_id=data.alert_id,
                    state=data.state,
                    rule=data.rule,
                    subject=data.subject_code,
                    period=data.period,
                    level=data.level,
                    audience=data.audience,
                    raised_at=data.at,
                    expires_at=data.at + KEPT[kind],
                )
                documents.put(key, delivery.model_dump(mode="json"))

    def hold(_snapshot: Body, _documents: Documents, _unreadable: Unreadable) -> None:
        """Nothing to deliver: it is in the dead letters."""

    return Projection(
        name=OUTBOX,
        version=1,
        kind=kind,
        handles=frozenset({AlertRaised}),
        initial=lambda _state: {},
        dump=dict,
        load=dict,
        keys=keys,
        evolve=evolve,
        hold=hold,
    )


def key_of(recorded: Recorded, channel: str) -> str:
    """The idempotency key."""
    return f"{recorded.event.id}/{channel}"
