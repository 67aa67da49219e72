"""How far a reader has come: waiting for it, and readiness."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.runtime.positions import STALLED_SECONDS, Positions
from tests.runtime.streams import Runtime, reports, runtime

ONE, OTHER = "rozana.in-mp.reports", "rozana.in-rj.reports"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with runtime(tmp_path) as opened:
        yield opened


def test_every_stream_begins_at_its_first_record() -> None:
    positions = Positions([ONE, OTHER])
    assert positions.streams == (ONE, OTHER)
    assert positions[ONE] == 0
    assert ONE in positions
    assert "rozana.in-ka.reports" not in positions


async def test_those_who_wait_for_an_offset_are_woken_when_it_is_folded() -> None:
    positions = Positions([ONE, OTHER])
    order: list[int] = []

    async def wait(offset: int) -> None:
        await positions.reached(ONE, offset)
        order.append(offset)

    tasks = [asyncio.ensure_future(wait(offset)) for offset in (7, 2, 4, 2)]
    given_up = asyncio.ensure_future(wait(3))
    await asyncio.sleep(0)
    positions.move(OTHER, 100)
    positions.move(ONE, 2)
    given_up.cancel()
    await asyncio.sleep(0)
    assert order == []
    positions.move(ONE, 5)
    await asyncio.gather(tasks[1], tasks[2], tasks[3])
    assert sorted(order) == [2, 2, 4]
    assert not tasks[0].done()
    positions.move(ONE, 8)
    await tasks[0]
    await positions.reached(ONE, 7)


async def test_those_who_give_up_are_let_go_of_and_disturb_nobody() -> None:
    positions = Positions([ONE])
    staying = [asyncio.ensure_future(positions.reached(ONE, offset)) for offset in (5, 1, 3)]
    for offset in range(20):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await positions.reached(ONE, offset)
    assert len(positions._waiting[ONE]) == len(staying)
    leaving = asyncio.ensure_future(positions.reached(ONE, 0))
    await asyncio.sleep(0)
    positions.move(ONE, 6)
    leaving.cancel()
    await asyncio.gather(*staying)
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_not_ready_before_all_has_been_read_once(made: Runtime) -> None:
    positions = Positions([ONE, OTHER])
    await made.write(reports(3), ONE)
    await made.write(reports(2), OTHER)
    positions.move(ONE, 0)
    assert await positions.lag(made.log) == "has not begun to read"
    positions.move(OTHER, 0)
    assert await positions.lag(made.log) == "still reading: 5 events to go in 2 streams"
    positions.move(ONE, 3)
    assert await positions.lag(made.log) == "still reading: 2 events to go in 1 streams"
    positions.move(OTHER, 2)
    assert await positions.lag(made.log) is None


async def test_how_many_grievances_there_are_is_not_told_at_a_start(made: Runtime) -> None:
    grievances = "rozana.in-mp.grievances"
    positions = Positions([ONE, grievances])
    await made.write(reports(3), ONE)
    await made.write(reports(2), grievances)
    for stream in positions.streams:
        positions.move(stream, 0)
    assert await positions.lag(made.log) == "still reading: 3 events to go in 1 streams"
    positions.move(ONE, 3)
    assert await positions.lag(made.log) == "still reading"


async def test_not_ready_while_a_stream_stands_still_behind_its_end(made: Runtime) -> None:
    now = 0.0
    positions = Positions([ONE, OTHER], now=lambda: now)
    positions.move(ONE, 0)
    positions.move(OTHER, 0)
    assert await positions.lag(made.log) is None
    now = 3600.0
    await made.write(reports(2), ONE)
    assert await positions.lag(made.log) is None, "an hour of silence is no stall"
    now += STALLED_SECONDS
    assert await positions.lag(made.log) is None
    now += 1
    assert await positions.lag(made.log) == f"no progress in {ONE}"
    positions.move(ONE, 1)
    assert await positions.lag(made.log) is None, "it moves"
    now += STALLED_SECONDS + 1
    assert await positions.lag(made.log) == f"no progress in {ONE}"
    positions.move(ONE, 2)
    assert await positions.lag(made.log) is None


async def test_of_grievances_it_does_not_tell_whose_stream_stands_still(made: Runtime) -> None:
    now = 0.0
    positions = Positions(["rozana.in-mp.grievances"], now=lambda: now)
    positions.move("rozana.in-mp.grievances", 0)
    assert await positions.lag(made.log) is None
    await made.write(reports(1), "rozana.in-mp.grievances")
    assert await positions.lag(made.log) is None
    now += STALLED_SECONDS + 1
    assert await positions.lag(made.log) == "no progress in a stream of grievances"


async def test_streams_come_and_go_and_who_waits_for_one_that_goes_waits_no_longer(made: Runtime) -> None:
    await made.write(reports(1), ONE)
    positions = Positions()
    assert await positions.lag(made.log) is None
    positions.add([ONE, OTHER])
    with pytest.raises(ValueError, match="already"):
        positions.add([ONE])
    assert (positions.begun, await positions.lag(made.log)) == ((), None)  # ready once, it is as long as it gets on
    positions.move(ONE, 1)
    waiting = asyncio.ensure_future(positions.reached(ONE, 5))
    await asyncio.sleep(0)
    positions.remove([ONE])
    await waiting
    assert (positions.streams, ONE in positions) == ((OTHER,), False)
    positions.add([ONE])
    assert (positions[ONE], positions.begun) == (0, ())
