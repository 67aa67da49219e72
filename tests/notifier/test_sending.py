"""Whether a delivery goes out now, as a table: what people did about the alert, and when it is."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from libs.events.alerts import Rule
from libs.events.streams import Kind
from services.notifier.alerts import Alert, Happened
from services.notifier.outbox import HELD, SENT_WITHIN, Delivery
from services.notifier.sending import Over, Wait, verdict
from tests.duty.events import named

RAISED = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)
SNOOZED, ACKNOWLEDGED, FOR_GOOD = ("snoozed", 8 * HOUR), ("acknowledged", 8 * HOUR), ("acknowledged", None)
DAY = SENT_WITHIN
END = datetime.max.replace(tzinfo=UTC) - RAISED
"""Until when somebody may snooze: the end of the calendar."""

Did = tuple[Literal["snoozed", "acknowledged", "escalated", "resolved"], timedelta | None]


def delivery(kind: Kind = "alerts") -> Delivery:
    return Delivery(
        channel="wire",
        kind=kind,
        alert_id=named("alert"),
        state="in-mp",
        rule=Rule.MISSED_REPORT,
        subject="in-mp.guna",
        period="2026-11-23",
        level=1,
        audience=("pcc",),
        told_from="pcc",
        raised_at=RAISED,
    )


def alert(*did: Did) -> Alert:
    history = [Happened(id=named("raised"), type="alert.raised", at=RAISED, time=RAISED)]
    for number, (what, after) in enumerate(did):
        until = None if after is None else RAISED + after
        history.append(Happened(id=named(f"did {number}"), type=f"alert.{what}", at=RAISED, time=RAISED, until=until))
    status = did[-1][0] if did else "open"
    return Alert(
        alert_id=named("alert"),
        state="in-mp",
        rule=Rule.MISSED_REPORT,
        subject="in-mp.guna",
        tenure_id=None,
        period="2026-11-23",
        level=1,
        status="open" if status == "escalated" else status,
        audience=("pcc",),
        told_from="pcc",
        raised_at=RAISED,
        evidence=(),
        history=tuple(history),
    )


TOO_OLD, RESOLVED = Over("expired", "too-old"), Over("dropped", "resolved")


@pytest.mark.parametrize(
    ("did", "after", "expected"),
    [
        ((), timedelta(0), None),
        ((), DAY, None),
        ((), DAY + MOMENT, TOO_OLD),
        ((("resolved", None),), HOUR, RESOLVED),
        ((("resolved", None),), DAY + MOMENT, TOO_OLD),
        ((FOR_GOOD,), HOUR, Over("dropped", "acknowledged")),
        ((SNOOZED,), 8 * HOUR - MOMENT, Wait(RAISED + 8 * HOUR, "snoozed")),
        ((SNOOZED,), 8 * HOUR, None),
        ((SNOOZED,), DAY + HOUR, None),
        ((SNOOZED,), DAY + 8 * HOUR + MOMENT, TOO_OLD),
        ((ACKNOWLEDGED,), HOUR, Wait(RAISED + 8 * HOUR, "acknowledged")),
        ((ACKNOWLEDGED,), 8 * HOUR, None),
        ((("snoozed", 100 * HOUR),), 99 * HOUR, Wait(RAISED + 100 * HOUR, "snoozed")),
        ((("snoozed", END),), 99 * HOUR, Wait(RAISED + END, "snoozed")),
        # the last word counts
        ((SNOOZED, ("snoozed", 2 * HOUR)), 2 * HOUR, None),
        ((("snoozed", 2 * HOUR), SNOOZED), 2 * HOUR, Wait(RAISED + 8 * HOUR, "snoozed")),
        ((FOR_GOOD, SNOOZED), HOUR, Wait(RAISED + 8 * HOUR, "snoozed")),
        ((SNOOZED, FOR_GOOD), HOUR, Over("dropped", "acknowledged")),
        ((SNOOZED, ("resolved", None)), HOUR, RESOLVED),
        ((FOR_GOOD, ("escalated", None)), HOUR, None),
        ((SNOOZED, ("escalated", None)), HOUR, None),
        # put off until an instant that lies before the alert's own
        ((("snoozed", -HOUR),), timedelta(0), None),
    ],
)
def test_an_alert_on_a_duty(did: tuple[Did, ...], after: timedelta, expected: Wait | Over | None) -> None:
    assert verdict(delivery(), alert(*did), RAISED + after) == expected


@pytest.mark.parametrize(
    ("did", "after", "expected"),
    [
        ((), -MOMENT, Wait(RAISED + HELD["grievances"], "day-not-over")),
        ((), timedelta(0), None),
        ((), DAY, None),
        ((), DAY + MOMENT, TOO_OLD),
        ((SNOOZED,), -MOMENT, Wait(RAISED + HELD["grievances"], "day-not-over")),
        ((("snoozed", 30 * HOUR),), timedelta(0), Wait(RAISED + 30 * HOUR, "snoozed")),
        ((FOR_GOOD,), -MOMENT, Over("dropped", "acknowledged")),
        ((("resolved", None),), -MOMENT, RESOLVED),
    ],
)
def test_an_alert_on_a_grievance(did: tuple[Did, ...], after: timedelta, expected: Wait | Over | None) -> None:
    """`after` counts from the end of its day."""
    assert verdict(delivery("grievances"), alert(*did), RAISED + HELD["grievances"] + after) == expected


def test_an_alert_that_nobody_has_folded_is_sent() -> None:
    assert verdict(delivery(), None, RAISED) is None
