"""The timekeeper: what falls due is said once, in order; late it says the same as on time."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from libs.events.alerts import AlertRaised, Rule
from libs.events.clock import ClockReached
from libs.events.envelope import Event
from libs.runtime.clock import ManualClock
from libs.runtime.errors import Unavailable
from libs.runtime.log import NewRecord, Record
from services.notifier.heartbeats import Heartbeats
from services.notifier.timekeeper import APPEND_DEADLINE
from tests.duty.events import STATE, STREAM, added, appointed, clock_reached, excused, filed, holiday, instant, policy
from tests.notifier.world import AnotherLog, Told, World, alerts_of, clocks_of, read, running, until, world, write

DAY = "2026-11-23"
REMIND, GRACE = "2026-11-23T19:00", "2026-11-24T00:00"
DISTRICTS = ("guna", "datia", "harda", "jhabua", "indore")
ROSTER = [policy(), *(each for name in DISTRICTS for each in (added(name), appointed(name)))]
EVENING = [
    filed("datia", DAY, "2026-11-23T18:00"),
    filed("harda", DAY, "2026-11-23T20:30"),
    filed("jhabua", DAY, "2026-11-23T22:30"),
    filed("indore", DAY, "2026-11-24T00:40"),
    excused("guna", DAY, at="2026-11-24T01:00"),
    filed("datia", "2026-11-24", "2026-11-24T02:00"),
]


def ordered(alerts: list[Told]) -> list[Told]:
    """A late clock says the same things in another order."""
    return sorted(alerts, key=str)


async def on_time(folder: Path) -> tuple[list[Told], list[datetime]]:
    async with world(folder) as state:
        async with state.notifier():
            await state.play([*ROSTER, *EVENING])
            await state.pass_to("2026-11-24T03:00")
        return ordered(await alerts_of(state.log)), await clocks_of(state.log)


async def test_what_falls_due_is_said_five_seconds_later(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier():
        await state.play(ROSTER)
        await state.pass_to("2026-11-23T19:00:04")
        assert await clocks_of(state.log) == []
        await state.pass_to("2026-11-23T19:00:05")
        assert await clocks_of(state.log) == [instant(REMIND)]
        await state.pass_to("2026-11-24T01:00")
        assert await clocks_of(state.log) == [instant(REMIND), instant(GRACE)]
        *_, last = [each for each in await read(state.log, STREAM) if isinstance(each.event.data, ClockReached)]
        assert last.event.time == last.appended_at == instant("2026-11-24T00:00:05")
        assert last.event.source == "urn:rozana:notifier"


async def test_stopped_across_the_deadline_and_started_three_hours_later(tmp_path: Path) -> None:
    """With a reminder, a report before and a late one in between: the same alerts, ids and times."""
    alerts, clocks = await on_time(tmp_path / "on time")
    assert len(alerts) == 12  # four reminders and two misses, and the end of each
    for stopped_from in ("2026-11-23T17:00", "2026-11-23T19:30", "2026-11-23T21:00"):
        folder = tmp_path / stopped_from
        async with world(folder) as state:
            before = [each for each in EVENING if each.time < instant(stopped_from)]
            async with state.notifier():
                await state.play([*ROSTER, *before])
                await state.pass_to(stopped_from)
            for event in EVENING[len(before) :]:
                state.clock.advance_to(event.time)
                await write(state.log, event)
            state.clock.advance_to(instant("2026-11-24T03:00"))
            async with state.notifier():
                await state.pass_to("2026-11-24T03:00")
            assert ordered(await alerts_of(state.log)) == alerts, stopped_from
            assert await clocks_of(state.log) == clocks, stopped_from


async def test_days_of_absence_are_made_up_one_after_the_other(tmp_path: Path) -> None:
    async with world(tmp_path) as state:
        async with state.notifier():
            await state.play(ROSTER)
        state.clock.advance_to(instant("2026-11-26T12:00"))
        async with state.notifier():
            pass
        expected = [f"2026-11-{day}T{time}" for day, time in ((23, "19:00"), (24, "00:00"), (24, "19:00"))]
        expected += ["2026-11-25T00:00", "2026-11-25T19:00", "2026-11-26T00:00"]
        assert await clocks_of(state.log) == [instant(each) for each in expected]
        missed = [each for each in await read(state.log, "rozana.in-mp.alerts") if is_miss(each.event)]
        assert len(missed) == len(DISTRICTS) * (3 + 1)  # three days, and level 2 on the third


def is_miss(event: Event) -> bool:
    return isinstance(event.data, AlertRaised) and event.data.rule is Rule.MISSED_REPORT


async def test_a_new_policy_wakes_it(tmp_path: Path) -> None:
    """Asleep until the evening, it hears of a due time that is earlier."""
    async with world(tmp_path) as state, state.notifier():
        await state.play(ROSTER)
        await state.pass_to("2026-11-23T12:00")
        earlier = policy("10:00", 60, version=2, effective_from="2026-11-24", remind=60, at="2026-11-23T12:00")
        await state.play([earlier])
        await state.pass_to("2026-11-24T23:00")
        assert instant("2026-11-24T09:00") in await clocks_of(state.log)
        assert instant("2026-11-24T11:00") in await clocks_of(state.log)


async def test_two_timekeepers_say_it_as_one(tmp_path: Path) -> None:
    """The second copy has the first one's id, and changes nothing."""
    async with world(tmp_path) as state, state.notifier():
        await state.play(ROSTER)
        await state.pass_to("2026-11-24T01:00")
        before = await alerts_of(state.log)
        [first] = [each.event for each in await read(state.log, STREAM) if each.event.data == clock_reached(GRACE).data]
        await write(state.log, first)
        await state.quiet()
        assert await alerts_of(state.log) == before


