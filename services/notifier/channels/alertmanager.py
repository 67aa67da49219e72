"""The channel for operators: Alertmanager, by its API v2 (`POST /api/v2/alerts`), which groups, silences and pages.

It knows an alert by its labels: what comes again after a crash is the same alert to it. What is over here ends there,
and so does a level that an alert has left behind. It is told once of each, so the end that it is given meanwhile, after
which it would take the alert for over, lies behind all that stay open; only where word of the end is never taken does
it count.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx

from libs.events.envelope import format_instant
from services.notifier.channels.channel import About, Message, NotNow, Undeliverable
from services.notifier.messages import letter
from services.notifier.routing import Route

DEADLINE_SECONDS = 15.0
HELD = timedelta(days=45)
"""A miss that stays open is let go of some five weeks after its day (rules/missed_report.py)."""
BUSY = frozenset({408, 425, 429})
SEVERITIES = ("info", "warning", "critical")
"""By level, from 1; above the last as the last."""


@dataclass(frozen=True, slots=True)
class Manager:
    """One [[alertmanager]] of the routes file, already checked (routes_entries.py)."""

    name: str
    url: str
    route: Route
    allow_private: bool = False
    token: str | None = field(default=None, repr=False)


class AlertmanagerChannel:
    """One Alertmanager."""

    gathers = False
    hears_the_end = True

    def __init__(self, manager: Manager) -> None:
        self.name = manager.name
        self.route = manager.route
        self._url = manager.url.rstrip("/") + "/api/v2/alerts"
        self._headers = {} if manager.token is None else {"Authorization": f"Bearer {manager.token}"}

    async def send(self, message: Message) -> None:
        alerts = [posted for alert in message.about for posted in alerts_of(alert)] or [TEST]
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE_SECONDS) as client:
                answer = await client.post(
                    self._url, json=alerts, headers=self._headers | {"Idempotency-Key": message.key}
                )
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise NotNow("unreachable") from None
        except httpx.TimeoutException:
            raise NotNow("timed-out") from None
        except httpx.HTTPError:
            raise NotNow("broke-off") from None
        if answer.is_success:
            return
        if answer.is_server_error or answer.status_code in BUSY:
            raise NotNow("busy" if answer.status_code in BUSY else "failing")
        raise Undeliverable("redirected" if answer.is_redirect else "refused")


TEST: dict[str, object] = {
    "labels": {"alertname": "rozana-test", "severity": "info"},
    "annotations": {"summary": "A test from Rozana"},
}


def alerts_of(alert: About) -> list[dict[str, object]]:
    """As the API's `postableAlerts`. Labels tell which it is, annotations what it says.

    The level is a label, by which operators route: to Alertmanager an alert is another one on each. So what it was on
    lower levels ends where the next one begins; the end of what it never heard of is none of its news.
    """
    lower = [_posted(alert, level, ended=alert.raised_at) for level in range(1, alert.level)]
    return [*lower, _posted(alert, alert.level, ended=alert.over_at)]


def _posted(alert: About, level: int, *, ended: str | None) -> dict[str, object]:
    labels = {
        "alertname": f"rozana-{alert.rule.value}",
        "severity": SEVERITIES[min(level, len(SEVERITIES)) - 1],
        "state": alert.state,
        "subject": alert.subject,
        "period": alert.period,
        "level": str(level),
        "alert_id": alert.alert_id,
    }
    if ended is not None:  # without a beginning: Alertmanager keeps the one that it was told
        return {"labels": labels, "endsAt": ended}
    written = letter(Message("", (alert,)), "en")
    return {
        "labels": labels,
        "annotations": {"summary": written.title, "description": written.text, "alert": f"/v1/alerts/{alert.alert_id}"},
        "startsAt": alert.raised_at,
        "endsAt": format_instant(datetime.fromisoformat(alert.raised_at) + HELD),
    }
