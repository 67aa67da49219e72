"""due-soon: stories of an evening before the due time."""

from libs.events.alerts import Rule
from services.notifier.rules.due_soon import DUE_SOON
from tests.duty.events import added, appointed, clock_reached, excused, filed, holiday, no_holiday, policy, tenure
from tests.notifier.stories import Story, given, raised, resolved

SOON = Rule.DUE_SOON
DAY = "2026-11-23"
REMIND, GRACE = "2026-11-23T19:00", "2026-11-24T00:00"


def evening(*districts: str) -> Story:
    people = [each for name in districts or ("guna",) for each in (added(name), appointed(name))]
    return given(policy(), *people, rules=[DUE_SOON])


def test_a_president_is_reminded_before_the_due_time() -> None:
    story = evening("guna", "bhopal-city").when(filed("bhopal-city", DAY, "2026-11-23T18:00"))
    story.then().when(clock_reached(REMIND)).then(raised(SOON, "guna", DAY, REMIND))
    assert story.alerts[0].audience == ("president",)
    assert story.alerts[0].tenure_id == tenure("guna")


def test_a_report_ends_the_reminder() -> None:
    for received in ("2026-11-23T20:30", "2026-11-23T22:30"):
        report = filed("guna", DAY, received)
        story = evening().when(clock_reached(REMIND)).when(report)
        story.then(resolved(SOON, "guna", DAY, received, how="filed"))
        assert story.alerts[0].evidence == (report.id,)
        story.when(clock_reached(GRACE)).then()


def test_an_exception_ends_the_reminder() -> None:
    evening().when(clock_reached(REMIND)).when(excused("guna", DAY, at="2026-11-23T20:00")).then(
        resolved(SOON, "guna", DAY, "2026-11-23T20:00", how="excused")
    ).when(clock_reached(GRACE)).then()


def test_nobody_is_reminded_twice_of_a_day() -> None:
    evening().when(clock_reached(REMIND), holiday(DAY, at="2026-11-23T19:30")).when(
        no_holiday(DAY, at="2026-11-23T19:40"), clock_reached(GRACE)
    ).then()


def test_the_judgement_ends_the_reminder_and_a_late_report_says_nothing_more() -> None:
    evening().when(clock_reached(REMIND)).when(clock_reached(GRACE)).then(
        resolved(SOON, "guna", DAY, GRACE, how="missed")
    ).when(filed("guna", DAY, "2026-11-24T00:40")).then()


def test_an_unreadable_record_ends_the_reminder() -> None:
    evening().when(clock_reached(REMIND)).hold("guna", "2026-11-23T20:00").then(
        resolved(SOON, "guna", DAY, "2026-11-23T00:00", how="unknown")
    )


def test_a_clock_that_comes_late_finds_the_same_reminders() -> None:
    """At 03:00 it is found out what on time would have been said at 19:00, 20:30, 23:00 and at the end of grace."""
    story = evening("guna", "datia", "harda", "indore").when(
        filed("datia", DAY, "2026-11-23T20:30"),
        excused("harda", DAY, at="2026-11-23T23:00"),
        filed("indore", DAY, "2026-11-24T00:40"),
    )
    story.then().when(clock_reached(REMIND, appended_at="2026-11-24T03:00")).then(
        raised(SOON, "guna", DAY, REMIND),
        raised(SOON, "datia", DAY, REMIND),
        resolved(SOON, "datia", DAY, "2026-11-23T20:30", how="filed"),
        raised(SOON, "harda", DAY, REMIND),
        resolved(SOON, "harda", DAY, "2026-11-23T23:00", how="excused"),
        raised(SOON, "indore", DAY, REMIND),
    )
    story.when(clock_reached(GRACE, appended_at="2026-11-24T03:00")).then(
        resolved(SOON, "guna", DAY, GRACE, how="missed"),
        resolved(SOON, "indore", DAY, GRACE, how="missed"),
    )


def test_what_comes_between_the_deadline_and_a_late_judgement_changes_nothing_about_the_reminder() -> None:
    for late in (filed("guna", DAY, "2026-11-24T00:40"), excused("guna", DAY, at="2026-11-24T00:40")):
        for story in (
            evening().when(clock_reached(REMIND)).when(late).then(),
            evening().when(late).then().when(clock_reached(REMIND)).then(raised(SOON, "guna", DAY, REMIND)),
        ):
            story.when(clock_reached(GRACE, appended_at="2026-11-24T03:00")).then(
                resolved(SOON, "guna", DAY, GRACE, how="missed")
            )


def test_a_later_day_may_be_judged_first() -> None:
    """Under a new policy the next day ends before the grace of this one does."""
    hasty = policy("12:00", 0, version=2, effective_from="2026-11-24", at="2026-11-23T10:00")
    story = given(policy(due="23:00", grace=1440, remind=0), added("guna"), appointed("guna"), rules=[DUE_SOON])
    story.when(hasty, clock_reached("2026-11-23T23:00")).then(raised(SOON, "guna", DAY, "2026-11-23T23:00"))
    story.when(filed("guna", "2026-11-24", "2026-11-24T09:00"), clock_reached("2026-11-24T12:00")).then()
    story.when(clock_reached("2026-11-24T23:00")).then(
        resolved(SOON, "guna", DAY, "2026-11-24T23:00", how="missed"),
    )
