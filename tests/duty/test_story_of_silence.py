"""Stories of what the stream's clock makes due: misses in a row, reminders, held days, and clocks that are wrong."""

from datetime import date, timedelta

import pytest

from libs.duty.outcomes import Outcome
from libs.duty.transitions import DayMissed, ReminderDue, Status, StatusChanged
from libs.events.envelope import Event
from tests.duty.events import (
    STATE,
    added,
    appointed,
    clock_reached,
    code,
    day,
    excused,
    filed,
    holiday,
    instant,
    no_holiday,
    on_leave,
    policy,
    relieved,
)
from tests.duty.stories import Reason, Story, changed, closed, given, late, missed, opened, reminded

DAY, NEXT_DAY = "2026-11-23", "2026-11-24"
NOON, NEXT_NOON = "2026-11-23T12:00", "2026-11-24T12:00"
REMIND, GRACE_ENDS = "2026-11-23T19:00", "2026-11-24T00:00"
FIRST = date(2026, 11, 23)


def guna() -> Story:
    return given(policy(due="21:00", grace=180), added("guna"), appointed("guna"), clock_reached("2026-11-23T00:00"))


def on(number: int) -> str:
    """The day of that number, from 1."""
    return f"{FIRST + timedelta(days=number - 1)}"


def judged(number: int) -> Event:
    return clock_reached(f"{on(number + 1)}T00:00")


# -- misses in a row --------------------------------------------------------------------------------------------------


def test_misses_are_counted_and_carry_the_ladder() -> None:
    """Eight days: by then the first ones are locked."""
    story = guna()
    for number in range(1, 25):
        story.when(judged(number)).then(missed("guna", day=on(number), consecutive=number))
    assert len(story.duty.days) < 12, "the count outlives the days"


def test_the_ladder_is_that_of_the_day() -> None:
    guna().when(policy(version=2, effective_from=on(2), ladder=(1, 2), at=NOON), judged(1), judged(2)).then(
        missed("guna", day=on(1)), missed("guna", day=on(2), consecutive=2, ladder=(1, 2))
    )


def test_a_report_breaks_the_streak() -> None:
    guna().when(judged(1), filed("guna", on(2), f"{on(2)}T12:00"), judged(2), judged(3)).then(
        missed("guna", day=on(1)), missed("guna", day=on(3), consecutive=1)
    )


@pytest.mark.parametrize(
    "excuse",
    [
        holiday(on(2), at=f"{on(2)}T12:00"),
        on_leave("guna", on(2), on(2), at=f"{on(2)}T12:00"),
        excused("guna", on(2), at=f"{on(2)}T12:00"),
    ],
)
def test_excused_days_neither_count_nor_break(excuse: Event) -> None:
    guna().when(judged(1), excuse, judged(2)).when(judged(3)).then(missed("guna", day=on(3), consecutive=2))


def test_a_late_report_takes_its_day_out_of_the_streak() -> None:
    """The next miss is the first one again."""
    guna().when(judged(1), judged(2), filed("guna", on(2), f"{on(3)}T10:00"), judged(3)).then(
        missed("guna", day=on(1)), missed("guna", day=on(2), consecutive=2), missed("guna", day=on(3))
    )


def test_a_late_report_that_came_after_the_next_judgement_did_not_change_it() -> None:
    """Judged days late, each day is counted as things stood at its own instant."""
    slow = filed("guna", on(1), f"{on(3)}T10:00")
    expected = (
        missed("guna", day=on(1)),
        missed("guna", day=on(2), consecutive=2),
        missed("guna", day=on(3), consecutive=2),
    )
    story = guna()
    told = [*story.when(judged(1), judged(2), slow, judged(3)).transitions]
    assert [each for each in told if isinstance(each, DayMissed)] == list(expected)
    guna().when(slow, clock_reached(f"{on(4)}T00:00", appended_at=f"{on(5)}T10:00")).then(*expected)


