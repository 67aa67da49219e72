"""The events of a state as they happen: in order, resumed where they broke off, and never ahead of the board."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from itertools import count
from math import inf
from pathlib import Path

import pytest
from starlette.requests import Request

from libs.events.codec import decode_structured
from libs.events.envelope import Event
from libs.runtime.auth import LEEWAY_SECONDS, issue_demo_token
from libs.runtime.http import Stopping
from libs.runtime.positions import Positions
from libs.runtime.problems import Problem
from libs.runtime.telemetry import Metrics
from services.aggregator.changes import AT_ONCE, Changes
from services.aggregator.feed import QUIET_SECONDS, Feed
from services.aggregator.reading import Reading
from tests.aggregator.following import following
from tests.aggregator.world import UNREADABLE, World, until, world
from tests.duty.events import STREAM, added, appointed, filed, policy

CHANGES = "/v1/states/in-mp/changes"
ON = "2026-11-23"
BEGINNING = (policy(), added("guna"), appointed("guna"))


def reports(first: int, count: int) -> list[Event]:
    return [filed("guna", ON, f"{ON}T20:00", known_as=f"{number}") for number in range(first, first + count)]


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made, made.running():
        await made.told(*BEGINNING)
        yield made


async def test_events_come_as_structured_cloudevents_with_their_offsets(live: World) -> None:
    async with following(live, CHANGES) as client:
        assert (client.status, client.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        report = filed("guna", ON, f"{ON}T20:00", summary="पहली पंक्ति\nदूसरी")
        await live.write(report)
        assert await client.until(1) == [3]
        (_, told) = client.events[0]
        assert told["type"] == "rozana.report.filed.v1"
        assert decode_structured(json.dumps(told).encode()) == report


async def test_without_anything_seen_they_begin_now(live: World) -> None:
    async with following(live, CHANGES) as client:
        await live.write(*reports(0, 3))
        assert await client.until(3) == [3, 4, 5]


async def test_they_go_on_behind_the_last_one_seen(live: World) -> None:
    await live.told(*reports(0, 5))
    async with following(live, CHANGES, {"Last-Event-ID": "4"}) as client:
        assert await client.until(3) == [5, 6, 7]
    async with following(live, f"{CHANGES}?after=5") as client:
        assert await client.until(2) == [6, 7]
    async with following(live, f"{CHANGES}?after=-1") as client:
        assert await client.until(8) == list(range(8))
    async with following(live, f"{CHANGES}?after=0", {"Last-Event-ID": "7"}) as client:
        await live.write(*reports(5, 1))
        assert await client.until(1) == [8]


@pytest.mark.parametrize("seen", ["3", "-2", "x", "9" * 30])
async def test_what_nobody_can_have_seen_is_refused(live: World, seen: str) -> None:
    async with following(live, CHANGES, {"Last-Event-ID": seen}) as client:
        assert (client.status, client.headers["content-type"]) == (422, "application/problem+json")
    assert seen.encode() not in client.body or len(seen) == 1


async def test_a_state_that_is_not_served_is_not_there(live: World) -> None:
    response = await live.get("/v1/states/in-ka/changes", "aicc", "in")
    assert response.status_code == 404


async def test_every_event_comes_though_the_connection_breaks_again_and_again(live: World) -> None:
    seen: list[int] = []
    writing = asyncio.ensure_future(live.write(*reports(0, 1)))
    for part in range(1, 6):
        last = str(seen[-1]) if seen else "2"
        async with following(live, CHANGES, {"Last-Event-ID": last}) as client:
            await live.write(*reports(part * 10, 7))
            await client.until(3)
        seen += [offset for offset, _ in client.events]
    await writing
    async with following(live, CHANGES, {"Last-Event-ID": str(seen[-1])}) as client:
        await client.until(39 - seen[-1] - 1)
    seen += [offset for offset, _ in client.events]
    assert seen == list(range(3, 39))


async def test_an_event_is_told_only_when_the_board_shows_it(live: World) -> None:
    async with following(live, f"{CHANGES}?after=2") as client:
        for number, event in enumerate(reports(0, 30)):
            await live.write(event)
            await client.until(number + 1)
            board = (await live.get(f"/v1/states/in-mp/days/{ON}")).json()
            assert board["as_of"]["offset"] >= 3 + number


async def test_nothing_is_told_of_what_is_not_folded(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.write(*BEGINNING)
        async with following(made, f"{CHANGES}?after=-1") as client:
            async with made.running():
                await client.until(3)
            await made.write(*reports(0, 1))
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(client.events) == 3


async def test_records_that_give_no_event_are_left_out(live: World) -> None:
    await live.told(UNREADABLE, *reports(0, 1))
    async with following(live, f"{CHANGES}?after=2") as client:
        assert await client.until(1) == [4]


async def test_they_end_when_the_process_stops(live: World) -> None:
    async with following(live, CHANGES) as client:
        live.app.state.stopping.set()
        await until(lambda: client.ended)


async def test_they_end_with_the_token_that_they_were_asked_for_with(live: World) -> None:
    left = 2.0
    issued = time.time() + left - 3600 - LEEWAY_SECONDS
    token = issue_demo_token(live.keys, "pcc", "in-mp", hours=1, now=lambda: issued)
    began = time.time()
    async with following(live, CHANGES, {"authorization": f"Bearer {token}"}) as client:
        for number in count():
            await live.write(*reports(number, 1))
            if client.ended:
                break
            await asyncio.sleep(0.05)
        assert client.events
    assert time.time() - began >= left - 1  # its times are whole seconds


async def test_who_does_not_read_makes_nobody_hold_more_than_a_handful(live: World) -> None:
    async with following(live, CHANGES) as client:
        client.reads.clear()
        await live.told(*reports(0, 5 * AT_ONCE))
        assert client.events == []
        client.reads.set()
        assert await client.until(5 * AT_ONCE) == list(range(3, 3 + 5 * AT_ONCE))


async def test_a_quiet_stream_is_kept_open_by_comments(live: World) -> None:
    assert QUIET_SECONDS == 15
    feed = Feed(STREAM, Positions([STREAM]), quiet_seconds=0.001)
    with feed.followed(Stopping()):
        assert [await feed.rung() for _ in range(3)] == [True] * 3
        feed.ring()
        waiting = asyncio.ensure_future(feed.rung())
        await asyncio.sleep(0)
        feed.ring()
        assert await waiting is False


async def test_the_reader_who_leaves_in_the_middle_is_no_failure(live: World) -> None:
    await live.told(*reports(0, 50))
    for _ in range(20):
        async with following(live, f"{CHANGES}?after=2") as client:
            await client.until(1)
    assert [line for line in live.lines.getvalue().splitlines() if '"level": "error"' in line] == []


async def test_how_many_may_follow_is_bounded(live: World) -> None:
    full = Changes(
        live.log, Positions(), ["in-mp"], Reading(live.store, live.clock).reached, Metrics(), most_followers=0
    )
    with pytest.raises(Problem) as refused:
        await full.follow(Request({"type": "http"}), "in-mp", None, inf)
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "60"})
