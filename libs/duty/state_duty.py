"""The state machine of duty: a state's events in, status transitions out (guarantees 3 and 5).

Pure: it knows no clock but the stream's own. A day is judged when `clock.reached` has passed its grace_until, and every
transition is stamped with the instant that fell due or was received, so that judging three hours late gives the same
transitions with the same timestamps.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache

from pydantic import TypeAdapter

from libs.duty import judge, outages, owed
from libs.duty.days import OpenDay, ReportSeen
from libs.duty.examine import examine
from libs.duty.outcomes import EFFECTS, Effect, Outcome
from libs.duty.state import DutyState, Holiday
from libs.duty.transitions import Reason, ReportKept, Status, Transition
from libs.events.calendar import DayExcused, HolidayDeclared, HolidayRevoked
from libs.events.clock import ClockReached
from libs.events.districts import DistrictAdded, DistrictClosed
from libs.events.envelope import Event, Recorded
from libs.events.outages import JudgementConfirmed, OutageCredited
from libs.events.policy import PolicyAdopted
from libs.events.presidents import LeaveGranted, PresidentAppointed, PresidentRelieved
from libs.events.reports import ReportCorrected, ReportFiled, ReportReviewed
from libs.events.system import RecordSetAside
from libs.events.values import EventData

CLOCK_TOLERANCE = timedelta(seconds=5)
"""How far a clock.reached may lie ahead of its own append time before it is ignored."""

HANDLES: frozenset[type[EventData]] = frozenset(
    {
        PolicyAdopted,
        DistrictAdded,
        DistrictClosed,
        HolidayDeclared,
        HolidayRevoked,
        PresidentAppointed,
        PresidentRelieved,
        LeaveGranted,
        ReportFiled,
        ReportCorrected,
        ReportReviewed,
        DayExcused,
        OutageCredited,
        JudgementConfirmed,
        RecordSetAside,
        ClockReached,
    }
)
"""The event data that duty is made of: everything of a reports stream but what is said of duty itself."""


def ahead(clock: ClockReached, appended_at: datetime) -> bool:
    """Whether it cannot be: no instant is reached before the log's own clock has come to it."""
    return clock.at > appended_at + CLOCK_TOLERANCE


@dataclass(frozen=True, slots=True)
class Step:
    """What one event did."""

    outcome: Outcome
    transitions: tuple[Transition, ...] = ()
    days: Mapping[date, OpenDay] = field(default_factory=dict, compare=False)
    """Each day that a transition names, as it now stands: also one that the event let go of."""
    let_go: tuple[OpenDay, ...] = field(default=(), compare=False)
    """The days that are locked for good and no longer known, from the oldest on."""