def test_late_and_then_excused_counts_as_it_stood_at_each_instant() -> None:
    slow, exception = filed("guna", on(1), f"{on(2)}T10:00"), excused("guna", on(1), at=f"{on(4)}T10:00")
    expected = (missed("guna", day=on(1)), missed("guna", day=on(2)), missed("guna", day=on(3), consecutive=2))
    guna().when(judged(1), slow, judged(2), judged(3), exception).then(*expected)
    guna().when(slow, exception, clock_reached(f"{on(4)}T00:00", appended_at=f"{on(4)}T12:00")).then(*expected)


def test_a_new_tenure_begins_a_new_streak() -> None:
    guna().when(
        judged(1),
        relieved("guna", until=on(2), at=f"{on(2)}T10:00"),
        appointed("guna", "bina", since=on(2), at=f"{on(2)}T11:00"),
        judged(2),
        judged(3),
    ).then(
        missed("guna", day=on(1)),
        missed("guna", day=on(2), holder="bina"),
        missed("guna", day=on(3), holder="bina", consecutive=2),
    )


def test_a_streak_reaches_over_days_that_are_locked_and_excused() -> None:
    """Two misses, two weeks of leave, and the third miss in a row: the first two are long forgotten."""
    story = guna().when(judged(1), judged(2), on_leave("guna", on(3), on(17), at=f"{on(3)}T10:00"))
    story.when(*(judged(number) for number in range(3, 18))).then_no(DayMissed)
    assert story.duty.forgotten(day(on(2)))
    story.when(judged(18)).then(missed("guna", day=on(18), consecutive=3))


def test_a_locked_streak_of_another_tenure_or_that_was_broken_is_not_continued() -> None:
    story = guna().when(
        judged(1),
        relieved("guna", until=on(2), at=f"{on(2)}T10:00"),
        *(judged(number) for number in range(2, 15)),
        appointed("guna", "bina", since=on(15), at=f"{on(15)}T10:00"),
    )
    story.when(judged(15)).then(missed("guna", day=on(15), holder="bina"))
    broken = guna().when(judged(1), filed("guna", on(2), f"{on(2)}T12:00"), on_leave("guna", on(3), on(14)))
    broken.when(*(judged(number) for number in range(2, 15))).when(judged(15)).then(missed("guna", day=on(15)))


def test_judged_days_late_all_at_once_is_the_same_as_one_by_one() -> None:
    one_by_one, at_once = guna(), guna().when(clock_reached(f"{on(13)}T00:00"))
    told = [each for number in range(1, 13) for each in one_by_one.when(judged(number)).transitions]
    assert sorted(map(repr, told)) == sorted(map(repr, at_once.transitions))
    assert at_once.duty.dump() == one_by_one.duty.dump()


# -- reminders --------------------------------------------------------------------------------------------------------


def test_only_who_still_owes_is_reminded() -> None:
    guna().when(added("dhar", at=NOON), appointed("dhar", at=NOON), filed("guna", DAY, NOON)).when(
        clock_reached(REMIND)
    ).then(reminded("dhar", day=DAY)).when(clock_reached("2026-11-23T20:00")).then_no()


def test_nobody_is_reminded_of_an_instant_that_was_past_when_the_duty_arose() -> None:
    given(policy(), added("guna"), clock_reached("2026-11-23T00:00")).when(
        appointed("guna", at="2026-11-23T19:00:01")
    ).when(clock_reached("2026-11-23T20:00"), clock_reached(GRACE_ENDS)).then_no(ReminderDue).then(
        missed("guna", day=DAY)
    )


def test_the_reminder_of_a_late_clock_says_what_has_come_of_it() -> None:
    slow = clock_reached(GRACE_ENDS, appended_at="2026-11-24T03:00")
    guna().when(filed("guna", DAY, "2026-11-23T19:30")).when(slow).then(
        reminded("guna", day=DAY, settled="on_time", settled_at="2026-11-23T19:30")
    )
    guna().when(slow).then(reminded("guna", day=DAY))


