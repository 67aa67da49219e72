"""What there is to deliver: a document for each alert event, channel and person that it goes to, kept when it is sent.

It is folded from the streams like a projection, but only to make documents: what becomes of one is the worker's, by
conditional writes on the same versions. (Were the collection lost, deliveries of the last day would be repeated, each
with the key that it had.)
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from libs.events.alerts import AlertEscalated, AlertRaised, AlertReopened, AlertResolved, Audience, Rule
from libs.events.envelope import Recorded, format_instant
from libs.events.streams import Kind
from libs.runtime.batch import Unreadable
from libs.runtime.projection import Body, Documents, Projection
from libs.runtime.store import Document, Json
from services.notifier.channels.channel import NOT_LEFT, About, Reason
from services.notifier.routing import Destination

OUTBOX = "outbox"
"""The collection's name. There is one: it is never rebuilt beside another."""

HELD: dict[Kind, timedelta] = {"alerts": timedelta(0), "grievances": timedelta(hours=25)}
"""How long a message is kept back. Those about grievances leave when their day is over (UTC), all together and not in
the order in which they came, so that no delivery tells an hour; the 25th lets the last ones of a day catch up."""

SENT_WITHIN = timedelta(hours=24)
"""Counted from when it may first be sent. What is older is no news."""

Outcome = Literal["sent", "failed", "postponed", "dropped", "expired", "parked"]
Status = Literal["due", "claimed", "gathered", "sent", "dropped", "expired", "parked"]
"""`gathered`: it goes in the message of another delivery, its lead, and fares as that one does."""

Kept = Literal["quiet-hours", "daily-cap"]
"""Why a person's message is kept for a while."""

News = AlertRaised | AlertEscalated | AlertReopened
"""What people are told: each such event is a message of its own, to those it names."""

Told = News | AlertResolved
"""What channels are told: that an alert is over, only those that hear the end."""

Why = (
    Reason
    | Literal["channel-broke", "too-slow", "died", "snoozed", "acknowledged", "day-not-over", "resolved", "too-old"]
    | Literal["channel-removed", "not-routed", "contact-removed", "alerts-behind"]
    | Kept
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
    """One alert on one channel, for one person if it is for people, and what became of it.

    The document's id is the key of its message. Alerts that go as one message have one that leads: its key is the
    message's, `members` are the others, and they are `gathered`.
    """

    model_config = ConfigDict(frozen=True)

    channel: str
    contact: str | None = None
    """The id of a contact of the state."""
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
    over_at: datetime | None = None
    """Where the message says that the alert is over: since when."""
    status: Status = "due"
    held_until: datetime | None = None
    """By the system's clock, as last seen: until then it is not sent."""
    kept_until: datetime | None = None
    kept_for: Kept | None = None
    """As above, for the person's sake: whether it is too old is counted from then."""
    not_before: datetime | None = None
    """Real time: the next attempt when it is due, the end of the lease when it is claimed."""
    attempts: tuple[Attempt, ...] = ()
    tries: int = 0
    """How many of the attempts count towards giving up: those since it was last put off, or told to be tried again."""
    lead: str | None = None
    members: tuple[str, ...] = ()
    called: tuple[str, str] | None = None
    """What the district was called, in English and in Hindi, when the message was put together: a repeat says so too,
    though another process sends it, which may not know the name yet."""

    @property
    def subject_code(self) -> str:
        return self.subject

    @property
    def may_have_arrived(self) -> bool:
        """Whether the other side may have seen it: then what is sent again is the same, under the same key."""
        return any(
            each.outcome in (None, "sent") or (each.outcome in ("failed", "parked") and each.reason not in NOT_LEFT)
            for each in self.attempts
        )

    def again(self) -> "Delivery":
        """Due at once, with all attempts before it."""
        return self.model_copy(update={"status": "due", "not_before": None, "tries": 0})

    def about(self, names: tuple[str, str]) -> About:
        """`names`: of the district, in English and in Hindi."""
        return About(
            self.alert_id,
            self.rule,
            self.state,
            self.subject,
            self.period,
            self.level,
            self.audience,
            format_instant(self.raised_at),
            *names,
            over_at=None if self.over_at is None else format_instant(self.over_at),
        )


def opens_at(delivery: Delivery) -> datetime:
    """When it may be sent, whatever people do about the alert; by the system's clock."""
    return delivery.raised_at + HELD[delivery.kind]


def queue_of(channel: str, clock: Literal["real", "system"]) -> str:
    """Where deliveries of a channel wait, in the order of `due_at`, by one of the two clocks."""
    return f"{channel} {clock}"


def stamp(instant: datetime) -> str:
    """An instant as it is ordered: all of one length."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def stored(key: str, version: int, delivery: Delivery) -> Document:
    """The document, with the place in the queue of what waits: each worker asks for what is due, and for no more."""
    return Document(key, version, body_of(delivery))


def body_of(delivery: Delivery) -> Body:
    body: dict[str, Json] = delivery.model_dump(mode="json")
    if delivery.status == "claimed" or (delivery.status == "due" and delivery.held_until is None):
        at = delivery.not_before
        # What was never tried comes before all instants, the oldest first.
        due_at = f" {stamp(delivery.raised_at)}" if at is None else stamp(at)
        return body | {"queue": queue_of(delivery.channel, "real"), "due_at": due_at}
    if delivery.status == "due" and delivery.held_until is not None:
        return body | {"queue": queue_of(delivery.channel, "system"), "due_at": stamp(delivery.held_until)}
    return body


def filling(kind: Kind, destinations: Callable[[Kind, Told], Iterable[Destination]]) -> Projection[Body]:
    """The fold that makes the deliveries of a kind of stream. `destinations` says where an alert goes.

    A destination that is new gets what is raised from now on; what waits for one that is gone stays as it is.
    """

    def keys(recorded: Recorded) -> Iterable[str]:
        return [key_of(recorded, destination) for destination in destinations(kind, _told(recorded))]

    def evolve(_snapshot: Body, documents: Documents, recorded: Recorded) -> None:
        data = _told(recorded)
        for destination in destinations(kind, data):
            key = key_of(recorded, destination)
            if documents.get(key) is None:  # replicas may have raised the same event twice
                delivery = Delivery(
                    channel=destination.channel,
                    contact=destination.contact,
                    kind=kind,
                    alert_id=data.alert_id,
                    state=data.state,
                    rule=data.rule,
                    subject=data.subject_code,
                    period=data.period,
                    level=data.level,
                    audience=data.audience,
                    raised_at=data.at,
                    over_at=data.at if isinstance(data, AlertResolved) else None,
                    held_until=data.at + HELD[kind] if HELD[kind] else None,
                )
                documents.put(key, body_of(delivery))

    def hold(_snapshot: Body, _documents: Documents, _unreadable: Unreadable) -> None:
        """Nothing to deliver: it is in the dead letters."""

    return Projection(
        name=OUTBOX,
        version=1,
        kind=kind,
        handles=frozenset({AlertRaised, AlertEscalated, AlertReopened, AlertResolved}),
        initial=lambda _state: {},
        dump=dict,
        load=dict,
        keys=keys,
        evolve=evolve,
        hold=hold,
    )


def _told(recorded: Recorded) -> Told:
    data = recorded.event.data
    assert isinstance(data, Told)  # noqa: S101 -- it handles nothing else
    return data


def key_of(recorded: Recorded, destination: Destination) -> str:
    """The idempotency key."""
    person = "" if destination.contact is None else f"/{destination.contact}"
    return f"{recorded.event.id}/{destination.channel}{person}"
