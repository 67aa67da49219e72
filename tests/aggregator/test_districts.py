"""The projection districts: what is known of a district after a story."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from hypothesis import given as hypothesis_given
from hypothesis import settings

from libs.duty.transitions import Status
from libs.events.envelope import Event
from libs.runtime.batch import Item, Unreadable
from libs.runtime.projection import Body, Documents
from libs.runtime.store import DocumentStore
from libs.runtime.store_sqlite import open_store
from services.aggregator import strip
from services.aggregator.projections.districts import DISTRICTS, Districts, dump, evolve, keys, load
from services.aggregator.projections.state_days import STATE_DAYS
from services.aggregator.score import Score
from tests.aggregator.folding import documents, fold, unreadable
from tests.aggregator.stories import Shown, given
from tests.aggregator.test_same_hash import stories
from tests.duty.events import (
    added,
    appointed,
    clock_reached,
    closed_district,
    corrected,
    excused,
    filed,
    holiday,
    named,
    on_leave,
    policy,
    recorded,
    relieved,
    tenure,
)

GUNA = "in-mp.guna"


def guna(*more: Event, lock: int = 7) -> tuple[Event, ...]:
    return (policy(lock=lock), added("guna", name="Guna"), appointed("guna"), *more)


def judged(*days: str) -> list[Event]:
    """The clock has passed the grace of each day of November."""
    return [clock_reached(f"2026-11-{int(day) + 1}T00:00") for day in days]


def tenures(shown: Shown, district: str = GUNA) -> Sequence[Mapping[str, Any]]:
    return cast("Sequence[Mapping[str, Any]]", shown.documents[district]["tenures"])


async def test_a_district_is_whole(store: DocumentStore) -> None:
    report = filed("guna", "2026-11-23", "2026-11-23T20:00")
    shown = await given(*guna(report)).of(DISTRICTS, store)
    assert shown.documents == {
        GUNA: {
            "state": "in-mp",
            "district": GUNA,
            "name_en": "Guna",
            "name_hi": "guna",
            "kind": "whole",
            "grid_row": 0,
            "grid_col": 0,
            "closed_at": None,
            "last_day": "2026-11-23",
            "strip": ".......Vo",
            "open_days": shown.documents[GUNA]["open_days"],
            "tenures": [
                {
                    "tenure_id": tenure("guna"),
                    "person_id": named("asha"),
                    "name": "asha",
                    "kind": "substantive",
                    "since": "2026-08-16",
                    "until": None,
                    "counts": {"excused": 1, "on_time": 1},
                    "filed": {"current": 1, "longest": 1},
                    "missed": {"current": 0, "longest": 0},
                }
            ],
            "event_time": "2026-11-23T14:30:00Z",
        }
    }
    assert cast("Sequence[Body]", shown.documents[GUNA]["open_days"])[-1] == {
        "day": "2026-11-23",
        "status": "on_time",
        "reason": None,
        "tenure_id": tenure("guna"),
        "report_id": report.id,
        "version_id": report.id,
        "due_at": "2026-11-23T15:30:00Z",
        "grace_until": "2026-11-23T18:30:00Z",
        "lock_at": "2026-11-30T18:30:00Z",
    }


async def test_days_go_from_the_open_ones_into_the_strip_and_nothing_is_lost(store: DocumentStore) -> None:
    story = [
        *guna(lock=1),
        filed("guna", "2026-11-23", "2026-11-23T20:00"),
        *judged("23"),
        filed("guna", "2026-11-24", "2026-11-24T22:00"),
        *judged("24", "25"),
        filed("guna", "2026-11-25", "2026-11-26T08:00"),
        *judged("26", "27", "28", "29"),
    ]
    shown = await given(*story).of(DISTRICTS, store)
    body = shown.documents[GUNA]
    assert cast("str", body["strip"]).lstrip(".V") == "oglmmmmp"
    assert body["last_day"] == "2026-11-30"
    assert [day["day"] for day in cast("Sequence[Body]", body["open_days"])] == [
        "2026-11-28",
        "2026-11-29",
        "2026-11-30",
    ]
    (score,) = tenures(shown)
    assert (score["filed"], score["missed"]) == ({"current": 0, "longest": 3}, {"current": 4, "longest": 4})
    assert {name: count for name, count in score["counts"].items() if name != "excused"} == {
        "on_time": 1,
        "in_grace": 1,
        "late": 1,
        "missed": 4,
        "pending": 1,
    }


async def test_a_late_report_takes_its_day_out_of_the_run_of_misses(store: DocumentStore) -> None:
    silent = [*guna(), *judged("23", "24", "25")]
    shown = await given(*silent).of(DISTRICTS, store)
    assert tenures(shown)[0]["missed"] == {"current": 3, "longest": 3}
    shown = await given(*silent, filed("guna", "2026-11-24", "2026-11-26T09:00")).of(DISTRICTS, store)
    assert cast("str", shown.documents[GUNA]["strip"]).endswith("mlmp")
    assert tenures(shown)[0]["missed"] == {"current": 1, "longest": 1}
    assert tenures(shown)[0]["filed"] == {"current": 0, "longest": 1}


async def test_an_excuse_after_the_fact_closes_the_gap_in_a_run(store: DocumentStore) -> None:
    story = [
        *guna(filed("guna", "2026-11-23", "2026-11-23T20:00")),
        *judged("23", "24"),
        filed("guna", "2026-11-25", "2026-11-25T20:00"),
        excused("guna", "2026-11-24", at="2026-11-25T21:00"),
    ]
    shown = await given(*story).of(DISTRICTS, store)
    assert cast("str", shown.documents[GUNA]["strip"]).endswith("oEo")
    assert tenures(shown)[0]["filed"] == {"current": 2, "longest": 2}


async def test_each_reason_stands_in_the_strip(store: DocumentStore) -> None:
    story = [
        *guna(on_leave("guna", "2026-11-24", "2026-11-24"), holiday("2026-11-25")),
        *judged("23", "24", "25"),
        relieved("guna", until="2026-11-26", at="2026-11-26T09:00"),
    ]
    shown = await given(*story).of(DISTRICTS, store)
    assert cast("str", shown.documents[GUNA]["strip"]).endswith("mLHV")


async def test_held_days_are_unknown_until_a_report_settles_one(store: DocumentStore) -> None:
    held: list[Event | Unreadable] = [*guna(), unreadable("guna", "2026-11-23T20:00"), *judged("23")]
    shown = await given(*held).of(DISTRICTS, store)
    assert cast("str", shown.documents[GUNA]["strip"]).endswith("uu")
    assert tenures(shown)[0]["missed"] == {"current": 0, "longest": 0}
    shown = await given(*held, filed("guna", "2026-11-23", "2026-11-24T09:00")).of(DISTRICTS, store)
    assert cast("str", shown.documents[GUNA]["strip"]).endswith("lu")
    shown = await given(*guna()[:2], unreadable("guna", "2026-11-23T20:00")).of(DISTRICTS, store)
    shown.shows(GUNA, event_time=None)


async def test_a_score_belongs_to_the_tenure_and_the_strip_to_the_district(store: DocumentStore) -> None:
    story = [
        *guna(),
        *judged("23", "24"),
        relieved("guna", until="2026-11-25", at="2026-11-25T09:00"),
        appointed("guna", "bina", since="2026-11-26", at="2026-11-25T10:00", acting=True),
        *judged("25"),
        filed("guna", "2026-11-26", "2026-11-26T20:00", holder="bina"),
    ]
    shown = await given(*story).of(DISTRICTS, store)
    assert cast("str", shown.documents[GUNA]["strip"]).endswith("mmVo")
    first, second = tenures(shown)
    assert (first["until"], first["missed"]["current"]) == ("2026-11-25", 2)
    assert (second["kind"], second["filed"]["current"], second["missed"]["longest"]) == ("acting", 1, 0)
    assert second["counts"] == {"on_time": 1}


async def test_roster_events_show_at_once_and_before_any_policy(store: DocumentStore) -> None:
    shown = await given(added("guna"), appointed("guna", since="2027-01-01")).of(DISTRICTS, store)
    shown.shows(GUNA, last_day=None, strip="", open_days=[])
    assert tenures(shown)[0]["since"] == "2027-01-01"
    closed = closed_district("guna", at="2026-11-24T11:00")
    shown = await given(*guna(), *judged("23"), closed, *judged("24", "25")).of(DISTRICTS, store)
    shown.shows(GUNA, closed_at="2026-11-24T05:30:00Z")
    assert cast("str", shown.documents[GUNA]["strip"]).endswith("mE..")
    shown = await given(policy(), appointed("nowhere")).of(DISTRICTS, store)
    assert shown.documents == {}


async def test_a_correction_moves_the_version_and_a_supplement_nothing(store: DocumentStore) -> None:
    first = filed("guna", "2026-11-23", "2026-11-23T20:00")
    better = corrected("guna", "2026-11-23", "2026-11-23T22:00", of=first.id)
    other = filed("guna", "2026-11-23", "2026-11-23T23:00", known_as="other")
    shown = await given(*guna(first, better, other)).of(DISTRICTS, store)
    today = cast("Sequence[Body]", shown.documents[GUNA]["open_days"])[-1]
    assert (today["report_id"], today["version_id"], today["status"]) == (first.id, better.id, "on_time")


async def test_ninety_days_and_no_more(store: DocumentStore) -> None:
    days = [date(2026, 11, 23) + timedelta(days=ahead) for ahead in range(120)]
    story = [*guna(lock=1), *(clock_reached(f"{day + timedelta(days=1)}T00:00") for day in days)]
    shown = await given(*story).of(DISTRICTS, store)
    assert shown.documents[GUNA]["strip"] == "m" * 89 + "p"
    assert tenures(shown)[0]["missed"] == {"current": 120, "longest": 120}


async def test_many_days_that_come_and_go_at_once_are_all_kept(store: DocumentStore) -> None:
    shown = await given(*guna(lock=1), clock_reached("2026-12-20T00:00")).of(DISTRICTS, store)
    assert cast("str", shown.documents[GUNA]["strip"]).lstrip(".V") == "m" * 27 + "p"


def test_no_document_is_ever_loaded() -> None:
    assert list(keys(recorded(filed("guna", "2026-11-23", "2026-11-23T20:00"), 0))) == []


def test_a_snapshot_is_what_it_was_and_stays_small() -> None:
    snapshot = DISTRICTS.initial("in-mp")
    days = [date(2026, 11, 23) + timedelta(days=ahead) for ahead in range(120)]
    for offset, event in enumerate(
        [*guna(lock=1), *(clock_reached(f"{day + timedelta(days=1)}T00:00") for day in days)]
    ):
        evolve(snapshot, Documents({}), recorded(event, offset))
    again = load(dump(snapshot))
    assert isinstance(again, Districts)
    assert (again, dump(again)) == (snapshot, dump(snapshot))
    assert len(str(dump(snapshot)["past"])) < 300


# The oracle: a district's strip and scores, worked out anew from all the boards of its state.


@hypothesis_given(story=stories)
@settings(max_examples=60)
async def test_a_district_says_what_the_boards_say(story: list[Item]) -> None:
    with TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "store")
        try:
            await fold(STATE_DAYS, store, story)
            await fold(DISTRICTS, store, story)
            boards = await documents(STATE_DAYS, store)
            for code, body in (await documents(DISTRICTS, store)).items():
                days = _days_of(code, boards)
                told = list(strip.days(str(body["strip"]), date.fromisoformat(str(body["last_day"]))))
                assert told == [
                    {name: entry[name] for name in ("status", "reason")} | {"day": day} for day, entry in days.items()
                ]
                for each in cast("Sequence[Mapping[str, Any]]", body["tenures"]):
                    mine = [
                        Status(entry["status"]) for entry in days.values() if entry["tenure_id"] == each["tenure_id"]
                    ]
                    assert each["counts"] == Counter(mine)
                    score = Score().after(mine)
                    assert each["filed"] == {"current": score.filed, "longest": score.longest_filed}
                    assert each["missed"] == {"current": score.missed, "longest": score.longest_missed}
        finally:
            await store.close()


def _days_of(code: str, boards: Mapping[str, Body]) -> dict[str, Mapping[str, Any]]:
    """Day -> the district's entry on its board, in order."""
    found = {}
    for key in sorted(boards):
        entries = cast("Mapping[str, Mapping[str, Any]]", boards[key].get("districts", {}))
        if code in entries:
            found[key.partition("/")[2]] = entries[code]
    return found
