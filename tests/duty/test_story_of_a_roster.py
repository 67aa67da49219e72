"""Stories of who owes a day: tenures, leave, holidays, districts that come and go, and what is logged too late."""

import pytest

from libs.duty.outcomes import Outcome
from libs.duty.transitions import DayMissed, ReportKept, StatusChanged
from libs.events.envelope import Event
from tests.duty.events import (
    added,
    appointed,
    clock_reached,
    closed_district,
    corrected,
    day,
    excused,
    filed,
    holiday,
    no_holiday,
    on_leave,
    policy,
    relieved,
    tenure,
)
from tests.duty.stories import Reason, Story, changed, given, kept, late, missed

DAY, NEXT_DAY = "2026-11-23", "2026-11-24"
NOON, NEXT_NOON = "2026-11-23T12:00", "2026-11-24T12:00"
DUE, GRACE_ENDS = "2026-11-23T21:00", "2026-11-24T00:00"
JUDGED = clock_reached(GRACE_ENDS)
REPORT = filed("guna", DAY, "2026-11-23T11:00")


def empty() -> Story:
    return given(policy(due="21:00", grace=180), added("guna"), clock_reached("2026-11-23T00:00"))


def guna() -> Story:
    return given(policy(due="21:00", grace=180), added("guna"), appointed("guna"), clock_reached("2026-11-23T00:00"))


# -- vacancy, leave, holiday ------------------------------------------------------------------------------------------


def test_nobody_holds_it_nobody_owes_it() -> None:
    empty().shows("guna", DAY, "excused", reason=Reason.VACANCY, tenure_id=None).when(JUDGED).then_no(
        DayMissed, StatusChanged
    )


def test_on_leave() -> None:
    """Both days are included, and the day after them is owed again."""
    story = guna().when(on_leave("guna", DAY, NEXT_DAY, at=NOON))
    story.then(changed("guna", day=DAY, to="excused", at=NOON)).shows("guna", DAY, "excused", reason=Reason.LEAVE)
    story.when(JUDGED, clock_reached("2026-11-25T00:00")).then_no(DayMissed).shows("guna", NEXT_DAY, "excused")
    story.when(clock_reached("2026-11-26T00:00")).then(missed("guna", day="2026-11-25"))


def test_a_leave_that_began_before_it_was_logged_excuses_only_what_is_not_judged() -> None:
    guna().when(JUDGED).when(on_leave("guna", DAY, NEXT_DAY, at="2026-11-24T00:01")).outcome(Outcome.APPLIED).shows(
        "guna", DAY, "missed"
    ).shows("guna", NEXT_DAY, "excused", reason=Reason.LEAVE)


@pytest.mark.parametrize(("at", "status"), [("2026-11-23T23:59:59.999999", "excused"), (GRACE_ENDS, "missed")])
@pytest.mark.parametrize("what", ["leave", "holiday", "relief"])
def test_grace_is_the_last_that_roster_and_calendar_can_excuse(what: str, at: str, status: str) -> None:
    said = {
        "leave": on_leave("guna", DAY, DAY, at=at),
        "holiday": holiday(DAY, at=at),
        "relief": relieved("guna", until=DAY, at=at),
    }[what]
    judged_late = clock_reached(GRACE_ENDS, appended_at="2026-11-24T03:00")
    guna().when(said, JUDGED).shows("guna", DAY, status)
    guna().when(said, judged_late).shows("guna", DAY, status)


def test_a_holiday_excuses_every_district() -> None:
    guna().when(added("dhar", at=NOON), appointed("dhar", at=NOON), holiday(DAY, at=NOON)).shows(
        "guna", DAY, "excused", reason=Reason.HOLIDAY
    ).shows("dhar", DAY, "excused", reason=Reason.HOLIDAY).when(JUDGED).then_no(DayMissed)


def test_a_holiday_announced_long_before() -> None:
    guna().when(holiday(NEXT_DAY), JUDGED).shows("guna", NEXT_DAY, "excused", reason=Reason.HOLIDAY)


