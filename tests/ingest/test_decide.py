"""given(events).when(event).then(decision): every row of the table, and what is checked before and after it."""

from dataclasses import replace

import pytest

from libs.duty.outcomes import Outcome
from libs.duty.state_duty import StateDuty
from libs.events.envelope import Event
from libs.events.grievances import GrievanceRaised, Severity
from libs.grievances.outcomes import Finding
from services.ingest.decide import ANSWERS, Accept, Decision, Reason, Refuse, Replay, Rule, decide
from services.ingest.known import Known
from tests.duty.events import (
    STATE,
    STREAM,
    added,
    appointed,
    clock_reached,
    closed_district,
    code,
    confirmed,
    corrected,
    event,
    excused,
    filed,
    holiday,
    instant,
    named,
    no_holiday,
    policy,
    recorded,
    relieved,
    reviewed,
    tenure,
)

TODAY, NOW = "2026-11-23", "2026-11-23T20:00"
ROSTER = (added("guna"), appointed("guna"), added("bhind"), appointed("bhind", "bela"))
RULED = (policy(), *ROSTER)
REPORT = filed("guna", TODAY, "2026-11-23T19:00")


class Given:
    """A state's log so far."""

    def __init__(self, *events: Event) -> None:
        self._duty = StateDuty(STATE)
        self._known: dict[str, Known] = {}
        for offset, said in enumerate(events):
            self._duty.evolve(recorded(said, offset))
            self._known.setdefault(said.id, Known.at(said, STREAM, offset))

    def when(self, sent: Event, by: str | None = tenure("guna")) -> Decision:
        """What is decided about `sent`, whose sender's token names the tenure `by`. Deciding changes nothing."""
        before = self._duty.dump(), dict(self._known)
        decision = decide(sent, self._duty, self._known, by)
        assert (self._duty.dump(), self._known) == before
        return decision


def reason_of(decision: Decision) -> Reason | None:
    return decision.reason if isinstance(decision, Refuse) else None


def grievance(district: str = "guna", known_as: str = "a grievance") -> Event:
    data = GrievanceRaised(
        state=STATE, district=code(district), grievance_id=named(known_as), category="conduct", severity=Severity.LOW
    )
    return event(data, TODAY, known_as)


REFUSALS: dict[Reason, tuple[tuple[Event, ...], Event]] = {
    Outcome.DUPLICATE: ((*RULED, holiday("2026-11-24")), holiday("2026-11-24", at=NOW, known_as="once more")),
    Outcome.CONFLICT: (
        (*RULED, appointed("bhind", "chand", since="2026-09-01")),
        replace(appointed("bhind", "bela", since="2026-08-17", at=NOW), id=named("the same tenure in other words")),
    ),
    Outcome.STALE_CORRECTION: ((*RULED, REPORT), corrected("guna", TODAY, NOW, of=named("nothing"))),
    Outcome.KNOWN_DISTRICT: (RULED, added("guna", name="Guna city", at=NOW)),
    Outcome.CLOSED_DISTRICT: ((*RULED, closed_district("bhind", at=NOW)), appointed("bhind", "chand", at=NOW)),
    Outcome.SECOND_HOLDER: (RULED, appointed("guna", "bela", at=NOW)),
    Outcome.OLD_VERSION: (RULED, policy(due="20:00", at=NOW)),
    Outcome.NO_HOLIDAY: (RULED, no_holiday("2026-11-24", at=NOW)),
    Outcome.NOT_HELD: (RULED, confirmed(TODAY, at=NOW)),
    Outcome.UNKNOWN_DISTRICT: (RULED, filed("harda", TODAY, NOW)),
    Rule.UNKNOWN_REPORT: (RULED, reviewed("guna", named("nothing"), at=NOW)),
    Outcome.NO_POLICY: (ROSTER, filed("guna", TODAY, NOW)),
    Outcome.RETROACTIVE: (RULED, policy(version=2, effective_from=TODAY, at=NOW)),
    Outcome.UNKNOWN_TENURE: (RULED, relieved("guna", "nobody", until=TODAY, at=NOW)),
    Outcome.NOT_HOLDER: (RULED, filed("guna", TODAY, NOW, holder="bela")),
    Outcome.FUTURE_DAY: (RULED, filed("guna", "2026-11-24", NOW)),
    Outcome.LOCKED: (RULED, filed("guna", "2026-11-15", NOW)),
    Outcome.JUDGED: ((*RULED, clock_reached("2026-11-24T00:00")), holiday(TODAY, at="2026-11-24T09:00")),
    Rule.OTHER_TENURE: (RULED, filed("bhind", TODAY, NOW, holder="bela")),
}
"""For each reason the log before it, and the event that is refused for it."""


@pytest.mark.parametrize("reason", REFUSALS)
def test_each_refusal_has_its_reason(reason: Reason) -> None:
    before, sent = REFUSALS[reason]
    decision = Given(*before).when(sent)
    assert isinstance(decision, Refuse)
    assert decision.reason == reason
    assert decision.answer == ANSWERS[reason]


def test_the_table_answers_every_outcome() -> None:
    assert set(ANSWERS) == {*Outcome, *Finding, *Rule}
    taken = {reason for reason, answer in ANSWERS.items() if answer is None}
    assert taken == {Outcome.APPLIED, Outcome.SUPPLEMENT, Outcome.NOT_UNREAD, Finding.APPLIED}
    of_cases = {*Finding, Rule.ABOUT_HIMSELF}  # tests/ingest/test_cases.py
    by_no_client = {Outcome.CLOCK_AHEAD, Outcome.NO_CREDIT}
    assert set(REFUSALS) == set(ANSWERS) - taken - of_cases - by_no_client


