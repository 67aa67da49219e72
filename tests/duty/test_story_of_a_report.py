"""Stories of one district and its reports: received in time or not, repeated, corrected, supplemented, in conflict."""

from dataclasses import replace

import pytest

from libs.duty.outcomes import Outcome
from libs.duty.transitions import DayMissed, ReportKept, StatusChanged
from libs.events.envelope import Event
from tests.duty.events import (
    added,
    appointed,
    clock_reached,
    corrected,
    day,
    excused,
    filed,
    holiday,
    instant,
    named,
    no_holiday,
    policy,
    reviewed,
    tenure,
)
from tests.duty.stories import Reason, Story, changed, closed, given, kept, late, missed, opened

DAY, NEXT_DAY = "2026-11-23", "2026-11-24"
GRACE_ENDS = "2026-11-24T00:00"
JUDGED = clock_reached(GRACE_ENDS)


def guna() -> Story:
    """At the first instant of the first day that Guna owes."""
    return given(policy(due="21:00", grace=180), added("guna"), appointed("guna"), clock_reached("2026-11-23T00:00"))


def received(at: str, **more: str) -> Event:
    return filed("guna", DAY, at, **more)


# -- when it was received ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2026-11-23T00:00", "on_time"),
        ("2026-11-23T20:59:59.999999", "on_time"),
        ("2026-11-23T21:00", "on_time"),
        ("2026-11-23T21:00:00.000001", "in_grace"),
        ("2026-11-24T00:00", "in_grace"),
        ("2026-11-24T00:00:00.000001", "late"),
        ("2026-11-30T23:59:59.999999", "late"),
    ],
)
def test_the_very_instants(at: str, status: str) -> None:
    report = received(at)
    guna().when(report).then(changed("guna", day=DAY, to=status, at=at, by=report)).shows(
        "guna", DAY, status, report_id=report.id, received_at=instant(at), tenure_id=tenure("guna")
    )


def test_silence_is_judged_at_the_end_of_grace() -> None:
    guna().when(clock_reached("2026-11-23T23:59:59")).then_no(DayMissed).when(JUDGED).then(
        missed("guna", day=DAY), changed("guna", day=DAY, to="missed", at=GRACE_ENDS), closed(DAY, GRACE_ENDS)
    ).shows("guna", DAY, "missed").when(clock_reached("2026-11-24T06:00")).then_no()


def test_who_has_filed_is_not_missed() -> None:
    guna().when(received("2026-11-23T20:00"), JUDGED).then_no(DayMissed).then(closed(DAY, GRACE_ENDS))


def test_a_late_report_after_the_judgement() -> None:
    report = received("2026-11-24T00:40")
    guna().when(JUDGED).then(missed("guna", day=DAY)).when(report).then(
        changed("guna", day=DAY, before="missed", to="late", at="2026-11-24T00:40", by=report)
    )


def test_a_late_report_before_anybody_judged() -> None:
    """The miss is told with the timestamps it would have had, and the lateness again after it."""
    report = received("2026-11-24T00:40")
    guna().when(report).then(changed("guna", day=DAY, to="late", at="2026-11-24T00:40", by=report)).when(
        clock_reached(GRACE_ENDS, appended_at="2026-11-24T03:00")
    ).then(
        missed("guna", day=DAY),
        changed("guna", day=DAY, to="missed", at=GRACE_ENDS),
        changed("guna", day=DAY, before="missed", to="late", at="2026-11-24T00:40", by=report),
        closed(DAY, GRACE_ENDS),
    ).shows("guna", DAY, "late")


def test_a_report_received_in_time_and_found_after_the_judgement() -> None:
    report = received("2026-11-23T20:59")
    guna().when(JUDGED).when(late(report, appended_at="2026-11-24T04:00")).then(
        changed("guna", day=DAY, before="missed", to="on_time", at="2026-11-23T20:59", by=report)
    ).shows("guna", DAY, "on_time")


