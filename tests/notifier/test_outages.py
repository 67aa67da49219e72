"""Our own outage never accuses: ingest is down across the deadline, and nobody has missed the day by it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from libs.duty.state_duty import StateDuty
from libs.duty.transitions import Status
from libs.events.alerts import AlertRaised, Rule, alert_id
from libs.events.envelope import Event
from libs.events.outages import OutageCredited
from libs.events.system import HeartbeatAppended
from libs.runtime.consumer import replay
from libs.runtime.log import EventLog
from libs.runtime.telemetry import Metrics
from services.ingest.heartbeat import Pace, heartbeat
from services.notifier.heartbeats import SYSTEM, Heartbeats
from services.notifier.records import record_of
from tests.duty.events import STATE, STREAM, added, appointed, code, day, filed, instant, policy
from tests.notifier.world import World, alerts_of, read, until, world, write

DAY = "2026-11-23"
DISTRICTS = ("guna", "datia", "harda", "jhabua")
ROSTER = [policy(credit=240), *(each for name in DISTRICTS for each in (added(name), appointed(name)))]
IN_TIME = [filed("guna", DAY, "2026-11-23T20:00"), filed("datia", DAY, "2026-11-23T23:30")]
AFTER = [filed("harda", DAY, "2026-11-24T00:25"), filed("jhabua", DAY, "2026-11-24T00:45")]
"""After an outage of 23:40 to 00:20: within the grace that it gives back, and not."""
MISSED = alert_id(Rule.MISSED_REPORT, code("jhabua"), DAY, 1)
MINUTE = timedelta(minutes=1)


async def beat(log: EventLog, at: datetime, pace: Pace = Pace()) -> None:  # noqa: B008 -- immutable
    await log.append(SYSTEM, [record_of(heartbeat(at, pace))])


class Evening:
    """A world in which ingest lives, but for its outages; who moves the clock moves it minute by minute."""

    def __init__(self, state: World, outages: Iterable[tuple[str, str]]) -> None:
        self.state = state
        self._outages = [(instant(begin), instant(end)) for begin, end in outages]

    def down(self, at: datetime) -> bool:
        return any(begin < at < end for begin, end in self._outages)

    async def pass_to(self, moment: str | datetime, events: Iterable[Event] = (), *, quiet: bool = True) -> None:
        """Every minute has its heartbeat; events are taken when they are received."""
        todo = sorted(events, key=lambda each: each.time)
        clock = self.state.clock
        while clock.now() < instant(moment):
            clock.advance_to(clock.now().replace(second=0, microsecond=0) + MINUTE)
            if not self.down(clock.now()):
                await beat(self.state.log, clock.now())
            while todo and todo[0].time <= clock.now():
                assert not self.down(todo[0].time)
                await write(self.state.log, todo.pop(0))
            if quiet and self.state.clock.now() > instant("2026-11-23T23:00"):
                await self.settled()

    async def settled(self) -> None:
        """All that stands in the log is folded."""

        async def read_to_the_end() -> bool:
            positions = self.state.watcher.positions
            ends = [(stream, await self.state.log.end(stream)) for stream in positions.streams]
            return all(positions[stream] >= end for stream, end in ends)

        await until(read_to_the_end)


@asynccontextmanager
async def evening(
    folder: Path, *outages: tuple[str, str], start: str = "2026-11-23T18:30", roster: list[Event] = ROSTER
) -> AsyncIterator[Evening]:
    async with world(folder, start) as state:
        await write(state.log, *roster)
        await beat(state.log, instant(start))
        yield Evening(state, outages)


async def judged(state: World, *, at: str, on: str = DAY) -> None:
    """Return when the day is judged, while the clock creeps on from `at`."""
    state.clock.advance_to(instant(at))

    async def closed() -> bool:
        return (await duty_of(state.log)).days[day(on)].closed

    await until(closed)


async def duty_of(log: EventLog) -> StateDuty:
    """What anybody makes of the stream."""
    duty = StateDuty(STATE)
    for each in await read(log, STREAM):
        duty.evolve(each)
    return duty


async def credits_of(log: EventLog) -> list[OutageCredited]:
    return [data for each in await read(log, STREAM) if isinstance(data := each.event.data, OutageCredited)]


async def credited(log: EventLog) -> list[OutageCredited]:
    """The credits, once there are any."""

    async def any_there() -> bool:
        return bool(await credits_of(log))

    await until(any_there)
    return await credits_of(log)


def statuses(duty: StateDuty, on: str = DAY) -> dict[str, Status]:
    return {code_.partition(".")[2]: entry.status for code_, entry in duty.days[day(on)].entries.items()}


OUTAGE = ("2026-11-23T23:40", "2026-11-24T00:20")
EXPECTED = {"guna": "on_time", "datia": "in_grace", "harda": "in_grace", "jhabua": "late"}


async def test_ingest_is_down_for_forty_minutes_across_the_deadline(tmp_path: Path) -> None:
    async with evening(tmp_path, OUTAGE) as night:
        async with night.state.notifier(settle=False):
            await night.pass_to("2026-11-24T00:10", IN_TIME)
            assert await credits_of(night.state.log) == [], "the outage is not over"
            assert not (await duty_of(night.state.log)).days[day(DAY)].closed
            await night.pass_to("2026-11-24T00:24")
            [credit] = await credited(night.state.log)
            assert (credit.from_, credit.to, credit.minutes) == (*map(instant, OUTAGE), 40)
            await night.pass_to("2026-11-24T00:50", AFTER)
            await judged(night.state, at="2026-11-24T00:50")

            async def told() -> bool:
                return (MISSED, "late") in [(each[1], each[3]) for each in await alerts_of(night.state.log)]

            await until(told)
            duty = await duty_of(night.state.log)
            assert statuses(duty) == EXPECTED
            assert duty.days[day(DAY)].deadlines.grace_until == instant("2026-11-24T00:40")
        after_midnight = [each for each in await alerts_of(night.state.log) if each[2] >= instant("2026-11-24T00:00")]
        raised = [each for each in after_midnight if each[0] == AlertRaised.type_name()]
        assert raised == [(AlertRaised.type_name(), MISSED, instant("2026-11-24T00:40"), None)]


async def test_judged_three_hours_late_by_a_notifier_that_was_down_too(tmp_path: Path) -> None:
    async with evening(tmp_path / "late", OUTAGE) as night:
        await night.pass_to("2026-11-24T03:40", [*IN_TIME, *AFTER], quiet=False)
        async with night.state.notifier(settle=False):
            await judged(night.state, at="2026-11-24T03:41")
        late = await duty_of(night.state.log)
        [credit] = await credits_of(night.state.log)
        ids = [each.event.id for each in await read(night.state.log, STREAM) if each.event.data == credit]
    async with evening(tmp_path / "on time", OUTAGE) as night:
        async with night.state.notifier(settle=False):
            await night.pass_to("2026-11-24T00:24", IN_TIME)
            await credited(night.state.log)
            await night.pass_to("2026-11-24T00:50", AFTER)
            await judged(night.state, at="2026-11-24T00:50")
        on_time = await duty_of(night.state.log)
        assert await credits_of(night.state.log) == [credit]
        assert ids == [each.event.id for each in await read(night.state.log, STREAM) if each.event.data == credit]
    assert statuses(late) == statuses(on_time) == EXPECTED
    assert late.days[day(DAY)].credits == on_time.days[day(DAY)].credits


async def test_a_restart_credits_nothing_twice(tmp_path: Path) -> None:
    async with evening(tmp_path, OUTAGE) as night:
        await night.pass_to("2026-11-24T00:24", IN_TIME, quiet=False)
        for _ in range(3):
            async with night.state.notifier(settle=False):
                night.state.clock.advance_to(night.state.clock.now() + MINUTE)
                await beat(night.state.log, night.state.clock.now())
                await credited(night.state.log)
                await night.settled()
        assert len(await credits_of(night.state.log)) == 1


async def test_an_outage_without_an_end_holds_the_judgement_no_longer_than_the_policy(tmp_path: Path) -> None:
    hour = [policy(credit=60), *ROSTER[1:]]
    async with (
        evening(tmp_path, (OUTAGE[0], "2026-11-25T00:00"), roster=hour) as night,
        night.state.notifier(settle=False),
    ):
        await night.pass_to("2026-11-24T01:00", IN_TIME)
        assert await credits_of(night.state.log) == []
        await night.pass_to("2026-11-24T01:03")
        await judged(night.state, at="2026-11-24T01:04")
        [credit] = await credits_of(night.state.log)
        assert (credit.to, credit.minutes) == (instant("2026-11-24T01:00"), 60)
        missed = {"harda": "missed", "jhabua": "missed"}
        assert statuses(await duty_of(night.state.log)) == EXPECTED | missed


async def test_the_longer_grace_meets_another_outage(tmp_path: Path) -> None:
    second = ("2026-11-24T00:30", "2026-11-24T00:40")
    async with evening(tmp_path, OUTAGE, second) as night, night.state.notifier(settle=False):
        await night.pass_to("2026-11-24T00:24", IN_TIME)
        await credited(night.state.log)
        await night.pass_to("2026-11-24T00:52")
        await judged(night.state, at="2026-11-24T00:55")
        assert [each.minutes for each in await credits_of(night.state.log)] == [40, 10]


async def test_a_heartbeat_that_fails_in_the_last_minute_is_waited_for(tmp_path: Path) -> None:
    """At 23:59 ingest was there. Whether it was at midnight, the next sign of life tells, or its absence."""
    async with evening(tmp_path, ("2026-11-23T23:59", "2026-11-24T00:41")) as night, night.state.notifier(settle=False):
        await night.pass_to("2026-11-24T00:00:30", IN_TIME)
        assert not (await duty_of(night.state.log)).days[day(DAY)].closed
        await night.pass_to("2026-11-24T00:42")
        [credit] = await credited(night.state.log)
        assert credit.minutes == 42


async def test_without_a_credit_in_the_policy_nothing_is_waited_for(tmp_path: Path) -> None:
    none = [policy(credit=None), *ROSTER[1:]]
    async with evening(tmp_path, OUTAGE, roster=none) as night, night.state.notifier(settle=False):
        await night.pass_to("2026-11-24T00:01", IN_TIME)
        await judged(night.state, at="2026-11-24T00:01")
        assert await credits_of(night.state.log) == []


# -- heartbeats, folded -----------------------------------------------------------------------------------------------


async def folded(log: EventLog) -> Heartbeats:
    heartbeats = Heartbeats(log)
    await replay("heartbeats", log, {SYSTEM: await log.end(SYSTEM)}, heartbeats, metrics=Metrics())
    return heartbeats


@pytest.mark.parametrize(("seconds", "gaps"), [(60, 0), (119, 0), (120, 1), (3600, 1)])
async def test_a_gap_is_a_silence_longer_than_was_promised(tmp_path: Path, seconds: int, gaps: int) -> None:
    async with world(tmp_path, "2026-11-23T12:00") as state:
        assert (await folded(state.log)).gaps(state.clock.now()) == [], "without a first sign nothing is known"
        assert (await folded(state.log)).doubtful_until(state.clock.now()) is None
        await beat(state.log, state.clock.now())
        begin, later = state.clock.now(), state.clock.now() + timedelta(seconds=seconds)
        assert [gap.end for gap in (await folded(state.log)).gaps(later)] == [None] * gaps
        state.clock.advance_to(later)
        await beat(state.log, later)
        found = (await folded(state.log)).gaps(later)
        assert [(gap.begin, gap.end) for gap in found] == [(begin, later)] * gaps
        assert (await folded(state.log)).doubtful_until(later) is None
        assert (await folded(state.log)).doubtful_until(later + MINUTE) == later + 2 * MINUTE


async def test_on_a_fast_clock_no_judgement_waits_for_a_sign_of_life(tmp_path: Path) -> None:
    async with world(tmp_path, "2026-11-23T12:00") as state:
        await beat(state.log, state.clock.now(), Pace(1000))
        assert (await folded(state.log)).doubtful_until(state.clock.now() + MINUTE) is None


async def test_of_a_long_stream_only_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifier.heartbeats.LOOKED_BACK", 2)
    async with world(tmp_path, "2026-11-23T12:00") as state:
        for minute in (0, 10, 20, 30):
            state.clock.advance_to(instant(f"2026-11-23T12:{minute:02}"))
            await beat(state.log, state.clock.now())
        assert [gap.begin for gap in (await folded(state.log)).gaps(state.clock.now())] == [instant("2026-11-23T12:20")]
        found = await read(state.log, SYSTEM)
        assert all(isinstance(each.event.data, HeartbeatAppended) for each in found)
