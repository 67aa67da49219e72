"""What there is to deliver: one document for each raised alert event and channel that it goes to, kept when it is sent.

It is folded from the streams like a projection, but only to make documents: what becomes of one is the worker's, by
conditional writes on the same versions. (Were the collection lost, deliveries of the last day would be repeated, each
with the key that it had.)
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from libs.events.alerts import AlertRaised, Audience, Rule
from libs.events.envelope import Recorded, format_instant
from libs.events.streams import Kind
from libs.runtime.consumer import Unreadable
from libs.runtime.projection import Body, Documents, Projection
from services.notifier.channels.channel import Message, Reason
from services.notifier.routing import Route, channels_for

OUTBOX = "outbox"
"""The collection's name. There is one: it is never rebuilt beside another."""

HELD: dict[Kind, timedelta] = {"alerts": timedelta(0), "grievances": timedelta(hours=25)}
"""How long a message is kept back. Those about grievances leave when their day is over (UTC), all together and not in
the order in which they came, so that no delivery tells an hour; the 25th lets the last ones of a day catch up."""

SENT_WITHIN = timedelta(hours=24)
"""Counted from when it may first be sent. What is older is no news."""

Outcome = Literal["sent", "failed", "postponed", "dropped", "expired", "parked"]
Status = Literal["due", "claimed", "sent", "dropped", "expired", "parked"]


Why = (
    Reason
    | Literal["channel-broke", "too-slow", "died", "snoozed", "acknowledged", "day-not-over", "resolved", "too-old"]
    | Literal["channel-removed", "not-routed"]
)
"""The fixed words for what a channel or the courier has to say of an attempt."""


class Attempt(BaseModel):
    """One claim: when (real time, UTC; about a grievance, the day), how it ended, and why if it was not sent.

    The outcome is None while it has not ended, or when nobody lived to tell.
    """

    model_config = ConfigDict(frozen=True)

    at: datetime
    outcome: Outcome | None = None
    reason: Annotated[Why | None, Field(exclude_if=lambda value: value is None)] = None


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
    status: Status = "due"
    held_until: datetime | None = None
    """By the system's clock, as last seen: until then it is not sent."""
    not_before: datetime | None = None
    """Real time: the next attempt when it is due, the end of the lease when it is claimed."""
    attempts: tuple[Attempt, ...] = ()
    tries: int = 0
    """How many of the attempts count towards giving up: those since it was last put off, or told to be tried again."""

    @property
    def district(self) -> str:
        return self.subject

    def again(self) -> "Delivery":
        """Due at once, with all attempts before it."""
        return self.model_copy(update={"status": "due", "not_before": None, "tries": 0})

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


def opens_at(delivery: Delivery) -> datetime:
    """When it may be sent, whatever people do about the alert; by the system's clock."""
    return delivery.raised_at + HELD[delivery.kind]


def filling(kind: Kind, routes: Mapping[str, Route]) -> Projection[Body]:
    """The fold that makes the deliveries of a kind of stream, by the channels with these routes.

    A channel that is new gets what is raised from now on; what waits for one that is gone stays as it is.
    """

    def keys(recorded: Recorded) -> Iterable[str]:
        return [key_of(recorded, channel) for channel in channels_for(kind, _raised(recorded), routes)]

    def evolve(_snapshot: Body, documents: Documents, recorded: Recorded) -> None:
        data = _raised(recorded)
        for channel in channels_for(kind, data, routes):
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
                    held_until=data.at + HELD[kind] if HELD[kind] else None,
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


def _raised(recorded: Recorded) -> AlertRaised:
    data = recorded.event.data
    assert isinstance(data, AlertRaised)  # noqa: S101 -- it handles nothing else
    return data


def key_of(recorded: Recorded, channel: str) -> str:
    """The idempotency key."""
    return f"{recorded.event.id}/{channel}"
