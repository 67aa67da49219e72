"""Stories of outages of our own: what they give back, judgements that are held, and records set aside."""

from datetime import timedelta

import pytest

from libs.duty.outcomes import Outcome
from libs.duty.transitions import DayClosed, DayMissed, GraceMoved, JudgementHeld, StatusChanged
from tests.duty.events import (
    STATE,
    added,
    appointed,
    clock_reached,
    code,
    confirmed,
    credited,
    day,
    excused,
    filed,
    holiday,
    instant,
    on_leave,
    policy,
    relieved,
    set_aside,
)
from tests.duty.stories import Story, changed, closed, given, held, late, missed, moved

DAY, NEXT_DAY = "2026-11-23", "2026-11-24"
NOON = "2026-11-23T12:00"
REMIND, GRACE_ENDS = "2026-11-23T19:00", "2026-11-24T00:00"
DOWN, UP_AGAIN = "2026-11-23T23:40", "2026-11-24T00:20"
LONGER = "2026-11-24T00:40"
HELD_UNTIL = "2026-11-24T12:00"
NEXT_GRACE_ENDS = "2026-11-25T00:00"


def guna(credit: int | None = 240) -> Story:
    return given(policy(credit=credit), added("guna"), appointed("guna"), clock_reached("2026-11-23T00:00"))


def given_back(minutes: int = 40, *, at: str = UP_AGAIN) -> Story:
    return guna().when(credited(DAY, DOWN, UP_AGAIN, minutes, at=at))


# -- credits ----------------------------------------------------------------------------------------------------------


def test_an_outage_moves_the_end_of_the_grace() -> None:
    given_back().then(moved(DAY, LONGER)).when(clock_reached(GRACE_ENDS)).then_no(DayMissed, DayClosed)
    story = given_back().when(filed("guna", DAY, "2026-11-24T00:40")).shows("guna", DAY, "in_grace")
    story.when(clock_reached(LONGER)).then(closed(DAY, LONGER)).then_no(DayMissed)
    given_back().when(clock_reached(LONGER)).then(missed("guna", day=DAY, at=LONGER)).when(
        filed("guna", DAY, "2026-11-24T00:41")
    ).shows("guna", DAY, "late")


def test_the_timekeeper_is_asked_for_the_moved_end() -> None:
    story = guna().when(clock_reached(REMIND))
    assert story.duty.next_due() == instant(GRACE_ENDS)
    story.when(credited(DAY, DOWN, UP_AGAIN, 40, at=UP_AGAIN))
    assert story.duty.next_due() == instant(LONGER)


def test_a_report_that_came_before_the_credit_was_written_is_in_time_after_all() -> None:
    report = filed("guna", DAY, "2026-11-24T00:30")
    story = guna().when(report).shows("guna", DAY, "late")
    in_time = changed("guna", day=DAY, before="late", to="in_grace", at="2026-11-24T00:30", by=report)
    story.when(credited(DAY, DOWN, UP_AGAIN, 40, at="2026-11-24T03:00")).then(moved(DAY, LONGER), in_time)
    story.when(clock_reached(LONGER, appended_at="2026-11-24T03:00")).then(closed(DAY, LONGER))
    guna().when(filed("guna", DAY, "2026-11-24T00:41")).when(
        credited(DAY, DOWN, UP_AGAIN, 40, at="2026-11-24T03:00")
    ).then_no(StatusChanged).shows("guna", DAY, "late")


def test_one_outage_is_credited_once_whoever_measures_it() -> None:
    longer = credited(DAY, DOWN, "2026-11-24T00:30", 50, at="2026-11-24T00:30")
    given_back().when(longer).outcome(Outcome.DUPLICATE).then_no(GraceMoved)
    second = credited(DAY, "2026-11-24T00:25", "2026-11-24T00:35", 10, at="2026-11-24T00:35")
    given_back().when(second).then(moved(DAY, "2026-11-24T00:50"))


def test_all_credits_together_are_bounded_by_the_policy() -> None:
    story = guna(credit=60).when(credited(DAY, DOWN, UP_AGAIN, 40, at=UP_AGAIN))
    another = credited(DAY, "2026-11-24T00:25", "2026-11-24T01:25", 60, at="2026-11-24T01:25")
    story.when(another).then(moved(DAY, "2026-11-24T01:00"))
    assert [each.minutes for each in story.duty.days[day(DAY)].credits] == [40, 20]
    no_more = credited(DAY, "2026-11-24T00:50", "2026-11-24T00:55", 5, at="2026-11-24T01:26")
    story.when(no_more).outcome(Outcome.NO_CREDIT).then_no(GraceMoved)
    guna(credit=None).when(credited(DAY, DOWN, UP_AGAIN, 40, at=UP_AGAIN)).outcome(Outcome.NO_CREDIT)


