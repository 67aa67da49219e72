"""given(events).when(events).then(transitions): what a state's duty says of a story, and that it says it only once.

Every story is folded twice more, side by side: with every event repeated at once and again after each step, and through
a snapshot after each event. All three must say the same and end up the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from libs.duty.days import Entry
from libs.duty.outcomes import EFFECTS, Effect, Outcome
from libs.duty.state_duty import StateDuty, Step
from libs.duty.transitions import (
    DayClosed,
    DayMissed,
    DayOpened,
    GraceMoved,
    JudgementHeld,
    Reason,
    ReminderDue,
    ReportKept,
    Status,
    StatusChanged,
    Transition,
)
from libs.events.envelope import Event
from tests.duty.events import STATE, code, day, instant, recorded, tenure

LADDER = (1, 3, 7)


class Late:
    """An event that the log took later than it was received."""

    def __init__(self, event: Event, appended_at: str | datetime) -> None:
        self.event, self.appended_at = event, instant(appended_at)


def late(event: Event, *, appended_at: str | datetime) -> Late:
    return Late(event, appended_at)


class Story:
    """What has been logged so far, and what the last step said. Each method returns the story itself."""

    def __init__(self) -> None:
        self.duty = StateDuty(STATE)
        self.steps: list[Step] = []
        """Of the last `when`."""
        self._doubled = StateDuty(STATE)
        self._snapshot = StateDuty(STATE)
        self._log: list[Late] = []

    # -- what happens ---------------------------------------------------------------------------------------------

    def when(self, *said: Event | Late) -> "Story":
        self.steps = []
        for each in said:
            item = each if isinstance(each, Late) else Late(each, each.time)
            self._fold(item)
        for known in self._log:
            assert _said(self._repeat(known)) == []
        assert without_conflicts(self._doubled) == without_conflicts(self.duty)
        return self

    def hold(self, key: str, at: str, offset: int = 7) -> "Story":
        """The record of `key` at this offset cannot be read."""
        transitions = self.duty.hold(key, instant(at), offset)
        self.steps = [Step(Outcome.APPLIED, transitions)]
        assert self._doubled.hold(key, instant(at), offset) == transitions
        assert self._snapshot.hold(key, instant(at), offset) == transitions
        assert self._doubled.hold(key, instant(at), offset) == ()
        return self

    def _fold(self, item: Late) -> None:
        before = self.duty.dump()
        self.duty.examine(item.event)
        assert self.duty.dump() == before, "examine has changed something"
        record = recorded(item.event, len(self._log), item.appended_at)
        step = self.duty.evolve(record)
        self.steps.append(step)
        assert self._doubled.evolve(record) == step
        self._snapshot = StateDuty.load(self._snapshot.dump())
        assert self._snapshot.evolve(record) == step
        assert self._snapshot.dump() == self.duty.dump()
        if EFFECTS[step.outcome] is not Effect.IGNORED:
            self._log.append(item)
            assert _said(self._repeat(item)) == []

    def _repeat(self, item: Late) -> Step:
        return self._doubled.evolve(recorded(item.event, len(self._log), item.appended_at))

    # -- what is said of it ---------------------------------------------------------------------------------------

    @property
    def transitions(self) -> list[Transition]:
        """What the last step said, all of it, in order."""
        return [each for step in self.steps for each in step.transitions]

    def then(self, *expected: Transition) -> "Story":
        """The last step said exactly these, among transitions of their kinds, in this order.

        How districts first came on a board is left out, unless it is expected.
        """
        kinds = {type(each) for each in expected}
        said = self.transitions if any(map(_first, expected)) else self._told()
        assert [each for each in said if type(each) in kinds] == list(expected)
        return self

    def then_no(self, *kinds: type[Transition]) -> "Story":
        """The last step said nothing of these kinds; without kinds, nothing at all. Boards are left out, as above."""
        found = [each for each in self._told() if type(each) in (kinds or {type(each)} - {DayOpened})]
        assert found == []
        return self

    def _told(self) -> list[Transition]:
        return [each for each in self.transitions if not _first(each)]

    def outcome(self, *expected: Outcome) -> "Story":
        """What the events of the last step turned out to be."""
        assert [step.outcome for step in self.steps] == list(expected)
        return self

    def shows(self, district: str, on: str, status: str, **fields: object) -> "Story":
        """How the district's day stands now; fields are those of Entry."""
        entry = self.entry(district, on)
        found = {"status": entry.status.value} | {name: getattr(entry, name) for name in fields}
        assert found == {"status": status} | fields
        return self

    def entry(self, district: str, on: str) -> Entry:
        return self.duty.view(day(on)).entries[code(district)]


