"""Whether a delivery goes out now: by the alert as it stands, and by the person it is for. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from services.notifier.alerts import Alert
from services.notifier.outbox import SENT_WITHIN, Delivery, Kept, opens_at

Held = Literal["snoozed", "acknowledged", "day-not-over"] | Kept
URGENT_LEVEL = 3
"""From this rung of the ladder on nobody's night is quiet, and no cap holds anything back."""


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


@dataclass(frozen=True, slots=True)
class Quiet:
    """The hours in which a person is left alone, in local time; over midnight where `until` comes before `start`."""

    start: time
    until: time


def verdict(delivery: Delivery, alert: Alert | None, now: datetime) -> Wait | Over | None:
    """None: send it. An alert that is put off is sent when that is over, if it still holds; the last word counts."""
    if delivery.over_at is not None:  # the word that it is over
        return Over("expired", "too-old") if now - delivery.over_at > SENT_WITHIN else None
    opens = opens_at(delivery)
    reason: Held = "day-not-over"
    if delivery.kept_until is not None and delivery.kept_for is not None and delivery.kept_until > opens:
        opens, reason = delivery.kept_until, delivery.kept_for
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


def urgent(delivery: Delivery) -> bool:
    """Whether it is told at any hour, and however much was told before."""
    return delivery.level >= URGENT_LEVEL or "operator" in delivery.audience


def quiet_until(quiet: Quiet | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the quiet hours that `now` lies in are over; None outside of them."""
    if quiet is None:
        return None
    local = now.astimezone(zone)
    inside = (
        quiet.start <= local.time() < quiet.until
        if quiet.start < quiet.until
        else not quiet.until <= local.time() < quiet.start
    )
    if not inside:
        return None
    end = local.replace(hour=quiet.until.hour, minute=quiet.until.minute, second=0, microsecond=0, fold=0)
    if end <= local:
        end = (local + timedelta(days=1)).replace(
            hour=quiet.until.hour, minute=quiet.until.minute, second=0, microsecond=0, fold=0
        )
    return end.astimezone(UTC)


def next_morning(quiet: Quiet | None, zone: ZoneInfo, now: datetime) -> datetime:
    """The next local midnight, or the end of the quiet hours that it lies in."""
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    midnight = datetime.combine(tomorrow, time(0), zone).astimezone(UTC)
    return quiet_until(quiet, zone, midnight) or midnight
