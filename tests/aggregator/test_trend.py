"""Many days of one state, and one day of many states."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from libs.events.envelope import Event
from libs.runtime.log import NewRecord
from libs.runtime.pointer import collection_name
from libs.runtime.store import Document, DocumentStore
from services.aggregator import answers
from services.aggregator.projections.state_days import STATE_DAYS
from services.aggregator.reading import Reading
from tests.aggregator.folding import FailingStore
from tests.aggregator.world import RAJASTHAN, World, record_of, world
from tests.duty.events import STREAM, added, appointed, clock_reached, day, filed, instant, policy

DAYS = "/v1/states/in-mp/days"
NATION = "/v1/nation/days/2026-11-23"
BEGINNING = (policy(), added("guna"), appointed("guna"), added("bhind"), appointed("bhind"), added("ujjain"))
EVENING = (
    filed("guna", "2026-11-23", "2026-11-23T20:00"),
    clock_reached("2026-11-24T00:00"),
    filed("bhind", "2026-11-23", "2026-11-24T09:00"),
    filed("guna", "2026-11-24", "2026-11-24T22:00"),
)


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made, made.running():
        yield made


def elsewhere(event: Event) -> NewRecord:
    """The same, said of Rajasthan."""
    record = record_of(event)
    headers = tuple((name, raw.replace(b"in-mp", b"in-rj")) for name, raw in record.headers if name != "ce_sha256")
    return NewRecord(record.key.replace("in-mp", "in-rj"), headers, record.value.replace(b"in-mp", b"in-rj"))


async def trend(live: World, first: str, last: str) -> dict[str, Any]:
    response = await live.get(f"{DAYS}?from={first}&to={last}")
    assert response.status_code == 200, response.text
    answers.Days.model_validate_json(response.content, extra="forbid")
    told: dict[str, Any] = response.json()
    return told


async def test_each_day_of_the_trend_says_what_its_board_says(live: World) -> None:
    await live.told(*BEGINNING, *EVENING)
    await live.kept()
    told = await trend(live, "2026-11-01", "2026-11-30")
    assert (told["state"], told["from"], told["to"]) == ("in-mp", "2026-11-01", "2026-11-30")
    assert told["as_of"] == {"offset": 9, "event_time": "2026-11-24T16:30:00Z"}
    assert [each["day"] for each in told["days"]] == [f"2026-11-{day}" for day in range(15, 25)]
    for each in told["days"]:
        board = (await live.get(f"{DAYS}/{each['day']}")).json()
        assert each == {name: board[name] for name in ("day", "closed", "counts", "completeness", "timeliness")}
    closed = told["days"][-2]
    assert (closed["closed"], closed["counts"]["late"], closed["counts"]["missed"]) == (True, 1, 0)
    assert closed["completeness"] == {"numerator": 2, "denominator": 2, "rate": 1.0}
    assert closed["timeliness"] == {"numerator": 1, "denominator": 2, "rate": 0.5}


async def test_of_nothing_expected_there_is_no_rate(live: World) -> None:
    await live.told(*BEGINNING)
    (only,) = (await trend(live, "2026-11-22", "2026-11-22"))["days"]
    assert (only["counts"]["excused"], only["timeliness"]) == (3, {"numerator": 0, "denominator": 0, "rate": None})


async def test_days_that_no_event_has_opened_yet_are_there_once_they_have_begun(live: World) -> None:
    await live.told(*BEGINNING, *EVENING)
    await live.kept()
    live.clock.advance_to(instant("2026-11-26T00:00"))
    days = (await trend(live, "2026-11-24", "2026-12-24"))["days"]
    assert [each["day"] for each in days] == ["2026-11-24", "2026-11-25", "2026-11-26"]
    assert [each["counts"]["pending"] for each in days] == [1, 2, 2]
    assert (await trend(live, "2026-11-27", "2026-12-24"))["days"] == []
    assert (await trend(live, "2025-11-24", "2026-11-14"))["days"] == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("from=2026-11-24&to=2026-11-23", "/query/to"),
        ("from=2026-01-01&to=2027-01-02", "/query/to"),  # 367 days
        ("from=2026-11-31&to=2026-12-01", "/query/from"),
        ("from=2026-11-23&to=soon", "/query/to"),
        ("from=2026-11-23", "/query/to"),
        ("to=2026-11-23", "/query/from"),
        ("from=1999-12-31&to=2000-01-01", "/query/from"),
    ],
)
async def test_bad_ranges_are_pointed_at(live: World, query: str, pointer: str) -> None:
    await live.told(*BEGINNING)
    response = await live.get(f"{DAYS}?{query}")
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_a_leap_year_is_not_too_much(live: World) -> None:
    await live.told(*BEGINNING)
    await live.kept()
    assert (await live.get(f"{DAYS}?from=2028-01-01&to=2028-12-31")).status_code == 200
    assert (await live.get(f"{DAYS}?from=2199-12-31&to=2199-12-31")).status_code == 200


@pytest.mark.parametrize(
    ("path", "role", "scope", "status"),
    [
        (f"{DAYS}?from=2026-11-23&to=2026-11-23", "aicc", "in", 200),
        (f"{DAYS}?from=2026-11-23&to=2026-11-23", "pcc", "in-rj", 404),
        (f"{DAYS}?from=2026-11-23&to=2026-11-23", "pcc", "in-mp.guna", 404),
        (f"{DAYS}?from=2026-11-23&to=2026-11-23", "president", "in-mp.guna", 404),
        (f"{DAYS}?from=2026-11-23&to=2026-11-23", "operator", "in", 403),
        ("/v1/states/in-rj/days?from=2026-11-23&to=2026-11-23", "aicc", "in", 404),  # without a policy
        ("/v1/states/in-ka/days?from=2026-11-23&to=2026-11-23", "aicc", "in", 404),  # not served here
        (NATION, "aicc", "in", 200),
        (NATION, "aicc", "in-mp", 404),
        (NATION, "pcc", "in-mp", 404),
        (NATION, "pcc", "in", 403),
        (NATION, "president", "in-mp.guna", 404),
        (NATION, "operator", "in", 403),
        ("/v1/nation/days/2026-11-24", "aicc", "in", 404),  # has begun nowhere
        ("/v1/nation/days/2026-13-24", "aicc", "in", 422),
    ],
)
async def test_who_may_ask(live: World, path: str, role: str, scope: str, status: int) -> None:
    await live.told(*BEGINNING)
    while (answer := await live.get(path, role, scope)).status_code == 503:  # noqa: ASYNC110 -- until the snapshot knows the policy
        await asyncio.sleep(0.01)
    assert answer.status_code == status


async def test_a_trend_waits_for_the_snapshot_that_knows_the_policy(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        async with made.running():
            await made.told(*BEGINNING)
        await made.store.drop(collection_name(STATE_DAYS, 0) + ".snapshots")
        response = await made.get(f"{DAYS}?from=2026-11-22&to=2026-11-23")
        assert (response.status_code, "retry-after" in response.headers) == (503, True)


async def nation(live: World, day: str = "2026-11-23") -> dict[str, Any]:
    response = await live.get(f"/v1/nation/days/{day}", "aicc", "in")
    assert response.status_code == 200, response.text
    answers.Nation.model_validate_json(response.content, extra="forbid")
    told: dict[str, Any] = response.json()
    return told


async def test_the_nation_is_the_sum_of_its_states(live: World) -> None:
    await live.told(*BEGINNING, *EVENING)
    await live.told(*map(elsewhere, (*BEGINNING, EVENING[0])), stream=RAJASTHAN)
    await live.kept()
    await live.kept(RAJASTHAN)
    told = await nation(live)
    assert [each["state"] for each in told["states"]] == ["in-mp", "in-rj"]
    for each in told["states"]:
        board = (await live.get(f"/v1/states/{each['state']}/days/2026-11-23", "aicc", "in")).json()
        assert each == {name: board[name] for name in ("state", "closed", "counts", "completeness", "timeliness")}
    for name, count in told["counts"].items():
        assert count == sum(each["counts"][name] for each in told["states"])
    assert told["completeness"] == {"numerator": 3, "denominator": 4, "rate": 0.75}
    assert told["timeliness"] == {"numerator": 2, "denominator": 4, "rate": 0.5}
    assert told["closed"] is False  # in Rajasthan it is not
    assert told["as_of"] == {
        "in-mp": {"offset": 9, "event_time": "2026-11-24T16:30:00Z"},
        "in-rj": {"offset": 6, "event_time": "2026-11-23T14:30:00Z"},
    }


async def test_a_state_takes_part_once_the_day_has_begun_there(live: World) -> None:
    further_west = policy(tz="Asia/Dubai")
    await live.told(*BEGINNING, EVENING[0])
    await live.told(*map(elsewhere, (further_west, *BEGINNING[1:3])), stream=RAJASTHAN)
    await live.kept()
    await live.kept(RAJASTHAN)
    live.clock.advance_to(instant("2026-11-24T01:29:59"))
    assert [each["state"] for each in (await nation(live, "2026-11-24"))["states"]] == ["in-mp"]
    live.clock.advance_to(instant("2026-11-24T01:30"))
    told = await nation(live, "2026-11-24")
    assert ([each["state"] for each in told["states"]], told["counts"]["pending"]) == (["in-mp", "in-rj"], 3)


async def test_before_the_first_board_of_every_state_there_is_nothing(live: World) -> None:
    await live.told(*BEGINNING)
    await live.kept()
    assert (await live.get("/v1/nation/days/2026-11-01", "aicc", "in")).status_code == 404


async def test_nothing_is_promised_before_the_first_snapshot(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        async with made.running():
            await made.told(*BEGINNING, *EVENING)
        await made.store.drop(collection_name(STATE_DAYS, 0) + ".snapshots")
        assert (await nation(made))["as_of"] == {"in-mp": {"offset": -1, "event_time": None}}


class Counting(FailingStore):
    """Counts how often a whole snapshot is read."""

    def __init__(self, store: DocumentStore) -> None:
        super().__init__(store, 0)
        self.loads = 0
        self._real = store

    async def get(self, collection: str, document_id: str) -> Document | None:
        self.loads += document_id == STREAM
        return await self._real.get(collection, document_id)


async def test_a_snapshot_is_loaded_once_and_again_when_it_has_moved(tmp_path: Path) -> None:
    async with world(tmp_path) as live, live.running():
        await live.told(*BEGINNING)
        await live.kept()
        live.clock.advance_to(instant("2026-11-24T07:00"))
        store = Counting(live.store)
        reading = Reading(cast("DocumentStore", store), live.clock)
        boards = [await reading.day("in-mp", day("2026-11-24")) for _ in range(3)]
        assert boards[0] is not None
        assert boards[0] == boards[1] == boards[2]
        assert store.loads == 1
        await live.told(appointed("ujjain", at="2026-11-23T23:00"))
        await live.kept()
        told = await reading.days("in-mp", day("2026-11-24"), day("2026-11-24"))
        assert told is not None
        assert told["days"][0]["counts"]["pending"] == 3  # type: ignore[index]
        assert store.loads == 2
