"""Boards as they stood: the log replayed up to an offset says what the live board said there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from libs.events.codec import encode
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.log import EventLog, NewRecord, Record
from libs.runtime.pointer import collection_name
from libs.runtime.problems import Problem
from services.aggregator import answers
from services.aggregator.as_of import AT_ONCE, MOST_WAITING, Replays
from services.aggregator.projections.state_days import STATE_DAYS
from tests.aggregator.world import UNREADABLE, World, until, world
from tests.duty.events import (
    STREAM,
    added,
    appointed,
    clock_reached,
    corrected,
    day,
    excused,
    filed,
    holiday,
    no_holiday,
    on_leave,
    policy,
    relieved,
    reviewed,
)

FIRST = filed("guna", "2026-11-23", "2026-11-23T20:00")
FOREIGN = NewRecord("in-mp", (*encode(FIRST)[0][:1], ("ce_type", b"rozana.moon.landed.v1")), b"{}")
STORY: Sequence[Any] = (
    added("guna"),
    appointed("guna"),
    policy(lock=1),
    added("bhind"),
    appointed("bhind"),
    added("dhar"),
    on_leave("bhind", "2026-11-24", "2026-11-24"),
    clock_reached("2026-11-23T19:00"),
    FIRST,
    FIRST,
    corrected("guna", "2026-11-23", "2026-11-23T20:10", of=FIRST.id),
    filed("guna", "2026-11-23", "2026-11-23T20:20", known_as="other"),
    filed("guna", "2026-11-23", "2026-11-23T20:30", summary="x", known_as="other"),
    UNREADABLE,
    reviewed("guna", FIRST.id, at="2026-11-23T20:40"),
    clock_reached("2026-11-24T00:00"),
    filed("bhind", "2026-11-23", "2026-11-24T00:40"),
    holiday("2026-11-24", at="2026-11-24T09:00"),
    no_holiday("2026-11-24", at="2026-11-24T09:30"),
    UNREADABLE,
    appointed("dhar", since="2026-11-24", at="2026-11-24T10:00"),
    relieved("guna", until="2026-11-25", at="2026-11-24T11:00"),
    clock_reached("2026-11-25T00:00"),
    excused("dhar", "2026-11-24", at="2026-11-25T09:00"),
    clock_reached("2026-11-29T00:00"),
    filed("bhind", "2026-11-29", "2026-11-29T20:00"),
)
DAYS = ("2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25", "2026-11-29", "2026-12-01")


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path, "2026-11-22T08:00") as made, made.running():
        yield made


def path(on: str, offset: int | str | None = None) -> str:
    return f"/v1/states/in-mp/days/{on}" + ("" if offset is None else f"?at_offset={offset}")


async def test_at_every_offset_the_board_is_what_the_live_one_was(live: World) -> None:
    seen: dict[tuple[int, str], dict[str, Any] | None] = {}
    for offset, said in enumerate(STORY):
        await live.told(said)
        if offset < 2:  # without a policy there is no day
            assert (await live.get(path(DAYS[0]))).status_code == 404
        for on in DAYS:
            response = await live.get(path(on))
            known = (await live.store.get(collection_name(STATE_DAYS, 0), f"in-mp/{on}")) is not None
            seen[offset, on] = response.json() if known else None
    found = 0
    for (offset, on), was in seen.items():
        response = await live.get(path(on, offset))
        if was is None:
            assert response.status_code == 404, (offset, on)
            continue
        assert response.status_code == 200, (offset, on)
        answers.Board.model_validate_json(response.content, extra="forbid")
        told = response.json()
        assert told.pop("as_of")["offset"] == offset
        del was["as_of"]
        assert told == was, (offset, on)
        found += 1
    assert found == 60


async def test_it_is_as_of_the_event_at_the_offset(live: World) -> None:
    await live.told(*STORY)
    for offset, time in ((8, "2026-11-23T14:30:00Z"), (13, "2026-11-23T15:00:00Z"), (15, "2026-11-23T18:30:05Z")):
        told = (await live.get(path("2026-11-23", offset))).json()
        assert told["as_of"] == {"offset": offset, "event_time": time}


async def test_what_cannot_be_read_holds_the_day_and_nothing_is_written(live: World) -> None:
    for said in STORY:
        await live.told(said)
    letters = await live.log.end(DeadLetters.STREAM)
    before = (await live.get(path("2026-11-23", 12))).json()
    held = (await live.get(path("2026-11-24", 19))).json()
    assert (before["counts"]["unknown"], held["counts"]["unknown"]) == (0, 1)
    assert letters == await live.log.end(DeadLetters.STREAM) == 2


async def test_a_day_before_the_first_board_owed_nothing(live: World) -> None:
    await live.told(*STORY)
    told = (await live.get(path("2026-11-01", 8))).json()
    assert (told["counts"]["excused"], told["completeness"]["rate"]) == (3, None)
    assert (await live.get(path("2026-11-01", 1))).status_code == 404  # there was no policy yet


@pytest.mark.parametrize(
    ("offset", "status"), [(len(STORY) - 1, 200), (len(STORY), 422), (10**30, 422), (-1, 422), ("x", 422), ("", 422)]
)
async def test_offsets_that_there_are_not(live: World, offset: int | str, status: int) -> None:
    await live.told(*STORY)
    response = await live.get(path("2026-11-29", offset))
    assert response.status_code == status
    if status == 422:
        assert [error["pointer"] for error in response.json()["errors"]] == ["/query/at_offset"]


async def test_only_who_may_see_the_board_may_see_what_it_was(live: World) -> None:
    await live.told(*STORY)
    asked = path("2026-11-23", 8)
    for role, scope, status in (
        ("aicc", "in", 200),
        ("pcc", "in-rj", 404),
        ("president", "in-mp.guna", 404),
        ("operator", "in", 403),
    ):
        assert (await live.get(asked, role, scope)).status_code == status
    assert (await live.get("/v1/states/in-rj/days/2026-11-23?at_offset=0", "aicc", "in")).status_code == 422
    assert (await live.get("/v1/states/in-ka/days/2026-11-23?at_offset=0", "aicc", "in")).status_code == 404


async def test_a_log_that_this_program_must_not_pass_is_not_guessed_at(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        headers, value = encode(FIRST)
        newer = tuple((name, b"rozana.report.filed.v99" if name == "ce_type" else raw) for name, raw in headers)
        await made.write(*STORY[:8], NewRecord("in-mp.guna", newer, value))
        assert (await made.get(path("2026-11-23", 7))).status_code == 200
        response = await made.get(path("2026-11-23", 8))
        assert (response.status_code, "retry-after" in response.headers) == (503, True)


class Slow:
    """A real log whose answers wait until they are let through."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.through = asyncio.Event()
        self.asked = 0
        self.reading = 0

    async def end(self, stream: str) -> int:
        end = await self._log.end(stream)
        self.asked += 1
        return end

    async def read(self, stream: str, offset: int, *, max_records: int = 1000) -> Sequence[Record]:
        self.reading += 1
        await self.through.wait()
        return await self._log.read(stream, offset, max_records=max_records)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


async def test_not_too_many_at_once_and_who_comes_then_is_told_to_come_again(live: World) -> None:
    await live.told(*STORY)
    slow = Slow(live.log)
    replays = Replays(slow)
    asked = [
        asyncio.ensure_future(replays.day("in-mp", day("2026-11-23"), len(STORY) - 1))
        for _ in range(AT_ONCE + MOST_WAITING)
    ]
    await until(lambda: slow.asked == len(asked))
    with pytest.raises(Problem) as refused:
        await replays.day("in-mp", day("2026-11-23"), len(STORY) - 1)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "5")
    assert slow.reading == AT_ONCE
    slow.through.set()
    boards = await asyncio.gather(*asked)
    assert all(board == boards[0] for board in boards)
    assert await replays.day("in-mp", day("2026-11-23"), 8) is not None


async def test_others_have_their_turn_while_it_replays(live: World) -> None:
    await live.told(*STORY[:8])
    await live.log.append(STREAM, [_again() for _ in range(2000)])
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    told = await live.get(path("2026-11-23", 2000))
    counting.cancel()
    assert told.status_code == 200
    assert turns > 2000 // 100


def _again() -> NewRecord:
    return NewRecord("in-mp.guna", *encode(FIRST))
