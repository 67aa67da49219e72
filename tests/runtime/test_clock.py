"""The clocks: what they show, and when they wake those who sleep."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from libs.runtime.clock import Clock, ManualClock, ShiftedClock, SystemClock

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Stopwatch:
    """A monotonic time that a test moves by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize("clock", [SystemClock(), ShiftedClock(NOON), ManualClock(NOON)])
async def test_every_clock_gives_utc_and_lets_nobody_sleep_for_what_is_past(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC
    async with asyncio.timeout(5):
        await clock.sleep_until(clock.now() - SECOND)
        await clock.sleep_until(clock.now())


async def test_the_system_clock_is_the_machine_s_and_wakes_in_time() -> None:
    clock = SystemClock()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    until = clock.now() + timedelta(milliseconds=20)
    await clock.sleep_until(until)
    assert clock.now() >= until


def test_a_shifted_clock_starts_where_it_is_told() -> None:
    stopwatch = Stopwatch()
    clock = ShiftedClock(NOON, monotonic=stopwatch)
    assert clock.now() == NOON
    stopwatch.seconds += 90
    assert clock.now() == NOON + 90 * SECOND


@pytest.mark.parametrize("speed", [0.5, 1.0, 10_080.0])
def test_a_shifted_clock_runs_at_its_speed(speed: float) -> None:
    stopwatch = Stopwatch()
    clock = ShiftedClock(NOON, speed, stopwatch)
    stopwatch.seconds += 60
    assert clock.now() == NOON + timedelta(seconds=60 * speed)


async def test_a_week_passes_in_moments_on_a_fast_clock() -> None:
    clock = ShiftedClock(NOON, speed=604_800 * 50)
    async with asyncio.timeout(5):
        await clock.sleep_until(NOON + timedelta(days=7))
    assert clock.now() >= NOON + timedelta(days=7)


async def test_a_manual_clock_stands_still_and_never_goes_back() -> None:
    clock = ManualClock(NOON)
    assert clock.now() == NOON
    clock.advance_to(NOON + SECOND)
    clock.advance_to(NOON)
    assert clock.now() == NOON + SECOND


async def test_a_manual_clock_wakes_those_whose_time_has_come_and_no_others() -> None:
    clock = ManualClock(NOON)
    woken: list[int] = []

    async def sleeper(seconds: int) -> None:
        await clock.sleep_until(NOON + seconds * SECOND)
        woken.append(seconds)

    async with asyncio.TaskGroup() as sleepers:
        first, second, third = [sleepers.create_task(sleeper(seconds)) for seconds in (1, 2, 3)]
        await asyncio.sleep(0)
        clock.advance_to(NOON + 2 * SECOND)
        await asyncio.gather(first, second)
        assert sorted(woken) == [1, 2]
        assert not third.done()
        clock.advance_to(NOON + 5 * SECOND)
    assert sorted(woken) == [1, 2, 3]


async def test_a_cancelled_sleeper_leaves_a_manual_clock_alone() -> None:
    clock = ManualClock(NOON)
    sleeper = asyncio.create_task(clock.sleep_until(NOON + SECOND))
    other = asyncio.create_task(clock.sleep_until(NOON + SECOND))
    await asyncio.sleep(0)
    sleeper.cancel()
    await asyncio.gather(sleeper, return_exceptions=True)
    clock.advance_to(NOON + SECOND)
    async with asyncio.timeout(5):
        await other
    assert sleeper.cancelled()
