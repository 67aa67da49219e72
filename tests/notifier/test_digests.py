"""state.day_closed: what is said of a closed day is true of what it covers, said once, and at last the whole truth."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.duty.state_duty import StateDuty
from libs.events.digest import StateDayClosed, digest_id, reports_sha256
from libs.events.envelope import Event, Recorded
from services.notifier.digests import Digests
from services.notifier.records import SOURCE
from tests.duty.events import (
    STATE,
    STREAM,
    added,
    appointed,
    clock_reached,
    code,
    excused,
    filed,
    instant,
    on_form_2,
    policy,
    recorded,
)
from tests.duty.scenarios import Logged, Run, logs
from tests.notifier.digests_told import check, digests_of, told
from tests.notifier.world import World, read, running, until, world, write

DAY = date(2026, 11, 23)
NOBODY = {"expected": 0, "on_time": 0, "in_grace": 0, "late": 0, "missed": 0, "excused": 0, "pending": 0, "unknown": 0}
ROSTER = [policy(), *(each for name in ("guna", "datia", "harda") for each in (added(name), appointed(name)))]
CLOSED = "2026-11-24T00:00"


class Stream:
    """A reports stream in memory, and a teller of digests who can die and start again."""

    def __init__(self) -> None:
        self.records: list[Recorded] = []
        self.restart()

    def restart(self) -> None:
        self.duty, self.digests = StateDuty(STATE), Digests(STATE)
        for record in self.records:
            self._fold(record)

    def _fold(self, record: Recorded) -> None:
        step = self.duty.evolve(record)
        self.digests.see(record.offset, record.event, step.days.values(), self.duty)

    def append(self, *events: Event, at: datetime | None = None) -> "Stream":
        for event in events:
            self.records.append(recorded(event, len(self.records), at))
            self._fold(self.records[-1])
        return self

    def say(self) -> list[StateDayClosed]:
        """Append what is to be said, and return it."""
        unsaid = list(self.digests.unsaid())
        for data in unsaid:
            said = Event(digest_id(STATE, data.day, data.covers), SOURCE, self.records[-1].appended_at, data)
            self.append(said, at=self.records[-1].appended_at)
        return unsaid

    def last(self) -> StateDayClosed:
        return digests_of(self.records)[-1]


def day_of(stream: Stream) -> list[StateDayClosed]:
    """What is said of DAY; of the days before it, on which nobody owed anything, it is said too."""
    return [data for data in stream.say() if data.day == DAY]


def test_a_day_is_said_when_it_closes_and_again_when_it_changes() -> None:
    early = filed("datia", DAY, "2026-11-23T20:00")
    late = filed("harda", DAY, "2026-11-24T00:40")
    stream = Stream().append(*ROSTER, early)
    assert stream.say() == []
    stream.append(clock_reached(CLOSED))
    [first] = day_of(stream)
    assert first.counts.model_dump() == NOBODY | {"expected": 3, "on_time": 1, "missed": 2}
    assert (first.completeness.numerator, first.completeness.denominator) == (1, 3)
    assert (first.covers, first.restated) == (len(ROSTER) + 1, 0)
    assert (first.reports, first.reports_sha256) == (1, reports_sha256([early.id]))
    assert stream.say() == []
    stream.append(late)
    [second] = day_of(stream)
    assert second.counts.model_dump() == NOBODY | {"expected": 3, "on_time": 1, "late": 1, "missed": 1}
    assert (second.reports_sha256, second.restated) == (reports_sha256([late.id, early.id]), 1)
    assert stream.records[second.covers].event is late
    stream.append(excused("guna", DAY, at="2026-11-24T09:00"))
    [third] = day_of(stream)
    assert (third.completeness.numerator, third.completeness.denominator, third.restated) == (2, 2, 2)
    check(stream.records)


def test_a_burst_is_one_restatement_that_says_the_last_state() -> None:
    stream = Stream().append(*ROSTER, clock_reached(CLOSED))
    stream.say()
    stream.append(*(filed(name, DAY, "2026-11-24T01:00") for name in ("guna", "datia", "harda")))
    [data] = stream.say()
    assert (data.counts.late, data.restated, data.covers) == (3, 3, len(stream.records) - 2)
    check(stream.records)


def test_what_changes_no_number_and_no_report_is_not_said() -> None:
    report = filed("datia", DAY, "2026-11-23T20:00")
    stream = Stream().append(*ROSTER, report, clock_reached(CLOSED))
    stream.say()
    again = replace(report, time=instant("2026-11-24T02:00"))
    supplement = filed("datia", DAY, "2026-11-24T02:00", summary="more", known_as="more")
    stream.append(again, supplement, on_form_2(filed("datia", "2026-11-24", "2026-11-24T03:00")))
    assert stream.say() == []


def test_a_digest_that_was_overtaken_or_is_repeated_says_nothing() -> None:
    stream = Stream().append(*ROSTER, clock_reached(CLOSED))
    [old] = [Event(digest_id(STATE, each.day, each.covers), SOURCE, instant(CLOSED), each) for each in
             stream.digests.unsaid() if each.day == DAY]  # fmt: skip
    stream.append(filed("guna", DAY, "2026-11-24T01:00"), old)
    assert [data.restated for data in day_of(stream)] == [1]
    stream.append(old, stream.records[-1].event)
    assert stream.say() == []


def test_the_hash_is_that_of_sorted_lines() -> None:
    assert reports_sha256([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    # printf 'b\na\nb\n' | LC_ALL=C sort -u | sha256sum
    assert reports_sha256(["b", "a", "b"]) == "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2"


def test_a_record_that_can_be_read_today_is_restated_under_another_id() -> None:
    """It was said without the report, as nobody could read that; the mended decoder finds it."""
    report = filed("guna", DAY, "2026-11-23T20:00")
    blind = Stream().append(*ROSTER)
    silent = clock_reached("2026-11-23T20:00")
    blind.append(silent, clock_reached(CLOSED))
    blind.say()
    seeing = Stream()
    seeing.records = [replace(each, event=report) if each.event is silent else each for each in blind.records]
    seeing.restart()
    [data] = day_of(seeing)
    assert data.counts.on_time == 1
    assert data.covers == next(each.offset for each in blind.records if getattr(each.event.data, "day", None) == DAY)
    seeing.restart()
    assert seeing.say() == []


def test_of_a_day_that_is_let_go_of_nothing_more_is_said_and_nothing_remembered() -> None:
    stream = Stream().append(*ROSTER, clock_reached(CLOSED))
    stream.say()
    old = stream.records[-1].event
    for back in range(1, 20):
        stream.append(clock_reached(instant(CLOSED) + timedelta(days=back)))
        stream.say()
    assert stream.digests._days.keys() < stream.duty.days.keys()
    stream.append(old, replace(old, data=old.data.model_copy(update={"reports": 2})))  # a stranger's
    assert stream.say() == []
    check(stream.records[:-2])


def test_a_log_of_before_there_were_digests_is_told_in_full() -> None:
    stream = Stream().append(*ROSTER)
    for back in range(20):
        stream.append(clock_reached(instant(CLOSED) + timedelta(days=back)))
    days = {data.day for data in stream.say()}
    assert {DAY + timedelta(days=back) for back in range(20)} <= days
    stream.restart()
    assert stream.say() == []
    check(stream.records)


def test_what_nobody_can_read_changes_no_closed_day() -> None:
    stream = Stream().append(*ROSTER, clock_reached(CLOSED))
    stream.say()
    stream.duty.hold(code("guna"), instant("2026-11-24T02:00"), len(stream.records))
    stream.digests.see(len(stream.records), None, (), stream.duty)
    assert stream.say() == []


@settings(max_examples=60, deadline=None)
@given(logs(delays=(0, 0, 0, 3, 4000, 100_000)), st.sampled_from((5, 3 * 3600, 3 * 86400)), st.booleans(), st.data())
def test_in_any_week_digests_are_true_said_once_and_complete(
    log: Sequence[Logged], lag: int, leaps: bool, data: st.DataObject
) -> None:
    """Said at any moment, in any batch; the teller dies between any two writes, and starts again."""
    stream = Stream()
    for record, _ in Run(lag=timedelta(seconds=lag), leaps=leaps).through(log).steps:
        stream.append(record.event, at=record.appended_at)
        match data.draw(st.sampled_from("...srx")):
            case "s":
                stream.say()
            case "r":
                stream.restart()
            case "x":  # dies between the digests of an append
                unsaid = list(stream.digests.unsaid())[:1]
                stream.append(
                    *(Event(digest_id(STATE, each.day, each.covers), SOURCE, record.appended_at, each)
                      for each in unsaid), at=record.appended_at
                )  # fmt: skip
                stream.restart()
            case _:
                pass
    stream.say()
    check(stream.records)
    stream.restart()
    assert stream.say() == []


# -- by the watcher ----------------------------------------------------------------------------------------------------


async def test_the_watcher_says_it_after_the_clock_and_restates_it(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier():
        await state.play(ROSTER)
        await state.pass_to("2026-11-24T00:00:05")
        *_, clock, said = await read(state.log, STREAM)
        assert clock.event.data == clock_reached(CLOSED).data
        assert isinstance(said.event.data, StateDayClosed)
        assert said.event.data.covers == clock.offset
        assert (said.event.id, said.event.source) == (digest_id(STATE, DAY, clock.offset), SOURCE)
        assert (said.event.time, said.event.actor) == (instant("2026-11-24T00:00:05"), None)
        await state.play([filed("guna", DAY, "2026-11-24T01:00"), excused("datia", DAY, at="2026-11-24T09:00")])
        assert [data.restated for data in digests_of(await read(state.log, STREAM)) if data.day == DAY] == [0, 1, 2]
        check(await read(state.log, STREAM))


async def test_started_again_it_says_nothing_again(tmp_path: Path) -> None:
    async with world(tmp_path) as state:
        async with state.notifier():
            await state.play([*ROSTER, filed("guna", DAY, "2026-11-24T01:00")])
        before = await read(state.log, STREAM)
        for _ in range(2):
            async with state.notifier():
                pass
        assert await read(state.log, STREAM) == before


async def test_of_two_replicas_each_may_say_it_and_both_say_the_same(tmp_path: Path) -> None:
    async with world(tmp_path) as state:
        await write(state.log, *ROSTER)
        state.clock.advance_to(instant("2026-11-24T00:00:05"))
        await write(state.log, clock_reached(CLOSED))
        other = state.new_watcher()
        async with running(other.run), state.notifier(keep_time=False):
            await until(lambda: both_quiet(state))
        digests = digests_of(await read(state.log, STREAM))
        assert {told(each)[1:3] for each in digests if each.day == DAY} == {(0, 3)}
        assert len({digest_id(STATE, each.day, each.covers) for each in digests}) == len({each.day for each in digests})


async def both_quiet(state: World) -> bool:
    return not state.watcher.unsaid(STATE)


async def test_a_burst_waits_for_a_quiet_second(tmp_path: Path) -> None:
    """By a real time that stands still nothing is said; when a second has passed, once, and the last state."""
    async with world(tmp_path) as state:
        moments = [0.0]
        state.now = lambda: moments[0]
        state.clock.advance_to(instant("2026-11-24T00:00:05"))
        watcher = state.watcher = state.new_watcher()
        async with running(watcher.run):
            await write(state.log, *ROSTER, clock_reached(CLOSED))
            for name in ("guna", "datia", "harda"):
                await write(state.log, filed(name, DAY, "2026-11-24T00:00:05"))

            async def folded() -> bool:
                return watcher.positions[STREAM] == await state.log.end(STREAM) == len(ROSTER) + 4

            await until(folded)
            moments[0] = 0.99
            assert digests_of(await read(state.log, STREAM)) == []
            moments[0] = 1.0
            await state.quiet(keep_time=False)
            [data] = [each for each in digests_of(await read(state.log, STREAM)) if each.day == DAY]
            assert (data.counts.late, data.restated) == (3, 3)


async def test_where_it_is_never_quiet_it_waits_ten_seconds(tmp_path: Path) -> None:
    """Half a second between two records, for ever: digests are said all the same."""
    async with world(tmp_path) as state:
        moments = [0.0]
        state.now = lambda: moments[0]
        state.clock.advance_to(instant("2026-11-24T00:00:05"))
        watcher = state.watcher = state.new_watcher()
        async with running(watcher.run):
            await write(state.log, *ROSTER, clock_reached(CLOSED))
            for number in range(200):
                if digests_of(await read(state.log, STREAM)):
                    break
                await write(state.log, filed("guna", DAY, "2026-11-24T00:00:05", known_as=f"{number}"))
                end = await state.log.end(STREAM)
                await watcher.positions.reached(STREAM, end - 1)
                moments[0] += 0.5
            assert 9.5 <= moments[0] <= 90.0
            assert {each.day for each in digests_of(await read(state.log, STREAM))} >= {DAY}
