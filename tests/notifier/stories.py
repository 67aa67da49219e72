"""given(events).when(events).then(alerts): what the rules say of a story, and that they say it only once.

Every story is folded a second time with every event repeated at once, as raw topics may do: it must say the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.duty.state_duty import StateDuty
from libs.events.alerts import AlertData, AlertResolved, Rule, alert_id
from libs.events.envelope import Event, Recorded
from libs.events.grievances import GrievanceRaised, Severity
from services.notifier.rules import RULES
from services.notifier.rules.rule import AlertRule, Seen
from tests.duty.events import STATE, STREAM, code, event, instant, named

GRIEVANCES = f"rozana.{STATE}.grievances"


@dataclass(frozen=True, slots=True)
class Said:
    """The part of an alert's event that a story tells."""

    rule: Rule
    district: str
    period: str
    level: int
    at: datetime
    how: str | None
    """None: raised."""


def raised(rule: Rule, district: str, period: str, at: str, *, level: int = 1) -> Said:
    return Said(rule, code(district), period, level, instant(at), None)


def resolved(rule: Rule, district: str, period: str, at: str, *, how: str, level: int = 1) -> Said:
    return Said(rule, code(district), period, level, instant(at), how)


def grievance(name: str, district: str, on: str) -> Event:
    data = GrievanceRaised(
        state=STATE, district=code(district), grievance_id=named(name), category="conduct", severity=Severity.HIGH
    )
    return event(data, f"{on}T00:00+00:00", name)


class _Telling:
    """The rules over one copy of the streams."""

    def __init__(self, rules: Sequence[AlertRule[Any]]) -> None:
        self.duty = StateDuty(STATE)
        self.memories = [(rule, rule.memory()) for rule in rules if rule.kind != "alerts"]
        self._ends = {STREAM: 0, GRIEVANCES: 0}

    def fold(self, said: Event) -> list[AlertData]:
        if isinstance(said.data, GrievanceRaised) or said.source == GRIEVANCES:
            return self._watch(Seen(STATE, GRIEVANCES, self._next(GRIEVANCES), said))
        offset = self._next(STREAM)
        step = self.duty.evolve(Recorded(said, STREAM, offset, said.time))
        return self._watch(Seen(STATE, STREAM, offset, said, step.transitions, self.duty))

    def hold(self, key: str, at: datetime) -> list[AlertData]:
        offset = self._next(STREAM)
        return self._watch(Seen(STATE, STREAM, offset, None, self.duty.hold(key, at, offset), self.duty))

    def _next(self, stream: str) -> int:
        self._ends[stream] += 1
        return self._ends[stream] - 1

    def _watch(self, seen: Seen) -> list[AlertData]:
        return [alert for rule, memory in self.memories for alert in rule.watch(memory, seen)]


class Story:
    """What has been logged so far, and what the rules said to the last step. Each method returns the story."""

    def __init__(self, rules: Sequence[AlertRule[Any]] = RULES) -> None:
        self.alerts: list[AlertData] = []
        self._once, self._twice = _Telling(rules), _Telling(rules)

    def when(self, *events: Event) -> "Story":
        self.alerts, doubled = [], []
        for each in events:
            self.alerts += self._once.fold(each)
            doubled += self._twice.fold(each)
            doubled += self._twice.fold(each)
        assert told(doubled) == told(self.alerts)
        return self

    def hold(self, district: str, at: str) -> "Story":
        """A record of the district, appended at `at`, cannot be read."""
        self.alerts = self._once.hold(code(district), instant(at))
        assert told(self._twice.hold(code(district), instant(at))) == told(self.alerts)
        assert self._twice.hold(code(district), instant(at)) == []
        return self

    def then(self, *expected: Said) -> "Story":
        """The last step said exactly this, in this order."""
        assert told(self.alerts) == list(expected)
        for alert in self.alerts:
            assert alert.alert_id == alert_id(alert.rule, alert.subject_code, alert.period, alert.level)
            assert alert.state == STATE
            assert alert.subject == alert.subject_code
        return self


def told(alerts: Sequence[AlertData]) -> list[Said]:
    return [
        Said(
            alert.rule,
            alert.subject_code,
            alert.period,
            alert.level,
            alert.at,
            alert.how if isinstance(alert, AlertResolved) else None,
        )
        for alert in alerts
    ]


def given(*events: Event, rules: Sequence[AlertRule[Any]] = RULES) -> Story:
    return Story(rules).when(*events)
