"""The aggregator as a whole: it starts, says when it is ready, starts again, and stops at what it must not pass."""

import asyncio
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from libs.events.codec import encode
from libs.runtime.dead_letters import MOST_IN_A_ROW, DeadLetters
from libs.runtime.errors import LogMismatch, ReadStopped, StartRefused
from libs.runtime.log import NewRecord
from libs.runtime.pointer import POINTERS, collection_name, snapshots_of
from libs.runtime.projection import Body
from libs.runtime.store import Document
from services.aggregator.projections.state_days import STATE_DAYS
from services.aggregator.projector import PROJECTIONS
from tests.aggregator.world import PATIENCE, UNREADABLE, record_of, world
from tests.duty.events import STREAM, added, appointed, clock_reached, filed, policy

ON = "2026-11-23"
DAY = f"/v1/states/in-mp/days/{ON}"
BEGINNING = (policy(), added("guna"), appointed("guna"), added("bhind"), appointed("bhind"))


def of_type(type_name: str) -> NewRecord:
    headers, value = encode(filed("guna", ON, f"{ON}T20:00"))
    changed = tuple((name, type_name.encode() if name == "ce_type" else raw) for name, raw in headers)
    return NewRecord("in-mp.guna", changed, value)


async def stops(loop: Coroutine[object, object, None]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- which one is the caller's to look at
        async with asyncio.timeout(PATIENCE):
            await loop
    return caught.value


async def test_it_is_ready_when_every_projection_has_read_to_the_end(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.write(*BEGINNING)
        assert await made.health.failing() == {"aggregator states": "has not been given its states"}
        async with made.running():
            await made.folded()
            assert await made.health.failing() == {}


async def test_it_goes_on_where_it_was_and_the_pointers_name_what_is_live(tmp_path: Path) -> None:
    async with world(tmp_path) as made, made.running():
        await made.told(*BEGINNING)
    async with world(tmp_path) as made, made.running():
        await made.told(filed("guna", ON, f"{ON}T20:00"))
        assert (await made.get(DAY)).json()["counts"]["on_time"] == 1
        assert list(await made.store.ids(POINTERS)) == sorted(f"{each.name}.v{each.version}" for each in PROJECTIONS)


async def test_another_log_is_refused_at_the_start(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    async with world(tmp_path) as made, made.running():
        await made.told(*BEGINNING)
        collection = snapshots_of(collection_name(STATE_DAYS, 0))
        while await made.store.get(collection, STREAM) is None:  # noqa: ASYNC110 -- a store tells nobody
            await asyncio.sleep(0.01)
    other = tmp_path_factory.mktemp("other")
    shutil.copy(tmp_path / "store", other / "store")
    async with world(other) as made:
        await made.write(*BEGINNING)
        error = await stops(made.component.background[0]())
        assert isinstance(error, LogMismatch)
        assert str(error).startswith(f"{STREAM}: the projections were folded from another log.")


async def test_a_store_of_another_version_is_refused_at_the_start(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        for version, told in (
            (1, "reports are of version 1, this program's of 2: run `rozana rebuild`, then start again"),
            (9, "reports are of version 9, this program's of 2: a newer Rozana made them; start that one"),
        ):
            other: Body = {"projection_version": version, "collection": f"reports.v{version}.0"}
            await made.store.put(POINTERS, [Document("reports", version, other)])
            error = await stops(made.project("reports"))
            assert isinstance(error, StartRefused)
            assert told in str(error)


async def test_an_unreadable_record_is_kept_once_and_its_district_is_unknown(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.write(*BEGINNING)
        async with made.running():
            await made.told(UNREADABLE, clock_reached("2026-11-24T00:00"))
            counts = (await made.get(DAY)).json()["counts"]
            assert (counts["unknown"], counts["missed"]) == (1, 1)
            assert made.metrics.registry.get_sample_value("rozana_dead_letters_total", {"stream": STREAM}) == 1
    for _ in range(2):
        async with world(tmp_path) as made, made.running():
            await made.folded()
            for name in await made.store.collections():
                await made.store.drop(name)
            assert await made.log.end(DeadLetters.STREAM) == 1


async def test_what_is_of_an_unknown_type_is_passed_over(tmp_path: Path) -> None:
    async with world(tmp_path) as made, made.running():
        await made.told(*BEGINNING, of_type("rozana.moon.landed.v1"), filed("bhind", ON, f"{ON}T20:00"))
        assert (await made.get(DAY)).json()["counts"]["on_time"] == 1
        for projection in PROJECTIONS:
            labels = {"consumer": projection.name, "reason": "unknown-type"}
            assert made.metrics.registry.get_sample_value("rozana_events_skipped_total", labels) == 1


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([of_type("rozana.report.filed.v3")], "report.filed is known up to version 2, not 3"),
        ([UNREADABLE] * (MOST_IN_A_ROW + 1), "101 records in a row"),
    ],
)
async def test_it_stops_at_what_it_must_not_pass_and_stops_there_again(
    tmp_path: Path, records: list[NewRecord], reason: str
) -> None:
    for _ in range(2):
        async with world(tmp_path) as made:
            if not await made.log.end(STREAM):
                await made.write(*BEGINNING, *records)
            for projection in PROJECTIONS:
                error = await stops(made.project(projection.name))
                assert isinstance(error, ReadStopped)
                assert reason in str(error)
            assert await made.health.failing() != {}


async def test_many_states_are_folded_side_by_side(tmp_path: Path) -> None:
    async with world(tmp_path) as made, made.running():
        await made.told(*BEGINNING)
        moved = policy()
        elsewhere = NewRecord("in-rj", record_of(moved).headers, record_of(moved).value.replace(b"in-mp", b"in-rj"))
        await made.told(elsewhere, stream="rozana.in-rj.reports")
        states = (await made.get("/v1/states", "aicc", "in")).json()["items"]
        assert [each["state"] for each in states] == ["in-mp", "in-rj"]


async def test_a_whole_evening_as_offices_see_it(tmp_path: Path) -> None:
    """On time, in grace, silent, judged, late: what the board says at each step."""
    async with world(tmp_path) as made, made.running():
        await made.told(*BEGINNING, added("dhar"), appointed("dhar"), added("ujjain"))
        seen: list[dict[str, int]] = []
        board: dict[str, Any] = {}
        for event in (
            filed("guna", ON, f"{ON}T20:00"),
            filed("bhind", ON, f"{ON}T22:00"),
            clock_reached("2026-11-24T00:00"),
            filed("dhar", ON, "2026-11-24T00:40"),
        ):
            await made.told(event)
            board = (await made.get(DAY)).json()
            seen.append({name: count for name, count in board["counts"].items() if count})
        assert seen == [
            {"expected": 3, "on_time": 1, "excused": 1, "pending": 2},
            {"expected": 3, "on_time": 1, "in_grace": 1, "excused": 1, "pending": 1},
            {"expected": 3, "on_time": 1, "in_grace": 1, "missed": 1, "excused": 1},
            {"expected": 3, "on_time": 1, "in_grace": 1, "late": 1, "excused": 1},
        ]
        assert (board["completeness"]["rate"], board["timeliness"]["numerator"]) == (1.0, 2)
