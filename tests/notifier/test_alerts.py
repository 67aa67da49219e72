"""The projection behind /v1/alerts: given events, it shows this document; folded twice, it shows the same."""

from datetime import UTC, datetime, timedelta

from libs.events.alerts import (
    AlertAcknowledged,
    AlertData,
    AlertEscalated,
    AlertRaised,
    AlertResolved,
    AlertSnoozed,
    Rule,
    alert_id,
)
from libs.events.clock import ClockReached
from libs.events.envelope import Event, Recorded
from libs.events.values import Cause
from libs.runtime.batch import Unreadable
from libs.runtime.principal import ROLES
from libs.runtime.projection import Body, Documents
from services.notifier.alerts import ALERTS, GRIEVANCE_ALERTS, may_see
from tests.duty.events import code, named, tenure

STREAM = "rozana.in-mp.alerts"
ALERT = alert_id(Rule.MISSED_REPORT, code("guna"), "2026-11-23", 1)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def event(data_type: type[AlertData], offset: int, **more: object) -> Event:
    """An event of the alert, caused by the record at `offset`, an hour of the clock for each."""
    data = data_type.model_validate(
        {
            "state": "in-mp",
            "alert_id": ALERT,
            "rule": Rule.MISSED_REPORT,
            "subject": code("guna"),
            "tenure_id": tenure("guna"),
            "period": "2026-11-23",
            "level": 1,
            "audience": ("president", "pcc"),
            "at": NOON + timedelta(hours=offset),
            "evidence": (named(f"evidence {offset}"),),
            "cause": Cause(stream="rozana.in-mp.reports", offset=offset),
        }
        | more
    )
    return Event(data.event_id(), "urn:rozana:notifier", NOON + timedelta(hours=offset, seconds=5), data)


RAISED = event(AlertRaised, 0, escalate_minutes=())
ACKNOWLEDGED = event(AlertAcknowledged, 1, by="pcc:office", note="calling him")
SNOOZED = event(AlertSnoozed, 2, by="pcc:office", until=NOON + timedelta(days=1))
ESCALATED = event(AlertEscalated, 3, level=2, audience=("aicc",))
RESOLVED = event(AlertResolved, 4, how="late")


class Shown:
    """A collection of one alert, and the projection's snapshot."""

    def __init__(self) -> None:
        self.documents = Documents({})
        self.snapshot = ALERTS.initial("in-mp")
        self._log: list[Event] = []

    def fold(self, *events: Event) -> "Shown":
        for each in events:
            self._log.append(each)
            self._fold(len(self._log) - 1)
        return self

    def again(self) -> "Shown":
        """All offsets once more, from an old snapshot."""
        ignored, self.snapshot = self.snapshot, ALERTS.initial("in-mp")
        for offset in range(len(self._log)):
            self._fold(offset)
        assert self.snapshot.events <= ignored.events
        return self

    def _fold(self, offset: int) -> None:
        recorded = Recorded(self._log[offset], STREAM, offset, self._log[offset].time)
        self.documents.offset = offset
        assert set(ALERTS.keys(recorded)) <= {ALERT}
        ALERTS.evolve(self.snapshot, self.documents, recorded)

    @property
    def alert(self) -> Body:
        found = self.documents.get(ALERT)
        assert found is not None
        return found


def given(*events: Event) -> Shown:
    return Shown().fold(*events)


def test_a_raised_alert() -> None:
    assert given(RAISED).alert == {
        "alert_id": ALERT,
        "state": "in-mp",
        "rule": "missed-report",
        "subject": "in-mp.guna",
        "tenure_id": tenure("guna"),
        "period": "2026-11-23",
        "level": 1,
        "status": "open",
        "audience": ["president", "pcc"],
        "told_from": "president",
        "raised_at": "2026-11-24T12:00:00Z",
        "resolved_at": None,
        "how": None,
        "evidence": [named("evidence 0")],
        "history": [
            {"id": RAISED.id, "type": "alert.raised", "at": "2026-11-24T12:00:00Z", "time": "2026-11-24T12:00:05Z"}
        ],
    }


