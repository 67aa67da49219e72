"""grievance-raised: what the national office hears, and how little of it."""

from libs.events.alerts import Rule
from services.notifier.rules.grievance_raised import GRIEVANCE_RAISED
from services.notifier.rules.rule import OpenAlerts, Seen
from tests.duty.events import STATE, added, named
from tests.notifier.stories import GRIEVANCES, given, grievance, raised

GRIEVANCE = Rule.GRIEVANCE_RAISED


def test_each_grievance_is_heard_of_once_and_only_by_the_day() -> None:
    said = grievance("first", "guna", "2026-11-23")
    story = given(rules=[GRIEVANCE_RAISED]).when(said)
    story.then(raised(GRIEVANCE, "guna", named("first"), "2026-11-23T00:00+00:00"))
    alert = story.alerts[0]
    assert alert.audience == ("aicc",)
    assert alert.tenure_id is None
    assert alert.evidence == (said.id,)
    assert alert.cause.stream == GRIEVANCES
    story.when(grievance("second", "guna", "2026-11-23")).then(
        raised(GRIEVANCE, "guna", named("second"), "2026-11-23T00:00+00:00")
    )


def test_everything_else_in_the_stream_is_passed_over() -> None:
    memory = OpenAlerts()
    assert list(GRIEVANCE_RAISED.watch(memory, Seen(STATE, GRIEVANCES, 0, None))) == []
    assert list(GRIEVANCE_RAISED.watch(memory, Seen(STATE, GRIEVANCES, 1, added("guna")))) == []