def test_who_was_reminded_is_who_owed_it_then() -> None:
    """A late clock, after a change of the holder and a holiday that came and went."""
    guna().when(
        relieved("guna", until=DAY, at="2026-11-23T19:10"),
        appointed("guna", "bina", since=DAY, at="2026-11-23T19:20"),
        holiday(DAY, at="2026-11-23T19:30"),
        no_holiday(DAY, at="2026-11-23T19:40"),
    ).when(clock_reached("2026-11-23T20:00")).then(
        reminded("guna", day=DAY, settled="excused", settled_at="2026-11-23T19:10")
    )


def test_a_reminder_before_the_day_begins_is_none() -> None:
    story = given(
        policy("08:00", 60, remind=9 * 60), added("guna"), appointed("guna"), clock_reached("2026-11-23T00:00")
    )
    assert story.duty.next_due() == instant("2026-11-23T09:00")
    story.when(clock_reached("2026-11-23T09:00")).then_no(ReminderDue).then(
        missed("guna", day=DAY, at="2026-11-23T09:00")
    )


# -- when the clock is wanted -----------------------------------------------------------------------------------------


def test_nothing_is_due_without_a_policy() -> None:
    assert given(added("guna"), appointed("guna")).duty.next_due() is None


def test_what_is_due_next() -> None:
    story = guna()
    assert story.duty.next_due() == instant(REMIND)
    story.when(clock_reached(REMIND))
    assert story.duty.next_due() == instant(GRACE_ENDS)
    story.when(clock_reached(GRACE_ENDS))
    assert story.duty.next_due() == instant("2026-11-24T19:00")
    story.when(filed("guna", NEXT_DAY, NEXT_NOON))
    assert story.duty.next_due() == instant("2026-11-25T00:00")


def test_due_next_is_a_day_that_no_event_has_opened_yet() -> None:
    story = given(policy("12:00", 0), added("guna"), appointed("guna"), clock_reached("2026-11-23T12:00"))
    assert list(story.duty.days)[-1] == day(DAY)
    assert story.duty.next_due() == instant("2026-11-24T10:00")


def test_nobody_is_there_to_be_reminded() -> None:
    story = given(policy("12:00", 0), added("guna"), clock_reached("2026-11-23T12:00"))
    assert story.duty.next_due() == instant("2026-11-24T12:00")


# -- clocks -----------------------------------------------------------------------------------------------------------


def test_a_clock_ahead_of_the_log_is_ignored() -> None:
    story = guna()
    before = story.duty.dump()
    story.when(clock_reached(GRACE_ENDS, appended_at="2026-11-23T23:59:54.999")).outcome(Outcome.CLOCK_AHEAD).then_no()
    assert story.duty.dump() == before
    story.when(clock_reached(GRACE_ENDS, appended_at="2026-11-23T23:59:55")).outcome(Outcome.APPLIED).then(
        missed("guna", day=DAY)
    )


def test_a_clock_ahead_of_the_log_opens_no_day() -> None:
    ahead = clock_reached("2026-11-30T00:00")
    story = guna().when(late(ahead, appended_at=NOON)).outcome(Outcome.CLOCK_AHEAD).then_no()
    assert list(story.duty.days)[-1] == day(DAY)


def test_the_highest_clock_counts() -> None:
    guna().when(clock_reached(GRACE_ENDS)).when(clock_reached(REMIND, appended_at="2026-11-24T00:01")).outcome(
        Outcome.DUPLICATE
    ).then_no()


def test_when_somebody_came_to_say_so_is_of_no_account() -> None:
    """A clock that is a day late opens no day by its own time: what was received before that day is still to come."""
    story = guna().when(clock_reached("2026-11-23T12:00", appended_at="2026-11-24T12:00"))
    assert list(story.duty.days)[-1] == day(DAY)