def given(*said: Event | Late) -> Story:
    return Story().when(*said)


def _first(transition: Transition) -> bool:
    return isinstance(transition, StatusChanged) and transition.before is None


def _said(step: Step) -> list[Transition]:
    """A conflict is said each time it is met, and only then may a repeated event say anything."""
    return [] if step.outcome is Outcome.CONFLICT else list(step.transitions)


def without_conflicts(duty: StateDuty) -> Mapping[str, object]:
    """The whole state, but for how often each conflict was met."""
    copy = StateDuty.load(duty.dump())
    for each in copy.days.values():
        each.entries = {name: replace(entry, conflicts=0) for name, entry in each.entries.items()}
    return copy.dump()


# -- transitions in few words -----------------------------------------------------------------------------------------


def opened(*days: str) -> list[DayOpened]:
    return [DayOpened(day(each)) for each in days]


def closed(on: str, at: str, *, released: str | None = None) -> DayClosed:
    return DayClosed(day(on), instant(at), released_at=None if released is None else instant(released))


def missed(
    district: str,
    *,
    day: str,
    consecutive: int = 1,
    at: str | None = None,
    holder: str = "asha",
    ladder: tuple[int, ...] = LADDER,
) -> DayMissed:
    """`at` is the midnight that ends the day, unless said otherwise."""
    on = date.fromisoformat(day)
    instant_due = instant(at or f"{on + timedelta(days=1)}T00:00")
    return DayMissed(on, code(district), tenure(district, holder), instant_due, consecutive, ladder)


def changed(
    district: str,
    *,
    day: str,
    to: str,
    at: str,
    before: str | None = "pending",
    holder: str | None = "asha",
    by: Event | None = None,
) -> StatusChanged:
    """`by` is the event that is the evidence."""
    return StatusChanged(
        date.fromisoformat(day),
        code(district),
        None if before is None else Status(before),
        Status(to),
        None if holder is None else tenure(district, holder),
        instant(at),
        by.id if by else None,
    )


def reminded(
    district: str,
    *,
    day: str,
    at: str | None = None,
    holder: str = "asha",
    settled: str | None = None,
    settled_at: str | None = None,
) -> ReminderDue:
    """`at` is 19:00 of the day, unless said otherwise."""
    return ReminderDue(
        date.fromisoformat(day),
        code(district),
        tenure(district, holder),
        instant(at or f"{day}T19:00"),
        Status(settled) if settled else None,
        instant(settled_at) if settled_at else None,
    )


def moved(on: str, until: str) -> GraceMoved:
    return GraceMoved(day(on), instant(until))


def held(on: str, at: str, *, until: str, silent: int, of: int) -> JudgementHeld:
    return JudgementHeld(day(on), instant(at), instant(until), silent, of)


def kept(district: str, *, day: str, report: Event) -> ReportKept:
    return ReportKept(date.fromisoformat(day), code(district), report.id)


def days_of(said: Iterable[Transition], kind: type[Transition]) -> list[date]:
    return [each.day for each in said if isinstance(each, kind)]


__all__ = [
    "LADDER",
    "Late",
    "Reason",
    "Story",
    "changed",
    "closed",
    "days_of",
    "given",
    "held",
    "kept",
    "late",
    "missed",
    "moved",
    "opened",
    "reminded",
    "without_conflicts",
]
