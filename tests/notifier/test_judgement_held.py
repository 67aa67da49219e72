"""judgement-held: told once, to operators alone, and over when somebody confirms it or the hold expires."""

from datetime import timedelta

from libs.events.alerts import AlertRaised, Rule
from services.notifier.rules import RULES
from services.notifier.rules.judgement_held import JUDGEMENT_HELD
from tests.duty.events import STATE, added, appointed, clock_reached, code, confirmed, filed, instant, policy
from tests.notifier.stories import Said, Story, given

DAY, HELD_AT, HELD_UNTIL = "2026-11-23", "2026-11-24T00:00", "2026-11-24T12:00"
FIVE = ("guna", "dhar", "rewa", "seoni", "sagar")
HOURS = 12


def said(at: str, how: str | None = None) -> Said:
    return Said(Rule.JUDGEMENT_HELD, STATE, DAY, 1, instant(at), how)


def raised_in(story: Story) -> set[tuple[Rule, str]]:
    return {(alert.rule, alert.subject_code) for alert in story.alerts if isinstance(alert, AlertRaised)}


def before_the_deadline(*reporting: str, alone: bool = True) -> Story:
    """Five owe a report, and these have filed it; a judgement is held from sixty percent on."""
    people = [each for name in FIVE for each in (added(name), appointed(name))]
    story = given(policy(hold=(60, HOURS)), *people, rules=[JUDGEMENT_HELD] if alone else RULES)
    return story.when(*(filed(name, DAY, "2026-11-23T12:00") for name in reporting), clock_reached("2026-11-23T19:00"))


def test_it_is_raised_once_and_told_to_operators_alone() -> None:
    story = before_the_deadline("guna").when(clock_reached(HELD_AT)).then(said(HELD_AT))
    assert [(alert.audience, alert.tenure_id) for alert in story.alerts] == [(("operator",), None)]
    story.when(clock_reached("2026-11-24T06:00"), filed("dhar", DAY, "2026-11-24T07:00")).then()


def test_where_few_are_silent_nothing_is_held() -> None:
    before_the_deadline(*FIVE[:3]).when(clock_reached(HELD_AT)).then()


def test_confirmed_by_somebody_named_it_is_over_and_his_word_is_the_evidence() -> None:
    confirmation = confirmed(DAY, at="2026-11-24T10:00")
    story = before_the_deadline("guna").when(clock_reached(HELD_AT)).when(confirmation)
    story.then(said("2026-11-24T10:00", "confirmed"))
    assert [alert.evidence for alert in story.alerts] == [(confirmation.id,)]
    story.when(clock_reached(HELD_UNTIL)).then()


def test_where_nobody_confirms_it_expires_and_no_event_shows_it() -> None:
    story = before_the_deadline("guna").when(clock_reached(HELD_AT), clock_reached("2026-11-24T11:59"))
    story.when(clock_reached(HELD_UNTIL)).then(said(HELD_UNTIL, "expired"))
    assert instant(HELD_UNTIL) - instant(HELD_AT) == timedelta(hours=HOURS)
    assert [alert.evidence for alert in story.alerts] == [()]


def test_nobody_else_hears_of_the_silence_until_the_judgement_stands() -> None:
    story = before_the_deadline("guna", alone=False).when(clock_reached(HELD_AT))
    assert raised_in(story) == {(Rule.JUDGEMENT_HELD, STATE)}
    story.when(clock_reached(HELD_UNTIL))
    assert raised_in(story) == {(Rule.MISSED_REPORT, code(name)) for name in FIVE[1:]}
