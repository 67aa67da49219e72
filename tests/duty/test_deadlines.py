"""Civil time to instants: every day of a year, and every way in which clocks are moved."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from libs.duty.deadlines import Deadlines, deadlines
from libs.duty.policies import MOST_KNOWN, Policies
from libs.events.policy import PolicyAdopted
from tests.duty.events import instant, policy

ZONES = ["Asia/Kolkata", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut"]
ONE_DAY = timedelta(days=1)


def rules(due: str = "21:00", grace: int = 180, *, tz: str = "Asia/Kolkata", lock: int = 7) -> PolicyAdopted:
    data = policy(due, grace, tz=tz, lock=lock).data
    assert isinstance(data, PolicyAdopted)
    return data


def policies(*adopted: PolicyAdopted, at: str = "2026-01-01T00:00Z") -> Policies:
    found = Policies()
    for each in adopted:
        found.adopt(each, instant(at), None)
    return found


def of(day: str, due: str, grace: int = 0, *, tz: str, lock: int = 0) -> Deadlines:
    return deadlines(date.fromisoformat(day), rules(due, grace, tz=tz, lock=lock))


def every_day(year: int) -> list[date]:
    first, end = date(year, 1, 1), date(year + 1, 1, 1)
    return [first + ONE_DAY * number for number in range((end - first).days)]


def test_a_day_in_india() -> None:
    """Local midnight is 18:30 UTC of the day before."""
    assert deadlines(date(2026, 11, 23), rules()) == Deadlines(
        opens=datetime(2026, 11, 22, 18, 30, tzinfo=UTC),
        remind_at=datetime(2026, 11, 23, 13, 30, tzinfo=UTC),
        due_at=datetime(2026, 11, 23, 15, 30, tzinfo=UTC),
        grace_until=datetime(2026, 11, 23, 18, 30, tzinfo=UTC),
        lock_at=datetime(2026, 11, 30, 18, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize("year", [2026, 2028])
@pytest.mark.parametrize("tz", ZONES)
def test_every_day_of_a_year_begins_where_the_one_before_it_ends(tz: str, year: int) -> None:
    days = every_day(year)
    known = [deadlines(day, rules(tz=tz, lock=0)) for day in days]
    for day, limits, following in zip(days, known, known[1:], strict=False):
        assert limits.lock_at == following.opens, day
        assert limits.opens.astimezone(ZoneInfo(tz)).date() == day
        assert (limits.opens - timedelta(microseconds=1)).astimezone(ZoneInfo(tz)).date() == day - ONE_DAY


@pytest.mark.parametrize("due", ["00:01", "00:30", "01:00", "02:30", "12:00", "21:00", "23:30", "23:59"])
@pytest.mark.parametrize("tz", ZONES)
def test_the_instants_of_a_day_are_in_order(tz: str, due: str) -> None:
    most = 24 * 60 - int(due[:2]) * 60 - int(due[3:])
    for grace in (0, most):
        for day in every_day(2026):
            limits = deadlines(day, rules(due, grace, tz=tz, lock=0))
            assert limits.opens <= limits.due_at <= limits.grace_until <= limits.lock_at, day
            assert limits.grace_until - limits.due_at == timedelta(minutes=grace), "grace is elapsed minutes"
            assert limits.due_at - limits.remind_at == timedelta(minutes=120)


def test_india_has_the_same_day_all_year() -> None:
    known = [deadlines(day, rules()) for day in every_day(2028)]
    assert {after.due_at - before.due_at for before, after in pairwise(known)} == {ONE_DAY}
    assert {each.due_at - each.opens for each in known} == {timedelta(hours=21)}


@pytest.mark.parametrize(
    ("day", "lock", "locks"),
    [
        ("2026-01-31", 7, "2026-02-08T00:00"),
        ("2026-02-22", 7, "2026-03-02T00:00"),
        ("2028-02-22", 7, "2028-03-01T00:00"),
        ("2028-02-29", 0, "2028-03-01T00:00"),
        ("2026-12-31", 31, "2027-02-01T00:00"),
    ],
)
def test_locks_count_civil_days_over_month_ends_and_the_leap_day(day: str, lock: int, locks: str) -> None:
    assert deadlines(date.fromisoformat(day), rules(lock=lock)).lock_at == instant(locks)


@pytest.mark.parametrize(
    ("tz", "day", "due", "due_at"),
    [
        # shown twice: the first time
        ("Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T00:30Z"),
        ("America/Santiago", "2026-04-04", "23:30", "2026-04-05T02:30Z"),
        ("Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-04T14:45Z"),
        # skipped: as much later as is skipped
        ("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T01:30Z"),
        ("America/Santiago", "2026-09-06", "00:30", "2026-09-06T04:30Z"),
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:45Z"),
    ],
)
def test_where_clocks_are_moved(tz: str, day: str, due: str, due_at: str) -> None:
    assert of(day, due, tz=tz).due_at == instant(due_at)


def test_where_midnight_is_skipped_the_day_begins_at_one() -> None:
    limits = of("2026-09-06", "21:00", tz="America/Santiago")
    assert limits.opens.astimezone(ZoneInfo("America/Santiago")).isoformat() == "2026-09-06T01:00:00-03:00"
    assert of("2026-09-05", "21:00", tz="America/Santiago").lock_at == limits.opens


def test_where_midnight_is_shown_twice_the_day_begins_at_the_first() -> None:
    """Havana goes back from 01:00 to 00:00 on 2026-11-01."""
    assert of("2026-11-01", "21:00", tz="America/Havana").opens == instant("2026-11-01T00:00-04:00")


def test_grace_is_elapsed_minutes_also_over_a_moved_clock() -> None:
    before = of("2026-03-29", "01:00", 120, tz="Europe/Berlin")
    assert before.grace_until == instant("2026-03-29T04:00+02:00")
    after = of("2026-10-25", "01:00", 120, tz="Europe/Berlin")
    assert after.grace_until == instant("2026-10-25T02:00+01:00")


def test_a_grace_over_a_skipped_hour_holds_the_lock_back() -> None:
    """23 hours of grace from 01:00 of a day that has 23: it ends an hour after the next midnight."""
    limits = of("2026-03-29", "01:00", 23 * 60, tz="Europe/Berlin")
    assert limits.grace_until == limits.lock_at == instant("2026-03-30T01:00+02:00")


@pytest.mark.parametrize(
    ("tz", "at", "today"),
    [
        ("Asia/Kolkata", "2026-11-22T18:29:59.999999Z", "2026-11-22"),
        ("Asia/Kolkata", "2026-11-22T18:30:00Z", "2026-11-23"),
        ("Asia/Kolkata", "2026-11-23T00:00:00Z", "2026-11-23"),
        ("Asia/Kolkata", "2026-11-23T18:29:59Z", "2026-11-23"),
        ("Asia/Kolkata", "2028-02-28T18:30:00Z", "2028-02-29"),
        ("Asia/Kolkata", "2026-12-31T18:30:00Z", "2027-01-01"),
        ("America/Santiago", "2026-09-06T03:59:59Z", "2026-09-05"),
        ("America/Santiago", "2026-09-06T04:00:00Z", "2026-09-06"),
        ("America/Santiago", "2026-04-05T03:30:00Z", "2026-04-04"),  # 23:30, the second time
        ("America/Havana", "2026-11-01T04:30:00Z", "2026-11-01"),  # 00:30, the first time
        ("America/Havana", "2026-11-01T05:30:00Z", "2026-11-01"),  # 00:30, the second time
        ("Pacific/Kiritimati", "2026-11-22T10:00:00Z", "2026-11-23"),
        ("Pacific/Pago_Pago", "2026-11-23T10:59:59Z", "2026-11-22"),
    ],
)
def test_today(tz: str, at: str, today: str) -> None:
    assert policies(rules(tz=tz)).today(instant(at)) == date.fromisoformat(today)


@pytest.mark.parametrize("tz", ZONES)
def test_today_agrees_with_the_deadlines_at_every_midnight(tz: str) -> None:
    known = policies(rules(tz=tz))
    for day in every_day(2026):
        opens = known.deadlines(day).opens
        assert known.today(opens) == day
        assert known.today(opens - timedelta(microseconds=1)) == day - ONE_DAY


def test_whoever_asks_for_many_days_costs_a_bounded_amount_of_memory() -> None:
    data = rules()
    known = policies(data)
    for number in range(MOST_KNOWN + 10):
        asked = date(2026, 11, 23) + number * ONE_DAY
        assert known.deadlines(asked) == deadlines(asked, data)
        assert len(known.known) <= MOST_KNOWN


def test_deadlines_that_are_remembered_go_with_the_policy() -> None:
    known, asked = policies(rules("21:00")), date(2026, 12, 1)
    assert known.deadlines(asked) == deadlines(asked, rules("21:00"))
    later = policy("20:00", version=2, effective_from="2026-11-25").data
    assert isinstance(later, PolicyAdopted)
    known.adopt(later, instant("2026-11-22T09:00"), None)
    assert known.deadlines(asked) == deadlines(asked, later)
