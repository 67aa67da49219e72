"""What must hold in any week: an alert is raised once and resolved at most once, and a late clock says the same."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.duty.state_duty import Step
from libs.duty.transitions import DayClosed
from libs.events.alerts import AlertData, AlertRaised, AlertResolved, Rule
from libs.events.envelope import Event
from services.notifier.rules import RULES
from services.notifier.rules.rule import Seen
from tests.duty.events import APPEND_DEADLINE, STATE, STREAM
from tests.duty.scenarios import Logged, Run, logs
from tests.notifier.stories import told

LATE = [timedelta(hours=3), timedelta(days=1), timedelta(days=3, hours=1), timedelta(days=12)]
SLOW = (0, 0, 0, 3, 7, 4000, 100_000)
"""Seconds from received to appended: a report in time may be found after the judgement."""


@dataclass
class Watched(Run):
    """A week that the rules watch."""

    alerts: list[AlertData] = field(default_factory=list)
    memories: list[Any] = field(default_factory=lambda: [rule.memory() for rule in RULES])

    def fold(self, event: Event, appended_at: datetime) -> Step:
        step = super().fold(event, appended_at)
        seen = Seen(STATE, STREAM, len(self.steps) - 1, event, step.transitions, self.duty)
        for rule, memory in zip(RULES, self.memories, strict=True):
            self.alerts += rule.watch(memory, seen)
        return step


def watched(log: Sequence[Logged], lag: timedelta = APPEND_DEADLINE, *, leaps: bool = False) -> Watched:
    run = Watched(lag, leaps)
    run.through(log)
    return run


@settings(max_examples=200, deadline=None, derandomize=True)
@given(logs(), st.sampled_from(LATE), st.booleans())
def test_a_late_clock_says_the_same(log: Sequence[Logged], lag: timedelta, leaps: bool) -> None:
    in_time, behind = watched(log), watched(log, lag, leaps=leaps)
    assert sorted(told(in_time.alerts), key=str) == sorted(told(behind.alerts), key=str)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(logs(delays=SLOW), st.sampled_from([APPEND_DEADLINE, *LATE]))
def test_each_alert_is_raised_once_and_then_resolved_at_most_once(log: Sequence[Logged], lag: timedelta) -> None:
    run = watched(log, lag)
    alerts = run.alerts
    raised = Counter(alert.alert_id for alert in alerts if isinstance(alert, AlertRaised))
    resolved = Counter(alert.alert_id for alert in alerts if isinstance(alert, AlertResolved))
    assert set(raised.values()) <= {1}
    assert set(resolved.values()) <= {1}
    assert set(resolved) <= set(raised)
    judged = {each.day.isoformat() for each in run.transitions if isinstance(each, DayClosed)}
    for alert in alerts:
        if alert.rule is Rule.DUE_SOON and alert.period in judged:
            assert alert.alert_id in resolved
    ids = [alert.event_id() for alert in alerts]
    assert len(ids) == len(set(ids))
    seen: set[str] = set()
    for alert in alerts:
        assert isinstance(alert, AlertRaised) or alert.alert_id in seen
        seen.add(alert.alert_id)
