"""What must hold in any week: of duplicates, of crashes, of late clocks, and of whom is ever accused."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.duty.deadlines import deadlines
from libs.duty.outages import Gap
from libs.duty.outcomes import EFFECTS, Effect, Outcome
from libs.duty.state_duty import StateDuty
from libs.duty.transitions import (
    DayClosed,
    DayMissed,
    DayOpened,
    ReminderDue,
    ReportKept,
    Status,
    StatusChanged,
    Transition,
)
from libs.events.calendar import HolidayDeclared, HolidayRevoked
from libs.events.envelope import Event
from libs.events.policy import PolicyAdopted
from libs.events.presidents import LeaveGranted, PresidentAppointed, PresidentRelieved
from libs.events.reports import ReportCorrected, ReportFiled, ReportReviewed
from tests.duty.events import STATE, recorded
from tests.duty.scenarios import Logged, Run, logs, outages, without
from tests.duty.stories import without_conflicts

SLOW = (0, 0, 0, 3, 7, 4000, 100_000)
"""Seconds of delay, also such that a report received in time is found only after the day was judged, or forgotten."""
LAGS = [timedelta(hours=3), timedelta(days=1), timedelta(days=3, hours=1), timedelta(days=12)]


def judgements(transitions: Iterable[Transition]) -> set[tuple[object, ...]]:
    """All that a late clock must not change: who was judged and reminded how, and the instants."""
    found: set[tuple[object, ...]] = set()
    for each in transitions:
        match each:
            case StatusChanged():
                found.add((StatusChanged, each.day, each.district, each.after, each.at, each.tenure_id, each.evidence))
            case DayMissed():
                found.add((DayMissed, each.day, each.district, each.consecutive, each.at, each.tenure_id, each.ladder))
            case ReminderDue():
                found.add((ReminderDue, each.day, each.district, each.at, each.tenure_id))
            case DayClosed():
                found.add((DayClosed, each.day, each.at))
            case _:
                pass
    return found


def statuses(transitions: Iterable[Transition]) -> dict[tuple[date, str], Status]:
    """The last status that each district's day was said to have."""
    return {(each.day, each.district): each.after for each in transitions if isinstance(each, StatusChanged)}


@settings(max_examples=300)
@given(logs(), st.sampled_from(LAGS), st.booleans())
def test_judged_late_is_judged_the_same(log: Sequence[Logged], lag: timedelta, leaps: bool) -> None:
    in_time, behind = Run().through(log), Run(lag=lag, leaps=leaps).through(log)
    assert judgements(in_time.transitions) == judgements(behind.transitions)
    assert in_time.duty.dump() == behind.duty.dump()


@settings(max_examples=300)
@given(logs(), outages(), st.sampled_from(LAGS))
def test_an_outage_credited_late_gives_the_same_days(
    log: Sequence[Logged], gaps: Sequence[Gap], lag: timedelta
) -> None:
    log = without(log, gaps)
    in_time, behind = Run(gaps=gaps).through(log), Run(lag=lag, gaps=gaps).through(log)
    assert shown(in_time.duty) == shown(behind.duty)
    found = {each for each in judgements(in_time.transitions) if each[0] in (DayMissed, DayClosed)}
    assert found == {each for each in judgements(behind.transitions) if each[0] in (DayMissed, DayClosed)}


def shown(duty: StateDuty) -> object:
    """The days as anybody could see them. How often a status was said to be another on the way is left out."""
    return [
        (day.day, day.deadlines, day.closed, day.held_until, day.credits, code, entry.status, entry.received_at)
        for day in duty.days.values()
        for code, entry in day.entries.items()
    ]


@settings(max_examples=120)
@given(logs(delays=SLOW), outages())
def test_no_minute_of_an_outage_is_taken_from_anybody(log: Sequence[Logged], gaps: Sequence[Gap]) -> None:
    """Whoever has missed a day had all of its grace, less what the policy does not give back."""
    run = Run(gaps=gaps).through(without(log, gaps))
    for each in run.transitions:
        if isinstance(each, DayMissed):
            policy = run.duty.policies.on(each.day).policy
            limits = deadlines(each.day, policy)
            begin, most = (
                max(limits.remind_at, limits.opens),
                timedelta(minutes=policy.credit.max_minutes if policy.credit else 0),
            )
            down = [(max(gap.begin, begin), min(gap.end or each.at, each.at)) for gap in gaps]
            lost = sum((end - start for start, end in down if end > start), timedelta())
            assert each.at - limits.grace_until >= min(lost, most)


@settings(max_examples=120)
@given(logs(delays=SLOW), st.data())
def test_repeated_events_change_nothing(log: Sequence[Logged], data: st.DataObject) -> None:
    plain = Run().through(log)
    doubled = StateDuty(STATE)
    known: list[Event] = []
    for record, step in plain.steps:
        assert doubled.evolve(record) == step
        if EFFECTS[step.outcome] is not Effect.IGNORED and not isinstance(record.event.data, ReportReviewed):
            known.append(record.event)  # a review leaves nothing in duty by which to know it again
        if data.draw(st.booleans()) and known:
            again = data.draw(st.sampled_from(known))
            if _begins_a_day(doubled, again):  # a policy has brought midnight forward: as any later event would
                continue
            said = doubled.evolve(recorded(again, record.offset, record.appended_at))
            assert EFFECTS[said.outcome] is Effect.IGNORED
            assert said.outcome is Outcome.CONFLICT or not said.transitions
    assert without_conflicts(doubled) == without_conflicts(plain.duty)


def _begins_a_day(duty: StateDuty, event: Event) -> bool:
    last = duty.last_day()
    return last is not None and event.time >= duty.policies.deadlines(last + timedelta(days=1)).opens


