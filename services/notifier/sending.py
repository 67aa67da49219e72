"""Whether a delivery goes out now, by the alert as it stands. Pure: a delivery, its alert, the system's clock."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.notifier.alerts import Alert
from services.notifier.outbox import SENT_WITHIN, Delivery, opens_at

Held = Literal["snoozed", "acknowledged", "day-not-over"]


@dataclass(frozen=True, slots=True)
class Wait:
    """Not before this instant of the system's clock."""

    until: datetime
    reason: Held


@dataclass(frozen=True, slots=True)
class Over:
    """It is over, or too late."""

    outcome: Literal["dropped", "expired"]
    reason: Literal["resolved", "acknowledged", "too-old"]


def verdict(delivery: Delivery, alert: Alert | None, now: datetime) -> Wait | Over | None:
    """None: send it. An alert that is put off is sent when that is over, if it still holds; the last word counts."""
    opens = opens_at(delivery)
    reason: Held = "day-not-over"
    if alert is not None and alert.status in ("acknowledged", "snoozed"):
        until = alert.put_off_until
        if until is None:
            return Over("dropped", "acknowledged")
        if until > opens:
            opens, reason = until, alert.status
    if now - opens > SENT_WITHIN:  # never opens + SENT_WITHIN: somebody may have snoozed to the end of the calendar
        return Over("expired", "too-old")
    if alert is not None and alert.status == "resolved":
        return Over("dropped", "resolved")
    return Wait(opens, reason) if now < opens else None
