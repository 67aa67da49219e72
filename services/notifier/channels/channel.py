"""The port `Channel`: one way to reach people. These docstrings are the specification.

To add one: an adapter beside this file, and its value where the notifier is built.
"""

from dataclasses import dataclass
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
]
"""Why a channel did not send, in fixed words: they are kept and shown, and hold nothing of message or answer."""


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
class Message:
    """What is sent. `key` is the idempotency key: the same message comes with the same key, however often it comes."""

    key: str
    alert_id: str
    rule: Rule
    state: str
    subject: str
    period: str
    level: int
    audience: tuple[Audience, ...]
    raised_at: str
    """The instant that fell due, in UTC; about a grievance, the beginning of its day."""


class Channel(Protocol):
    """Delivery is at least once: after a crash or a timeout the same message comes again, with the same key."""

    @property
    def name(self) -> str:
        """Short and for ever the same: it is part of the key."""
        ...

    @property
    def route(self) -> Route:
        """Which alerts go this way."""
        ...

    async def send(self, message: Message) -> None:
        """Return when the message is handed on for certain.

        Raises Undeliverable, or NotNow: then it is tried again, later.
        """
        ...