def test_a_report_received_in_time_and_found_after_a_late_one() -> None:
    """A valid report received in time is never late, whatever the log's order: the supplement's received_at counts."""
    slow, quick = received("2026-11-24T00:00:01"), received("2026-11-23T23:59:59", known_as="other phone")
    guna().when(slow, JUDGED, late(quick, appended_at="2026-11-24T00:00:06")).then(
        changed("guna", day=DAY, to="late", at="2026-11-24T00:00:01", by=slow),
        changed("guna", day=DAY, to="missed", at=GRACE_ENDS),
        changed("guna", day=DAY, before="missed", to="late", at="2026-11-24T00:00:01", by=slow),
        changed("guna", day=DAY, before="late", to="in_grace", at="2026-11-23T23:59:59", by=quick),
    ).shows("guna", DAY, "in_grace", report_id=slow.id, supplements=[quick.id], received_at=quick.time)


def test_found_before_anybody_judged_it_is_no_miss() -> None:
    slow, quick = received("2026-11-24T00:00:01"), received("2026-11-23T23:59:59", known_as="other phone")
    guna().when(slow, late(quick, appended_at="2026-11-24T00:00:02"), JUDGED).then_no(DayMissed)


# -- repeated ---------------------------------------------------------------------------------------------------------


def test_a_retry_is_the_same_event() -> None:
    first, retry = received("2026-11-23T20:00"), received("2026-11-23T22:00")
    assert first.id == retry.id
    guna().when(first).when(retry).outcome(Outcome.DUPLICATE).then_no().shows(
        "guna", DAY, "on_time", received_at=first.time, supplements=[]
    )


@pytest.mark.parametrize(("first", "before"), [("2026-11-23T21:30", "in_grace"), ("2026-11-24T08:00", "late")])
def test_of_two_copies_the_earlier_received_at_counts(first: str, before: str) -> None:
    again = received("2026-11-23T20:59")
    guna().when(received(first), JUDGED).when(late(again, appended_at="2026-11-24T08:01")).outcome(
        Outcome.DUPLICATE
    ).then(changed("guna", day=DAY, before=before, to="on_time", at="2026-11-23T20:59", by=again)).shows(
        "guna", DAY, "on_time", received_at=again.time, supplements=[]
    )


def test_an_earlier_copy_on_an_excused_day_moves_only_received_at() -> None:
    again = received("2026-11-23T20:59")
    guna().when(holiday(DAY), received("2026-11-23T21:30")).when(late(again, appended_at="2026-11-23T21:31")).then_no(
        StatusChanged
    ).then(kept("guna", day=DAY, report=again)).shows("guna", DAY, "excused", received_at=again.time)


def test_same_id_other_body_is_a_conflict_and_the_first_wins() -> None:
    first = received("2026-11-23T20:00")
    other = replace(received("2026-11-23T19:00", summary="another"), id=first.id)
    guna().when(first, other).outcome(Outcome.APPLIED, Outcome.CONFLICT).then(
        kept("guna", day=DAY, report=first)
    ).then_no(DayMissed).shows("guna", DAY, "on_time", received_at=first.time, conflicts=1, supplements=[])


def test_a_conflict_that_names_another_day_is_counted_where_the_first_one_stands() -> None:
    first = received("2026-11-23T20:00")
    other = replace(filed("guna", NEXT_DAY, "2026-11-24T10:00"), id=first.id)
    guna().when(first, other).shows("guna", DAY, "on_time", conflicts=1).shows(
        "guna", NEXT_DAY, "pending", report_id=None
    )


# -- corrected, supplemented, reviewed --------------------------------------------------------------------------------

REPORT = received("2026-11-23T20:00")


def test_a_correction_becomes_the_latest_version_and_never_worsens_the_status() -> None:
    better = corrected("guna", DAY, "2026-11-24T08:00", of=REPORT.id)
    best = corrected("guna", DAY, "2026-11-25T08:00", of=better.id)
    guna().when(REPORT, JUDGED).when(better, best).outcome(Outcome.APPLIED, Outcome.APPLIED).then_no(
        StatusChanged
    ).then(kept("guna", day=DAY, report=better), kept("guna", day=DAY, report=best)).shows(
        "guna", DAY, "on_time", report_id=REPORT.id, version_id=best.id, received_at=REPORT.time, supplements=[]
    )


