"""The table of guarantee 3, row by row: a story that leads to each outcome, and what it changes."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from libs.duty.outcomes import EFFECTS, Effect, Outcome
from libs.duty.state_duty import HANDLES, StateDuty
from libs.events.catalogue import CATALOGUE
from libs.events.digest import StateDayClosed
from libs.events.envelope import Event
from libs.events.grievances import GrievanceRaised, Severity
from tests.duty.events import (
    EARLY,
    STATE,
    added,
    appointed,
    clock_reached,
    closed_district,
    confirmed,
    corrected,
    credited,
    event,
    excused,
    filed,
    holiday,
    instant,
    named,
    no_holiday,
    on_leave,
    policy,
    recorded,
    relieved,
    reviewed,
    set_aside,
)
from tests.duty.stories import Late, Story, given, late
from tests.events import golden

DAY, NEXT_DAY = "2026-11-23", "2026-11-24"
NOON, NEXT_NOON = "2026-11-23T12:00", "2026-11-24T12:00"
REPORT = filed("guna", DAY, NOON)
HOLIDAY = holiday(DAY)
CREDIT = credited(DAY, "2026-11-23T20:00", "2026-11-23T20:40", 40, at="2026-11-23T20:41")
CREDIT_LATER = credited(DAY, "2026-11-23T21:00", "2026-11-23T21:40", 40, at=NEXT_NOON)
REVOKED = no_holiday(DAY, at="2026-11-22T10:00")

Start = Callable[[], Story]


def guna() -> Story:
    return given(policy(), added("guna"), appointed("guna"))


def guna_filed() -> Story:
    return guna().when(REPORT)


def guna_judged() -> Story:
    return guna().when(clock_reached(NEXT_DAY + "T00:00"))


def guna_closed() -> Story:
    return guna().when(closed_district("guna", at=NOON))


def guna_credited() -> Story:
    return given(policy(credit=240), added("guna"), appointed("guna"), CREDIT)


ROWS: list[tuple[Outcome, Start, Event | Late]] = [
    (Outcome.APPLIED, guna, REPORT),
    (Outcome.APPLIED, guna_filed, corrected("guna", DAY, NOON, of=REPORT.id)),
    (Outcome.APPLIED, guna_filed, policy(version=2, effective_from="2026-12-01", at=NOON)),
    (Outcome.APPLIED, guna_filed, clock_reached(NOON)),
    (Outcome.DUPLICATE, guna_filed, REPORT),
    (Outcome.DUPLICATE, guna_filed, filed("guna", DAY, "2026-11-23T12:01")),
    (Outcome.DUPLICATE, guna, policy()),
    (Outcome.DUPLICATE, guna, added("guna", at=NOON)),
    (Outcome.DUPLICATE, guna, appointed("guna", at=NOON)),
    (Outcome.DUPLICATE, guna_closed, appointed("guna", at=NOON)),
    (
        Outcome.DUPLICATE,
        lambda: guna().when(relieved("guna", until=DAY, at=NOON)),
        relieved("guna", until=DAY, at=NEXT_NOON),
    ),
    (Outcome.DUPLICATE, lambda: guna().when(on_leave("guna", DAY, DAY)), on_leave("guna", DAY, DAY, at=NOON)),
    (Outcome.DUPLICATE, lambda: guna().when(HOLIDAY), HOLIDAY),
    (Outcome.DUPLICATE, lambda: guna().when(HOLIDAY), holiday(DAY, known_as="said twice", at=NOON)),
    (Outcome.DUPLICATE, lambda: guna().when(HOLIDAY, REVOKED), HOLIDAY),
    (Outcome.DUPLICATE, lambda: guna().when(HOLIDAY, REVOKED), REVOKED),
    (Outcome.DUPLICATE, lambda: guna().when(excused("guna", DAY, at=NOON)), excused("guna", DAY, at=NEXT_NOON)),
    (Outcome.DUPLICATE, guna_judged, clock_reached(NEXT_DAY + "T00:00")),
    (Outcome.DUPLICATE, guna_judged, clock_reached(NOON)),
    (Outcome.CONFLICT, guna_filed, replace(filed("guna", DAY, NOON, summary="other"), id=REPORT.id)),
    (Outcome.CONFLICT, guna_filed, replace(filed("guna", "2026-11-22", NOON), id=REPORT.id)),
    (Outcome.CONFLICT, guna, appointed("guna", since=DAY)),
    (
        Outcome.CONFLICT,
        lambda: guna().when(relieved("guna", until=DAY, at=NOON)),
        relieved("guna", until=NEXT_DAY, at=NOON),
    ),
    (Outcome.SUPPLEMENT, guna_filed, filed("guna", DAY, NOON, summary="more")),
    (Outcome.STALE_CORRECTION, guna_filed, corrected("guna", DAY, NOON, of=named("none"))),
    (Outcome.STALE_CORRECTION, guna, corrected("guna", DAY, NOON, of=named("none"))),
    (Outcome.NO_POLICY, lambda: given(added("guna"), appointed("guna")), REPORT),
    (Outcome.NO_POLICY, lambda: given(added("guna"), appointed("guna")), excused("guna", DAY, at=NOON)),
    (Outcome.OLD_VERSION, guna, policy("22:00")),
    (Outcome.OLD_VERSION, lambda: guna().when(policy(version=3, at=NOON)), policy(version=2, at=NOON)),
    (Outcome.RETROACTIVE, guna, policy(version=2, effective_from=DAY, at=NOON)),
    (Outcome.UNKNOWN_DISTRICT, guna, filed("dhar", DAY, NOON)),
    (Outcome.UNKNOWN_DISTRICT, guna, appointed("dhar")),
    (Outcome.UNKNOWN_DISTRICT, guna, relieved("dhar", until=DAY, at=NOON)),
    (Outcome.UNKNOWN_DISTRICT, guna, on_leave("dhar", DAY, DAY)),
    (Outcome.UNKNOWN_DISTRICT, guna, closed_district("dhar", at=NOON)),
    (Outcome.UNKNOWN_DISTRICT, guna, excused("dhar", DAY, at=NOON)),
    (Outcome.UNKNOWN_DISTRICT, guna, reviewed("dhar", REPORT.id, at=NOON)),
    (Outcome.KNOWN_DISTRICT, guna, added("guna", name="Goona")),
    (Outcome.CLOSED_DISTRICT, guna_closed, closed_district("guna", at=NOON)),
    (Outcome.CLOSED_DISTRICT, guna_closed, appointed("guna", "bina", at=NOON)),
    (Outcome.CLOSED_DISTRICT, guna_closed, on_leave("guna", DAY, DAY, holder="bina")),
    (Outcome.CLOSED_DISTRICT, guna_closed, filed("guna", NEXT_DAY, NEXT_NOON)),
    (Outcome.CLOSED_DISTRICT, guna_closed, excused("guna", NEXT_DAY, at=NEXT_NOON)),
    (Outcome.SECOND_HOLDER, guna, appointed("guna", "bina", since=DAY)),
    (
        Outcome.SECOND_HOLDER,
        lambda: guna().when(relieved("guna", until=NEXT_DAY, at=NOON)),
        appointed("guna", "bina", since=DAY, at=NOON),
    ),
    (Outcome.UNKNOWN_TENURE, guna, relieved("guna", "bina", until=DAY, at=NOON)),
    (Outcome.UNKNOWN_TENURE, guna, on_leave("guna", DAY, DAY, holder="bina")),
    (Outcome.NOT_HOLDER, guna, filed("guna", DAY, NOON, holder="bina")),
    (Outcome.NOT_HOLDER, lambda: given(policy(), added("guna")), REPORT),
    (Outcome.NOT_HOLDER, guna, relieved("guna", until="2026-08-15", at=NOON)),
    (Outcome.FUTURE_DAY, guna, filed("guna", NEXT_DAY, NOON)),
    (Outcome.FUTURE_DAY, guna, excused("guna", NEXT_DAY, at=NOON)),
    (Outcome.LOCKED, guna, filed("guna", DAY, "2026-12-01T00:00")),
    (Outcome.LOCKED, guna, excused("guna", DAY, at="2026-12-01T00:00")),
    (Outcome.LOCKED, guna, filed("guna", "2026-11-14", NOON)),
    (
        Outcome.LOCKED,  # received in time, but the day was let go of long ago
        lambda: guna_judged().when(clock_reached("2026-12-09T00:00")),
        late(REPORT, appended_at="2026-12-09T01:00"),
    ),
    (Outcome.JUDGED, guna_judged, holiday(DAY, at=NEXT_NOON)),
    (Outcome.JUDGED, guna, holiday(DAY, at=NEXT_DAY + "T00:00")),
    (Outcome.JUDGED, guna_judged, late(holiday(DAY, at=NOON), appended_at=NEXT_NOON)),
    (Outcome.JUDGED, lambda: guna().when(HOLIDAY), no_holiday(DAY, at=NEXT_NOON)),
    (Outcome.JUDGED, guna_judged, on_leave("guna", DAY, DAY, at=NEXT_NOON)),
    (Outcome.JUDGED, guna, holiday("2026-11-01", at=NOON)),
    (Outcome.NO_HOLIDAY, guna, no_holiday(DAY, at=NOON)),
    (Outcome.NO_HOLIDAY, lambda: guna().when(HOLIDAY, REVOKED), no_holiday(DAY, known_as="said twice", at=NOON)),
    (Outcome.APPLIED, guna_credited, credited(DAY, "2026-11-23T23:58", NEXT_DAY + "T00:01", 3, at=NEXT_NOON)),
    (Outcome.DUPLICATE, guna_credited, CREDIT),
    (Outcome.JUDGED, lambda: guna_credited().when(clock_reached(NEXT_NOON)), CREDIT_LATER),
    (Outcome.NO_CREDIT, guna_filed, CREDIT),
    (Outcome.NOT_HELD, guna, confirmed(DAY, at=NOON)),
    (Outcome.APPLIED, lambda: guna().hold("in-mp.guna", NOON, 9), set_aside(9, at=NOON)),
    (Outcome.NOT_UNREAD, lambda: guna().hold("in-mp.guna", NOON, 9), set_aside(8, at=NOON)),
    (Outcome.CLOCK_AHEAD, guna, clock_reached(NEXT_NOON, appended_at="2026-11-24T11:59:54.999999")),
]


def test_every_outcome_has_its_effect_and_its_row() -> None:
    assert set(EFFECTS) == set(Outcome) == {outcome for outcome, _, _ in ROWS}


def test_duty_handles_all_that_stands_in_a_reports_stream() -> None:
    """But for what is said of duty itself."""
    assert {entry.data for entry in CATALOGUE.values() if "reports" in entry.streams} == HANDLES | {StateDayClosed}


def test_what_duty_does_not_handle_changes_nothing() -> None:
    """Not even by its time: the day after has begun by then, and is opened by the next event that is handled."""
    duty, digest = StateDuty(STATE), golden.event("state.day_closed.v1")
    for offset, said in enumerate([policy(), added("guna"), appointed("guna")]):
        duty.evolve(recorded(said, offset))
    before = duty.dump()
    step = duty.evolve(recorded(replace(digest, time=instant("2026-12-24T00:00")), 3))
    assert (step.outcome, step.transitions, step.days) == (Outcome.APPLIED, (), {})
    assert duty.dump() == before


def numbers(duty: StateDuty) -> Mapping[str, object]:
    """All that any count or judgement could come from."""
    return {
        "roster": {key: value for key, value in duty.dump().items() if key in {"policies", "roster", "holidays"}},
        "days": {
            (day.day, code): (entry.status, entry.reason, entry.report_id, entry.version_id)
            for day in duty.days.values()
            for code, entry in day.entries.items()
        },
    }


@pytest.mark.parametrize(
    ("outcome", "start", "said"), ROWS, ids=[f"{number}-{row[0]}" for number, row in enumerate(ROWS)]
)
def test_row(outcome: Outcome, start: Start, said: Event | Late) -> None:
    story = start()
    item = said if isinstance(said, Late) else Late(said, said.time)
    if outcome is not Outcome.CLOCK_AHEAD:  # that takes the log's clock
        assert story.duty.examine(item.event) is outcome
    start_of_day = StateDuty.load(story.duty.dump())
    if (
        outcome is not Outcome.CLOCK_AHEAD
    ):  # the days that begin by the event's time begin whatever becomes of the event
        start_of_day.evolve(recorded(reviewed("guna", named("r"), at=item.event.time), 0))
    before, counted = start_of_day.dump(), numbers(start_of_day)
    story.when(item).outcome(outcome)
    match EFFECTS[outcome]:
        case Effect.APPLIED:
            assert story.duty.dump() != before
        case Effect.KEPT:
            assert story.duty.dump() != before
            if REPORT.id in str(before):
                assert numbers(story.duty) == counted
        case Effect.IGNORED:
            assert numbers(story.duty) == counted
            if outcome is not Outcome.CONFLICT:
                assert story.duty.dump() == before


def test_an_event_of_another_stream_changes_nothing() -> None:
    story = guna()
    before = story.duty.dump()
    data = GrievanceRaised(
        state=STATE, district="in-mp.guna", grievance_id=named("g"), category="conduct", severity=Severity.LOW
    )
    story.when(event(data, EARLY)).then_no()
    assert story.duty.dump() == before
