"""The projection state_days: what stands on the board of a day after a story."""

from libs.events.envelope import Event
from libs.runtime.store import DocumentStore
from services.aggregator.board import entries
from services.aggregator.projections.state_days import STATE_DAYS, keys, policies_of
from tests.aggregator.folding import unreadable
from tests.aggregator.stories import given
from tests.duty.events import (
    added,
    appointed,
    clock_reached,
    closed_district,
    corrected,
    filed,
    holiday,
    policy,
    recorded,
    relieved,
    reviewed,
    tenure,
)

DAY = "in-mp/2026-11-23"


def guna(*more: Event) -> tuple[Event, ...]:
    return (policy(), added("guna", name="Guna"), appointed("guna"), *more)


async def test_a_board_is_whole_and_needs_no_other_document(store: DocumentStore) -> None:
    report = filed("guna", "2026-11-23", "2026-11-23T20:00")
    shown = await given(*guna(added("bhind"), report)).of(STATE_DAYS, store)
    assert shown.documents[DAY] == {
        "state": "in-mp",
        "day": "2026-11-23",
        "due_at": "2026-11-23T15:30:00Z",
        "grace_until": "2026-11-23T18:30:00Z",
        "lock_at": "2026-11-30T18:30:00Z",
        "held_until": None,
        "credits": [],
        "closed": False,
        "districts": {
            "in-mp.bhind": {
                "status": "excused",
                "reason": "vacancy",
                "report_id": None,
                "tenure_id": None,
                "received_at": None,
                "version_id": None,
                "supplements": [],
                "conflicts": 0,
                "unread": False,
                "holder": None,
                "name_en": "bhind",
                "name_hi": "bhind",
                "kind": "whole",
                "grid_row": 0,
                "grid_col": 0,
            },
            "in-mp.guna": {
                "status": "on_time",
                "reason": None,
                "report_id": report.id,
                "tenure_id": tenure("guna"),
                "received_at": "2026-11-23T14:30:00Z",
                "version_id": report.id,
                "supplements": [],
                "conflicts": 0,
                "unread": False,
                "holder": "asha",
                "name_en": "Guna",
                "name_hi": "guna",
                "kind": "whole",
                "grid_row": 0,
                "grid_col": 0,
            },
        },
        "event_time": "2026-11-23T14:30:00Z",
    }
    assert list(entries(shown.documents[DAY])) == ["in-mp.bhind", "in-mp.guna"]


async def test_the_document_of_a_state_tells_what_days_there_are(store: DocumentStore) -> None:
    shown = await given(*guna(clock_reached("2026-11-23T19:00"))).of(STATE_DAYS, store)
    shown.shows("in-mp", clock="2026-11-23T13:30:00Z", event_time="2026-11-23T13:30:05Z")
    policies = policies_of(shown.documents["in-mp"])
    assert [each.policy.version for each in policies.adopted] == [1]
    assert policies.adopted[0].first_day.isoformat() == "2026-11-23"


async def test_without_a_policy_there_is_nothing_to_show(store: DocumentStore) -> None:
    shown = await given(added("guna"), appointed("guna"), clock_reached("2026-11-23T19:00")).of(STATE_DAYS, store)
    assert shown.documents == {}


async def test_a_version_a_supplement_and_a_conflict_stand_beside_the_effective_report(store: DocumentStore) -> None:
    first = filed("guna", "2026-11-23", "2026-11-23T20:00")
    better = corrected("guna", "2026-11-23", "2026-11-23T22:00", of=first.id)
    other = filed("guna", "2026-11-23", "2026-11-23T23:00", known_as="other")
    conflict = filed("guna", "2026-11-23", "2026-11-23T23:10", summary="x", known_as="other")
    review = reviewed("guna", first.id, at="2026-11-24T10:00")
    shown = await given(*guna(first, better, other, conflict, review)).of(STATE_DAYS, store)
    shown.district(DAY, "guna", status="on_time", received_at="2026-11-23T14:30:00Z")
    shown.district(DAY, "guna", report_id=first.id, version_id=better.id, supplements=[other.id], conflicts=1)


async def test_a_silent_district_is_missed_and_a_later_report_is_late(store: DocumentStore) -> None:
    silent = guna(clock_reached("2026-11-24T00:00"))
    shown = await given(*silent).of(STATE_DAYS, store)
    shown.shows(DAY, closed=True).district(DAY, "guna", status="missed", report_id=None)
    shown = await given(*silent, filed("guna", "2026-11-23", "2026-11-24T00:40")).of(STATE_DAYS, store)
    shown.district(DAY, "guna", status="late", received_at="2026-11-23T19:10:00Z")


async def test_roster_and_calendar_change_every_open_day_that_they_touch(store: DocumentStore) -> None:
    shown = await given(
        *guna(),
        clock_reached("2026-11-24T09:00"),
        holiday("2026-11-24", at="2026-11-24T09:30"),
        relieved("guna", until="2026-11-24", at="2026-11-24T10:00"),
        closed_district("guna", at="2026-11-24T11:00"),
    ).of(STATE_DAYS, store)
    shown.district(DAY, "guna", status="missed", holder="asha")
    shown.district("in-mp/2026-11-24", "guna", status="excused", reason="vacancy", holder=None)
    assert "in-mp/2026-11-25" not in shown.documents


async def test_what_cannot_be_read_leaves_the_district_unknown_and_accuses_nobody(store: DocumentStore) -> None:
    shown = await given(*guna(), unreadable("guna", "2026-11-23T20:00"), clock_reached("2026-11-24T00:00")).of(
        STATE_DAYS, store
    )
    shown.district(DAY, "guna", status="unknown").shows(DAY, closed=True)


async def test_a_record_nobody_can_read_may_open_its_day(store: DocumentStore) -> None:
    shown = await given(*guna(), unreadable("guna", "2026-11-23T20:00")).of(STATE_DAYS, store)
    shown.district(DAY, "guna", status="unknown").shows(DAY, event_time=None)


async def test_days_judged_and_let_go_of_by_one_event_are_shown_as_judged(store: DocumentStore) -> None:
    shown = await given(*guna(), clock_reached("2026-12-20T00:00")).of(STATE_DAYS, store)
    for day in range(23, 31):
        shown.shows(f"in-mp/2026-11-{day}", closed=True)
        shown.district(f"in-mp/2026-11-{day}", "guna", status="missed")


def test_no_document_is_ever_loaded() -> None:
    assert list(keys(recorded(filed("guna", "2026-11-23", "2026-11-23T20:00"), 0))) == []
