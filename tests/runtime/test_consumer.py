"""The one loop that reads streams: what it hands over, what it passes over, and what it stops at."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from libs.events.codec import decode
from libs.events.envelope import Recorded
from libs.events.reports import ReportFiled
from libs.runtime.batch import BREATH, Batch, Checkpoint, Unreadable, breathe, event_id
from libs.runtime.consumer import NEWER_LOG, Consumer, consume, consume_together, replay
from libs.runtime.dead_letters import MOST_IN_A_ROW, DeadLetters
from libs.runtime.errors import LogMismatch, OutcomeUnknown, ReadStopped, StartRefused
from libs.runtime.log import EventLog, Record
from libs.runtime.positions import Positions
from tests.duty.events import STREAM, named
from tests.runtime.streams import (
    NOW,
    PATIENCE,
    UNREADABLE,
    BrokenLog,
    Kept,
    Runtime,
    beside,
    of_type,
    raised,
    report,
    reports,
    runtime,
)

OTHER = "rozana.in-rj.reports"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with runtime(tmp_path) as opened:
        yield opened


class Reading:
    """A consumer of one stream or two, and what came of it."""

    def __init__(self, made: Runtime, sink: Kept, *streams: str, log: EventLog | None = None) -> None:
        self.positions = Positions(streams or (STREAM,))
        self.sink = sink
        self._made = made
        self._log = log or made.log

    async def run(self, *, dead_letters: bool = True, max_records: int = 1000) -> None:
        letters = self._made.dead_letters(self._log) if dead_letters else None
        await consume(
            "tests",
            self._log,
            self.positions,
            self.sink,
            metrics=self._made.metrics,
            dead_letters=letters,
            max_records=max_records,
        )

    async def to(
        self, offset: int, stream: str = STREAM, *, dead_letters: bool = True, max_records: int = 1000
    ) -> None:
        """Read until `offset` is folded."""
        async with (
            asyncio.timeout(PATIENCE),
            beside(self.run(dead_letters=dead_letters, max_records=max_records)) as task,
        ):
            waiting = asyncio.ensure_future(self.positions.reached(stream, offset))
            await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if task.done():
                task.result()


async def identity(made: Runtime) -> str:
    return await made.log.identity()


async def test_every_event_is_handed_over_once_in_order_with_its_place(made: Runtime) -> None:
    await made.write(reports(25))
    reading = Reading(made, Kept())
    await reading.to(24, max_records=10)
    assert reading.sink.offsets == list(range(25))
    assert [len(batch.items) for batch in reading.sink.batches] == [10, 10, 5]
    first = reading.sink.items[0]
    assert isinstance(first, Recorded)
    assert (first.stream, first.appended_at, first.event.id) == (STREAM, NOW, named("0"))
    assert isinstance(first.event.data, ReportFiled)
    assert reading.sink.batches[-1].checkpoint == Checkpoint(24, named("24"), await identity(made))
    assert made.sample("events_consumed_total", consumer="tests", stream_kind="reports") == 25
    assert made.sample("consumer_position", consumer="tests", stream=STREAM) == 25
    assert made.sample("consumer_last_progress_timestamp_seconds", consumer="tests", stream=STREAM)


async def test_it_goes_on_for_ever_with_what_is_appended_while_it_reads(made: Runtime) -> None:
    reading = Reading(made, Kept(), STREAM, OTHER)
    async with asyncio.timeout(PATIENCE), beside(reading.run()):
        for number in range(20):
            await made.write([report(number)])
            await made.write(reports(2, 2 * number), OTHER)
            await reading.positions.reached(STREAM, number)
            await reading.positions.reached(OTHER, 2 * number + 1)
    for stream, count in ((STREAM, 20), (OTHER, 40)):
        offsets = [item.offset for batch in reading.sink.batches if batch.stream == stream for item in batch.items]
        assert offsets == list(range(count))
    assert reading.sink.rests >= 20


async def test_a_quiet_consumer_lets_its_sink_rest(made: Runtime) -> None:
    reading = Reading(made, Kept())
    async with asyncio.timeout(PATIENCE), beside(reading.run()):
        await reading.sink.rested.wait()
    assert reading.sink.batches == []


async def test_it_goes_on_behind_its_checkpoint(made: Runtime) -> None:
    await made.write(reports(10))
    at = Checkpoint(6, named("6"), await identity(made))
    reading = Reading(made, Kept(at))
    await reading.to(9)
    assert reading.sink.offsets == [7, 8, 9]
    resting = Reading(made, Kept(Checkpoint(9, named("9"), await identity(made))))
    await resting.to(9)
    assert resting.sink.batches == []
    assert made.sample("consumer_position", consumer="tests", stream=STREAM) == 10


async def mismatch(made: Runtime, at: Checkpoint) -> str:
    error = await raised(Reading(made, Kept(at)).run())
    assert isinstance(error, LogMismatch)
    assert isinstance(error, StartRefused)
    assert "\n" not in str(error)
    return str(error)


async def test_another_log_is_refused_in_one_line(made: Runtime) -> None:
    await made.write(reports(10))
    assert "folded from another log" in await mismatch(made, Checkpoint(6, named("6"), "another"))


async def test_a_log_that_is_shorter_is_refused_in_one_line(made: Runtime) -> None:
    await made.write(reports(6))
    told = await mismatch(made, Checkpoint(6, named("6"), await identity(made)))
    assert told == (
        f"{STREAM}: the log ends at offset 6, but 6 was already folded: acknowledged events are missing. {NEWER_LOG}"
    )


async def test_a_log_that_has_grown_again_is_refused_in_one_line(made: Runtime) -> None:
    await made.write([*reports(6), *reports(5, 100)])
    told = await mismatch(made, Checkpoint(6, named("6"), await identity(made)))
    assert "another event stands at offset 6" in told


async def test_a_gap_stops_it_before_anything_of_the_batch_is_folded(made: Runtime) -> None:
    await made.write(reports(10))
    reading = Reading(made, Kept(), log=BrokenLog(made.log, without=4))
    error = await raised(reading.run())
    assert isinstance(error, ReadStopped)
    assert str(error) == f"{STREAM}: offset 5 came where 4 was expected: the log has a gap"
    assert reading.sink.batches == []


async def test_the_first_record_must_be_the_one_behind_the_checkpoint(made: Runtime) -> None:
    await made.write(reports(10))
    at = Checkpoint(3, named("3"), await identity(made))
    error = await raised(Reading(made, Kept(at), log=BrokenLog(made.log, without=4)).run())
    assert "offset 5 came where 4 was expected" in str(error)


async def test_an_unknown_type_is_skipped_and_counted(made: Runtime) -> None:
    await made.write([report(0), of_type("rozana.moon.landed.v1"), of_type("com.example.v1"), report(3)])
    reading = Reading(made, Kept())
    await reading.to(3)
    assert reading.sink.offsets == [0, 3]
    assert made.sample("events_skipped_total", consumer="tests", reason="unknown-type") == 2
    assert await made.log.end(DeadLetters.STREAM) == 0


async def test_the_checkpoint_lies_behind_what_was_skipped_at_the_end(made: Runtime) -> None:
    await made.write([report(0), of_type("rozana.moon.landed.v1")])
    reading = Reading(made, Kept())
    await reading.to(1)
    assert reading.sink.batches[-1].checkpoint.offset == 1
    again = Reading(made, Kept(reading.sink.batches[-1].checkpoint))
    await again.to(1)
    assert again.sink.batches == []


async def test_an_unknown_version_stops_it(made: Runtime) -> None:
    await made.write([report(0), of_type("rozana.report.filed.v9")])
    reading = Reading(made, Kept())
    error = await raised(reading.run())
    assert isinstance(error, ReadStopped)
    assert str(error).startswith(f"{STREAM}: offset 1: report.filed is known up to version 2, not 9")
    assert reading.sink.batches == []
    assert await made.log.end(DeadLetters.STREAM) == 0


async def test_what_cannot_be_read_is_kept_and_handed_over_as_such(made: Runtime) -> None:
    await made.write([report(0), UNREADABLE, report(2)])
    reading = Reading(made, Kept())
    await reading.to(2)
    assert reading.sink.items[1] == Unreadable(STREAM, 1, "in-mp.guna", NOW)
    assert reading.sink.offsets == [0, 1, 2]
    assert made.sample("events_skipped_total", consumer="tests", reason="unreadable") == 1
    (letter,) = await made.log.read(DeadLetters.STREAM, 0)
    assert decode(letter.headers, letter.value).data.offset == 1  # type: ignore[attr-defined]


async def test_a_checkpoint_may_stand_at_a_record_that_cannot_be_read(made: Runtime) -> None:
    await made.write([report(0), UNREADABLE])
    reading = Reading(made, Kept())
    await reading.to(1)
    at = reading.sink.batches[-1].checkpoint
    assert at.event_id == "broken"
    await made.write([report(2)])
    again = Reading(made, Kept(at))
    await again.to(2)
    assert again.sink.offsets == [2]


async def test_a_reader_without_dead_letters_only_hands_over(made: Runtime) -> None:
    await made.write([UNREADABLE])
    reading = Reading(made, Kept())
    await reading.to(0, dead_letters=False)
    assert reading.sink.offsets == [0]
    assert await made.log.end(DeadLetters.STREAM) == 0


async def test_it_stops_when_the_dead_letter_cannot_be_kept(made: Runtime) -> None:
    await made.write([report(0), UNREADABLE])
    reading = Reading(made, Kept(), log=BrokenLog(made.log, refuses=DeadLetters.STREAM))
    assert isinstance(await raised(reading.run()), OutcomeUnknown)
    assert reading.sink.batches == []
    assert reading.positions[STREAM] == 0


async def test_it_stops_loudly_when_too_much_cannot_be_read(made: Runtime) -> None:
    await made.write([report(0), *[UNREADABLE] * (MOST_IN_A_ROW + 1)])
    error = await raised(Reading(made, Kept()).run())
    assert isinstance(error, ReadStopped)
    assert "101 records in a row" in str(error)


async def test_what_the_sink_raises_stops_it_where_it_was(made: Runtime) -> None:
    await made.write(reports(3))
    reading = Reading(made, Kept(fails=LookupError("a bug")))
    assert isinstance(await raised(reading.run()), LookupError)
    assert reading.positions[STREAM] == 0


def test_a_record_without_an_id_has_an_empty_one() -> None:
    record = Record(STREAM, 0, NOW, "in-mp", (("ce_type", b"x"), ("ce_id", b"\xff")), b"")
    assert event_id(record) == "\ufffd"
    assert event_id(Record(STREAM, 0, NOW, "in-mp", (), b"")) == ""


async def test_a_replay_ends_where_it_is_told(made: Runtime) -> None:
    await made.write(reports(25))
    await made.write(reports(3), OTHER)
    sink, seen = Kept(), list[int]()
    await replay(
        "tests",
        made.log,
        {STREAM: 22, OTHER: 3, "rozana.in-ka.reports": 0},
        sink,
        metrics=made.metrics,
        progress=seen.append,
        max_records=10,
    )
    assert sink.offsets == [*range(22), *range(3)]
    assert seen == [10, 10, 2, 3]


async def test_a_replay_that_finds_less_than_there_was_stops(made: Runtime) -> None:
    await made.write(reports(2))
    error = await raised(replay("tests", made.log, {STREAM: 3}, Kept(), metrics=made.metrics))
    assert isinstance(error, ReadStopped)
    assert str(error) == f"{STREAM}: nothing at offset 2, though the log ended at 3"


async def test_a_long_batch_leaves_others_their_turns(made: Runtime) -> None:
    """A catching-up reader must not keep an append from hearing, within its deadline, that it is durable."""
    await made.write(reports(1000))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    records = await made.log.read(STREAM, 0)
    async with beside(others()):
        await asyncio.sleep(0)
        before = turns
        for done in range(1, len(records) + 1):
            await breathe(done)
        assert turns - before >= len(records) // BREATH


async def test_of_many_positions_a_consumer_moves_those_of_its_streams(made: Runtime) -> None:
    await made.write(reports(3))
    await made.write(reports(2), OTHER)
    sink, positions = Kept(), Positions((STREAM, OTHER))
    async with (
        asyncio.timeout(PATIENCE),
        beside(consume("tests", made.log, positions, sink, metrics=made.metrics, streams=[OTHER])),
    ):
        await positions.reached(OTHER, 1)
    assert {batch.stream for batch in sink.batches} == {OTHER}
    assert (positions[STREAM], positions.begun) == (0, (OTHER,))


async def test_what_comes_in_a_pause_is_folded_together(made: Runtime) -> None:
    sink, positions, over = Kept(), Positions((STREAM,)), asyncio.Event()
    async with (
        asyncio.timeout(PATIENCE),
        beside(consume("tests", made.log, positions, sink, metrics=made.metrics, pause=over.wait)),
    ):
        await made.write(reports(1))
        await positions.reached(STREAM, 0)
        for _ in range(3):
            await made.write(reports(1))
        over.set()
        await positions.reached(STREAM, 3)
    assert [len(batch.items) for batch in sink.batches] == [1, 3]


async def test_there_is_no_pause_while_there_is_more_than_is_taken_at_once(made: Runtime) -> None:
    await made.write(reports(4))
    sink, positions, never = Kept(), Positions((STREAM,)), asyncio.Event()
    async with (
        asyncio.timeout(PATIENCE),
        beside(consume("tests", made.log, positions, sink, metrics=made.metrics, max_records=2, pause=never.wait)),
    ):
        await positions.reached(STREAM, 3)
    assert [len(batch.items) for batch in sink.batches] == [2, 2]


async def test_one_reader_feeds_several_sinks_each_from_its_own_checkpoint_on(made: Runtime) -> None:
    await made.write(reports(5))
    (third,) = await made.log.read(STREAM, 2, max_records=1)
    behind, ahead = Kept(), Kept(at=Checkpoint(2, event_id(third), await identity(made)))
    consumers = [Consumer("behind", behind, Positions((STREAM,))), Consumer("ahead", ahead, Positions((STREAM,)))]
    async with (
        asyncio.timeout(PATIENCE),
        beside(consume_together(consumers, made.log, [STREAM], metrics=made.metrics, max_records=2)),
    ):
        for each in consumers:
            await each.positions.reached(STREAM, 4)
    assert [[item.offset for item in batch.items] for batch in behind.batches] == [[0, 1], [2, 3], [4]]
    assert [[item.offset for item in batch.items] for batch in ahead.batches] == [[3], [4]]


async def test_a_sink_that_is_ahead_of_another_is_held_to_its_own_log_too(made: Runtime) -> None:
    await made.write(reports(2))
    ahead = Kept(at=Checkpoint(1, "another event", await identity(made)))
    consumers = [Consumer("behind", Kept(), Positions((STREAM,))), Consumer("ahead", ahead, Positions((STREAM,)))]
    with pytest.raises(LogMismatch, match="another event stands at offset 1"):
        await consume_together(consumers, made.log, [STREAM], metrics=made.metrics)


@pytest.mark.parametrize(("records", "at_one_time"), [(2, 2), (1, 3)])
async def test_no_more_batches_are_folded_at_one_time_than_there_are_turns_for_their_size(
    made: Runtime, records: int, at_one_time: int
) -> None:
    streams = [f"rozana.in-{code}.reports" for code in ("mp", "rj", "up")]
    for stream in streams:
        await made.write(reports(records), stream)
    turns, aside, folding, most = asyncio.Semaphore(2), contextlib.nullcontext(), 0, 0

    class Slow(Kept):
        async def fold(self, batch: Batch) -> None:
            nonlocal folding, most
            folding += 1
            most = max(most, folding)
            for _ in range(20):  # the others would come in, if they might
                await asyncio.sleep(0)
            folding -= 1
            await super().fold(batch)

    positions = Positions(streams)
    async with asyncio.timeout(PATIENCE), AsyncExitStack() as stack:
        for stream in streams:
            reading = consume_together(
                [Consumer("tests", Slow(), positions)],
                made.log,
                [stream],
                metrics=made.metrics,
                turn_of=lambda many: turns if many >= 2 else aside,
            )
            await stack.enter_async_context(beside(reading))
        for stream in streams:
            await positions.reached(stream, records - 1)
    assert most == at_one_time
