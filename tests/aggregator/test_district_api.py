"""A district as its president and the offices see it: how it does, what it owes and got back, what a report says."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from libs.events.envelope import Event
from libs.runtime.pointer import collection_name, snapshots_of
from services.aggregator import answers
from services.aggregator.projections.reports import REPORTS
from services.aggregator.projections.state_days import STATE_DAYS
from tests.aggregator.world import UNREADABLE, World, until, world
from tests.duty.events import (
    NOTHING_DONE,
    added,
    appointed,
    clock_reached,
    closed_district,
    corrected,
    excused,
    filed,
    instant,
    named,
    on_leave,
    policy,
    relieved,
    reviewed,
    saying,
    tenure,
)

GUNA = "/v1/districts/in-mp.guna"
ON = "2026-11-23"
FIRST = filed("guna", ON, f"{ON}T20:00", summary="Three meetings")
RETURNED = reviewed("guna", FIRST.id, at="2026-11-24T10:00", comment="Which villages?")
BETTER = corrected("guna", ON, "2026-11-24T11:00", of=FIRST.id, summary="Three meetings in Aron")


def guna(*more: Event) -> tuple[Event, ...]:
    return (policy(), added("guna", name="Guna"), appointed("guna"), added("bhind"), *more)


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made, made.running():
        yield made


async def district(live: World) -> dict[str, Any]:
    response = await live.get(GUNA)
    assert response.status_code == 200, response.text
    answers.District.model_validate_json(response.content, extra="forbid")
    told: dict[str, Any] = response.json()
    return told


async def duties(live: World, role: str = "pcc", scope: str = "in-mp", holder: str = "asha") -> dict[str, Any]:
    response = await live.get(f"{GUNA}/duties", role, scope, tenure("guna", holder))
    assert response.status_code == 200, response.text
    answers.Duties.model_validate_json(response.content, extra="forbid")
    told: dict[str, Any] = response.json()
    return told


async def report(live: World, of: Event, **who: str) -> dict[str, Any]:
    response = await live.get(f"/v1/reports/{of.id}", **who)
    assert response.status_code == 200, response.text
    answers.Report.model_validate_json(response.content, extra="forbid")
    told: dict[str, Any] = response.json()
    return told


def owed(told: dict[str, Any]) -> dict[str, str]:
    return {each["day"]: each["status"] for each in told["owed"]}


# A district


async def test_a_district_with_its_holder_its_days_and_its_tenures(live: World) -> None:
    await live.told(
        *guna(FIRST, clock_reached("2026-11-25T00:00")),
        relieved("guna", until="2026-11-25", at="2026-11-25T09:00"),
        appointed("guna", "bina", since="2026-11-25", at="2026-11-25T09:05", acting=True),
        filed("guna", "2026-11-25", "2026-11-25T20:00", holder="bina"),
    )
    await live.kept()
    told = await district(live)
    assert (told["district"], told["state"], told["name_en"]) == ("in-mp.guna", "in-mp", "Guna")
    assert (told["today"], told["closed_at"]) == ("2026-11-25", None)
    assert told["holder"] == {
        "tenure_id": tenure("guna", "bina"),
        "person_id": named("bina"),
        "name": "bina",
        "kind": "acting",
        "since": "2026-11-25",
    }
    assert told["streaks"] == {"filed": {"current": 1, "longest": 1}, "missed": {"current": 0, "longest": 0}}
    assert told["strip"][-3:] == [
        {"day": "2026-11-23", "status": "on_time", "reason": None},
        {"day": "2026-11-24", "status": "missed", "reason": None},
        {"day": "2026-11-25", "status": "on_time", "reason": None},
    ]
    assert told["open_days"][-1]["tenure_id"] == tenure("guna", "bina")
    asha, bina = told["tenures"]
    assert (asha["until"], asha["counts"]["on_time"], asha["counts"]["missed"]) == ("2026-11-25", 1, 1)
    assert asha["completeness"] == {"numerator": 1, "denominator": 2, "rate": 0.5}
    assert asha["streaks"]["missed"] == {"current": 1, "longest": 1}
    assert bina["timeliness"] == {"numerator": 1, "denominator": 1, "rate": 1.0}
    assert told["as_of"] == {"offset": 8, "event_time": "2026-11-25T14:30:00Z"}


async def test_the_holder_is_who_holds_it_today(live: World) -> None:
    await live.told(*guna(relieved("guna", until="2026-11-24", at=f"{ON}T09:00")))
    await live.told(appointed("guna", "bina", since="2026-11-26", at=f"{ON}T09:05"))
    seen = []
    for day in (23, 24, 25, 26):
        live.clock.advance_to(instant(f"2026-11-{day}T21:00"))
        told = await district(live)
        seen.append(told["holder"] and told["holder"]["name"])
        assert (told["streaks"] is None) == (told["holder"] is None)
    assert seen == ["asha", None, None, "bina"]


async def test_a_district_that_never_had_a_president(live: World) -> None:
    await live.told(*guna())
    told = (await live.get("/v1/districts/in-mp.bhind")).json()
    assert (told["holder"], told["tenures"]) == (None, [])


@pytest.mark.parametrize("path", [GUNA, f"{GUNA}/duties"])
@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [
        ("president", "in-mp.guna", 200),
        ("pcc", "in-mp", 200),
        ("aicc", "in", 200),
        ("president", "in-mp.bhind", 404),
        ("president", "in-mp.guna-city", 404),
        ("pcc", "in-rj", 404),
        ("operator", "in", 403),
        ("service", "in", 403),
    ],
)
async def test_who_may_ask(live: World, path: str, role: str, scope: str, status: int) -> None:
    await live.told(*guna())
    await live.kept()
    assert (await live.get(path, role, scope)).status_code == status


@pytest.mark.parametrize("code", ["in-mp.nowhere", "in-mp", "in", "in-ka.udupi", "in-mp.Guna", "in-mp.guna.east", "7"])
@pytest.mark.parametrize("rest", ["", "/duties"])
async def test_districts_that_there_are_not(live: World, code: str, rest: str) -> None:
    await live.told(*guna())
    response = await live.get(f"/v1/districts/{code}{rest}", "aicc", "in")
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


async def test_without_a_policy_a_district_is_not_there_yet(live: World) -> None:
    await live.told(added("guna"), appointed("guna"))
    assert [(await live.get(f"{GUNA}{rest}")).status_code for rest in ("", "/duties")] == [404, 404]


# What is owed


async def test_what_is_owed_is_what_can_still_be_filed_and_has_no_report(live: World) -> None:
    await live.told(
        *guna(FIRST, on_leave("guna", "2026-11-26", "2026-11-26"), clock_reached("2026-11-27T09:00")),
        excused("guna", "2026-11-25", at="2026-11-27T09:30"),
    )
    await live.kept()
    told = await duties(live)
    assert (told["district"], told["today"]) == ("in-mp.guna", "2026-11-27")
    assert owed(told) == {"2026-11-24": "missed", "2026-11-27": "pending"}
    assert told["owed"][0] == {
        "day": "2026-11-24",
        "status": "missed",
        "tenure_id": tenure("guna"),
        "due_at": "2026-11-24T15:30:00Z",
        "grace_until": "2026-11-24T18:30:00Z",
        "lock_at": "2026-12-01T18:30:00Z",
        "report_id": None,
    }
    assert told["as_of"] == {"offset": 7, "event_time": "2026-11-27T04:00:00Z"}
    await live.told(filed("guna", "2026-11-24", "2026-11-27T10:00"))
    assert owed(await duties(live)) == {"2026-11-27": "pending"}


async def test_a_day_is_owed_until_the_instant_at_which_it_locks(live: World) -> None:
    await live.told(*guna(clock_reached("2026-11-24T00:00")))
    await live.kept()
    live.clock.advance_to(instant("2026-11-30T23:59:59"))
    assert list(owed(await duties(live)))[:2] == ["2026-11-23", "2026-11-24"]
    live.clock.advance_to(instant("2026-12-01T00:00"))
    assert next(iter(owed(await duties(live)))) == "2026-11-24"


async def test_today_is_owed_from_midnight_on_before_anything_has_happened(live: World) -> None:
    await live.told(*guna(clock_reached(f"{ON}T23:59")))
    await live.kept()
    assert owed(await duties(live)) == {ON: "pending"}
    live.clock.advance_to(instant("2026-11-24T00:00"))
    assert owed(await duties(live)) == {ON: "pending", "2026-11-24": "pending"}
    live.clock.advance_to(instant("2026-11-25T07:00"))
    assert list(owed(await duties(live))) == [ON, "2026-11-24", "2026-11-25"]


async def test_a_closed_district_owes_nothing_on_days_that_are_not_open_yet(live: World) -> None:
    await live.told(*guna(closed_district("guna", at=f"{ON}T09:00")))
    await live.kept()
    live.clock.advance_to(instant("2026-11-24T07:00"))
    assert owed(await duties(live)) == {}


async def test_what_nobody_can_read_is_not_said_to_be_owed(live: World) -> None:
    await live.told(*guna())
    await live.told(UNREADABLE)
    assert owed(await duties(live)) == {}


async def test_a_president_sees_what_his_own_tenure_owes(live: World) -> None:
    await live.told(
        *guna(clock_reached("2026-11-24T09:00")),
        relieved("guna", until="2026-11-24", at="2026-11-24T09:30"),
        appointed("guna", "bina", since="2026-11-24", at="2026-11-24T09:40"),
    )
    await live.kept()
    assert owed(await duties(live)) == {ON: "missed", "2026-11-24": "pending"}
    assert owed(await duties(live, "president", "in-mp.guna", "asha")) == {ON: "missed"}
    assert owed(await duties(live, "president", "in-mp.guna", "bina")) == {"2026-11-24": "pending"}


async def test_duties_wait_for_the_snapshot_that_knows_today(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        async with made.running():
            await made.told(*guna())
        await made.store.drop(snapshots_of(collection_name(STATE_DAYS, 0)))
        response = await made.get(f"{GUNA}/duties")
        assert (response.status_code, "retry-after" in response.headers) == (503, True)


async def test_nothing_is_promised_before_the_reports_have_a_snapshot(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        async with made.running():
            await made.told(*guna(FIRST))
            await made.kept()
        await made.store.drop(snapshots_of(collection_name(REPORTS, 0)))
        assert (await duties(made))["as_of"] == {"offset": -1, "event_time": None}


# The review loop


async def test_what_was_returned_is_shown_until_it_is_mended_or_approved(live: World) -> None:
    await live.told(*guna(FIRST))
    assert (await duties(live))["returned"] == []
    await live.told(replace(RETURNED, actor="pcc:office"))
    for role, scope in (("president", "in-mp.guna"), ("pcc", "in-mp"), ("aicc", "in")):
        assert (await duties(live, role, scope))["returned"] == [
            {
                "report_id": FIRST.id,
                "version_id": FIRST.id,
                "day": ON,
                "tenure_id": tenure("guna"),
                "lock_at": "2026-11-30T18:30:00Z",
                "comment": "Which villages?",
                "reviewed_at": "2026-11-24T04:30:00Z",
                "by": "pcc:office",
                "review_id": RETURNED.id,
            }
        ]
    assert (await duties(live, "president", "in-mp.guna", "bina"))["returned"] == []
    assert ON not in owed(await duties(live))
    await live.told(BETTER)
    assert (await duties(live))["returned"] == []
    again = reviewed("guna", BETTER.id, at="2026-11-24T12:00", comment="And who came?")
    await live.told(again)
    (one,) = (await duties(live))["returned"]
    assert (one["report_id"], one["version_id"], one["comment"]) == (FIRST.id, BETTER.id, "And who came?")
    await live.told(reviewed("guna", BETTER.id, at="2026-11-24T13:00", verdict="approved", known_as="yes"))
    assert (await duties(live))["returned"] == []
    await live.told(reviewed("guna", BETTER.id, at="2026-11-24T14:00", known_as="or no"))
    assert len((await duties(live))["returned"]) == 1


async def test_a_review_of_an_older_version_returns_nothing(live: World) -> None:
    await live.told(*guna(FIRST, BETTER, replace(RETURNED, time=instant("2026-11-24T12:00"))))
    assert (await duties(live))["returned"] == []
    assert (await report(live, FIRST))["verdict"] is None


async def test_what_is_locked_can_no_longer_be_mended(live: World) -> None:
    await live.told(*guna(FIRST, RETURNED))
    await live.kept()
    live.clock.advance_to(instant("2026-12-01T00:00"))
    assert (await duties(live))["returned"] == []


async def test_a_review_changes_neither_status_nor_number(live: World) -> None:
    await live.told(*guna(FIRST))
    before = (await live.get(f"/v1/states/in-mp/days/{ON}")).json()
    await live.told(RETURNED)
    after = (await live.get(f"/v1/states/in-mp/days/{ON}")).json()
    assert {**before, "as_of": None} == {**after, "as_of": None}


# A report


async def test_a_president_reads_the_verdict_in_his_report(live: World) -> None:
    await live.told(*guna(FIRST, replace(RETURNED, actor="pcc:office")))
    told = await report(live, FIRST, role="president", scope="in-mp.guna")
    assert (told["verdict"], told["reviews"][0]["comment"]) == ("returned", "Which villages?")
    await live.told(BETTER)
    told = await report(live, FIRST, role="president", scope="in-mp.guna")
    assert told["verdict"] is None
    assert [len(version["reviews"]) for version in told["versions"]] == [1, 0]
    await live.told(reviewed("guna", BETTER.id, at="2026-11-24T12:00", verdict="approved"))
    assert {(await report(live, each))["verdict"] for each in (FIRST, BETTER)} == {"approved"}


async def test_what_changed_from_each_version_to_the_next(live: World) -> None:
    more = NOTHING_DONE.model_copy(update={"meetings": 3, "attendance": 120})
    third = replace(saying(BETTER, activities=more, supersedes=BETTER.id), id=named("third"))
    await live.told(*guna(FIRST, BETTER, replace(third, time=instant("2026-11-24T12:00"))))
    told = await report(live, third)
    assert (told["role"], told["supersedes"]) == ("correction", BETTER.id)
    assert [version["id"] for version in told["versions"]] == [FIRST.id, BETTER.id, third.id]
    assert [version["offset"] for version in told["versions"]] == [4, 5, 6]
    assert [version["changes"] for version in told["versions"]] == [
        [],
        [{"pointer": "/summary", "before": "Three meetings", "after": "Three meetings in Aron"}],
        [
            {"pointer": "/activities/attendance", "before": 0, "after": 120},
            {"pointer": "/activities/meetings", "before": 0, "after": 3},
        ],
    ]


async def test_the_days_supplements_and_conflicts_are_shown_with_their_offsets(live: World) -> None:
    other = filed("guna", ON, f"{ON}T20:20", known_as="other")
    stale = corrected("guna", ON, "2026-11-24T11:30", of=FIRST.id, summary="stale")
    conflict = replace(saying(FIRST, summary="x"), time=instant("2026-11-24T12:00"))
    await live.told(*guna(FIRST, other, BETTER, stale, conflict, FIRST))
    told = await report(live, FIRST)
    assert told["supplements"] == [
        {
            "id": other.id,
            "role": "supplement",
            "received_at": "2026-11-23T14:50:00Z",
            "offset": 5,
            "supersedes": None,
        },
        {
            "id": stale.id,
            "role": "supplement",
            "received_at": "2026-11-24T06:00:00Z",
            "offset": 7,
            "supersedes": FIRST.id,
        },
    ]
    assert told["conflicts"] == [
        {
            "offset": 8,
            "received_at": "2026-11-24T06:30:00Z",
            "changes": [{"pointer": "/summary", "before": "Three meetings", "after": "x"}],
        }
    ]
    assert told["copies"] == [9]
    assert (told["offset"], told["summary"]) == (4, "Three meetings")
    assert (await report(live, stale))["role"] == "supplement"


async def test_a_report_is_given_no_role_while_the_reports_are_behind_the_board(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        async with made.running():
            await made.told(*guna(FIRST, BETTER))
        await made.write(corrected("guna", ON, "2026-11-24T12:00", of=BETTER.id))
        task = asyncio.ensure_future(made.project("state_days"))
        await until(lambda: made.position("state_days") == 7)
        told = await report(made, BETTER)
        assert (told["role"], told["versions"], told["verdict"]) == (None, [], None)
        assert (await report(made, FIRST))["role"] == "effective"
        task.cancel()
        await asyncio.wait([task])
