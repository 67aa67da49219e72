"""The projection reports: what is known of each report after a story."""

from dataclasses import replace

import pytest

from libs.events.envelope import Event
from libs.events.reports import Digital
from libs.runtime.store import DocumentStore
from services.aggregator.projections.reports import REPORTS, evolve, keys
from tests.aggregator.folding import documents, fold, items, unreadable
from tests.aggregator.stories import given
from tests.duty.events import clock_reached, corrected, filed, named, on_form_2, recorded, reviewed, saying, tenure

ON = "2026-11-23"
FIRST = filed("guna", ON, f"{ON}T20:00", summary="Three meetings")


def of(event: Event) -> str:
    return f"in-mp/{event.id}"


async def test_a_report_stands_in_a_document_of_its_own(store: DocumentStore) -> None:
    shown = await given(FIRST).of(REPORTS, store)
    assert shown.documents[of(FIRST)] == {
        "state": "in-mp",
        "district": "in-mp.guna",
        "day": ON,
        "tenure_id": tenure("guna"),
        "form": "daily.v1",
        "activities": {
            "meetings": 0,
            "attendance": 0,
            "villages_visited": 0,
            "booth_committees": 0,
            "new_members": 0,
            "programmes": 0,
            "press_mentions": 0,
            "grievances_heard": 0,
        },
        "digital": None,
        "summary": "Three meetings",
        "evidence": [],
        "captured_at": "2026-11-23T20:11:05+05:30",
        "supersedes": None,
        "received_at": "2026-11-23T14:30:00Z",
        "offset": 0,
        "superseded_by": [],
        "reviews": [],
        "copies": [],
        "conflicts": [],
        "event_time": "2026-11-23T14:30:00Z",
    }


async def test_all_forms_are_shown_as_the_latest(store: DocumentStore) -> None:
    """And each says which one was filled in."""
    second = on_form_2(corrected("guna", ON, f"{ON}T21:00", of=FIRST.id), Digital(posts=1, people_reached=2, groups=3))
    third = corrected("guna", ON, f"{ON}T22:00", of=second.id)
    shown = await given(FIRST, second, third, FIRST).of(REPORTS, store)
    shown.shows(of(FIRST), form="daily.v1", digital=None, superseded_by=[second.id], copies=[3], conflicts=[])
    shown.shows(of(second), form="daily.v2", digital={"posts": 1, "people_reached": 2, "groups": 3})
    shown.shows(of(third), form="daily.v1", digital=None, supersedes=second.id)
    activities = FIRST.data.model_dump(mode="json")["activities"]
    assert "press_mentions" in activities
    shown.shows(of(FIRST), activities=activities)
    shown.shows(of(second), activities=activities)


async def test_each_version_names_the_ones_before_and_after_it(store: DocumentStore) -> None:
    second = corrected("guna", ON, f"{ON}T21:00", of=FIRST.id)
    third = corrected("guna", ON, f"{ON}T22:00", of=second.id)
    stale = corrected("guna", ON, f"{ON}T23:00", of=FIRST.id, summary="stale")
    shown = await given(FIRST, second, third, stale).of(REPORTS, store)
    shown.shows(of(FIRST), supersedes=None, superseded_by=[second.id, stale.id])
    shown.shows(of(second), supersedes=FIRST.id, superseded_by=[third.id])
    shown.shows(of(third), supersedes=second.id, superseded_by=[])


async def test_a_correction_of_nothing_or_of_another_districts_report_touches_only_itself(store: DocumentStore) -> None:
    nothing = corrected("guna", ON, f"{ON}T21:00", of=named("nothing"))
    foreign = corrected("bhind", ON, f"{ON}T21:00", of=FIRST.id)
    other_day = corrected("guna", "2026-11-22", f"{ON}T21:00", of=FIRST.id)
    shown = await given(FIRST, nothing, foreign, other_day).of(REPORTS, store)
    assert set(shown.documents) == {of(FIRST), of(nothing), of(foreign), of(other_day)}
    shown.shows(of(FIRST), superseded_by=[])


async def test_of_two_copies_the_earlier_received_at_counts(store: DocumentStore) -> None:
    copy = replace(FIRST, time=FIRST.time.replace(microsecond=1, minute=0))
    shown = await given(FIRST, copy).of(REPORTS, store)
    shown.shows(of(FIRST), received_at="2026-11-23T14:00:00.000001Z", offset=0, copies=[1], conflicts=[])
    shown = await given(copy, FIRST).of(REPORTS, store)
    shown.shows(of(FIRST), received_at="2026-11-23T14:00:00.000001Z", offset=0, copies=[1], conflicts=[])


async def test_of_two_reports_with_one_id_the_first_wins(store: DocumentStore) -> None:
    other = saying(FIRST, summary="another")
    correction = corrected("guna", ON, f"{ON}T21:00", of=named("victim"))
    stolen = replace(correction, id=FIRST.id)
    victim = filed("guna", ON, f"{ON}T20:30", known_as="victim")
    await fold(REPORTS, store, items((FIRST, victim, other, stolen)))
    found = await documents(REPORTS, store)
    assert found[of(FIRST)]["summary"] == "Three meetings"
    assert found[of(FIRST)]["conflicts"] == [
        {
            "offset": 2,
            "received_at": "2026-11-23T14:30:00Z",
            "changes": [{"pointer": "/summary", "before": "Three meetings", "after": "another"}],
        },
        {
            "offset": 3,
            "received_at": "2026-11-23T15:30:00Z",
            "changes": [
                {"pointer": "/summary", "before": "Three meetings", "after": ""},
                {"pointer": "/supersedes", "before": None, "after": named("victim")},
            ],
        },
    ]
    assert found[of(victim)]["superseded_by"] == []


async def test_reviews_are_kept_once_and_only_of_the_districts_own_report(store: DocumentStore) -> None:
    review = replace(reviewed("guna", FIRST.id, at="2026-11-24T10:00"), actor="pcc:office")
    foreign = reviewed("bhind", FIRST.id, at="2026-11-24T11:00")
    unknown = reviewed("guna", named("nothing"), at="2026-11-24T11:00")
    shown = await given(FIRST, review, replace(foreign, id=named("foreign")), unknown).of(REPORTS, store)
    assert set(shown.documents) == {of(FIRST)}
    shown.shows(
        of(FIRST),
        reviews=[
            {
                "id": review.id,
                "verdict": "returned",
                "comment": "",
                "reviewed_at": "2026-11-24T04:30:00Z",
                "by": "pcc:office",
            }
        ],
    )


async def test_what_cannot_be_read_and_what_is_no_report_changes_nothing(store: DocumentStore) -> None:
    shown = await given(unreadable("guna", f"{ON}T20:00"), clock_reached(f"{ON}T20:00")).of(REPORTS, store)
    assert shown.documents == {}


def test_only_what_is_handled_is_ever_folded() -> None:
    from libs.runtime.projection import Documents

    clock = recorded(clock_reached(f"{ON}T20:00"), 0)
    assert list(keys(clock)) == [f"in-mp/{clock.event.id}"]
    with pytest.raises(AssertionError):
        evolve({}, Documents({}), clock)