def test_a_correction_never_betters_the_status_of_a_late_report() -> None:
    slow = received("2026-11-24T08:00")
    better = corrected("guna", DAY, "2026-11-24T09:00", of=slow.id)
    guna().when(JUDGED, slow, better).shows("guna", DAY, "late", received_at=slow.time, version_id=better.id)


def test_a_second_correction_of_the_same_version_is_kept_as_a_supplement() -> None:
    one = corrected("guna", DAY, "2026-11-23T20:10", of=REPORT.id)
    two = corrected("guna", DAY, "2026-11-23T20:20", of=REPORT.id, summary="two")
    guna().when(REPORT, one).when(two).outcome(Outcome.STALE_CORRECTION).then(kept("guna", day=DAY, report=two)).shows(
        "guna", DAY, "on_time", version_id=one.id, supplements=[two.id]
    )


def test_a_correction_of_nothing_is_still_a_report() -> None:
    """What it corrects may be a record that nobody can read: the district is not accused for that."""
    better = corrected("guna", DAY, "2026-11-23T20:10", of=named("unreadable"))
    guna().when(better).outcome(Outcome.STALE_CORRECTION).shows(
        "guna", DAY, "on_time", report_id=better.id, version_id=better.id, supplements=[]
    ).when(REPORT).outcome(Outcome.SUPPLEMENT)


def test_a_second_independent_report_is_never_counted_twice() -> None:
    more = received("2026-11-23T20:30", summary="more")
    guna().when(REPORT).when(more).outcome(Outcome.SUPPLEMENT).then_no(StatusChanged).then(
        kept("guna", day=DAY, report=more)
    ).shows("guna", DAY, "on_time", report_id=REPORT.id, version_id=REPORT.id, supplements=[more.id])


def test_a_correction_of_a_supplement_is_a_supplement() -> None:
    more = received("2026-11-23T20:30", summary="more")
    better = corrected("guna", DAY, "2026-11-23T20:40", of=more.id)
    guna().when(REPORT, more, better).shows("guna", DAY, "on_time", supplements=[more.id, better.id])


def test_a_review_changes_no_status() -> None:
    guna().when(REPORT).when(reviewed("guna", REPORT.id, at="2026-11-23T22:00")).outcome(Outcome.APPLIED).then_no()


# -- on excused days --------------------------------------------------------------------------------------------------


def test_a_report_on_an_excused_day_is_kept_and_counted_nowhere() -> None:
    guna().when(holiday(DAY), REPORT).then_no(DayMissed).then(kept("guna", day=DAY, report=REPORT)).shows(
        "guna", DAY, "excused", reason=Reason.HOLIDAY, report_id=REPORT.id, received_at=REPORT.time
    ).when(JUDGED).then_no(DayMissed, StatusChanged)


def test_a_report_kept_on_a_holiday_counts_when_the_holiday_is_revoked() -> None:
    guna().when(holiday(DAY), REPORT).when(no_holiday(DAY, at="2026-11-23T20:30")).then(
        changed("guna", day=DAY, before="excused", to="on_time", at="2026-11-23T20:30")
    ).when(JUDGED).then_no(DayMissed).shows("guna", DAY, "on_time", reason=None)


@pytest.mark.parametrize("judged_at", ["2026-11-24T00:00:05", "2026-11-26T12:00"])
def test_an_exception_after_the_fact(judged_at: str) -> None:
    """Whether it is judged in time or two days late, the miss is told and then excused, at the same instants."""
    exception = excused("guna", DAY, at="2026-11-25T12:00")
    judged = clock_reached(GRACE_ENDS, appended_at=judged_at)
    story = guna()
    told = []
    for each in sorted([exception, judged], key=lambda event: event.time):
        told += [each for each in story.when(each).transitions if isinstance(each, (DayMissed, StatusChanged))]
    of_day = [each for each in told if each.day == day(DAY)]
    assert of_day[-3:] == [
        missed("guna", day=DAY),
        changed("guna", day=DAY, to="missed", at=GRACE_ENDS),
        changed("guna", day=DAY, before="missed", to="excused", at="2026-11-25T12:00", by=exception),
    ]
    story.shows("guna", DAY, "excused", reason=Reason.EXCEPTION)