def test_a_revoked_holiday_is_owed_again_unless_it_is_judged() -> None:
    revoked = no_holiday(DAY, at="2026-11-23T22:00")
    guna().when(holiday(DAY)).when(revoked).then(
        changed("guna", day=DAY, before="excused", to="pending", at="2026-11-23T22:00")
    ).when(JUDGED).then(missed("guna", day=DAY))
    guna().when(holiday(DAY), JUDGED).when(no_holiday(DAY, at=NEXT_NOON)).outcome(Outcome.JUDGED).shows(
        "guna", DAY, "excused"
    )


def test_a_holiday_declared_again_after_it_was_revoked() -> None:
    again = holiday(DAY, at=NOON, known_as="again")
    guna().when(holiday(DAY), no_holiday(DAY, at="2026-11-23T10:00"), again).outcome(*[Outcome.APPLIED] * 3).shows(
        "guna", DAY, "excused", reason=Reason.HOLIDAY
    )


def test_an_excuse_that_gives_way_to_another_is_told() -> None:
    guna().when(holiday(DAY)).when(relieved("guna", until=DAY, at=NOON)).then(
        changed("guna", day=DAY, before="excused", to="excused", at=NOON, holder=None)
    ).shows("guna", DAY, "excused", reason=Reason.VACANCY)


def test_an_exception_outlives_what_the_roster_says_later() -> None:
    guna().when(excused("guna", DAY, at=NOON), relieved("guna", until=DAY, at="2026-11-23T13:00")).shows(
        "guna", DAY, "excused", reason=Reason.EXCEPTION, tenure_id=None
    ).when(appointed("guna", "bina", since=DAY, at="2026-11-23T14:00")).shows(
        "guna", DAY, "excused", reason=Reason.EXCEPTION, tenure_id=tenure("guna", "bina")
    )


# -- tenures ----------------------------------------------------------------------------------------------------------


def test_a_second_holder_is_ignored() -> None:
    guna().when(appointed("guna", "bina", since=DAY, at=NOON)).outcome(Outcome.SECOND_HOLDER).then_no().when(
        filed("guna", DAY, "2026-11-23T13:00", holder="bina")
    ).outcome(Outcome.NOT_HOLDER)


def test_an_acting_president_owes_the_day_like_any_other() -> None:
    empty().when(appointed("guna", "bina", since=DAY, acting=True, at=NOON), JUDGED).then(
        missed("guna", day=DAY, holder="bina")
    )


def test_relieved_and_a_new_holder_on_the_same_day() -> None:
    """`until` is the first day no longer held: the new holder owes it."""
    story = guna().when(
        relieved("guna", until=DAY, at=NOON), appointed("guna", "bina", since=DAY, at="2026-11-23T12:30")
    )
    story.then(
        changed("guna", day=DAY, to="excused", at=NOON, holder=None),
        changed("guna", day=DAY, before="excused", to="pending", at="2026-11-23T12:30", holder="bina"),
    )
    story.when(JUDGED).then(missed("guna", day=DAY, holder="bina"))


def test_relieved_from_tomorrow_on_he_owes_today() -> None:
    guna().when(relieved("guna", until=NEXT_DAY, at=NOON), JUDGED).then(missed("guna", day=DAY)).shows(
        "guna", NEXT_DAY, "excused", reason=Reason.VACANCY
    )


def test_who_filed_and_was_relieved_the_same_day_keeps_the_day() -> None:
    """His successor may add to it, he himself no longer: he does not hold the day."""
    added_by_successor = filed("guna", DAY, "2026-11-23T20:00", holder="bina")
    story = guna().when(
        REPORT, relieved("guna", until=DAY, at=NOON), appointed("guna", "bina", since=DAY, at="2026-11-23T12:30")
    )
    story.shows("guna", DAY, "on_time", tenure_id=tenure("guna"), report_id=REPORT.id)
    story.when(corrected("guna", DAY, "2026-11-23T13:00", of=REPORT.id)).outcome(Outcome.NOT_HOLDER)
    story.when(added_by_successor).outcome(Outcome.SUPPLEMENT)
    story.when(JUDGED).then_no(DayMissed).shows("guna", DAY, "on_time", tenure_id=tenure("guna"))


