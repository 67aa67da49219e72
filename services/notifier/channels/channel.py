"""The port `Channel`: one way to reach people. These docstrings are the specification.

To add one: an adapter beside this file, and its value where the notifier is built.
"""

from dataclasses import dataclass
from typing import Protocol

from libs.events.alerts import Audience, Rule
from libs.runtime.errors import RozanaError


class Undeliverable(RozanaError):
    """This message will never go this way, however often it is tried. The text holds nothing of the message."""


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
    """The instant that fell due, in UTC."""


class Channel(Protocol):
    """Delivery is at least once: after a crash or a timeout the same message comes again, with the same key."""

    @property
    def name(self) -> str:
        """Short and for ever the same: it is part of the key."""
        ...

    async def send(self, message: Message) -> None:
        """Return when the message is handed on for certain.

        Raises Undeliverable, or Unavailable (libs.runtime.errors): then it is tried again, later.
        """
        ...