async def test_nothing_is_due_where_there_is_no_policy(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier():
        await state.play([added("guna"), appointed("guna"), holiday("2026-12-25")])
        await state.pass_to("2026-12-24T00:00")
        assert await clocks_of(state.log) == []


async def test_a_log_whose_clock_lags_is_not_flooded(tmp_path: Path) -> None:
    """Its clock.reached lies ahead and is ignored, loudly; it is said again when the clock has moved, not before."""
    async with world(tmp_path) as state:
        await write(state.log, *ROSTER)
        state.clock.advance_to(instant("2026-11-23T18:00"))
        async with state.notifier():
            before = len(await read(state.log, STREAM))
        hasty = World(state.log, ManualClock(instant("2026-11-23T20:00")))
        async with hasty.notifier(keep_time=False):
            timekeeper = hasty.timekeeper(state.log, Heartbeats(state.log))

            async def ignored() -> bool:
                return "a clock ahead of the log was ignored" in hasty.lines.getvalue()

            async def heard() -> bool:
                return bool(await alerts_of(state.log))

            async with running(lambda: timekeeper.keep("reports", STATE)):
                await until(ignored)
                state.clock.advance_to(instant(REMIND))
                assert len(await read(state.log, STREAM)) == before + 1
                hasty.clock.advance_to(instant("2026-11-23T20:00:05"))
                await until(heard)
                assert len(await read(state.log, STREAM)) == before + 2


class FullLog(AnotherLog):
    """It takes nothing so many times, as on a full disk."""

    left = 0

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        if self.left:
            self.left -= 1
            raise Unavailable("there is no room")
        return await super().append(stream, records)


async def test_where_the_log_takes_nothing_it_is_tried_again_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.timekeeper.AGAIN_SECONDS", 0.0)
    async with world(tmp_path) as state:
        await write(state.log, *ROSTER)
        async with state.notifier():
            await state.pass_to("2026-11-23T18:00")
        full = FullLog(state.log)
        async with state.notifier(keep_time=False):
            keeper = state.timekeeper(full, Heartbeats(state.log))

            async def judged() -> bool:
                return await clocks_of(state.log) == [instant(REMIND), instant(GRACE)]

            async with running(lambda: keeper.keep("reports", STATE)):
                for moment in (REMIND, GRACE):
                    full.left = 3
                    state.clock.advance_to(instant(moment) + APPEND_DEADLINE)

                    async def said(moment: str = moment) -> bool:
                        return instant(moment) in await clocks_of(state.log)

                    await until(said)
                    assert full.left == 0
                await until(judged)
        assert state.lines.getvalue().count("what is due waits for the log") == 2  # once for each time that it was full