@dataclass(slots=True)
class StateDuty(DutyState):
    """All that is owed in one state, at one offset of its reports stream."""

    def examine(self, event: Event) -> Outcome:
        """The outcome that `event` would have here; changes nothing."""
        return examine(self, event)

    def evolve(self, recorded: Recorded) -> Step:
        """Fold one event. An event folded again is a duplicate and changes no number; what is not handled, nothing."""
        event = recorded.event
        if type(event.data) not in HANDLES:
            return Step(Outcome.APPLIED)
        now = event.time
        if isinstance(event.data, ClockReached):
            now = event.data.at  # when somebody came to say so is of no account
            if ahead(event.data, recorded.appended_at):
                return Step(Outcome.CLOCK_AHEAD)
        transitions = list(owed.open_days(self, now))
        may_forget = bool(transitions) or isinstance(event.data, ClockReached)  # nothing else ends a day's time
        outcome = examine(self, event)
        match event.data:
            case ReportFiled() | ReportCorrected() if outcome in {Outcome.DUPLICATE, Outcome.CONFLICT}:
                transitions += self._fold_repeat(event, outcome)
            case _ if EFFECTS[outcome] is Effect.IGNORED:
                pass
            case ReportFiled() | ReportCorrected() as data:
                transitions.append(self._fold_report(event, data, outcome))
            case _:
                transitions += self._apply(event)
        days = {each.day: self.days[each.day] for each in transitions}
        let_go = tuple(judge.forget(self)) if may_forget else ()
        return Step(outcome, tuple(transitions), days, let_go)

    def hold(self, key: str, at: datetime, offset: int) -> tuple[Transition, ...]:
        """The record at `offset`, about the district (or state) `key`, cannot be read: nobody is accused.

        Its days that are not judged are unknown, and so is every later one, until somebody sets the record aside. at:
        when the log took the record. It may be the first one of its day. What is keyed by no district may be about any.
        """
        key = key if key.startswith(f"{self.state}.") else self.state
        transitions: list[Transition] = list(owed.open_days(self, at))
        if offset not in self.unread.setdefault(key, []):
            self.unread[key].append(offset)
        for day in self.days.values():
            for code, entry in day.entries.items():
                if key in {code, self.state} and not day.closed and entry.report_id is None:
                    entry.held = True
                    transitions += judge.doubt(day, code, entry)
        return tuple(transitions)

    def next_due(self) -> datetime | None:
        """The instant for which the next clock.reached is wanted; None while nothing can fall due."""
        return judge.next_due(self)

    def judged_at(self, due: datetime) -> Sequence[OpenDay]:
        """The days that a clock.reached of `due` judges, as they stand here; one of them may not have begun yet."""
        last = self.last_day()
        if last is None:
            return []
        days = [day for day in self.days.values() if not day.closed and day.held_until is None]
        tomorrow = last + owed.ONE_DAY
        if self.policies.deadlines(tomorrow).grace_until <= due:
            days.append(self.view(tomorrow))
        return [day for day in days if day.deadlines.grace_until <= due]

    def view(self, day: date) -> OpenDay:
        """The day as it stands here, also one that no event has opened yet, by today's roster. Needs a policy."""
        if day in self.days:
            return self.days[day]
        preview = OpenDay(day, self.policies.deadlines(day))
        preview.closed = self.clock is not None and self.clock >= preview.deadlines.grace_until
        for district in self.roster:
            for _ in owed.review(self, preview, district, preview.deadlines.opens):
                pass
        return preview

    def _fold_report(self, event: Event, data: ReportFiled | ReportCorrected, outcome: Outcome) -> Transition:
        day = self.days[data.day]
        entry = day.entry(data.district)
        day.reports[event.id] = ReportSeen(data.district, event.body_hash())
        if entry.report_id is None:
            entry.report_id = entry.version_id = event.id
            entry.tenure_id = data.tenure_id
        elif outcome is Outcome.APPLIED:
            entry.version_id = event.id
        else:
            entry.supplements.append(event.id)
        return self._received(day, data.district, event)

    def _fold_repeat(self, event: Event, outcome: Outcome) -> Iterator[Transition]:
        """A known id again: of two copies the earlier received_at counts; another body changes nothing but a count."""
        found = self.seen(event.id)
        assert found is not None  # noqa: S101 -- examine has seen it
        day, code = found[0], found[1].district
        entry = day.entries[code]
        if outcome is Outcome.CONFLICT:
            entry.conflicts += 1
            yield ReportKept(day.day, code, event.id)
        elif entry.received_at is not None and event.time < entry.received_at:
            yield self._received(day, code, event)

    def _received(self, day: OpenDay, code: str, event: Event) -> Transition:
        """The status comes from what was received first, which need not be what the log took first."""
        entry = day.entries[code]
        if entry.received_at is None or event.time < entry.received_at:
            entry.received_at = event.time
            if entry.status is not Status.EXCUSED:
                return owed.settle(day, code, entry, day.status_of(event.time), event.time, event.id)
        return ReportKept(day.day, code, event.id)

    def _apply(self, event: Event) -> Iterator[Transition]:  # noqa: PLR0912 -- one case a kind
        at = event.time
        match event.data:
            case PolicyAdopted() as data:
                self.policies.adopt(data, at, self.last_day())
                yield from owed.open_days(self, at)
            case DistrictAdded() as data:
                self.roster.add(data)
                yield from owed.review_district(self, data.district, at)
            case DistrictClosed() as data:
                self.roster.close(data, at)
                yield from owed.review_district(self, data.district, at)
            case PresidentAppointed() as data:
                self.roster.appoint(data, at)
                yield from owed.review_district(self, data.district, at)
            case PresidentRelieved() as data:
                self.roster.relieve(data, at)
                yield from owed.review_district(self, data.district, at)
            case LeaveGranted() as data:
                self.roster.grant(data)
                yield from owed.review_district(self, data.district, at)
            case HolidayDeclared(day=day, name=name):
                self._note_holiday(day, name, event.id)
                yield from owed.review_day(self, day, at)
            case HolidayRevoked(day=day):
                self._note_holiday(day, None, event.id)
                yield from owed.review_day(self, day, at)
            case DayExcused() as data:
                yield self._except(event, data)
            case OutageCredited() as data:
                policy = self.policies.on(data.day).policy
                yield from outages.credited(self.days[data.day], policy.credit, data, event.id)
            case JudgementConfirmed(day=day):
                yield from judge.release(self, self.days[day], at, event.id)
            case RecordSetAside(offset=offset):
                yield from owed.set_aside(self, offset, at)
            case ClockReached(at=reached):
                yield from judge.reach(self, reached)
            case _:  # a review changes no duty
                pass

    def _note_holiday(self, day: date, name: str | None, event_id: str) -> None:
        known = self.holidays.setdefault(day, Holiday(None, []))
        known.name = name
        known.events.append(event_id)

    def _except(self, event: Event, data: DayExcused) -> Transition:
        day = self.days[data.day]
        day.exceptions[data.district] = event.id
        entry = day.entry(data.district)
        entry.reason = Reason.EXCEPTION
        return owed.settle(day, data.district, entry, Status.EXCUSED, event.time, event.id)

    # -- snapshots ------------------------------------------------------------------------------------------------

    def dump(self) -> Mapping[str, object]:
        """As JSON values, for a snapshot document. What stands at its default is left out: most of an entry does."""
        return _adapter().dump_python(self, mode="json", exclude_defaults=True)  # type: ignore[no-any-return]

    @staticmethod
    def load(body: Mapping[str, object]) -> "StateDuty":
        """The inverse of `dump`."""
        return _adapter().validate_json(json.dumps(body))


@cache  # building the adapter takes milliseconds, and nothing about it varies
def _adapter() -> TypeAdapter[StateDuty]:
    return TypeAdapter(StateDuty)
