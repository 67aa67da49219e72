"""recovered and perfect-week, and how a recovery ends what was open: stories of districts that do well again."""

from datetime import date, timedelta
from typing import Any

from libs.events.alerts import Rule
from libs.events.envelope import Event
from services.notifier.rules.missed_report import MISSED_REPORT
from services.notifier.rules.praise import PERFECT_WEEK, RECOVERED
from services.notifier.rules.rule import REMEMBERED, AlertRule
from tests.duty.events import added, appointed, clock_reached, excused, filed, holiday, policy, relieved
from tests.notifier.stories import Said, Story, given, raised, resolved

MONDAY = date(2026, 11, 23)
MISSED = Rule.MISSED_REPORT


def owing(rule: AlertRule[Any], *districts: str) -> Story:
    """Districts that owe a report from Monday, 23 November on."""
    people = [each for name in districts or ("guna",) for each in (added(name), appointed(name))]
    return given(policy(remind=0), *people, rules=[rule])


def day(number: int) -> str:
    """The day so many days after Monday."""
    return str(MONDAY + timedelta(days=number))


def end(number: int) -> str:
    """When it is judged."""
    return f"{day(number + 1)}T00:00"


def in_time(number: int, district: str = "guna") -> Event:
    return filed(district, day(number), f"{day(number)}T20:00")


def silent(number: int) -> list[Event]:
    return [clock_reached(end(number))]


def good(number: int) -> list[Event]:
    return [in_time(number), clock_reached(end(number))]


def test_a_report_in_time_ends_all_levels_of_all_days_of_silence_once() -> None:
    story = owing(MISSED_REPORT).when(*silent(0), *silent(1), *silent(2), in_time(3)).when(clock_reached(end(3)))
    over = [
        resolved(MISSED, "guna", day(number), end(3), how="recovered", level=level)
        for number, level in ((0, 1), (1, 1), (2, 1), (2, 2))
    ]
    story.then(*over).when(*good(4)).then()


def test_a_day_that_is_settled_late_was_over_already_when_the_silence_was() -> None:
    story = owing(MISSED_REPORT).when(*silent(0), *good(1))
    story.when(filed("guna", day(0), f"{day(2)}T10:00")).then()


def test_whoever_reads_late_says_the_same_of_a_recovery() -> None:
    late = filed("guna", day(0), f"{day(2)}T10:00")
    story = owing(MISSED_REPORT).when(in_time(1), late).then()
    appended = f"{day(2)}T12:00"
    story.when(clock_reached(end(0), appended_at=appended)).then(
        raised(MISSED, "guna", day(0), end(0)), resolved(MISSED, "guna", day(0), end(1), how="recovered")
    )
    story.when(clock_reached(end(1), appended_at=appended)).then()


def test_a_late_report_is_no_recovery_of_the_days_before_and_of_another_district_neither() -> None:
    story = owing(MISSED_REPORT, "guna", "datia").when(*silent(0))
    story.when(filed("guna", day(1), f"{day(2)}T00:30"), in_time(1, "datia")).when(clock_reached(end(1)))
    over = [said for said in _told(story) if said.how == "recovered"]
    assert over == [resolved(MISSED, "datia", day(0), end(1), how="recovered")]


def test_what_is_locked_for_weeks_and_never_recovered_is_let_go_of_and_said_to_be() -> None:
    last = REMEMBERED.days + 1
    story = owing(MISSED_REPORT).when(*(each for number in range(last + 1) for each in silent(number)))
    assert [said for said in _told(story) if said.how == "locked"] == [
        resolved(MISSED, "guna", day(0), end(last), how="locked")
    ]


def _told(story: Story) -> list[Said]:
    return [
        Said(alert.rule, alert.subject_code, alert.period, alert.level, alert.at, getattr(alert, "how", None))
        for alert in story.alerts
    ]


def test_a_recovery_from_a_row_that_was_heard_of_is_praised_for_a_day() -> None:
    story = owing(RECOVERED).when(*silent(0), *silent(1), *silent(2)).then().when(*good(3))
    story.then(raised(Rule.RECOVERED, "guna", day(3), end(3)))
    assert story.alerts[0].audience == ("president", "pcc")
    story.when(*good(4)).then(resolved(Rule.RECOVERED, "guna", day(3), end(4), how="told"))
    story.when(*good(5)).then()


def test_two_misses_are_no_row_and_another_tenure_has_none() -> None:
    owing(RECOVERED).when(*silent(0), *silent(1)).when(*good(2)).then()
    story = owing(RECOVERED).when(*silent(0), *silent(1), *silent(2))
    story.when(
        relieved("guna", until=day(2), at=f"{day(3)}T01:00"),
        appointed("guna", "bina", since=day(3), at=f"{day(3)}T02:00"),
        filed("guna", day(3), f"{day(3)}T20:00", holder="bina"),
        clock_reached(end(3)),
    ).then()


def test_a_ladder_of_one_rung_knows_no_row() -> None:
    story = given(policy(remind=0, ladder=(1,)), added("guna"), appointed("guna"), rules=[RECOVERED])
    story.when(*silent(0), *silent(1), *silent(2), *good(3)).then()


def week(*failing: int) -> list[Event]:
    return [each for number in range(7) for each in (silent(number) if number in failing else good(number))]


def test_a_week_in_time_is_praised_when_its_sunday_is_judged() -> None:
    story = owing(PERFECT_WEEK).when(*week()).then(raised(Rule.PERFECT_WEEK, "guna", "2026-W48", end(6)))
    story.when(*good(7)).then(resolved(Rule.PERFECT_WEEK, "guna", "2026-W48", end(7), how="told"))


def test_one_day_of_silence_spoils_a_week_and_the_next_begins_anew() -> None:
    story = owing(PERFECT_WEEK).when(*week(2)).then()
    story.when(*(each for number in range(7, 14) for each in good(number)))
    story.then(raised(Rule.PERFECT_WEEK, "guna", "2026-W49", end(13)))


def test_days_on_which_nothing_was_owed_do_not_spoil_a_week_of_five() -> None:
    free = [holiday(day(0), at="2026-11-22T08:00"), excused("guna", day(1), at=f"{day(1)}T09:00")]
    owing(PERFECT_WEEK).when(*free, *silent(0), *silent(1), *(each for n in range(2, 7) for each in good(n))).then(
        raised(Rule.PERFECT_WEEK, "guna", "2026-W48", end(6))
    )
    free.append(holiday(day(2), at="2026-11-22T08:00"))
    silence = [each for number in range(3) for each in silent(number)]
    owing(PERFECT_WEEK).when(*free, *silence, *(each for n in range(3, 7) for each in good(n))).then()


def test_a_week_of_two_presidents_is_nobodys() -> None:
    story = owing(PERFECT_WEEK).when(*(each for number in range(3) for each in good(number)))
    story.when(
        relieved("guna", until=day(2), at=f"{day(3)}T01:00"),
        appointed("guna", "bina", since=day(3), at=f"{day(3)}T02:00"),
    )
    for number in range(3, 7):
        story.when(filed("guna", day(number), f"{day(number)}T20:00", holder="bina"), *silent(number)).then()
