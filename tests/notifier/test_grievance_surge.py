"""grievance-surge: stories of a district against its own past."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from libs.events.alerts import AlertData, AlertRaised
from libs.events.clock import ClockReached
from libs.events.envelope import Event
from libs.events.grievances import GrievancePolicyAdopted, GrievanceRaised, Severity, Surge
from libs.events.values import EventData
from services.notifier.rules.grievance_surge import GRIEVANCE_SURGE, Memory
from services.notifier.rules.rule import Seen
from tests.duty.events import STATE, code, named
from tests.notifier.stories import GRIEVANCES

FIRST = datetime(2026, 11, 23, tzinfo=UTC)


class Told:
    """One state's stream of grievances, as the rule reads it; `day`: days since 23 November."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.offset = -1

    def read(self, data: EventData, day: int) -> list[AlertData]:
        self.offset += 1
        event = Event(named(f"event {self.offset}"), "urn:test", FIRST + timedelta(days=day), data)
        return list(GRIEVANCE_SURGE.watch(self.memory, Seen(STATE, GRIEVANCES, self.offset, event)))

    def raise_(self, day: int, *authors: str | None, district: str = "guna") -> list[AlertData]:
        said: list[AlertData] = []
        for author in authors:
            said += self.read(
                GrievanceRaised(
                    state=STATE,
                    district=code(district),
                    grievance_id=named(f"grievance {self.offset}"),
                    category="conduct",
                    severity=Severity.LOW,
                    author=None if author is None else f"{int(author):032x}",
                ),
                day,
            )
        return said

    def clock(self) -> list[AlertData]:
        """The clock comes to what is due next."""
        due = GRIEVANCE_SURGE.next_due(self.memory)
        assert due is not None
        return self.read(ClockReached(state=STATE, at=due), (due - FIRST).days)

    def due(self) -> int | None:
        due = GRIEVANCE_SURGE.next_due(self.memory)
        return None if due is None else (due - FIRST).days


def people(count: int, first: int = 1) -> list[str]:
    return [str(number) for number in range(first, first + count)]


def what(alerts: Sequence[AlertData]) -> list[tuple[str, str, str, int]]:
    return [(alert.NAME, alert.subject, alert.period, (alert.at - FIRST).days) for alert in alerts]


def test_five_workers_within_a_week_are_a_surge_and_more_of_them_no_second_one() -> None:
    told = Told()
    assert told.raise_(0, *people(2)) == []
    assert told.raise_(3, *people(2, 3)) == []
    raised = told.raise_(6, "5", "6", "7")
    assert what(raised) == [("alert.raised", "in-mp.guna", "2026-11-29", 6)]
    assert isinstance(raised[0], AlertRaised)
    assert (raised[0].audience, raised[0].tenure_id) == (("aicc",), None)
    assert told.raise_(7, *people(9, 20)) == []


def test_one_worker_who_writes_often_is_one_and_those_who_give_no_token_are_one_a_day() -> None:
    told = Told()
    assert told.raise_(0, *["1"] * 9, *[None] * 9) == []
    assert told.raise_(1, None, None, "1") == []
    assert told.raise_(2, None) == []
    assert what(told.raise_(3, None)) == [("alert.raised", "in-mp.guna", "2026-11-26", 3)]


def test_workers_of_other_districts_and_of_other_weeks_do_not_count() -> None:
    told = Told()
    assert told.raise_(0, *people(4)) == []
    assert told.raise_(0, *people(4), district="datia") == []
    assert told.raise_(7, *people(4, 10)) == []


def test_where_protest_is_usual_only_three_times_as_much_is_a_surge() -> None:
    told = Told()
    for week in range(8):  # from the second week on five voices are no more than three times what is usual
        told.raise_(week * 7, *people(4, 100 * week))
    assert told.raise_(56, *people(11, 2000)) == []
    assert what(told.raise_(57, "2999")) == [("alert.raised", "in-mp.guna", "2027-01-19", 57)]


def test_it_ends_when_the_window_is_less_than_half_as_full_and_then_it_is_calm_for_a_while() -> None:
    told = Told()
    assert told.raise_(0, *people(2)) == []
    told.raise_(2, *people(3, 3))
    assert told.due() == 10  # the day after the first on which not even 2.5 of them are heard
    told.raise_(4, "9")
    assert told.due() == 10
    assert what(told.clock()) == [("alert.resolved", "in-mp.guna", "2026-11-25", 10)]
    assert told.due() is None
    assert told.raise_(20, *people(9)) == []
    assert what(told.raise_(24, *people(9, 50))) == [("alert.raised", "in-mp.guna", "2026-12-17", 24)]


def test_a_clock_before_the_end_ends_nothing() -> None:
    told = Told()
    told.raise_(0, *people(5))
    assert told.read(ClockReached(state=STATE, at=FIRST + timedelta(days=1)), 1) == []
    assert told.read(ClockReached(state=STATE, at=FIRST), 1) == []


def test_the_policy_of_grievances_says_what_a_surge_is() -> None:
    told = Told()
    policy = GrievancePolicyAdopted(
        state=STATE,
        version=1,
        due_days=(7,),
        silence_days=14,
        surge=Surge(authors=2, times=2, days=3, cool_down_days=1),
    )
    assert told.read(policy, 0) == []
    assert what(told.raise_(0, "1", "2")) == [("alert.raised", "in-mp.guna", "2026-11-23", 0)]


def test_what_is_remembered_is_bounded_and_what_cannot_be_read_says_nothing() -> None:
    told = Told()
    for day in range(200):
        told.raise_(day, "1")
    assert len(told.memory.districts[code("guna")].by_day) == 63
    assert list(GRIEVANCE_SURGE.watch(told.memory, Seen(STATE, GRIEVANCES, 999, None))) == []
