"""An alert that nobody takes care of goes up; one that was put off comes back. A fold of the alerts' own stream.

After how long an alert goes up stands in its first event, and counts from when that was said: nobody can act on what he
has not been told. While it is put off until an instant its time stands still; acknowledged without one, it goes up no
more.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from libs.events.alerts import (
    AlertAcknowledged,
    AlertData,
    AlertEscalated,
    AlertRaised,
    AlertReopened,
    AlertResolved,
    AlertSnoozed,
)
from libs.events.clock import ClockReached
from services.notifier.rules.rule import REMEMBERED, AlertRule, Seen, audience_of, said


@dataclass(frozen=True, slots=True)
class _PutOff:
    since: datetime
    until: datetime | None
    """None: for good."""


@dataclass(frozen=True, slots=True)
class _Open:
    """An alert as it stands; `escalates`: when it goes up from here."""

    alert: AlertData
    escalates: tuple[datetime, ...]
    put_off: _PutOff | None = None

    @property
    def due(self) -> datetime | None:
        if self.put_off is not None:
            return self.put_off.until
        return self.escalates[0] if self.escalates else None


@dataclass(slots=True)
class Timers:
    """The open alerts of one stream, by id; and for a while the ids of those that are over: a raw topic may repeat."""

    open: dict[str, _Open] = field(default_factory=dict)
    over: dict[str, datetime] = field(default_factory=dict)


def watch(memory: Timers, seen: Seen) -> Iterator[AlertEscalated | AlertReopened]:
    """What falls due by a clock.reached is said there and then; what the stream says of it is read back unchanged."""
    event = seen.event
    match event and event.data:
        case ClockReached(at=at):
            yield from _reach(memory, seen, at)
            for alert_id in [each for each, ended in memory.over.items() if ended < at - REMEMBERED]:
                del memory.over[alert_id]
        case AlertRaised() as data if event and data.alert_id not in memory.open and data.alert_id not in memory.over:
            goes_up = tuple(event.time + timedelta(minutes=each) for each in data.escalate_minutes)
            memory.open[data.alert_id] = _Open(data, goes_up)
        case AlertResolved() as data:
            memory.open.pop(data.alert_id, None)
            memory.over[data.alert_id] = data.at
        case AlertData() as data if known := memory.open.get(data.alert_id):
            memory.open[data.alert_id] = _after(known, data)
        case _:
            pass


def _after(known: _Open, data: AlertData) -> _Open:
    match data:
        case AlertEscalated(at=at):
            return _Open(data, tuple(each for each in known.escalates if each > at))
        case AlertReopened(at=at):
            return _resumed(known, at)
        case AlertAcknowledged() | AlertSnoozed():
            since = data.at if known.put_off is None else known.put_off.since
            return replace(known, put_off=_PutOff(since, data.until))
        case _:  # raised again
            return known


def _resumed(known: _Open, at: datetime) -> _Open:
    """Its time goes on where it stood still."""
    if known.put_off is None:
        return known
    still = at - known.put_off.since
    return _Open(known.alert, tuple(each + still for each in known.escalates))


def _reach(memory: Timers, seen: Seen, at: datetime) -> Iterator[AlertEscalated | AlertReopened]:
    """All that falls due by `at`, in the order in which it does."""
    dues = [(due, alert_id) for alert_id, each in memory.open.items() if (due := each.due) is not None and due <= at]
    heapify(dues)
    while dues:
        instant, alert_id = heappop(dues)
        known = memory.open[alert_id]
        said_of_it: AlertEscalated | AlertReopened
        if known.put_off is not None:
            said_of_it = said(AlertReopened, known.alert, at=instant, evidence=(), cause=seen.cause)
            after = _resumed(known, instant)
        else:
            level = known.alert.level + 1
            told = {"level": level, "audience": audience_of(known.alert.rule, level)}
            said_of_it = said(AlertEscalated, known.alert, at=instant, evidence=(), cause=seen.cause, **told)
            after = _after(known, said_of_it)
        memory.open[alert_id] = after
        if after.due is not None and after.due <= at:
            heappush(dues, (after.due, alert_id))
        yield said_of_it


def next_due(memory: Timers) -> datetime | None:
    return min((each.due for each in memory.open.values() if each.due is not None), default=None)


ESCALATION = AlertRule("escalation", "alerts", Timers, watch, next_due)