def test_a_day_that_is_judged_held_gone_or_not_begun_gets_no_credit() -> None:
    guna().when(clock_reached(GRACE_ENDS), credited(DAY, DOWN, UP_AGAIN, 40, at=UP_AGAIN)).outcome(
        Outcome.APPLIED, Outcome.JUDGED
    )
    silent().when(clock_reached(GRACE_ENDS), credited(DAY, DOWN, UP_AGAIN, 40, at=UP_AGAIN)).outcome(
        Outcome.APPLIED, Outcome.JUDGED
    )
    guna().when(credited("2026-11-26", DOWN, UP_AGAIN, 40, at=UP_AGAIN)).outcome(Outcome.FUTURE_DAY)
    long_ago = guna()
    for number in range(1, 13):
        long_ago.when(clock_reached(instant(GRACE_ENDS) + timedelta(days=number)))
    long_ago.when(credited(DAY, DOWN, UP_AGAIN, 40, at="2026-12-06T12:00")).outcome(Outcome.LOCKED)
    given(credited(DAY, DOWN, UP_AGAIN, 40, at=UP_AGAIN)).outcome(Outcome.FUTURE_DAY)


def test_a_credit_changes_not_whose_the_day_is() -> None:
    """Nobody could know of it: roster and calendar come too late from the policy's own end of the grace on."""
    after = "2026-11-24T00:30"
    for said in (
        relieved("guna", until=DAY, at=after),
        on_leave("guna", DAY, DAY, at=after),
        holiday(DAY, at=after),
    ):
        told = given_back().when(said, clock_reached(LONGER))
        told.then(missed("guna", day=DAY, at=LONGER))
        assert (
            told.duty.dump()
            == guna().when(said, credited(DAY, DOWN, UP_AGAIN, 40, at=UP_AGAIN)).when(clock_reached(LONGER)).duty.dump()
        )


def test_a_grace_that_outlasts_the_lock_moves_it() -> None:
    story = given(policy(lock=0, credit=None), added("guna"), appointed("guna"), clock_reached("2026-11-23T00:00"))
    story.when(credited(DAY, DOWN, UP_AGAIN, 40, at=UP_AGAIN)).outcome(Outcome.NO_CREDIT)
    spring = given(
        policy(
            "21:00",
            119,
            version=1,
            effective_from="2026-03-27",
            tz="Europe/Berlin",
            lock=0,
            credit=60,
            at="2026-03-25T00:00",
        ),
        added("guna", at="2026-03-25T00:00"),
        appointed("guna", since="2026-01-01", at="2026-03-25T00:00"),
    )
    spring.when(
        credited("2026-03-28", "2026-03-28T21:50+00:00", "2026-03-28T22:50+00:00", 60, at="2026-03-28T22:50+00:00")
    )
    limits = spring.duty.limits(day("2026-03-28"))
    assert limits.grace_until == instant("2026-03-28T22:59+00:00")
    assert limits.lock_at == instant("2026-03-28T23:00+00:00")


# -- held judgements --------------------------------------------------------------------------------------------------

FIVE = ("guna", "dhar", "rewa", "seoni", "sagar")


def silent(*reporting: str, hold: tuple[int, int] | None = (60, 12), districts: tuple[str, ...] = FIVE) -> Story:
    """Five districts before the end of the grace, and these have reported."""
    roster = [each for name in districts for each in (added(name), appointed(name))]
    story = given(policy(hold=hold, credit=240), *roster, clock_reached("2026-11-23T00:00"))
    return story.when(*(filed(name, DAY, NOON) for name in reporting), clock_reached(REMIND))


def test_when_too_many_are_silent_the_judgement_is_held() -> None:
    story = silent("guna", "dhar").when(clock_reached(GRACE_ENDS))
    story.then(held(DAY, GRACE_ENDS, until=HELD_UNTIL, silent=3, of=5)).then_no(DayMissed, DayClosed)
    story.then(*(changed(name, day=DAY, to="unknown", at=GRACE_ENDS) for name in FIVE[2:]))
    assert story.duty.days[day(DAY)].closed is False
    assert story.duty.days[day(DAY)].held_until == instant(HELD_UNTIL)


@pytest.mark.parametrize(
    ("reporting", "hold"), [(FIVE[:3], (60, 24)), ((), None), (FIVE[:1], (81, 24)), (FIVE[:4], (21, 1))]
)
def test_when_few_enough_are_silent_or_nothing_is_ever_held_they_have_missed_it(
    reporting: tuple[str, ...], hold: tuple[int, int] | None
) -> None:
    story = silent(*reporting, hold=hold).when(clock_reached(GRACE_ENDS))
    story.then(*(missed(name, day=DAY) for name in FIVE if name not in reporting)).then_no(JudgementHeld)


