"""The life of a case, told as it happens: what is allowed when, and what time alone brings about."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest

from libs.events.clock import ClockReached
from libs.events.envelope import Event, Recorded
from libs.events.grievances import (
    CaseData,
    GrievanceAgreed,
    GrievanceAnswered,
    GrievanceAppealed,
    GrievanceAssigned,
    GrievanceClosed,
    GrievanceCloseProposed,
    GrievanceErased,
    GrievanceMerged,
    GrievanceMessageSent,
    GrievanceOpened,
    GrievancePolicyAdopted,
    GrievanceRaised,
    GrievanceRejected,
    GrievanceTriaged,
)
from libs.events.values import EventData
from libs.grievances.cases import Case, Cases, Overdue
from libs.grievances.outcomes import ALL, OPEN, TABLE, Finding, Status
from tests.events import golden

DAY = date(2026, 11, 23)
ABOUT: dict[str, Any] = {"state": "in-mp", "district": "in-mp.guna"}
SEALED = golden.data("grievance.message_sent.v1")["sealed"]
TRACKING = golden.data("grievance.raised.v2")["tracking"]
MORE: dict[type[EventData], dict[str, Any]] = {
    GrievanceTriaged: {"category": "money", "severity": "low"},
    GrievanceAssigned: {"handler": str(uuid4()), "due": "2026-12-01"},
    GrievanceClosed: {"reason": "done"},
    GrievanceRejected: {"reason": "not-ours"},
    GrievanceMessageSent: {"sealed": SEALED},
}


class Story:
    """A stream of grievances: `says` appends, and answers what the event was found to be."""

    def __init__(self) -> None:
        self.cases = Cases()
        self.day = DAY
        self.offset = 0
        self.overdue: list[Overdue] = []

    def on(self, day: int) -> "Story":
        """So many days after the first."""
        self.day = DAY + timedelta(days=day)
        at = datetime.combine(self.day, time(), UTC)
        self.says(ClockReached(state="in-mp", at=at))
        return self

    def raised(self, **more: object) -> str:
        grievance_id = str(uuid4())
        known = {"category": "conduct", "severity": "high", "sealed": SEALED, "tracking": TRACKING} | more
        self.says(GrievanceRaised.model_validate({**ABOUT, "grievance_id": grievance_id, **known}, strict=False))
        return grievance_id

    def says(self, data: EventData) -> Finding:
        found = self.cases.examine(data)
        event = Event(str(uuid4()), "urn:test", datetime.combine(self.day, time(), UTC), data)
        recorded = Recorded(event, "rozana.in-mp.grievances", self.offset, event.time)
        self.overdue += self.cases.evolve(recorded)
        self.offset += 1
        return found

    def then(self, model: type[CaseData], about: str, **more: object) -> Finding:
        return self.says(case_event(model, about, **more))

    def case(self, grievance_id: str) -> Case:
        return self.cases.by_id[grievance_id]


def case_event(model: type[CaseData], about: str, **more: object) -> CaseData:
    return model.model_validate({**ABOUT, "grievance_id": about, **MORE.get(model, {}), **more}, strict=False)


def adopted(version: int = 1, **more: object) -> GrievancePolicyAdopted:
    rules = {"due_days": (7, 15), "silence_days": 10} | more
    return GrievancePolicyAdopted.model_validate({"state": "in-mp", "version": version, **rules})


WAYS: dict[Status, tuple[type[CaseData], ...]] = {
    Status.RAISED: (),
    Status.TRIAGED: (GrievanceTriaged,),
    Status.ASSIGNED: (GrievanceAssigned,),
    Status.ANSWERED: (GrievanceAssigned, GrievanceAnswered),
    Status.CLOSE_PROPOSED: (GrievanceAssigned, GrievanceCloseProposed),
    Status.APPEALED: (GrievanceRejected, GrievanceAppealed),
    Status.CLOSED: (GrievanceClosed,),
    Status.REJECTED: (GrievanceRejected,),
    Status.MERGED: (GrievanceMerged,),
}


def brought_to(status: Status) -> tuple[Story, str, str]:
    """A story in which the first case has come to this status, and another one is open."""
    story = Story()
    about, other = story.raised(), story.raised()
    for model in WAYS[status]:
        assert (
            story.then(model, about, **({"duplicate_of": other} if model is GrievanceMerged else {})) is Finding.APPLIED
        )
    assert story.case(about).status is status
    return story, about, other


def test_the_ways_lead_to_every_status() -> None:
    assert set(WAYS) == ALL
    assert set(TABLE) == set(CaseData.__subclasses__())


@pytest.mark.parametrize(("status", "model"), list(product(Status, TABLE)))
def test_the_table_says_what_may_come_when_and_all_else_changes_nothing(status: Status, model: type[CaseData]) -> None:
    story, about, other = brought_to(status)
    allowed, after = TABLE[model]
    found = story.then(model, about, **({"duplicate_of": other} if model is GrievanceMerged else {}))
    if status in allowed:
        assert found is Finding.APPLIED
        assert story.case(about).status is (after or status)
    else:
        assert found is Finding.NOT_NOW
        assert story.case(about).status is status


def test_the_whole_way_of_one() -> None:
    story = Story()
    assert story.says(adopted()) is Finding.APPLIED
    about = story.raised()
    assert story.case(about).due == date(2026, 11, 30)
    story.then(GrievanceTriaged, about)
    story.then(GrievanceAssigned, about)
    story.then(GrievanceAnswered, about, due="2026-12-20", sealed=SEALED)
    story.then(GrievanceMessageSent, about)
    case = story.case(about)
    assert (case.category, case.severity, case.due) == ("money", "low", date(2026, 12, 20))
    assert [(letter.by, letter.offset) for letter in case.letters] == [
        ("complainant", 1),
        ("aicc", 4),
        ("complainant", 5),
    ]
    story.then(GrievanceCloseProposed, about)
    assert case.due is None
    story.then(GrievanceAgreed, about)
    assert (case.status, case.how) == (Status.CLOSED, "agreed")
    story.on(3).then(GrievanceAppealed, about)
    again = story.case(about)
    assert (again.status, again.level, again.due, again.how) == (Status.APPEALED, 2, date(2026, 12, 11), None)
    story.then(GrievanceClosed, about)
    assert case.how == "override"
    assert story.then(GrievanceAppealed, about) is Finding.NO_HIGHER_LEVEL


def test_silence_closes_what_was_proposed_to_be_closed_and_not_a_day_too_early() -> None:
    story = Story()
    story.says(adopted())
    about = story.raised()
    story.then(GrievanceAssigned, about)
    story.on(2).then(GrievanceCloseProposed, about)
    assert story.cases.next_due() == date(2026, 12, 6)
    story.on(12)
    assert story.case(about).status is Status.CLOSE_PROPOSED
    story.on(13)
    assert (story.case(about).status, story.case(about).how) == (Status.CLOSED, "silence")
    assert story.cases.next_due() is None
    assert story.overdue == []


def test_a_due_day_that_passes_is_told_once_and_a_new_one_again() -> None:
    story = Story()
    story.says(adopted())
    about = story.raised()
    assert story.cases.next_due() == date(2026, 12, 1)
    assert story.on(7).overdue == []
    assert [each.due for each in story.on(8).overdue] == [date(2026, 11, 30)]
    assert len(story.on(9).overdue) == 1
    assert story.cases.next_due() is None
    story.then(GrievanceAssigned, about, due="2026-12-10")
    assert [each.due for each in story.on(60).overdue] == [date(2026, 11, 30), date(2026, 12, 10)]


def test_who_supports_is_counted_and_a_merged_one_brings_its_own() -> None:
    story = Story()
    one, two, three = story.raised(), story.raised(), story.raised()
    assert story.then(GrievanceMerged, three, duplicate_of=two) is Finding.APPLIED
    assert story.then(GrievanceMerged, two, duplicate_of=one) is Finding.APPLIED
    assert (story.case(one).supporters, story.case(three).duplicate_of) == (2, two)
    assert story.then(GrievanceMerged, one, duplicate_of=one) is Finding.NO_SUCH_TARGET
    assert story.then(GrievanceMerged, one, duplicate_of=two) is Finding.NO_SUCH_TARGET
    assert story.then(GrievanceMerged, one, duplicate_of=str(uuid4())) is Finding.NO_SUCH_TARGET
    elsewhere = story.raised(district="in-mp.bhind")
    assert story.then(GrievanceMerged, one, duplicate_of=elsewhere) is Finding.NO_SUCH_TARGET


def test_what_is_erased_is_only_closed_rejected_or_erased_again() -> None:
    story = Story()
    about = story.raised()
    assert story.then(GrievanceErased, about) is Finding.APPLIED
    for model in (GrievanceOpened, GrievanceMessageSent, GrievanceAssigned, GrievanceTriaged):
        assert story.then(model, about) is Finding.ERASED
    assert story.then(GrievanceErased, about) is Finding.APPLIED
    assert story.then(GrievanceRejected, about) is Finding.APPLIED
    assert (story.case(about).erased, story.case(about).status) == (True, Status.REJECTED)


def test_what_was_written_where_the_erasure_was_not_known_yet_is_destroyed_too() -> None:
    """Replicas may race. It counts for nothing: but its key has been put away, and must go."""
    story = Story()
    about = story.raised()
    story.then(GrievanceErased, about)
    assert story.then(GrievanceMessageSent, about) is Finding.ERASED
    assert story.then(GrievanceAssigned, about) is Finding.ERASED
    assert [(each.by, each.offset) for each in story.case(about).letters] == [("complainant", 0), ("complainant", 2)]


@pytest.mark.parametrize("status", sorted(ALL))
def test_a_text_is_outlived_when_its_days_after_the_end_have_passed(status: Status) -> None:
    story, about, _ = brought_to(status)
    story.cases.policy = adopted(keep_days=30)
    assert story.cases.outlived(DAY + timedelta(days=30)) == []
    over = status not in OPEN
    assert story.cases.outlived(DAY + timedelta(days=31)) == ([story.case(about)] if over else [])
    if over:
        story.then(GrievanceErased, about)
    assert story.cases.outlived(DAY + timedelta(days=1000)) == []


def test_nothing_is_outlived_without_a_policy_or_without_a_text() -> None:
    story = Story()
    about, bare = story.raised(), story.raised(sealed=None)
    for each in (about, bare):
        story.then(GrievanceRejected, each)
    assert story.cases.outlived(date(2100, 1, 1)) == []
    story.says(adopted())
    assert story.cases.outlived(DAY + timedelta(days=1095)) == []
    assert story.cases.outlived(DAY + timedelta(days=1096)) == [story.case(about)]
    story.on(5)
    story.then(GrievanceAppealed, about)
    assert story.cases.outlived(date(2100, 1, 1)) == []
    story.says(adopted(version=2, keep_days=36_500))
    story.on(6).then(GrievanceRejected, about)
    story.then(GrievanceClosed, about)
    assert story.cases.outlived(date(2100, 1, 1)) == []


def test_another_district_and_an_unknown_case_are_not_told_apart() -> None:
    story = Story()
    about = story.raised()
    assert story.then(GrievanceTriaged, str(uuid4())) is Finding.NO_SUCH_CASE
    assert story.then(GrievanceTriaged, about, district="in-mp.bhind") is Finding.NO_SUCH_CASE


def test_the_first_of_two_under_one_id_counts() -> None:
    story = Story()
    about = story.raised()
    again = GrievanceRaised.model_validate(
        {**ABOUT, "grievance_id": about, "category": "other", "severity": "low"}, strict=False
    )
    assert story.says(again) is Finding.RAISED_ALREADY
    assert story.case(about).category == "conduct"


def test_rules_have_rising_versions() -> None:
    story = Story()
    assert [story.says(adopted(version)) for version in (3, 2, 3, 4)] == [
        *(Finding.APPLIED, Finding.OLD_RULES, Finding.OLD_RULES, Finding.APPLIED),
    ]
    assert story.cases.policy.version == 4


def test_the_code_finds_its_case_and_no_other() -> None:
    story = Story()
    about = story.raised()
    untracked = story.raised(tracking=None, sealed=None)
    assert story.cases.tracked(TRACKING["locator"], TRACKING["verifier"]) is story.case(about)
    assert story.cases.tracked(TRACKING["locator"], "0" * 64) is None
    assert story.cases.tracked("0000", TRACKING["verifier"]) is None
    assert story.case(untracked).letters == []


def test_clocks_that_come_late_or_twice_do_not_go_back() -> None:
    story = Story()
    story.on(5)
    story.says(ClockReached(state="in-mp", at=datetime(2026, 11, 1, tzinfo=UTC)))
    assert story.cases.today == date(2026, 11, 28)


def test_a_clock_ahead_of_the_log_s_own_is_ignored() -> None:
    story = Story()
    story.says(adopted())
    story.raised()
    story.says(ClockReached(state="in-mp", at=datetime(2027, 1, 1, tzinfo=UTC)))
    assert (story.cases.today, story.overdue) == (None, [])


def test_alerts_in_the_same_stream_are_nothing_to_a_case() -> None:
    story = Story()
    assert story.says(golden.event("alert.raised.v1.grievance").data) is Finding.APPLIED
    assert story.cases.by_id == {}


def test_open_is_where_somebody_still_has_to_do_something() -> None:
    assert {Status.CLOSED, Status.REJECTED, Status.MERGED} == ALL - OPEN
