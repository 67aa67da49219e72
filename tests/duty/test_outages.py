"""From gaps to minutes: what an outage gives back to a day, and when its end is waited for."""

from datetime import timedelta

import pytest

from libs.duty.days import OpenDay
from libs.duty.outages import Gap, Owing, exhausted, owing
from libs.events.policy import Credit
from tests.duty.events import added, appointed, clock_reached, credited, day, instant, policy
from tests.duty.stories import given

DAY = "2026-11-23"
MOST = Credit(max_minutes=240)
MINUTE = timedelta(minutes=1)


def monday(credit: int = 240, *, remind: int = 120) -> OpenDay:
    """Reminded at 19:00, due at 21:00, judged at midnight."""
    story = given(policy(credit=credit, remind=remind), added("guna"), appointed("guna"))
    return story.when(clock_reached(f"{DAY}T00:00")).duty.days[day(DAY)]


def gap(begin: str, end: str | None) -> Gap:
    return Gap(instant(f"2026-11-{begin}"), None if end is None else instant(f"2026-11-{end}"))


def found(*gaps: Gap, credit: Credit | None = MOST, of: OpenDay | None = None) -> Owing:
    return owing(of or monday(), credit, gaps)


@pytest.mark.parametrize(
    ("begin", "end", "minutes"),
    [
        ("23T23:40", "24T00:20", 40),
        ("23T20:00", "23T20:10", 10),
        ("23T20:00:30", "23T20:02:31", 3),
        ("23T18:30", "23T19:30", 30),
        ("23T23:59:59", "24T00:02", 3),
        ("23T12:00", "24T12:00", 240),
    ],
)
def test_what_lies_between_reminder_and_end_of_grace_is_given_back(begin: str, end: str, minutes: int) -> None:
    outage = gap(begin, end)
    last = instant("2026-11-24T00:00") + MOST.max_minutes * MINUTE
    assert outage.end is not None
    assert found(outage) == Owing([(outage.begin, min(outage.end, last), minutes)])


@pytest.mark.parametrize(
    ("begin", "end"), [("23T10:00", "23T19:00"), ("24T00:00", "24T00:40"), ("24T02:00", None), ("23T01:00", "23T02:00")]
)
def test_outages_before_the_reminder_and_after_the_grace_give_nothing(begin: str, end: str | None) -> None:
    assert found(gap(begin, end)) == Owing([])


def test_a_reminder_of_the_day_before_opens_no_window_before_the_day() -> None:
    long_ago = monday(remind=1440)
    assert found(gap("22T22:00", "23T00:30"), of=long_ago).credits[0][2] == 30


def test_the_longer_grace_may_meet_another_gap() -> None:
    first, second, third = gap("23T23:40", "24T00:20"), gap("24T00:30", "24T00:50"), gap("24T01:00", "24T01:10")
    assert [minutes for _, _, minutes in found(first, second, third).credits] == [40, 20]
    assert [minutes for _, _, minutes in found(second, third).credits] == []


def test_all_together_give_no_more_than_the_policy_says() -> None:
    outages = gap("23T23:40", "24T00:20"), gap("24T00:30", "24T00:50")
    assert [minutes for _, _, minutes in found(*outages, credit=Credit(max_minutes=50)).credits] == [40, 10]
    assert [minutes for _, _, minutes in found(*outages, credit=Credit(max_minutes=40)).credits] == [40]
    assert found(*outages, credit=None) == Owing([])


def test_what_is_credited_already_gives_nothing_more() -> None:
    story = given(policy(credit=60), added("guna"), appointed("guna"), clock_reached(f"{DAY}T00:00"))
    story.when(credited(DAY, "2026-11-23T23:40", "2026-11-24T00:20", 40, at="2026-11-24T00:20"))
    monday, credit = story.duty.days[day(DAY)], Credit(max_minutes=60)
    assert found(gap("23T23:40", "24T00:20"), of=monday, credit=credit) == Owing([])
    again = found(gap("23T23:40", "24T00:20"), gap("24T00:25", "24T00:55"), of=monday, credit=credit)
    assert [minutes for _, _, minutes in again.credits] == [20]


def test_the_end_of_an_outage_is_waited_for_while_it_can_still_give_something() -> None:
    going_on = gap("23T23:40", None)
    assert found(going_on) == Owing([], wait_until=instant("2026-11-24T04:00"))
    before = gap("23T22:00", "23T23:00")
    assert found(before, going_on) == Owing(
        [(before.begin, instant("2026-11-23T23:00"), 60)], wait_until=instant("2026-11-24T04:00")
    )
    given_up = exhausted(monday(), MOST, [going_on])
    assert given_up == Owing([(going_on.begin, instant("2026-11-24T04:00"), 240)])
    ended_late = found(gap("23T23:40", "24T09:00"))
    assert ended_late == given_up, "who measures it later finds the same"


def test_the_days_that_an_instant_judges() -> None:
    story = given(policy(), added("guna"), appointed("guna"))
    assert given(added("guna")).duty.judged_at(instant("2026-11-24T00:00")) == []
    story.when(clock_reached("2026-11-23T00:00"))
    assert [each.day for each in story.duty.judged_at(instant("2026-11-23T23:59"))] == []
    assert [each.day for each in story.duty.judged_at(instant("2026-11-24T00:00"))] == [day(DAY)]
    both = story.duty.judged_at(instant("2026-11-25T00:00"))
    assert [each.day for each in both] == [day(DAY), day("2026-11-24")], "also the one that has not begun"