def test_of_fewer_than_three_no_share_is_unusual() -> None:
    silent(districts=FIVE[:2]).when(clock_reached(GRACE_ENDS)).then(*(missed(name, day=DAY) for name in FIVE[:2]))
    silent(districts=FIVE[:3]).when(clock_reached(GRACE_ENDS)).then_no(DayMissed)


def test_the_share_is_of_those_that_could_be_judged() -> None:
    """Two of three; the excused and the unknown count for neither."""
    story = silent("guna").when(excused("dhar", DAY, at="2026-11-23T20:00")).hold(code("sagar"), "2026-11-23T20:00")
    story.when(clock_reached(GRACE_ENDS)).then(held(DAY, GRACE_ENDS, until=HELD_UNTIL, silent=2, of=3))
    story.when(clock_reached(HELD_UNTIL)).then(*(missed(name, day=DAY) for name in ("rewa", "seoni")))
    story.shows("sagar", DAY, "unknown", held=True)


def test_a_confirmed_judgement_stands() -> None:
    confirmation = confirmed(DAY, at="2026-11-24T10:00")
    story = silent("guna").when(clock_reached(GRACE_ENDS), filed("dhar", DAY, "2026-11-24T08:00"))
    story.shows("dhar", DAY, "late").when(confirmation)
    story.then(*(missed(name, day=DAY) for name in FIVE[2:]), closed(DAY, GRACE_ENDS, released="2026-11-24T10:00"))
    story.shows("rewa", DAY, "missed").shows("dhar", DAY, "late")
    to_missed = [
        changed(name, day=DAY, before="unknown", to="missed", at=GRACE_ENDS, by=confirmation) for name in FIVE[2:]
    ]
    story.then(*to_missed)
    story.when(confirmed(DAY, at="2026-11-24T11:00", known_as="again")).outcome(Outcome.NOT_HELD).then_no()
    story.when(clock_reached(HELD_UNTIL)).then_no(DayMissed, JudgementHeld)


@pytest.mark.parametrize("at", [NOON, "2026-11-23T23:00", "2026-11-24T10:00"])
def test_a_judgement_that_is_not_held_cannot_be_confirmed(at: str) -> None:
    silent(*FIVE).when(clock_reached(GRACE_ENDS), confirmed(DAY, at=at)).outcome(Outcome.APPLIED, Outcome.NOT_HELD)
    silent().when(confirmed("2026-11-30", at=at)).outcome(Outcome.NOT_HELD)


def test_a_hold_expires_by_the_streams_clock() -> None:
    story = silent("guna").when(clock_reached(GRACE_ENDS), clock_reached("2026-11-24T11:59")).then_no(DayMissed)
    assert story.duty.next_due() == instant(HELD_UNTIL)
    story.when(clock_reached(HELD_UNTIL))
    story.then(*(missed(name, day=DAY) for name in FIVE[1:]), closed(DAY, GRACE_ENDS, released=HELD_UNTIL))


def test_reports_that_come_while_it_is_held_count_by_when_they_were_received() -> None:
    story = silent("guna").when(clock_reached(GRACE_ENDS))
    story.when(late(filed("dhar", DAY, "2026-11-23T20:00"), appended_at="2026-11-24T00:10")).shows(
        "dhar", DAY, "on_time"
    )
    story.when(filed("rewa", DAY, "2026-11-24T09:00")).shows("rewa", DAY, "late")
    story.when(excused("seoni", DAY, at="2026-11-24T09:30")).shows("seoni", DAY, "excused")
    story.when(clock_reached(HELD_UNTIL)).then(missed("sagar", day=DAY), closed(DAY, GRACE_ENDS, released=HELD_UNTIL))


def test_held_and_released_late_is_the_same_as_on_time() -> None:
    """A clock that comes two days late finds reports of before and after the hold's end."""
    between, after = filed("dhar", DAY, "2026-11-24T09:00"), filed("rewa", DAY, "2026-11-24T15:00")
    on_time = silent("guna").when(clock_reached(GRACE_ENDS), between, clock_reached(HELD_UNTIL), after)
    behind = silent("guna").when(between, after)
    for at in (GRACE_ENDS, HELD_UNTIL):
        behind.when(clock_reached(at, appended_at="2026-11-26T12:00"))
    leap = silent("guna").when(between, after, clock_reached(HELD_UNTIL, appended_at="2026-11-26T12:00"))
    for story in (on_time, behind, leap):
        story.shows("dhar", DAY, "late").shows("rewa", DAY, "late").shows("seoni", DAY, "missed")
    assert behind.duty.dump() == leap.duty.dump() == on_time.duty.dump()
    leap.then(held(DAY, GRACE_ENDS, until=HELD_UNTIL, silent=4, of=5), closed(DAY, GRACE_ENDS, released=HELD_UNTIL))
    leap.then(*(missed(name, day=DAY) for name in FIVE[2:]))