@pytest.mark.parametrize(
    ("status", "reasons"),
    [
        (403, {Rule.OTHER_TENURE, Rule.ABOUT_HIMSELF}),
        (404, {Outcome.UNKNOWN_DISTRICT, Rule.UNKNOWN_REPORT, Finding.NO_SUCH_CASE}),
        (
            409,
            {
                Outcome.DUPLICATE,
                Outcome.CONFLICT,
                Outcome.STALE_CORRECTION,
                Outcome.KNOWN_DISTRICT,
                Outcome.CLOSED_DISTRICT,
                Outcome.SECOND_HOLDER,
                Outcome.OLD_VERSION,
                Outcome.NO_HOLIDAY,
                Outcome.NOT_HELD,
                *(set(Finding) - {Finding.APPLIED, Finding.NO_SUCH_CASE}),
            },
        ),
    ],
)
def test_the_statuses_of_the_table(status: int, reasons: set[Reason]) -> None:
    assert {reason for reason, answer in ANSWERS.items() if answer and answer.status == status} == reasons
    assert {answer.status for answer in ANSWERS.values() if answer} == {403, 404, 409, 422}


@pytest.mark.parametrize(
    "sent",
    [
        filed("guna", TODAY, NOW),
        filed("guna", "2026-11-16", NOW),
        policy(version=2, effective_from="2026-11-24", at=NOW),
        added("harda", at=NOW),
        closed_district("bhind", at=NOW),
        relieved("guna", until=TODAY, at=NOW),
        holiday("2026-11-24", at=NOW),
        excused("guna", TODAY, at=NOW),
    ],
)
def test_what_follows_from_the_log_is_appended_to_the_reports(sent: Event) -> None:
    assert Given(*RULED).when(sent) == Accept(sent, "rozana.in-mp.reports")


def test_a_second_report_of_a_day_is_kept() -> None:
    sent = filed("guna", TODAY, NOW, known_as="another report")
    assert Given(*RULED, REPORT).when(sent) == Accept(sent, STREAM)


def test_a_correction_of_the_latest_version_is_appended() -> None:
    first = corrected("guna", TODAY, "2026-11-23T19:30", of=REPORT.id)
    second = corrected("guna", TODAY, NOW, of=first.id)
    assert Given(*RULED, REPORT, first).when(second) == Accept(second, STREAM)
    stale = corrected("guna", TODAY, NOW, of=REPORT.id, known_as="an older version")
    assert reason_of(Given(*RULED, REPORT, first).when(stale)) is Outcome.STALE_CORRECTION


def test_a_grievance_goes_to_the_grievances_if_its_district_is_known() -> None:
    assert Given(*RULED).when(grievance(), None) == Accept(grievance(), "rozana.in-mp.grievances")
    assert reason_of(Given(*RULED).when(grievance("harda"), None)) is Outcome.UNKNOWN_DISTRICT


def test_a_retry_is_recognised_whatever_has_become_of_the_rules() -> None:
    later = replace(REPORT, time=instant("2026-12-24T09:00"), source="urn:other", actor="president:x")
    given = Given(*RULED, REPORT)
    for by in (tenure("guna"), tenure("bhind", "bela"), None):
        assert given.when(later, by) == Replay(Known.at(REPORT, STREAM, len(RULED)))


def test_a_known_id_with_another_body_is_a_conflict() -> None:
    other = replace(filed("guna", TODAY, NOW, summary="other"), id=REPORT.id)
    assert reason_of(Given(*RULED, REPORT).when(other)) is Outcome.CONFLICT


def test_a_known_id_with_the_same_body_and_another_type_is_a_conflict() -> None:
    declared = holiday("2026-11-24")
    revoked = replace(no_holiday("2026-11-24", at=NOW), id=declared.id)
    revoked = replace(revoked, data=revoked.data.model_copy(update={"name": "Diwali"}))
    assert revoked.body_hash() == declared.body_hash()
    assert reason_of(Given(*RULED, declared).when(revoked)) is Outcome.CONFLICT


def test_the_domain_is_asked_before_the_tenure_of_the_token() -> None:
    assert (
        reason_of(Given(*RULED).when(filed("guna", "2026-11-24", NOW), tenure("bhind", "bela"))) is Outcome.FUTURE_DAY
    )


def test_a_report_without_a_tenure_in_the_token_is_refused() -> None:
    assert reason_of(Given(*RULED).when(filed("guna", TODAY, NOW), None)) is Rule.OTHER_TENURE


def test_a_review_needs_a_report_of_its_district() -> None:
    given = Given(*RULED, REPORT, reviewed("guna", REPORT.id, at=NOW))
    assert isinstance(given.when(reviewed("guna", REPORT.id, at=NOW), None), Replay)
    again = replace(reviewed("guna", REPORT.id, at=NOW), id=named("again"))
    assert given.when(again, None) == Accept(again, STREAM)
    for wrong in (
        reviewed("bhind", REPORT.id, at=NOW),
        reviewed("guna", named(f"review {REPORT.id}"), at=NOW),  # an id that is known, and not a report's
    ):
        assert reason_of(given.when(replace(wrong, id=named("wrong")), None)) is Rule.UNKNOWN_REPORT