def test_a_clock_slightly_ahead_opens_the_day_that_it_reaches() -> None:
    """Due a minute after midnight and no grace: the day is judged as it begins, and the next wish lies ahead."""
    story = given(policy("00:01", 0), added("guna"), appointed("guna"))
    story.when(clock_reached("2026-11-23T00:01", appended_at="2026-11-23T00:00:58")).then(
        missed("guna", day=DAY, at="2026-11-23T00:01")
    )
    due = story.duty.next_due()
    assert due is not None
    assert due > instant("2026-11-23T00:01")


# -- records that cannot be read --------------------------------------------------------------------------------------


def test_held_days_are_unknown_and_never_missed() -> None:
    guna().hold(code("guna"), NOON).then(changed("guna", day=DAY, to="unknown", at="2026-11-23T00:00")).shows(
        "guna", DAY, "unknown", held=True
    ).when(clock_reached(REMIND), clock_reached(GRACE_ENDS)).then_no(DayMissed, ReminderDue).shows(
        "guna", DAY, "unknown"
    ).when(clock_reached("2026-11-25T00:00")).then_no(DayMissed).shows("guna", NEXT_DAY, "unknown", held=True)


@pytest.mark.parametrize(
    ("at", "status"), [(NOON, "on_time"), ("2026-11-23T22:00", "in_grace"), ("2026-11-24T09:00", "late")]
)
def test_a_report_settles_a_held_day(at: str, status: str) -> None:
    report = filed("guna", DAY, at)
    told = changed("guna", day=DAY, before="unknown", to=status, at=at, by=report)
    guna().hold(code("guna"), NOON).when(report).then(told).when(clock_reached(GRACE_ENDS)).then_no(DayMissed)
    guna().hold(code("guna"), NOON).when(clock_reached(GRACE_ENDS)).when(
        late(report, appended_at="2026-11-24T09:00")
    ).then(told)


def test_the_first_record_of_a_day_cannot_be_read() -> None:
    story = given(policy(), added("guna"), appointed("guna"))
    story.hold(code("guna"), "2026-11-23T08:00").shows("guna", DAY, "unknown").when(clock_reached(GRACE_ENDS)).then_no(
        DayMissed
    )


def test_a_record_of_the_state_holds_all_its_districts_and_other_keys_none() -> None:
    guna().when(added("dhar", at=NOON), appointed("dhar", at=NOON)).hold("in-mp.bhopal", NOON).then_no().hold(
        STATE, NOON
    ).shows("guna", DAY, "unknown").shows("dhar", DAY, "unknown")


def test_a_day_excused_after_its_grace_is_not_missed_before_that_when_a_record_cannot_be_read() -> None:
    """The clock was late: the day's judgement came after both, and called the silence before the excuse a miss."""
    exception = excused("guna", DAY, at="2026-11-24T01:00")
    guna().when(exception).hold(code("guna"), "2026-11-24T02:00").then(
        changed("guna", day=DAY, to="unknown", at="2026-11-23T00:00"),
        changed("guna", day=DAY, before="unknown", to="excused", at="2026-11-24T01:00", by=exception),
        changed("guna", day=NEXT_DAY, to="unknown", at="2026-11-24T00:00"),
    ).shows("guna", DAY, "excused").when(clock_reached(GRACE_ENDS)).then_no(DayMissed).shows("guna", DAY, "excused")


def test_what_is_settled_or_judged_is_not_held() -> None:
    guna().when(filed("guna", DAY, NOON)).hold(code("guna"), NOON).then_no().shows("guna", DAY, "on_time", held=False)
    guna().when(clock_reached(GRACE_ENDS)).hold(code("guna"), NOON).shows("guna", DAY, "missed", held=False).shows(
        "guna", NEXT_DAY, "unknown"
    )


def test_an_excused_day_that_is_owed_again_is_held() -> None:
    guna().when(holiday(DAY)).hold(code("guna"), NOON).then_no(StatusChanged).when(no_holiday(DAY, at=NOON)).shows(
        "guna", DAY, "unknown"
    )


