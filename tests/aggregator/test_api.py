"""The routes, from the log to the answer: real log, real store, the app as it is served."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.events.envelope import Event
from libs.events.upcasters import lift
from libs.runtime.pointer import collection_name
from libs.runtime.store import Document
from services.aggregator.projections.state_days import STATE_DAYS
from tests.aggregator.world import RAJASTHAN, World, until, world
from tests.duty.events import (
    added,
    appointed,
    clock_reached,
    corrected,
    filed,
    instant,
    named,
    policy,
    reviewed,
    tenure,
)

DAY = "/v1/states/in-mp/days/2026-11-23"
ON = "2026-11-23"
FIRST = filed("guna", ON, f"{ON}T20:00")
BETTER = corrected("guna", ON, f"{ON}T20:10", of=FIRST.id)
OTHER = filed("guna", ON, f"{ON}T20:20", known_as="other")


def guna(*more: Event) -> tuple[Event, ...]:
    return (policy(), added("guna"), appointed("guna"), added("bhind"), *more)


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made, made.running():
        yield made


async def test_the_board_of_a_day(live: World) -> None:
    await live.told(*guna(FIRST))
    response = await live.get(DAY)
    assert response.status_code == 200
    told: dict[str, Any] = response.json()
    assert (told["state"], told["day"], told["closed"]) == ("in-mp", ON, False)
    assert (told["due_at"], told["grace_until"]) == ("2026-11-23T15:30:00Z", "2026-11-23T18:30:00Z")
    assert told["counts"] == {
        "expected": 1,
        "on_time": 1,
        "in_grace": 0,
        "late": 0,
        "missed": 0,
        "excused": 1,
        "pending": 0,
        "unknown": 0,
    }
    assert told["completeness"] == {"numerator": 1, "denominator": 1, "rate": 1.0}
    assert told["as_of"] == {"offset": 4, "event_time": "2026-11-23T14:30:00Z"}
    bhind, guna_ = told["districts"]
    assert (bhind["district"], bhind["status"], bhind["reason"]) == ("in-mp.bhind", "excused", "vacancy")
    assert (guna_["report_id"], guna_["tenure_id"], guna_["received_at"]) == (
        FIRST.id,
        tenure("guna"),
        "2026-11-23T14:30:00Z",
    )


async def test_as_of_goes_on_with_events_that_do_not_touch_the_day(live: World) -> None:
    await live.told(*guna(FIRST), reviewed("guna", FIRST.id, at=f"{ON}T20:15"))
    await live.kept()
    assert (await live.get(DAY)).json()["as_of"] == {"offset": 5, "event_time": "2026-11-23T14:45:00Z"}


async def test_a_day_can_be_asked_for_from_its_midnight_on_before_anything_happens_on_it(live: World) -> None:
    await live.told(*guna(clock_reached(f"{ON}T23:59")))
    tomorrow = "/v1/states/in-mp/days/2026-11-24"
    live.clock.advance_to(instant("2026-11-23T23:59:59"))
    assert (await live.get(tomorrow)).status_code == 404
    live.clock.advance_to(instant("2026-11-24T00:00"))
    await live.kept()
    told = (await live.get(tomorrow)).json()
    assert (told["counts"]["pending"], told["counts"]["excused"], told["closed"]) == (1, 1, False)
    assert told["as_of"] == {"offset": 4, "event_time": "2026-11-23T18:29:05Z"}


async def test_a_preview_waits_for_the_snapshot_that_knows_the_policy(tmp_path: Path, tmp_path_factory: Any) -> None:
    async with world(tmp_path) as made:
        document = await _state_document(tmp_path_factory.mktemp("other"))
        await made.store.put(collection_name(STATE_DAYS, 0), [Document("in-mp", 0, document)])
        response = await made.get(DAY)
        assert (response.status_code, "retry-after" in response.headers) == (503, True)


async def _state_document(folder: Path) -> Any:
    async with world(folder) as made, made.running():
        await made.told(policy())
        found = await made.store.get(collection_name(STATE_DAYS, 0), "in-mp")
        assert found is not None
        return found.body


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/states/in-mp/days/2026-11-24", 404),  # has not begun
        ("/v1/states/in-mp/days/2026-11-31", 422),
        ("/v1/states/in-mp/days/20261123", 422),
        ("/v1/states/in-mp/days/1795391400", 422),
        ("/v1/states/in-mp/days/1999-01-01", 422),
        ("/v1/states/in-rj/days/2026-11-23", 404),  # without a policy
        ("/v1/states/in-ka/days/2026-11-23", 404),  # not served here
        ("/v1/states/India/days/2026-11-23", 404),
    ],
)
async def test_days_that_there_are_not(live: World, path: str, status: int) -> None:
    await live.told(*guna())
    response = await live.get(path, role="aicc", scope="in")
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


async def test_days_before_the_policy_can_be_asked_for_while_they_can_be_filed(live: World) -> None:
    await live.told(*guna(filed("guna", "2026-11-20", f"{ON}T19:00")))
    told = (await live.get("/v1/states/in-mp/days/2026-11-20")).json()
    assert told["counts"]["expected"] == 0
    (entry,) = told["districts"]  # bhind came when that day was over
    assert (entry["district"], entry["status"], entry["reason"]) == ("in-mp.guna", "excused", "vacancy")
    assert entry["report_id"] is not None


async def test_an_imported_past_can_be_asked_for(live: World) -> None:
    await live.told(policy(effective_from="2026-06-01"), added("guna"), appointed("guna"))
    await live.kept()
    told = (await live.get("/v1/states/in-mp/days/2026-06-01")).json()
    assert (told["counts"]["excused"], told["completeness"]["rate"]) == (1, None)


async def test_on_a_day_before_the_policy_nothing_was_owed(live: World) -> None:
    await live.told(*guna())
    await live.kept()
    told = (await live.get("/v1/states/in-mp/days/2026-11-01")).json()
    assert (told["counts"]["excused"], told["counts"]["expected"], told["completeness"]["rate"]) == (2, 0, None)


async def test_the_states_of_ones_scope(live: World) -> None:
    await live.told(*guna(clock_reached(f"{ON}T20:00")))
    await live.kept()
    expected = {
        "state": "in-mp",
        "tz": "Asia/Kolkata",
        "first_day": ON,
        "today": ON,
        "clock": "2026-11-23T14:30:00Z",
        "as_of": {"offset": 4, "event_time": "2026-11-23T14:30:05Z"},
    }
    assert (await live.get("/v1/states")).json() == {"items": [expected], "next": None}
    assert (await live.get("/v1/states", role="aicc", scope="in")).json()["items"] == [expected]
    assert (await live.get("/v1/states", scope="in-rj")).json() == {"items": [], "next": None}


async def test_a_report_with_its_versions_and_its_role(live: World) -> None:
    review = reviewed("guna", FIRST.id, at=f"{ON}T20:25")
    await live.told(*guna(FIRST, BETTER, OTHER, review, filed("bhind", ON, f"{ON}T20:26")))
    await live.kept()
    told = (await live.get(f"/v1/reports/{FIRST.id}")).json()
    assert (told["id"], told["district"], told["day"], told["form"]) == (FIRST.id, "in-mp.guna", ON, "daily.v1")
    assert (told["role"], told["supersedes"], told["superseded_by"]) == ("effective", None, [BETTER.id])
    assert told["versions"] == [
        {
            "id": FIRST.id,
            "received_at": "2026-11-23T14:30:00Z",
            "offset": 4,
            "supersedes": None,
            "reviews": told["reviews"],
            "changes": [],
        },
        {
            "id": BETTER.id,
            "received_at": "2026-11-23T14:40:00Z",
            "offset": 5,
            "supersedes": FIRST.id,
            "reviews": [],
            "changes": [],
        },
    ]
    assert [each["verdict"] for each in told["reviews"]] == ["returned"]
    assert told["as_of"]["offset"] >= 7
    assert "event_time" not in told
    for report, role in ((BETTER, "correction"), (OTHER, "supplement")):
        other = (await live.get(f"/v1/reports/{report.id}")).json()
        assert (other["role"], other["versions"]) == (role, told["versions"])


async def test_a_report_that_the_fold_refused_is_shown_as_ignored(live: World) -> None:
    vacant = filed("bhind", ON, f"{ON}T20:00")
    before = filed("guna", ON, f"{ON}T19:00", known_as="before the policy")
    await live.told(before, *guna(vacant))
    for report in (vacant, before):
        told = (await live.get(f"/v1/reports/{report.id}")).json()
        assert (told["role"], told["versions"]) == ("ignored", [])


async def test_a_report_is_given_no_role_before_its_day_has_come_as_far(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        task = asyncio.ensure_future(made.project("reports"))
        await made.write(*guna(FIRST))
        await until(lambda: made.position("reports") == 5)
        told = (await made.get(f"/v1/reports/{FIRST.id}")).json()
        assert (told["role"], told["versions"]) == (None, [])
        assert told["as_of"] == {"offset": -1, "event_time": None}  # of the day, nothing is known yet
        task.cancel()
        await asyncio.wait([task])


async def test_a_report_is_as_of_what_its_day_knows_of_its_versions(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        async with made.running():
            await made.told(*guna(FIRST))
        await made.write(BETTER)
        task = asyncio.ensure_future(made.project("reports"))
        await until(lambda: made.position("reports") == 6)
        told = (await made.get(f"/v1/reports/{FIRST.id}")).json()
        assert ([each["id"] for each in told["versions"]], told["as_of"]["offset"]) == ([FIRST.id], 4)
        task.cancel()
        await asyncio.wait([task])


async def test_reports_of_a_president_are_those_of_his_district(live: World) -> None:
    await live.told(*guna(FIRST))
    path = f"/v1/reports/{FIRST.id}"
    assert (await live.get(path, "president", "in-mp.guna")).status_code == 200
    assert (await live.get(path.upper().replace("/V1/REPORTS", "/v1/reports"))).status_code == 200
    for role, scope, status in (
        ("president", "in-mp.bhind", 404),
        ("pcc", "in-rj", 404),
        ("aicc", "in", 200),
        ("operator", "in", 403),
    ):
        assert (await live.get(path, role, scope)).status_code == status, (role, scope)
    assert (await live.get(f"/v1/reports/{named('nothing')}")).status_code == 404
    assert (await live.get(f"/v1/reports/{named('nothing')}", "operator", "in")).status_code == 403
    assert (await live.get("/v1/reports/7")).status_code == 422


async def test_two_states_may_use_one_id_without_touching_each_other(live: World) -> None:
    stolen = FIRST.as_written.model_copy(update={"state": "in-rj", "district": "in-rj.kota", "summary": "stolen"})
    await live.told(*guna(FIRST))
    await live.told(lift(Event(FIRST.id, FIRST.source, FIRST.time, stolen)), stream=RAJASTHAN)
    path = f"/v1/reports/{FIRST.id}"
    assert (await live.get(path)).json()["summary"] == ""
    assert (await live.get(path, scope="in-rj")).json()["summary"] == "stolen"
    assert (await live.get(path, "aicc", "in")).json()["state"] == "in-mp"


@pytest.mark.parametrize("path", ["/v1/states", DAY, f"/v1/reports/{FIRST.id}", "/v1/states/in-mp/changes"])
async def test_nobody_reads_without_a_token_and_only_who_may(live: World, path: str) -> None:
    await live.told(*guna(FIRST))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(live.app), base_url="http://aggregator") as client:
        assert (await client.get(path)).status_code == 401
    for role in ("operator", "service"):
        assert (await live.get(path, role, "in")).status_code == 403


@pytest.mark.parametrize("path", [DAY, "/v1/states/in-mp/changes"])
async def test_another_state_is_not_there(live: World, path: str) -> None:
    await live.told(*guna(FIRST))
    assert (await live.get(path, scope="in-rj")).status_code == 404
    assert (await live.get(path, scope="in-mp.guna")).status_code == 404
