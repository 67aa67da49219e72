"""The watcher: what the rules say is in the log once, whatever stops it, wherever."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.alerts import AlertRaised, Rule
from libs.events.envelope import Event
from libs.runtime.errors import ReadStopped
from libs.runtime.log import NewRecord
from services.notifier.records import record_of
from tests.duty.events import STATE, STREAM, added, appointed, clock_reached, excused, filed, instant, policy
from tests.notifier.stories import GRIEVANCES, grievance
from tests.notifier.world import ALERTS, Dies, FrailLog, World, alerts_of, read, running, until, world, write

DISTRICTS = ("guna", "datia", "harda", "indore")
HISTORY: list[Event] = [
    policy(),
    *(each for name in DISTRICTS for each in (added(name), appointed(name))),
    *(clock_reached(f"2026-11-{day}T00:00") for day in range(16, 24)),
    clock_reached("2026-11-23T19:00"),
    filed("datia", "2026-11-23", "2026-11-23T20:00"),
    grievance("one", "guna", "2026-11-23"),
    clock_reached("2026-11-24T00:00"),
    filed("harda", "2026-11-23", "2026-11-24T00:40"),
    clock_reached("2026-11-24T19:00"),
    grievance("two", "datia", "2026-11-24"),
    clock_reached("2026-11-25T00:00"),
    excused("guna", "2026-11-24", at="2026-11-25T09:00"),
    clock_reached("2026-11-25T19:00"),
    clock_reached("2026-11-26T00:00"),
    filed("indore", "2026-11-25", "2026-11-26T08:00"),
]


async def all_ids(state: World) -> list[str]:
    alerts = [*await read(state.log, ALERTS), *await read(state.log, GRIEVANCES)]
    return [each.event.id for each in alerts if each.event.type.startswith("rozana.alert.")]


async def write_history(state: World, events: Sequence[Event] = HISTORY) -> None:
    """Each event at its time; a clock five seconds after the instant that it has reached."""
    for event in events:
        state.clock.advance_to(event.time)
        await write(state.log, event)


@asynccontextmanager
async def fresh() -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder)) as state:
            yield state


async def test_each_record_that_says_something_is_one_append(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier(keep_time=False):
        await write_history(state)
        await state.quiet(keep_time=False)
        causes = [
            each.event.data.cause.offset for each in await read(state.log, ALERTS) if hasattr(each.event.data, "cause")
        ]
        assert causes == sorted(causes)
        assert len(await alerts_of(state.log)) == 40
        assert len(await alerts_of(state.log, GRIEVANCES)) == 2


async def test_envelopes_of_alerts(tmp_path: Path) -> None:
    """A duty's alert bears the time; one about a grievance the day and no more, nobody's tenure, and another stream."""
    async with world(tmp_path) as state, state.notifier(keep_time=False):
        await write_history(state)
        await state.quiet(keep_time=False)
        on_duty, on_grievance = (await read(state.log, ALERTS))[0].event, (await read(state.log, GRIEVANCES))[-1].event
        assert on_duty.source == on_grievance.source == "urn:rozana:notifier"
        assert on_duty.time == state.clock.now() or on_duty.time >= instant("2026-11-23T19:00:05")
        assert on_grievance.time.isoformat()[10:] == "T00:00:00+00:00"
        assert isinstance(on_grievance.data, AlertRaised)
        assert on_grievance.data.tenure_id is None
        assert on_grievance.data.at.isoformat()[10:] == "T00:00:00+00:00"
        assert on_grievance.actor is None
        assert on_grievance.traceparent is None
        assert {each.event.data.rule for each in await read(state.log, ALERTS) if hasattr(each.event.data, "rule")} == {
            Rule.MISSED_REPORT,
            Rule.DUE_SOON,
        }


async def test_started_again_it_says_nothing_again(tmp_path: Path) -> None:
    async with world(tmp_path) as state:
        await write_history(state)
        async with state.notifier(keep_time=False):
            pass
        before = await all_ids(state)
        assert state.metrics.alerts_raised.labels("due-soon", "1")._value.get() == 12
        for _ in range(2):
            async with state.notifier(keep_time=False):
                pass
        assert await all_ids(state) == before
        assert state.metrics.alerts_raised.labels("due-soon", "1")._value.get() == 12
        assert state.metrics.alerts_resolved.labels("missed-report", "excused")._value.get() == 1


@settings(max_examples=25, deadline=None, derandomize=True)
@given(crashes=st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=6), cut=st.integers(0, len(HISTORY)))
async def test_crashes_around_any_append_raise_nothing_twice_and_lose_nothing(
    crashes: list[tuple[int, bool]], cut: int
) -> None:
    """A part of the history before the first start, the rest beside the crashes."""
    async with fresh() as whole:
        await write_history(whole)
        async with whole.notifier(keep_time=False):
            pass
        expected = await alerts_of(whole.log), await alerts_of(whole.log, GRIEVANCES)
    async with fresh() as state:
        await write_history(state, HISTORY[:cut])
        for appends, after in crashes:
            watcher = state.watcher = state.new_watcher(FrailLog(state.log, appends, after=after))
            with contextlib.suppress(Dies):
                async with running(watcher.run):
                    await state.quiet(keep_time=False)
                    await write_history(state, HISTORY[cut : cut + 3])
                    cut += 3
                    await state.quiet(keep_time=False)
        await write_history(state, HISTORY[cut:])
        async with state.notifier(keep_time=False):
            pass
        found = await all_ids(state)
        assert len(found) == len(set(found))
        assert (await alerts_of(state.log), await alerts_of(state.log, GRIEVANCES)) == expected


async def test_what_an_append_said_in_half_is_said_in_full(tmp_path: Path) -> None:
    """Of one record some alerts are in the log, as a log without atomic appends might leave it."""
    async with world(tmp_path) as other:
        await write_history(other)
        async with other.notifier(keep_time=False):
            pass
        events = [each.event for each in await read(other.log, ALERTS)]
    async with world(tmp_path / "half") as state:
        await write_history(state)
        await state.log.append(ALERTS, [record_of(event) for event in events[:6]])
        async with state.notifier(keep_time=False):
            pass
        assert [each.event.id for each in await read(state.log, ALERTS)] == [event.id for event in events]


async def test_a_replica_that_speaks_first_is_heard(tmp_path: Path) -> None:
    async with world(tmp_path) as state:
        first, second = state.new_watcher(), state.new_watcher()
        async with running(first.run):
            state.watcher = first
            await write_history(state)
            await state.quiet(keep_time=False)
            before = await all_ids(state)
            async with running(second.run):
                state.watcher = second
                await state.quiet(keep_time=False)
        assert await all_ids(state) == before


async def test_an_unreadable_record_accuses_nobody_and_stops_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier(keep_time=False):
        for event in HISTORY[:-1]:
            if event.time < instant("2026-11-23T12:00"):
                await write(state.log, event)
        state.clock.advance_to(instant("2026-11-23T12:00"))
        broken = record_of(filed("guna", "2026-11-23", "2026-11-23T12:00"))
        await state.log.append(STREAM, [replace(broken, value=b"{}")])
        state.clock.advance_to(instant("2026-11-24T00:00:05"))
        await write(state.log, clock_reached("2026-11-24T00:00"))
        await state.quiet(keep_time=False)
        missed = [each.event.subject for each in await read(state.log, ALERTS) if "raised" in each.event.type]
        assert f"{STATE}.guna" not in missed
        assert missed[-3:] == [f"{STATE}.{name}" for name in ("datia", "harda", "indore")]


async def test_an_unreadable_alert_is_passed_over(tmp_path: Path) -> None:
    async with world(tmp_path) as state:
        await state.log.append(ALERTS, [NewRecord("in-mp.guna", (), b"not an event")])
        await write_history(state)
        async with state.notifier(keep_time=False):
            pass
        assert len(await alerts_of_readable(state)) == 40


async def alerts_of_readable(state: World) -> list[object]:
    return [record.offset for record in await state.log.read(ALERTS, 1)]


async def test_an_alert_of_a_newer_program_stops_the_start(tmp_path: Path) -> None:
    """Nobody knows what it says: to go on might be to say it again."""
    async with world(tmp_path) as state:
        await write_history(state)
        async with state.notifier(keep_time=False):
            pass
        record = record_of((await read(state.log, ALERTS))[0].event)
        newer = tuple(
            (name, value.replace(b".v2", b".v3") if name == "ce_type" else value) for name, value in record.headers
        )
        await state.log.append(ALERTS, [replace(record, headers=newer)])
        with pytest.raises(ReadStopped):
            await state.new_watcher().run()


async def test_what_the_fold_makes_of_invalid_events_is_counted(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier(keep_time=False):
        report = filed("guna", "2026-11-23", "2026-11-23T12:00", known_as="one")
        other = filed("guna", "2026-11-23", "2026-11-23T12:00", known_as="one", summary="another body")
        await write(state.log, *HISTORY[:9])
        state.clock.advance_to(instant("2026-11-23T12:00"))
        await write(state.log, report, report, other, clock_reached("2027-01-01T00:00"))

        async def counted() -> bool:
            outcomes = state.metrics.outcomes
            return [outcomes.labels(STATE, name)._value.get() for name in ("duplicate", "conflict", "clock-ahead")] == [
                1,
                1,
                1,
            ]

        await until(counted)
        assert '"level": "error"' in state.lines.getvalue()
        assert "clock ahead" in state.lines.getvalue()