def test_misses_of_a_day_that_was_held_count_for_the_next_one() -> None:
    """Released and judged at one instant: first the earlier day."""
    story = silent(hold=(60, 24))
    story.when(clock_reached(GRACE_ENDS), *(filed(name, NEXT_DAY, "2026-11-24T12:00") for name in FIVE[:3]))
    story.when(clock_reached(NEXT_GRACE_ENDS)).then(
        *(missed(name, day=DAY) for name in FIVE),
        *(missed(name, day=NEXT_DAY, consecutive=2) for name in FIVE[3:]),
    )


# -- records that are set aside ---------------------------------------------------------------------------------------


def test_a_record_that_cannot_be_read_holds_every_later_day_until_it_is_set_aside() -> None:
    story = guna().hold(code("guna"), NOON, offset=9)
    for number in range(24, 29):
        story.when(clock_reached(f"2026-11-{number}T00:00")).then_no(DayMissed)
    story.shows("guna", DAY, "unknown").shows("guna", "2026-11-28", "unknown")
    told = changed("guna", day="2026-11-28", before="unknown", to="pending", at="2026-11-28T08:00")
    story.when(set_aside(9, at="2026-11-28T08:00")).then(told)
    story.shows("guna", "2026-11-28", "pending", held=False).shows("guna", "2026-11-27", "unknown", held=True)
    story.when(clock_reached("2026-11-29T00:00")).then(missed("guna", day="2026-11-28"))
    story.when(clock_reached("2026-11-30T00:00")).then(missed("guna", day="2026-11-29", consecutive=2))


def test_a_report_counts_whatever_could_not_be_read() -> None:
    story = guna().hold(code("guna"), NOON).when(clock_reached(GRACE_ENDS), filed("guna", NEXT_DAY, "2026-11-24T20:00"))
    story.shows("guna", NEXT_DAY, "on_time").when(set_aside(7, at="2026-11-24T21:00")).then_no(StatusChanged)
    story.shows("guna", NEXT_DAY, "on_time", held=False)


def test_each_record_is_set_aside_by_itself() -> None:
    story = guna().hold(code("guna"), NOON, offset=9).hold(code("guna"), NOON, offset=11).hold(STATE, NOON, offset=12)
    story.when(set_aside(9, at="2026-11-23T13:00"), set_aside(12, at="2026-11-23T13:01")).then_no(StatusChanged)
    story.when(set_aside(10, at="2026-11-23T13:02")).outcome(Outcome.NOT_UNREAD)
    story.when(set_aside(11, at="2026-11-23T13:03")).then(
        changed("guna", day=DAY, before="unknown", to="pending", at="2026-11-23T13:03")
    )
    story.when(set_aside(11, at="2026-11-23T13:04")).outcome(Outcome.NOT_UNREAD)


def test_what_was_said_of_a_state_holds_districts_that_come_later_too() -> None:
    story = guna().hold(STATE, NOON, offset=9).when(added("dhar", at="2026-11-23T13:00"))
    story.when(appointed("dhar", at="2026-11-23T13:00")).shows("dhar", DAY, "unknown", held=True)
    story.when(set_aside(9, at="2026-11-23T14:00")).shows("dhar", DAY, "pending").shows("guna", DAY, "pending")


@pytest.mark.parametrize("key", ["", "in-rj.kota", "in-rj", "in-mp-guna", "x\x00"])
def test_what_is_keyed_by_no_district_of_the_state_may_be_about_any(key: str) -> None:
    story = guna().hold(key, NOON, offset=9).shows("guna", DAY, "unknown", held=True)
    story.when(set_aside(9, at="2026-11-23T14:00")).shows("guna", DAY, "pending", held=False)


def test_a_record_set_aside_after_the_grace_accuses_nobody_of_the_day() -> None:
    guna().hold(code("guna"), NOON).when(set_aside(7, at="2026-11-24T00:30"), clock_reached(GRACE_ENDS)).then_no(
        DayMissed
    ).shows("guna", DAY, "unknown").when(clock_reached(NEXT_GRACE_ENDS)).then(missed("guna", day=NEXT_DAY))
