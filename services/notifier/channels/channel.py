"""The port `Channel`: one way to reach people. These docstrings are the specification.

To add one: an adapter beside this file, its entry in the routes file (routes_entries.py), its choice in compose.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

from libs.events.alerts import Audience, Rule
from libs.runtime.errors import RozanaError, Unavailable
from services.notifier.routing import Route

Reason = Literal[
    # for good
    "address-refused",
    "redirected",
    "gone",
    "refused",
    # perhaps not next time
    "name-not-found",
    "unreachable",
    "tls-failed",
    "broke-off",
    "timed-out",
    "busy",
    "failing",
    "not-let-in",
]
"""Why a channel did not send, in fixed words: they are kept and shown, and hold nothing of message or answer."""
NOT_LEFT: frozenset[Reason] = frozenset(
    {"address-refused", "name-not-found", "unreachable", "tls-failed", "not-let-in"}
)
"""After these the other side cannot have seen anything of the message; after any other word it may have."""
Language = Literal["hi", "en"]


class Undeliverable(RozanaError):
    """This message will never go this way, however often it is tried."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class NotNow(Unavailable):
    """It may go later. `after`: how long the other side asks to be left alone, if it does."""

    def __init__(self, reason: Reason, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.after = after


@dataclass(frozen=True, slots=True)
class About:
    """An alert, as a message tells of it. What of this a channel may say follows from the rule (messages.py)."""

    alert_id: str
    rule: Rule
    state: str
    subject: str
    period: str
    level: int
    audience: tuple[Audience, ...]
    raised_at: str
    """The instant that fell due, in UTC; about a grievance, the beginning of its day."""
    name_en: str = ""
    name_hi: str = ""
    """What the district is called; empty where nobody knows it yet."""
    over_at: str | None = None
    """When the condition was over; None where the message says that it holds."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """The person a message is for, on a channel that must be told."""

    name: str = field(repr=False)
    address: str = field(repr=False)
    language: Language


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. `key` is the idempotency key: the same message comes with the same key, however often it comes.

    about: one alert, or several where the channel gathers; none: a test, that somebody asked for.
    to: None where the channel knows by itself whom it reaches.
    """

    key: str
    about: tuple[About, ...]
    to: Recipient | None = None

    @property
    def alert(self) -> About:
        """The first one."""
        return self.about[0]


class Channel(Protocol):
    """Delivery is at least once: after a crash or a timeout the same message comes again, with the same key."""

    @property
    def name(self) -> str:
        """Short and for ever the same: it is part of the key."""
        ...

    @property
    def route(self) -> Route | None:
        """Which alerts go this way by themselves; None: it is for people, and goes where contacts say."""
        ...

    @property
    def gathers(self) -> bool:
        """Whether alerts of one state, rule and day that wait at once become one message: where people read."""
        ...

    @property
    def hears_the_end(self) -> bool:
        """Whether it is told, in a message of its own, when an alert is over: where a machine holds what is open."""
        ...

    async def send(self, message: Message) -> None:
        """Return when the message is handed on for certain.

        Raises Undeliverable, or NotNow: then it is tried again, later.
        """
        ...