# -- policies ---------------------------------------------------------------------------------------------------------


def test_a_later_policy_rules_from_a_day_that_has_not_begun() -> None:
    later = policy("18:00", 0, version=2, effective_from=DAY, at=NOON)
    guna().when(later).outcome(Outcome.RETROACTIVE).when(clock_reached("2026-11-23T18:00")).then_no(DayMissed).when(
        clock_reached(GRACE_ENDS)
    ).then(missed("guna", day=DAY)).when(clock_reached("2026-11-24T18:00")).then(
        missed("guna", day=NEXT_DAY, at="2026-11-24T18:00", consecutive=2)
    )


def test_the_policy_in_force_on_the_day_decides() -> None:
    later = policy("18:00", 0, version=2, effective_from="2026-11-25", at=NOON)
    guna().when(later).outcome(Outcome.APPLIED).when(
        filed("guna", NEXT_DAY, "2026-11-24T20:59"), filed("guna", "2026-11-25", "2026-11-25T18:01")
    ).shows("guna", NEXT_DAY, "on_time").shows("guna", "2026-11-25", "late")


def test_of_two_policies_for_a_day_the_later_version_rules() -> None:
    story = guna().when(policy("18:00", version=2, effective_from="2026-11-28", at=NOON))
    assert story.duty.policies.deadlines(day("2026-11-28")).due_at == instant("2026-11-28T18:00")
    story.when(policy("20:00", version=3, effective_from="2026-11-25", at=NOON))
    assert story.duty.policies.deadlines(day("2026-11-24")).due_at == instant("2026-11-24T21:00")
    assert story.duty.policies.deadlines(day("2026-11-28")).due_at == instant("2026-11-28T20:00")


def test_a_policy_in_another_zone_never_rules_a_day_that_has_begun_in_either() -> None:
    """19:00 in India is already tomorrow in Kiritimati."""
    story = guna().when(policy(version=2, effective_from=NEXT_DAY, tz="Pacific/Kiritimati", at="2026-11-23T19:00"))
    story.outcome(Outcome.RETROACTIVE)
    assert story.duty.policies.deadlines(day(NEXT_DAY)).due_at == instant("2026-11-24T21:00")
    assert story.duty.policies.deadlines(day("2026-11-25")).due_at == instant("2026-11-25T21:00+14:00")


def test_a_policy_that_raced_with_midnight_does_not_rule_the_day_that_the_stream_has_begun() -> None:
    racing = policy("18:00", 0, version=2, effective_from=NEXT_DAY, at="2026-11-23T23:59:59")
    story = guna().when(filed("guna", NEXT_DAY, "2026-11-24T00:00:01"))
    story.when(late(racing, appended_at="2026-11-24T00:00:02")).outcome(Outcome.RETROACTIVE)
    for each in story.duty.days.values():
        assert each.deadlines == story.duty.policies.deadlines(each.day)


# -- what is shown ----------------------------------------------------------------------------------------------------


def test_the_view_of_a_day_that_no_event_has_opened() -> None:
    story = guna().when(on_leave("guna", "2026-11-25", "2026-11-25"))
    before = story.duty.dump()
    story.shows("guna", NEXT_DAY, "pending").shows("guna", "2026-11-25", "excused", reason=Reason.LEAVE)
    assert not story.duty.view(day(NEXT_DAY)).closed
    assert story.duty.view(day("2026-11-22")) is story.duty.days[day("2026-11-22")]
    assert story.duty.dump() == before
    assert given(policy()).duty.view(day(NEXT_DAY)).closed is False


def test_a_day_is_closed_by_the_clock_of_its_stream() -> None:
    story = guna()
    story.when(clock_reached(GRACE_ENDS)).then(closed(DAY, GRACE_ENDS)).then(*opened(NEXT_DAY))
    assert story.duty.view(day(DAY)).closed
    assert [each.status for each in story.duty.view(day(DAY)).entries.values()] == [Status.MISSED]
