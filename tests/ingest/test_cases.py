"""Each finding about a case is refused by ingest with its own words, before anything is appended."""

from collections.abc import Callable, Mapping
from uuid import uuid4

import pytest

from libs.duty.state_duty import StateDuty
from libs.events.grievances import (
    GrievanceAgreed,
    GrievanceAppealed,
    GrievanceAssigned,
    GrievanceErased,
    GrievanceMerged,
    GrievanceOpened,
    GrievanceRaised,
    GrievanceRejected,
    GrievanceTriaged,
)
from libs.events.presidents import PresidentAppointed
from libs.events.values import EventData
from libs.grievances.outcomes import Finding
from services.ingest.decide import ANSWERS, Accept, Reason, Refuse, Rule, decide
from tests.duty.events import STATE, added, appointed, event, policy, recorded
from tests.grievances.test_cases import ABOUT, Story, adopted, case_event

NOW = "2026-11-23T20:00"
HOLDER = appointed("guna")
assert isinstance(HOLDER.data, PresidentAppointed)
HIMSELF = HOLDER.data.person_id


def again(_story: Story, about: str) -> EventData:
    said = {**ABOUT, "grievance_id": about, "category": "other", "severity": "low"}
    return GrievanceRaised.model_validate(said, strict=False)


def of_an_erased_one(story: Story, about: str) -> EventData:
    story.then(GrievanceErased, about)
    return case_event(GrievanceOpened, about)


def above_the_last_level(story: Story, about: str) -> EventData:
    story.says(adopted(due_days=(7,)))
    story.then(GrievanceRejected, about)
    return case_event(GrievanceAppealed, about)


def rules_once_more(story: Story, _about: str) -> EventData:
    story.says(adopted())
    return adopted()


REFUSED: Mapping[Reason, Callable[[Story, str], EventData]] = {
    Finding.RAISED_ALREADY: again,
    Finding.NO_SUCH_CASE: lambda _story, _about: case_event(GrievanceTriaged, str(uuid4())),
    Finding.NOT_NOW: lambda _story, about: case_event(GrievanceAgreed, about),
    Finding.ERASED: of_an_erased_one,
    Finding.NO_HIGHER_LEVEL: above_the_last_level,
    Finding.NO_SUCH_TARGET: lambda _story, about: case_event(GrievanceMerged, about, duplicate_of=about),
    Finding.OLD_RULES: rules_once_more,
    Rule.ABOUT_HIMSELF: lambda _story, about: case_event(GrievanceAssigned, about, handler=HIMSELF),
}


def duty() -> StateDuty:
    known = StateDuty(STATE)
    for offset, said in enumerate((policy(), added("guna"), HOLDER)):
        known.evolve(recorded(said, offset))
    return known


@pytest.mark.parametrize("reason", REFUSED)
def test_each_finding_has_its_refusal(reason: Reason) -> None:
    story = Story()
    sent = event(REFUSED[reason](story, story.raised()), NOW)
    decision = decide(sent, duty(), {}, None, story.cases)
    assert isinstance(decision, Refuse)
    assert (decision.reason, decision.answer) == (reason, ANSWERS[reason])


def test_every_finding_is_here() -> None:
    assert set(REFUSED) == {*Finding, Rule.ABOUT_HIMSELF} - {Finding.APPLIED}


def test_what_is_allowed_goes_to_the_grievances() -> None:
    story = Story()
    decision = decide(event(case_event(GrievanceTriaged, story.raised()), NOW), duty(), {}, None, story.cases)
    assert isinstance(decision, Accept)
    assert decision.stream == "rozana.in-mp.grievances"
