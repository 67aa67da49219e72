"""A rule is a value: the kind of stream it watches, and one pure function from a record to what is said of alerts.

To add one: a module with `watch` and the value beside this one, a line in RULES (`rules/__init__.py`), a name in
`libs.events.alerts.Rule` and its line in LADDERS.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Generic, TypeVar

from libs.duty.days import OpenDay
from libs.duty.state import DutyState
from libs.duty.transitions import Transition
from libs.events.alerts import AlertData, AlertRaised, AlertResolved, Audience, Rule, alert_id
from libs.events.envelope import Event
from libs.events.policy import MOST_HELD_HOURS
from libs.events.policy_v1 import MOST_LOCK_DAYS
from libs.events.streams import Kind
from libs.events.values import Cause

LADDERS: Mapping[Rule, Sequence[tuple[Audience, ...]]] = {
    Rule.DUE_SOON: (("president",),),
    Rule.MISSED_REPORT: (("president", "pcc"), ("president", "pcc"), ("president", "pcc", "aicc")),
    Rule.JUDGEMENT_HELD: (("operator",),),
    Rule.LEFT_UNACKNOWLEDGED: (("aicc",),),
    Rule.RECOVERED: (("president", "pcc"),),
    Rule.PERFECT_WEEK: (("president", "pcc"),),
    Rule.GRIEVANCE_RAISED: (("aicc",),),
    Rule.GRIEVANCE_OVERDUE: (("aicc",),),
    Rule.GRIEVANCE_SURGE: (("aicc",),),
}
"""Who is told, by level from 1; what lies above the last is told as the last. An alert escalates up to the last."""
REMEMBERED = timedelta(days=MOST_LOCK_DAYS + 2, hours=MOST_HELD_HOURS)
"""Longer than a day can change: until its lock, a day of appends that were late, and a hold. Also days that a later
policy judges before earlier ones are within it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One record of a stream, and what it did to the state's duty."""

    state: str
    stream: str
    offset: int
    event: Event | None
    """None: the record could not be read."""
    transitions: Sequence[Transition] = ()
    duty: DutyState | None = None
    """With the transitions, of a reports stream: as it stands behind the record. Only to be read."""

    @property
    def days(self) -> Mapping[date, OpenDay]:
        """The days that can still change."""
        return {} if self.duty is None else self.duty.days

    def escalate_minutes(self, day: date) -> Sequence[int]:
        """After how many minutes an alert on the day goes up, by the day's policy."""
        return () if self.duty is None else self.duty.policies.on(day).policy.escalate_minutes

    @property
    def cause(self) -> Cause:
        return Cause(stream=self.stream, offset=self.offset)

    @property
    def evidence(self) -> tuple[str, ...]:
        """The record itself, as what shows the condition."""
        return () if self.event is None else (self.event.id,)


@dataclass(slots=True)
class OpenAlerts:
    """A rule's memory in one stream: what it has raised and not resolved. A fold of that stream, like duty itself."""

    _by_period: dict[str, dict[str, list[AlertRaised]]] = field(default_factory=dict)

    def of(self, subject: str, period: str) -> Sequence[AlertRaised]:
        return self._by_period.get(period, {}).get(subject, ())

    def add(self, alert: AlertRaised) -> None:
        self._by_period.setdefault(alert.period, {}).setdefault(alert.subject_code, []).append(alert)

    def take(self, subject: str, period: str) -> Sequence[AlertRaised]:
        """All levels of it, which are no longer open then."""
        return self._by_period.get(period, {}).pop(subject, ())

    def before(self, day: date) -> Mapping[str, Sequence[str]]:
        """The subjects with something open of an earlier day, each with those periods in order."""
        found: dict[str, list[str]] = {}
        for period in sorted(each for each in self._by_period if each < day.isoformat()):
            for subject in self._by_period[period]:
                found.setdefault(subject, []).append(period)
        return found

    def day_closed(self, day: date) -> Sequence[AlertRaised]:
        """`day` is judged: let go of the days that can no longer change, and tell what was still open of them."""
        gone = sorted(each for each in self._by_period if each < (day - REMEMBERED).isoformat())
        by_subject = [self._by_period.pop(period) for period in gone]
        return [alert for each in by_subject for alerts in each.values() for alert in alerts]


M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class AlertRule(Generic[M]):
    """kind: the kind of stream it folds, one memory a stream.

    watch: (memory, record) -> what the record makes it say of alerts, in order. It may change the memory, and reads
    nothing else, so that the same stream says the same, whenever it is read.

    next_due: the instant for which the rule wants a clock.reached in its stream.
    """

    name: str
    kind: Kind
    memory: Callable[[], M]
    watch: Callable[[M, Seen], Iterable[AlertData]]
    next_due: Callable[[M], datetime | None] = lambda _memory: None


def audience_of(rule: Rule, level: int) -> tuple[Audience, ...]:
    """Who is told of an alert at this level."""
    ladder = LADDERS[rule]
    return ladder[min(level, len(ladder)) - 1]


def raised(
    rule: Rule,
    seen: Seen,
    subject: str,
    *,
    tenure_id: str | None,
    period: str,
    at: datetime,
    level: int = 1,
    escalate_minutes: Sequence[int] = (),
) -> AlertRaised:
    """The alert's first event. `at` is the instant that fell due, not when it was noticed; `subject` a district or the
    state; `escalate_minutes` the policy's.
    """
    return AlertRaised(
        state=seen.state,
        alert_id=alert_id(rule, subject, period, level),
        rule=rule,
        subject_code=subject,
        tenure_id=tenure_id,
        period=period,
        level=level,
        audience=audience_of(rule, level),
        at=at,
        evidence=seen.evidence,
        cause=seen.cause,
        escalate_minutes=tuple(escalate_minutes[: max(len(LADDERS[rule]) - level, 0)]),
    )


def resolved(alert: AlertRaised, seen: Seen, *, how: str, at: datetime, evidence: str | None) -> AlertResolved:
    """The alert's last event. `evidence` is the id of the event that ended it, if one did."""
    shown = () if evidence is None else (evidence,)
    return said(AlertResolved, alert, how=how, at=at, evidence=shown, cause=seen.cause)


A = TypeVar("A", bound=AlertData)


def said(model: type[A], alert: AlertData, **new: object) -> A:
    """Another event of the same alert, with what is new in it."""
    return model.model_validate({name: getattr(alert, name) for name in AlertData.model_fields} | new)