@settings(max_examples=60)
@given(logs(delays=SLOW), st.data())
def test_a_crash_anywhere_changes_nothing(log: Sequence[Logged], data: st.DataObject) -> None:
    plain = Run().through(log)
    again = StateDuty(STATE)
    for record, step in plain.steps:
        if data.draw(st.booleans()):
            again = StateDuty.load(again.dump())
        assert again.evolve(record) == step
    assert again.dump() == plain.duty.dump()


@settings(max_examples=60)
@given(logs(delays=SLOW), st.sampled_from([timedelta(seconds=5), *LAGS]))
def test_every_day_that_was_opened_is_known_or_was_let_go_of_once(log: Sequence[Logged], lag: timedelta) -> None:
    run = Run(lag=lag).through(log)
    opened = [each.day for each in run.transitions if isinstance(each, DayOpened)]
    let_go = [day for _, step in run.steps for day in step.let_go]
    assert [day.day for day in let_go] + list(run.duty.days) == opened
    assert all(day.closed for day in let_go)


@settings(max_examples=120)
@given(logs(delays=SLOW), st.sampled_from([timedelta(seconds=5), *LAGS]))
def test_every_day_is_judged_once_and_nobody_twice(log: Sequence[Logged], lag: timedelta) -> None:
    run = Run(lag=lag).through(log)
    closings = Counter(each.day for each in run.transitions if isinstance(each, DayClosed))
    assert set(closings.values()) <= {1}
    misses = Counter((each.day, each.district) for each in run.transitions if isinstance(each, DayMissed))
    assert set(misses.values()) <= {1}
    reminders = Counter((each.day, each.district) for each in run.transitions if isinstance(each, ReminderDue))
    assert set(reminders.values()) <= {1}
    for (day, _), status in statuses(run.transitions).items():
        assert status is not Status.PENDING or day not in closings
    open_days = [day for day in run.duty.days.values() if not day.closed]
    assert all((day.held_until or day.deadlines.grace_until) > run.duty.clock for day in open_days if run.duty.clock)


@settings(max_examples=120)
@given(logs(delays=SLOW), st.sampled_from([timedelta(seconds=5), *LAGS]))
def test_a_report_received_in_time_is_never_missed_and_never_late(log: Sequence[Logged], lag: timedelta) -> None:
    run = Run(lag=lag).through(log)
    final = statuses(run.transitions)
    for event, outcome in run.outcomes():
        if isinstance(event.data, ReportFiled | ReportCorrected) and (
            EFFECTS[outcome] is not Effect.IGNORED or outcome is Outcome.DUPLICATE
        ):
            grace_until = run.duty.policies.deadlines(event.data.day).grace_until
            if event.time <= grace_until:
                # Said nothing of: it came to a day that the district did not owe.
                status = final.get((event.data.day, event.data.district), Status.EXCUSED)
                assert status not in {Status.MISSED, Status.LATE, Status.PENDING}


@settings(max_examples=120)
@given(logs(delays=SLOW), st.sampled_from([timedelta(seconds=5), *LAGS]))
def test_nobody_is_accused_of_what_he_did_not_owe(log: Sequence[Logged], lag: timedelta) -> None:
    run = Run(lag=lag).through(log)
    applied = [event for event, outcome in run.outcomes() if EFFECTS[outcome] is Effect.APPLIED]
    for each in run.transitions:
        if isinstance(each, DayMissed):
            assert _owed(applied, run, each)


def _owed(applied: Sequence[Event], run: Run, miss: DayMissed) -> bool:
    """By what was logged before the miss, told without any machinery: somebody held the district, and no excuse."""
    due_at = run.duty.policies.deadlines(miss.day).due_at
    adopted = run.duty.policies.on(miss.day)
    holder = holiday = leave = False
    until: date | None = None
    for event in applied:
        match event.data:
            case PolicyAdopted() as data if data == adopted.policy:
                assert event.time < due_at
            case PresidentAppointed(tenure_id=miss.tenure_id) as data:
                holder = data.since <= miss.day and event.time < due_at
            case PresidentRelieved(tenure_id=miss.tenure_id) as data if event.time < miss.at and _in_time(event, run):
                until = data.until
            case LeaveGranted(tenure_id=miss.tenure_id) as data if event.time < miss.at and _in_time(event, run):
                leave = leave or data.from_ <= miss.day <= data.to
            case HolidayDeclared(day=miss.day) if event.time < miss.at:
                holiday = True
            case HolidayRevoked(day=miss.day) if event.time < miss.at:
                holiday = False
            case _:
                pass
    return holder and not holiday and not leave and (until is None or miss.day < until)


def _in_time(event: Event, run: Run) -> bool:
    """Whether the log took it before anything could have been judged of what it says."""
    record = next(record for record, _ in run.steps if record.event is event)
    return record.appended_at - event.time < timedelta(seconds=5)


@settings(max_examples=60)
@given(logs())
def test_only_reports_are_kept(log: Sequence[Logged]) -> None:
    run = Run().through(log)
    ids = {event.id for event, _ in run.outcomes() if isinstance(event.data, ReportFiled | ReportCorrected)}
    assert {each.report_id for each in run.transitions if isinstance(each, ReportKept)} <= ids


def test_a_quiet_year_is_cheap_to_remember() -> None:
    """The state never holds more days than can change."""
    from tests.duty.events import added, appointed, clock_reached, policy

    run = Run()
    for event in (policy(), added("guna"), appointed("guna")):
        run.fold(event, event.time)
    last: datetime | None = None
    for _ in range(2 * 365):
        due = run.duty.next_due()
        assert due is not None
        assert last is None or due > last
        run.fold(clock_reached(due), due + timedelta(seconds=5))
        last = due
    assert len(run.duty.days) <= 10