def test_the_life_of_an_alert() -> None:
    shown = given(RAISED)
    statuses = []
    for each in (ACKNOWLEDGED, SNOOZED, ESCALATED, RESOLVED):
        shown.fold(each)
        statuses.append((shown.alert["status"], shown.alert["level"], shown.alert["audience"]))
    assert statuses == [
        ("acknowledged", 1, ["president", "pcc"]),
        ("snoozed", 1, ["president", "pcc"]),
        ("open", 2, ["aicc"]),
        ("resolved", 2, ["aicc"]),
    ]
    assert (shown.alert["resolved_at"], shown.alert["how"]) == ("2026-11-24T16:00:00Z", "late")
    assert shown.alert["evidence"] == [named(f"evidence {offset}") for offset in range(5)]
    history = shown.alert["history"]
    assert isinstance(history, list)
    assert [line["type"].removeprefix("alert.") for line in history] == [
        "raised",
        "acknowledged",
        "snoozed",
        "escalated",
        "resolved",
    ]
    assert history[1]["by"] == "pcc:office"
    assert history[1]["note"] == "calling him"
    assert "until" not in history[1]
    assert "note" not in history[2]
    assert history[2]["until"] == "2026-11-25T12:00:00Z"
    assert history[4]["how"] == "late"


def test_what_comes_again_changes_nothing() -> None:
    events = (RAISED, ACKNOWLEDGED, SNOOZED, ESCALATED, RESOLVED)
    once = given(*events)
    twice = given(*(each for each in events for _ in range(2)))
    assert twice.alert == once.alert
    assert twice.snapshot.events == once.snapshot.events == 0
    before = once.alert
    assert once.again().alert == before
    assert once.snapshot.events == 0


def test_what_has_no_place_is_ignored_and_counted() -> None:
    """A resolution before the alert, a second resolution, an acknowledgement that came too late, a second raise."""
    early = given(RESOLVED)
    assert early.documents.get(ALERT) is None
    assert early.snapshot.events == 1
    resolved = given(RAISED, RESOLVED)
    before = resolved.alert
    resolved.fold(event(AlertResolved, 5, how="excused"), ACKNOWLEDGED)
    assert resolved.alert == before
    assert resolved.snapshot.events == 2
    raised = given(RAISED)
    before = raised.alert
    assert raised.fold(event(AlertRaised, 6, escalate_minutes=())).alert == before
    assert raised.snapshot.events == 1


def test_what_is_not_about_alerts_is_passed_over() -> None:
    shown = given(Event(named("clock"), "urn:test", NOON, ClockReached(state="in-mp", at=NOON)))
    assert shown.documents.touched() == []
    assert shown.snapshot.events == 0
    ALERTS.hold(shown.snapshot, shown.documents, Unreadable(STREAM, 1, code("guna"), NOON))
    assert shown.documents.touched() == []


def test_the_snapshot_comes_back() -> None:
    shown = given(RESOLVED)
    assert ALERTS.load(ALERTS.dump(shown.snapshot)) == shown.snapshot


def test_the_two_collections_are_apart() -> None:
    assert (ALERTS.name, ALERTS.kind) == ("alerts", "alerts")
    assert (GRIEVANCE_ALERTS.name, GRIEVANCE_ALERTS.kind) == ("grievance_alerts", "grievances")


def test_an_escalation_may_widen_who_sees_it_and_nothing_narrows_it() -> None:
    shown = given(event(AlertRaised, 0, escalate_minutes=(), audience=("aicc",)))
    seen = [shown.alert["told_from"]]
    for offset, audience in enumerate([("pcc", "aicc"), ("aicc",), ("president",), ("operator",)], start=1):
        shown.fold(event(AlertEscalated, offset, level=1 + offset, audience=audience))
        seen.append(shown.alert["told_from"])
    assert seen == ["aicc", "pcc", "pcc", "president", "president"]


def test_what_operators_alone_are_told_only_aicc_sees_besides() -> None:
    assert given(event(AlertRaised, 0, escalate_minutes=(), audience=("operator",))).alert["told_from"] == "aicc"
    assert [may_see(role) for role in ROLES] == [
        ("president",),
        ("president", "pcc"),
        ("president", "pcc", "aicc"),
        (),
        (),
    ]