def test_a_tenure_taken_back_stands_in_nobodys_way() -> None:
    guna().when(relieved("guna", until="2026-08-16", at=NOON)).when(
        appointed("guna", "bina", since="2026-08-01", at="2026-11-23T12:30")
    ).outcome(Outcome.APPLIED).shows("guna", DAY, "pending", tenure_id=tenure("guna", "bina"))


@pytest.mark.parametrize(
    ("at", "owed"), [("2026-11-23T20:59:59.999999", True), (DUE, False), ("2026-11-23T22:00", False)]
)
def test_the_first_duty_day_of_a_holder_is_due_after_he_was_logged(at: str, owed: bool) -> None:
    story = empty().when(appointed("guna", since="2026-08-16", at=at))
    story.shows("guna", DAY, "pending" if owed else "excused", tenure_id=tenure("guna"))
    story.when(JUDGED, clock_reached("2026-11-25T00:00")).then(
        *([missed("guna", day=DAY)] if owed else []), missed("guna", day=NEXT_DAY, consecutive=2 if owed else 1)
    )


@pytest.mark.parametrize(
    ("at", "owed"), [("2026-11-23T20:59:59.999999", True), (DUE, False), ("2026-11-23T22:00", False)]
)
def test_the_first_duty_day_under_a_policy_is_due_after_it_was_logged(at: str, owed: bool) -> None:
    story = given(added("guna"), appointed("guna"), policy(effective_from="2026-08-01", at=at))
    story.shows("guna", DAY, "pending" if owed else "excused").shows("guna", "2026-11-22", "excused")
    story.when(JUDGED, clock_reached("2026-11-25T00:00")).then(
        *([missed("guna", day=DAY)] if owed else []), missed("guna", day=NEXT_DAY, consecutive=2 if owed else 1)
    )


def test_nothing_is_owed_before_effective_from_nor_before_since() -> None:
    given(policy(effective_from=NEXT_DAY), added("guna"), appointed("guna"), JUDGED).then_no(DayMissed).shows(
        "guna", DAY, "excused", reason=Reason.VACANCY
    ).when(clock_reached("2026-11-25T00:00")).then(missed("guna", day=NEXT_DAY))
    empty().when(appointed("guna", since=NEXT_DAY, at=NOON), JUDGED).then_no(DayMissed)


def test_a_report_of_the_day_on_which_he_was_logged_too_late_is_kept() -> None:
    report = filed("guna", DAY, "2026-11-23T21:30")
    empty().when(appointed("guna", at="2026-11-23T21:10")).when(report).then(
        kept("guna", day=DAY, report=report)
    ).shows("guna", DAY, "excused", report_id=report.id)


# -- logged too late for days that are judged -------------------------------------------------------------------------


def test_backdated_roster_changes_nothing_of_judged_days() -> None:
    story = (
        guna()
        .when(JUDGED)
        .when(
            relieved("guna", until=DAY, at="2026-11-24T10:00"),
            appointed("guna", "bina", since=DAY, at="2026-11-24T11:00"),
        )
    )
    story.outcome(Outcome.APPLIED, Outcome.APPLIED).shows("guna", DAY, "missed", tenure_id=tenure("guna"))
    story.shows("guna", NEXT_DAY, "pending", tenure_id=tenure("guna", "bina"))


def test_a_judged_day_is_reported_by_whom_it_was_judged_by() -> None:
    """Relieved afterwards as of the day itself: it was his when it was judged, and he may still report it late."""
    story = guna().when(
        JUDGED,
        relieved("guna", until=DAY, at="2026-11-24T10:00"),
        appointed("guna", "bina", since=DAY, at="2026-11-24T11:00"),
    )
    story.when(filed("guna", DAY, NEXT_NOON, holder="bina")).outcome(Outcome.NOT_HOLDER)
    story.when(filed("guna", DAY, NEXT_NOON)).outcome(Outcome.APPLIED).shows(
        "guna", DAY, "late", tenure_id=tenure("guna")
    )