def test_judged_late_all_that_followed_is_told_again_in_its_order() -> None:
    report, exception = received("2026-11-24T08:00"), excused("guna", DAY, at="2026-11-24T12:00")
    guna().when(report, exception).when(clock_reached(GRACE_ENDS, appended_at="2026-11-24T13:00")).then(
        missed("guna", day=DAY),
        changed("guna", day=DAY, to="missed", at=GRACE_ENDS),
        changed("guna", day=DAY, before="missed", to="late", at="2026-11-24T08:00", by=report),
        changed("guna", day=DAY, before="late", to="excused", at="2026-11-24T12:00", by=exception),
    ).shows("guna", DAY, "excused", report_id=report.id)


def test_an_excused_report_counts_nowhere_and_a_late_one_changes_nothing() -> None:
    report = received("2026-11-24T08:00")
    guna().when(excused("guna", DAY, at="2026-11-23T12:00")).then(
        changed("guna", day=DAY, to="excused", at="2026-11-23T12:00", by=excused("guna", DAY, at="2026-11-23T12:00"))
    ).when(JUDGED).then_no(DayMissed, StatusChanged).when(report).then(kept("guna", day=DAY, report=report)).shows(
        "guna", DAY, "excused", reason=Reason.EXCEPTION, report_id=report.id
    )


def test_an_exception_takes_a_filed_day_out_of_the_numbers_and_keeps_the_report() -> None:
    guna().when(REPORT, excused("guna", DAY, at="2026-11-23T21:00")).shows(
        "guna", DAY, "excused", reason=Reason.EXCEPTION, report_id=REPORT.id
    )


# -- earlier and later days -------------------------------------------------------------------------------------------


def test_the_lock() -> None:
    """Locked from the midnight on that ends day + 7."""
    guna().when(received("2026-12-01T00:00")).outcome(Outcome.LOCKED).then_no(ReportKept).shows(
        "guna", DAY, "pending", report_id=None
    )
    guna().when(received("2026-11-30T23:59:59.999999")).outcome(Outcome.APPLIED)


def test_a_day_can_be_filed_from_its_midnight_on() -> None:
    guna().when(filed("guna", DAY, "2026-11-22T23:59:59.999999")).outcome(Outcome.FUTURE_DAY).then_no()
    guna().when(filed("guna", DAY, "2026-11-23T00:00")).outcome(Outcome.APPLIED)


def test_a_locked_day_is_remembered_one_day_more_for_what_was_received_in_time() -> None:
    report = received("2026-11-23T20:59")
    until_lock = [clock_reached(f"2026-{date}T00:00") for date in ("11-24", "11-25", "12-01")]
    guna().when(*until_lock).when(late(report, appended_at="2026-12-01T10:00")).outcome(Outcome.APPLIED).shows(
        "guna", DAY, "on_time"
    )
    guna().when(*until_lock, clock_reached("2026-12-02T00:00")).when(
        late(report, appended_at="2026-12-02T10:00")
    ).outcome(Outcome.LOCKED)


def test_reports_for_days_before_any_duty_are_kept_and_not_counted() -> None:
    """The first policy opens the days that can still be filed; nobody owed them."""
    earlier = filed("guna", "2026-11-18", "2026-11-22T12:00")
    given(added("guna"), appointed("guna"), policy()).then(
        *opened(*(f"2026-11-{number}" for number in range(15, 23)))
    ).when(earlier).then(kept("guna", day="2026-11-18", report=earlier)).shows(
        "guna", "2026-11-18", "excused", reason=Reason.VACANCY, report_id=earlier.id
    ).when(filed("guna", "2026-11-14", "2026-11-22T12:00")).outcome(Outcome.LOCKED)


def test_a_district_added_after_a_day_was_judged_may_still_report_it() -> None:
    earlier = filed("dhar", DAY, "2026-11-24T12:00")
    given(policy(), JUDGED, added("dhar", at="2026-11-24T10:00"), appointed("dhar", at="2026-11-24T10:01")).when(
        earlier
    ).then(kept("dhar", day=DAY, report=earlier)).shows("dhar", DAY, "excused", reason=Reason.VACANCY)
