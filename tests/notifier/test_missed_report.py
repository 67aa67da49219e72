"""missed-report: stories of districts that stayed silent."""

from datetime import date, timedelta

from libs.duty.transitions import DayClosed, DayMissed
from libs.events.alerts import AlertResolved, Rule
from services.notifier.rules.missed_report import MISSED_REPORT, levels
from services.notifier.rules.rule import REMEMBERED, OpenAlerts, Seen
from tests.duty.events import (
    STATE,
    STREAM,
    added,
    appointed,
    clock_reached,
    code,
    excused,
    filed,
    holiday,
    instant,
    policy,
    tenure,
)
from tests.notifier.stories import Story, given, raised, resolved

MISSED = Rule.MISSED_REPORT
DAY = "2026-11-23"
GRACE = "2026-11-24T00:00"


def silent(*districts: str) -> Story:
    """Districts that owe a report from 23 November on."""
    people = [each for name in districts for each in (added(name), appointed(name))]
    return given(policy(remind=0), *people, rules=[MISSED_REPORT])


def test_a_silent_district_is_noticed_at_the_end_of_grace() -> None:
    story = silent("guna", "bhopal-city").when(filed("bhopal-city", DAY, "2026-11-23T20:00"))
    story.then().when(clock := clock_reached(GRACE)).then(raised(MISSED, "guna", DAY, GRACE))
    alert = story.alerts[0]
    assert alert.audience == ("president", "pcc")
    assert alert.tenure_id == tenure("guna")
    assert alert.evidence == (clock.id,)
    assert (alert.cause.stream, alert.cause.offset) == (STREAM, 6)


def test_a_late_report_resolves_the_miss() -> None:
    story = silent("guna").when(clock_reached(GRACE))
    report = filed("guna", DAY, "2026-11-24T00:40")
    story.when(report).then(resolved(MISSED, "guna", DAY, "2026-11-24T00:40", how="late"))
    assert story.alerts[0].evidence == (report.id,)
    assert story.alerts[0].cause.offset == 4
    story.when(filed("guna", DAY, "2026-11-24T09:00", summary="again")).then()


def test_a_report_received_in_time_and_found_later_resolves_the_miss() -> None:
    for received in ("2026-11-23T20:59", "2026-11-23T23:00"):
        silent("guna").when(clock_reached(GRACE)).when(filed("guna", DAY, received)).then(
            resolved(MISSED, "guna", DAY, received, how="received-in-time")
        )


def test_a_late_report_whose_earlier_copy_turns_up_is_resolved_once() -> None:
    story = silent("guna").when(clock_reached(GRACE), filed("guna", DAY, "2026-11-24T00:40", known_as="one"))
    story.when(filed("guna", DAY, "2026-11-23T20:00", known_as="one")).then()


def test_an_exception_resolves_the_miss() -> None:
    silent("guna").when(clock_reached(GRACE)).when(excused("guna", DAY, at="2026-11-24T10:00")).then(
        resolved(MISSED, "guna", DAY, "2026-11-24T10:00", how="excused")
    )


def test_judged_three_hours_late_it_says_the_same() -> None:
    story = silent("guna", "bhopal-city").when(filed("guna", DAY, "2026-11-24T00:40")).then()
    story.when(clock_reached(GRACE, appended_at="2026-11-24T03:00")).then(
        raised(MISSED, "guna", DAY, GRACE),
        raised(MISSED, "bhopal-city", DAY, GRACE),
        resolved(MISSED, "guna", DAY, "2026-11-24T00:40", how="late"),
    )


def test_the_third_and_the_seventh_miss_are_heard_of_higher_up() -> None:
    story = silent("guna")
    for number in range(1, 9):
        day = date(2026, 11, 22) + timedelta(days=number)
        grace = f"{day + timedelta(days=1)}T00:00"
        rungs = {3: [2], 7: [3]}.get(number, [])
        story.when(clock_reached(grace)).then(
            *(raised(MISSED, "guna", str(day), grace, level=level) for level in (1, *rungs))
        )
        expected = {1: ("president", "pcc"), 2: ("president", "pcc"), 3: ("president", "pcc", "aicc")}
        assert [alert.audience for alert in story.alerts] == [expected[alert.level] for alert in story.alerts]


def test_a_late_report_takes_its_day_out_of_the_row_and_resolves_all_its_levels() -> None:
    story = silent("guna").when(*(clock_reached(f"2026-11-2{n}T00:00") for n in (4, 5, 6)))
    late = "2026-11-26T07:00"
    story.when(filed("guna", "2026-11-25", late)).then(
        resolved(MISSED, "guna", "2026-11-25", late, how="late", level=1),
        resolved(MISSED, "guna", "2026-11-25", late, how="late", level=2),
    )
    story.when(clock_reached("2026-11-27T00:00")).then(raised(MISSED, "guna", "2026-11-26", "2026-11-27T00:00"))


def test_excused_days_neither_count_nor_break() -> None:
    story = silent("guna").when(holiday("2026-11-24"), *(clock_reached(f"2026-11-2{n}T00:00") for n in (4, 5, 6)))
    last = "2026-11-27T00:00"
    story.when(clock_reached(last)).then(
        raised(MISSED, "guna", "2026-11-26", last), raised(MISSED, "guna", "2026-11-26", last, level=2)
    )


def test_an_unreadable_record_accuses_nobody() -> None:
    silent("guna").hold("guna", "2026-11-23T12:00").then().when(clock_reached(GRACE)).then()


def test_a_ladder_of_five_and_one_of_one() -> None:
    def miss(consecutive: int, *ladder: int) -> list[int]:
        return levels(DayMissed(date(2026, 11, 23), "in-mp.guna", None, instant(GRACE), consecutive, ladder))

    assert miss(1, 1) == [1]
    assert miss(9, 1) == [1]
    assert [miss(n, 1, 2, 3, 4, 5)[1:] for n in (1, 2, 3, 4, 5, 6)] == [[], [2], [3], [4], [5], []]


def test_levels_above_the_third_go_to_the_audience_of_the_third() -> None:
    missed = DayMissed(date(2026, 11, 23), code("guna"), None, instant(GRACE), 4, (1, 2, 3, 4))
    alerts = list(MISSED_REPORT.watch(OpenAlerts(), Seen(STATE, STREAM, 0, None, [missed])))
    assert [(alert.level, alert.audience, alert.evidence) for alert in alerts] == [
        (1, ("president", "pcc"), ()),
        (4, ("president", "pcc", "aicc"), ()),
    ]


def test_what_is_remembered_does_not_grow() -> None:
    memory, first = OpenAlerts(), date(2026, 1, 1)
    for number in range(100):
        day = first + timedelta(days=number)
        at = instant(f"{day}T23:00")
        transitions = (DayMissed(day, code("guna"), None, at, number, (1,)), DayClosed(day, at))
        list(MISSED_REPORT.watch(memory, Seen(STATE, STREAM, number, None, transitions)))
    kept = [number for number in range(100) if memory.of(code("guna"), str(first + timedelta(days=number)))]
    assert kept == list(range(99 - REMEMBERED.days, 100))


def test_a_resolution_repeats_what_the_alert_said() -> None:
    story = silent("guna").when(clock_reached(GRACE))
    alert = story.alerts[0]
    story.when(filed("guna", DAY, "2026-11-24T00:40"))
    end = story.alerts[0]
    assert isinstance(end, AlertResolved)
    changed = {"how", "at", "evidence", "cause", "escalate_minutes"}
    assert end.model_dump(exclude=changed) == alert.model_dump(exclude=changed)