def test_a_day_that_nobody_held_when_it_was_judged_is_reported_by_todays_holder_and_not_counted() -> None:
    report = filed("guna", DAY, NEXT_NOON, holder="bina")
    empty().when(JUDGED, appointed("guna", "bina", since=DAY, at="2026-11-24T11:00")).when(report).then(
        kept("guna", day=DAY, report=report)
    ).shows("guna", DAY, "excused", reason=Reason.VACANCY)


def test_relief_that_was_known_when_it_was_judged() -> None:
    story = guna().when(
        relieved("guna", until=DAY, at=NOON), appointed("guna", "bina", since=DAY, at="2026-11-23T13:00"), JUDGED
    )
    story.when(filed("guna", DAY, NEXT_NOON)).outcome(Outcome.NOT_HOLDER)
    story.when(filed("guna", DAY, NEXT_NOON, holder="bina")).outcome(Outcome.APPLIED).shows("guna", DAY, "late")


def test_a_holiday_that_reached_the_log_after_the_judgement() -> None:
    guna().when(JUDGED).when(late(holiday(DAY, at=NOON), appended_at=NEXT_NOON)).outcome(Outcome.JUDGED).then_no()


# -- districts that come and go ---------------------------------------------------------------------------------------


def test_a_district_added_during_a_day_stands_on_its_board() -> None:
    given(policy(), clock_reached("2026-11-23T00:00"), added("dhar", at=NOON)).shows("dhar", DAY, "excused").when(
        appointed("dhar", at="2026-11-23T13:00")
    ).then(changed("dhar", day=DAY, before="excused", to="pending", at="2026-11-23T13:00")).when(JUDGED).then(
        missed("dhar", day=DAY)
    )


def test_a_district_added_after_a_day_was_judged_is_not_on_its_board() -> None:
    story = given(policy(), JUDGED, added("dhar", at=NEXT_NOON), appointed("dhar", at=NEXT_NOON))
    assert story.duty.days[day(DAY)].entries == {}
    story.shows("dhar", NEXT_DAY, "pending")


def test_a_closed_district_owes_nothing_from_that_day_on() -> None:
    story = guna().when(closed_district("guna", at=NOON))
    story.then(changed("guna", day=DAY, to="excused", at=NOON)).shows("guna", DAY, "excused", reason=Reason.EXCEPTION)
    story.when(JUDGED, clock_reached("2026-11-25T00:00")).then_no(DayMissed)
    assert story.duty.days[day(NEXT_DAY)].entries == {}
    story.when(holiday("2026-11-25", at="2026-11-25T10:00"))
    assert story.duty.days[day("2026-11-25")].entries == {}


def test_a_closed_district_still_owes_the_day_before() -> None:
    """Grace until ten in the morning: closed at nine, yesterday is judged as ever, and may be reported late."""
    story = given(policy(grace=13 * 60), added("guna"), appointed("guna"))
    story.when(closed_district("guna", at="2026-11-24T09:00"), clock_reached("2026-11-24T10:00")).then(
        missed("guna", day=DAY, at="2026-11-24T10:00")
    ).shows("guna", NEXT_DAY, "excused", reason=Reason.EXCEPTION)
    story.when(filed("guna", DAY, "2026-11-24T11:00")).shows("guna", DAY, "late")
    story.when(filed("guna", "2026-11-25", "2026-11-25T11:00")).outcome(Outcome.CLOSED_DISTRICT).then_no(ReportKept)


def test_a_district_closed_in_the_last_second_of_a_day_and_logged_in_the_next_owes_neither() -> None:
    """Two servers race at midnight: the new day has begun in the stream before the closing is read."""
    closing = closed_district("guna", at="2026-11-23T23:59:58")
    other: Event = filed("guna", DAY, "2026-11-24T00:00:01", holder="nobody")
    guna().when(
        other, late(closing, appended_at="2026-11-24T00:00:02"), JUDGED, clock_reached("2026-11-25T00:00")
    ).then_no(DayMissed).shows("guna", DAY, "excused").shows("guna", NEXT_DAY, "excused")
