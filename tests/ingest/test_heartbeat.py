"""ingest's signs of life: one a minute, and only while it could take a report."""

from datetime import timedelta
from pathlib import Path

import pytest

from libs.events.envelope import Recorded
from libs.events.system import HeartbeatAppended
from libs.runtime.clock import ManualClock
from libs.runtime.log import EventLog
from libs.runtime.log_sqlite import open_log
from libs.runtime.positions import Positions
from services.ingest.heartbeat import SYSTEM, Pace, heartbeat, live
from tests.duty.events import STREAM, instant, policy
from tests.notifier.world import read, running, until, write

NOON = "2026-11-23T12:00:20"


async def signs(log: EventLog, count: int) -> list[Recorded]:
    found: list[Recorded] = []

    async def so_many() -> bool:
        found[:] = await read(log, SYSTEM)
        return len(found) >= count

    await until(so_many)
    assert len(found) == count
    return found


async def test_a_sign_of_life_comes_at_once_and_then_at_every_whole_minute(tmp_path: Path) -> None:
    clock = ManualClock(instant(NOON))
    log = open_log(tmp_path / "log.db", clock)
    async with running(lambda: live(log, clock, Positions(), Pace())):
        await signs(log, 1)
        for number, at in enumerate(("12:01", "12:02", "12:03"), 2):
            clock.advance_to(instant(f"2026-11-23T{at}"))
            await signs(log, number)
    found = [(each.appended_at, each.event.data, each.event.subject) for each in await read(log, SYSTEM)]
    promise = HeartbeatAppended(service="ingest", within_seconds=120)
    times = [NOON, *(f"2026-11-23T12:0{minute}" for minute in (1, 2, 3))]
    assert found == [(instant(at), promise, "ingest") for at in times]
    await log.close()


async def test_there_is_none_while_the_index_has_not_read_what_stands_in_the_log(tmp_path: Path) -> None:
    clock = ManualClock(instant(NOON))
    log = open_log(tmp_path / "log.db", clock)
    positions = Positions([STREAM])
    await write(log, policy(at=NOON))
    async with running(lambda: live(log, clock, positions, Pace())):
        clock.advance_to(instant("2026-11-23T12:30"))
        await write(log, policy(version=2, effective_from="2026-12-01", at="2026-11-23T12:30"))
        positions.move(STREAM, 1)
        assert await log.end(SYSTEM) == 0
        clock.advance_to(instant("2026-11-23T12:40"))
        positions.move(STREAM, 2)
        [first] = await signs(log, 1)
        assert first.appended_at == instant("2026-11-23T12:40")
    await log.close()


def test_processes_that_say_it_at_one_moment_say_it_under_one_id() -> None:
    now = instant(NOON)
    assert heartbeat(now, Pace()) == heartbeat(now, Pace())
    assert heartbeat(now, Pace()).id != heartbeat(now + timedelta(minutes=1), Pace()).id


@pytest.mark.parametrize(
    ("speed", "every", "within"),
    [(1, 60, 120), (0.5, 60, 120), (12, 60, 120), (60, 60, 600), (100, 120, 1_000), (100_000, 100_020, 1_000_000)],
)
def test_on_a_fast_clock_there_is_no_more_than_one_a_real_second(speed: float, every: int, within: int) -> None:
    """And whoever stands still for ten real seconds has had no outage."""
    pace = Pace(speed)
    assert (pace.every, pace.within_seconds) == (timedelta(seconds=every), within)
    assert pace.every >= timedelta(seconds=speed)
    assert pace.every < timedelta(seconds=pace.within_seconds)
