"""Which deliveries go as one message: at a deadline twenty silent districts are one mail to Bhopal. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from libs.events.streams import STREAMS
from services.notifier.outbox import Delivery


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivery as it was read: its key, its document's version."""

    key: str
    version: int
    delivery: Delivery


def gathered(waiting: Iterable[Kept], *, gathers: bool) -> list[Sequence[Kept]]:
    """Messages, each with the delivery that leads it first, in the order of `waiting`.

    What may have arrived already, or leads a message that was put together before, stays as it is.
    """
    messages: dict[object, list[Kept]] = {}
    for each in waiting:
        alone = not gathers or each.delivery.members or each.delivery.may_have_arrived
        messages.setdefault(each.key if alone else _together(each.delivery), []).append(each)
    return list(messages.values())


def _together(delivery: Delivery) -> object:
    """What goes as one: of one person, state, rule and day; what was above somebody's cap, whatever it is about."""
    if delivery.kept_for == "daily-cap":
        return delivery.contact, delivery.state, delivery.kind, "daily-cap"
    # A grievance's period is its id.
    day = delivery.period if STREAMS[delivery.kind].keeps_hours else delivery.raised_at.date().isoformat()
    return delivery.contact, delivery.state, delivery.kind, delivery.rule, day
