"""A rule is a value: the kind of stream it watches, and one pure function from a record to alerts.

To add one: a module with `watch` and the value beside this one, a line in RULES (`rules/__init__.py`), a name in
`libs.events.alerts.Rule`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from libs.duty.state import DutyState
from libs.duty.transitions import Transition
from libs.events.alerts import AlertRaised, AlertResolved, Audience, Cause, Rule, alert_id
from libs.events.envelope import Event
from libs.events.policy_v1 import MOST_LOCK_DAYS
from libs.events.streams import Kind

REMEMBERED = timedelta(days=MOST_LOCK_DAYS + 2)
"""Longer than a day can change: until its lock, and a day of appends that were late. Also days that a later policy
judges before earlier ones are within it."""


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

    def day_closed(self, day: date) -> None:
        """`day` is judged: let go of the days that can no longer change."""
        for period in [each for each in self._by_period if each < (day - REMEMBERED).isoformat()]:
            del self._by_period[period]


@dataclass(frozen=True, slots=True)
class AlertRule:
    """name: also the alert's member. kind: the kind of stream it folds, one memory a stream.

    watch: (memory, record) -> the alerts that the record raises and resolves, in order. It may change the memory, and
    reads nothing else, so that the same stream gives the same alerts, whenever it is read.
    """

    name: Rule
    kind: Kind
    watch: Callable[[OpenAlerts, Seen], Iterable[AlertRaised | AlertResolved]]


def raised(
    rule: Rule,
    seen: Seen,
    district: str,
    *,
    tenure_id: str | None,
    period: str,
    level: int,
    audience: tuple[Audience, ...],
    at: datetime,
) -> AlertRaised:
    """The alert's first event. `at` is the instant that fell due, not when it was noticed."""
    return AlertRaised(
        state=seen.state,
        district=district,
        alert_id=alert_id(rule, district, period, level),
        rule=rule,
        subject_code=district,
        tenure_id=tenure_id,
        period=period,
        level=level,
        audience=audience,
        at=at,
        evidence=seen.evidence,
        cause=seen.cause,
    )


def resolved(alert: AlertRaised, seen: Seen, *, how: str, at: datetime, evidence: str | None) -> AlertResolved:
    """The alert's last event. `evidence` is the id of the event that ended it, if one did."""
    shown = () if evidence is None else (evidence,)
    return AlertResolved.model_validate(
        dict(alert) | {"how": how, "at": at, "evidence": shown, "cause": seen.cause},
    )
