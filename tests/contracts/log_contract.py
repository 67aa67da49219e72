"""What every `EventLog` does: one test for each sentence of the port's docstrings (libs/runtime/log.py)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, time, timedelta
from uuid import uuid4

import pytest

from libs.runtime.errors import Unavailable
from libs.runtime.log import EventLog, LogReader, NewRecord, Record

SOON = 20.0
"""Seconds a test waits for what must come; it never takes that long."""


def record(text: str = "x", key: str = "in-mp.guna") -> NewRecord:
    return NewRecord(key, (("ce_id", text.encode()), ("content-type", b"application/json")), text.encode())


def texts(records: Sequence[Record]) -> list[str]:
    return [record.value.decode() for record in records]


async def take(reader: LogReader, count: int, *, max_records: int = 1000) -> dict[str, list[Record]]:
    """Poll until `count` records have come."""
    found: dict[str, list[Record]] = {}
    async with asyncio.timeout(SOON):
        while sum(map(len, found.values())) < count:
            for stream, records in (await reader.poll(max_records=max_records, timeout=SOON)).items():
                found.setdefault(stream, []).extend(records)
    return found


class LogContract:
    """Subclass it as `Test…` and give the fixture `log`: a new, empty log, closed afterwards."""

    @pytest.fixture
    def log(self) -> AsyncIterator[EventLog]:
        raise NotImplementedError

    @pytest.fixture
    def stream(self) -> str:
        return f"rozana.test.{uuid4().hex}"

    # NewRecord and Record

    async def test_a_record_comes_back_as_it_was_handed_over(self, log: EventLog, stream: str) -> None:
        new = NewRecord("in-mp.गुना", (("b", b"2"), ("a", b"1"), ("b", "गुना".encode()), ("empty", b"")), b'{"a": 1}')
        (stored,) = await log.append(stream, [new])
        assert (stored.stream, stored.key, stored.headers, stored.value) == (stream, new.key, new.headers, new.value)
        assert list(await log.read(stream, 0)) == [stored]

    async def test_any_bytes_and_none_come_back(self, log: EventLog, stream: str) -> None:
        everything = bytes(range(256))
        odd = [
            NewRecord("", (), b""),
            NewRecord("k\x1b\x1d\x1e\x1f\x00", (("n\x1b\x1d\x1e\x1f", everything),), everything),
            NewRecord("k", (("n", b""),), b"\x1e"),
            NewRecord("k", (("n", b"\x1f"), ("n", b"\x1b\x5f"), ("", b"")), b",\x00,"),
            record(),
        ]
        stored = await log.append(stream, odd)
        assert list(await log.read(stream, 0)) == list(stored)
        assert [(one.key, one.headers, one.value) for one in stored] == [(o.key, o.headers, o.value) for o in odd]

    async def test_offsets_count_from_0_without_gaps_in_each_stream(self, log: EventLog, stream: str) -> None:
        for name in (stream, stream + ".b"):
            stored = [await log.append(name, [record(), record()]) for _ in range(3)]
            assert [one.offset for call in stored for one in call] == [0, 1, 2, 3, 4, 5]
            assert [one.offset for one in await log.read(name, 0)] == [0, 1, 2, 3, 4, 5]

    async def test_appended_at_is_utc_in_whole_milliseconds(self, log: EventLog, stream: str) -> None:
        (stored,) = await log.append(stream, [record()])
        assert stored.appended_at.utcoffset() == timedelta(0)
        assert stored.appended_at.tzinfo is UTC
        assert stored.appended_at.microsecond % 1000 == 0

    # append

    async def test_the_records_of_a_call_stay_together_and_in_order(self, log: EventLog, stream: str) -> None:
        calls = [[record(f"{call}-{number}") for number in range(5)] for call in range(64)]
        stored = await asyncio.gather(*(log.append(stream, call) for call in calls))
        for number, call in enumerate(stored):
            assert [one.offset for one in call] == list(range(call[0].offset, call[0].offset + 5))
            assert texts(call) == [f"{number}-{at}" for at in range(5)]
        assert sorted(one.offset for call in stored for one in call) == list(range(320))

    async def test_what_was_appended_is_found_where_the_answer_says(self, log: EventLog, stream: str) -> None:
        stored = await asyncio.gather(*(log.append(stream, [record(str(number))]) for number in range(50)))
        assert list(await log.read(stream, 0)) == sorted((call[0] for call in stored), key=lambda one: one.offset)

    async def test_one_task_s_appends_keep_their_order(self, log: EventLog, stream: str) -> None:
        async def producer(name: str) -> None:
            for number in range(20):
                await log.append(stream, [record(str(number), key=name)])

        await asyncio.gather(*(producer(str(name)) for name in range(10)))
        found = await log.read(stream, 0)
        for name in range(10):
            assert texts([one for one in found if one.key == str(name)]) == [str(number) for number in range(20)]

    async def test_appended_at_is_cut_to_the_day_in_a_stream_that_keeps_no_hours(self, log: EventLog) -> None:
        await log.append("rozana.in-mp.grievances", [record()])
        (stored,) = await log.read("rozana.in-mp.grievances", 0)
        assert stored.appended_at.time() == time()

    async def test_appended_at_never_decreases_in_a_stream(self, log: EventLog, stream: str) -> None:
        for _ in range(5):
            await log.append(stream, [record(), record()])
        times = [one.appended_at for one in await log.read(stream, 0)]
        assert times == sorted(times)

    async def test_an_empty_sequence_appends_nothing(self, log: EventLog, stream: str) -> None:
        assert len(await log.append(stream, [])) == 0
        assert await log.end(stream) == 0

    async def test_a_string_without_utf8_form_is_refused_alone(self, log: EventLog, stream: str) -> None:
        good = [log.append(stream, [record(str(number))]) for number in range(5)]
        bad = [log.append(stream, [record(key="\ud800")]), log.append("\ud800", [record()])]
        outcomes = await asyncio.gather(*good, *bad, return_exceptions=True)
        assert [isinstance(outcome, ValueError) for outcome in outcomes] == [False] * 5 + [True] * 2
        assert await log.end(stream) == 5

    async def test_a_cancelled_append_is_there_whole_or_not_at_all(self, log: EventLog, stream: str) -> None:
        tasks = [asyncio.create_task(log.append(stream, [record(str(n)), record(str(n))])) for n in range(40)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
        await log.append(stream, [record("last")])
        found = await log.read(stream, 0)
        assert [one.offset for one in found] == list(range(len(found)))
        counts = Counter(texts(found))
        assert counts.pop("last") == 1
        assert set(counts.values()) == {2}
        assert {str(number) for number in range(1, 40, 2)} <= counts.keys()

    # end, read

    async def test_the_end_is_the_next_record_s_offset(self, log: EventLog, stream: str) -> None:
        assert await log.end(stream) == 0
        await log.append(stream, [record(), record()])
        assert await log.end(stream) == 2
        (stored,) = await log.append(stream, [record()])
        assert stored.offset == 2

    async def test_read_gives_up_to_max_records_from_an_offset_on(self, log: EventLog, stream: str) -> None:
        await log.append(stream, [record(str(number)) for number in range(1200)])
        assert texts(await log.read(stream, 3, max_records=2)) == ["3", "4"]
        assert texts(await log.read(stream, 0, max_records=1200)) == [str(number) for number in range(1200)]
        assert len(await log.read(stream, 0)) == 1000
        assert texts(await log.read(stream, 1199)) == ["1199"]

    async def test_read_is_empty_at_the_end_and_does_not_wait(self, log: EventLog, stream: str) -> None:
        assert len(await log.read(stream, 0)) == 0
        await log.append(stream, [record()])
        assert len(await log.read(stream, 1)) == 0
        assert len(await log.read(stream, 7)) == 0

    # reader

    async def test_a_reader_starts_at_its_positions_and_moves_on(self, log: EventLog, stream: str) -> None:
        await log.append(stream, [record(str(number)) for number in range(10)])
        async with log.reader({stream: 4}) as reader:
            assert texts((await reader.poll(max_records=3, timeout=SOON))[stream]) == ["4", "5", "6"]
            assert texts((await take(reader, 3))[stream]) == ["7", "8", "9"]
            assert await reader.poll(timeout=0) == {}

    async def test_poll_answers_nothing_when_the_time_is_up(self, log: EventLog, stream: str) -> None:
        async with log.reader({stream: 0}) as reader:
            assert await reader.poll(timeout=0) == {}
            assert await reader.poll(timeout=0.05) == {}

    async def test_poll_waits_for_the_first_record_of_a_stream_not_made_yet(self, log: EventLog, stream: str) -> None:
        async with log.reader({stream: 0}) as reader:
            polling = asyncio.create_task(reader.poll(timeout=SOON))
            await asyncio.sleep(0)
            await log.append(stream + ".other", [record("not followed")])
            stored = await log.append(stream, [record()])
            assert {name: list(found) for name, found in (await polling).items()} == {stream: list(stored)}

    async def test_a_position_beyond_the_end_waits(self, log: EventLog, stream: str) -> None:
        async with log.reader({stream: 2}) as reader:
            await log.append(stream, [record("0"), record("1")])
            assert await reader.poll(timeout=0) == {}
            await log.append(stream, [record("2")])
            assert texts((await take(reader, 1))[stream]) == ["2"]

    async def test_no_stream_starves(self, log: EventLog, stream: str) -> None:
        long, short = stream + ".long", [f"{stream}.{number}" for number in range(5)]
        await log.append(long, [record(str(number)) for number in range(300)])
        for name in short:
            await log.append(name, [record(str(number)) for number in range(10)])
        async with log.reader(dict.fromkeys([long, *short], 0)) as reader:
            first = await take(reader, 120, max_records=60)
            assert {len(first[name]) for name in short} == {10}
            rest = await take(reader, 350 - sum(map(len, first.values())), max_records=60)
        assert texts(first[long] + rest[long]) == [str(number) for number in range(300)]

    async def test_fewer_records_than_streams_are_shared_out_in_turn(self, log: EventLog, stream: str) -> None:
        names = [f"{stream}.{number}" for number in range(6)]
        for name in names:
            await log.append(name, [record(str(number)) for number in range(50)])
        async with log.reader(dict.fromkeys(names, 0)) as reader:
            found = await take(reader, 24, max_records=2)
        assert found.keys() == set(names)

    async def test_max_records_is_never_exceeded(self, log: EventLog, stream: str) -> None:
        for name in ("a", "b", "c"):
            await log.append(f"{stream}.{name}", [record()] * 20)
        async with log.reader({f"{stream}.{name}": 0 for name in ("a", "b", "c")}) as reader:
            for _ in range(4):
                assert 0 < sum(map(len, (await reader.poll(max_records=7, timeout=SOON)).values())) <= 7

    async def test_readers_do_not_disturb_each_other(self, log: EventLog, stream: str) -> None:
        async with log.reader({stream: 0}) as one, log.reader({stream: 1}) as other:
            await log.append(stream, [record("0"), record("1")])
            assert texts((await take(one, 2))[stream]) == ["0", "1"]
            assert texts((await take(other, 1))[stream]) == ["1"]

    async def test_a_cancelled_poll_loses_nothing(self, log: EventLog, stream: str) -> None:
        found: list[str] = []
        async with log.reader({stream: 0}) as reader:
            for number in range(40):
                polling = asyncio.create_task(reader.poll(timeout=SOON))
                appending = asyncio.create_task(log.append(stream, [record(str(number))]))
                for _ in range(number % 8):  # the cancel comes before, during and after the reading
                    await asyncio.sleep(0)
                if number % 3 == 0:
                    await appending
                polling.cancel()
                await asyncio.gather(polling, appending, return_exceptions=True)
                if not polling.cancelled():
                    found += texts((await polling).get(stream, ()))
            left = 40 - len(found)
            found += texts((await take(reader, left))[stream]) if left else []
        assert found == [str(number) for number in range(40)]

    async def test_one_reader_of_36_streams_misses_no_wake_up(self, log: EventLog, stream: str) -> None:
        names = [f"{stream}.{number}" for number in range(36)]

        async def producer(number: int) -> None:
            for at in range(15):
                await log.append(names[(number + at) % 36], [record(f"{at}", key=str(number))])
                for _ in range(number % 4):
                    await asyncio.sleep(0)

        async with log.reader(dict.fromkeys(names, 0)) as reader:
            producers = asyncio.gather(*(producer(number) for number in range(72)))
            found = await take(reader, 72 * 15, max_records=50)
            await producers
            assert await reader.poll(timeout=0) == {}
        for name, records in found.items():
            assert [one.offset for one in records] == list(range(len(records)))
            assert all(one.stream == name for one in records)

    async def test_a_record_is_delivered_after_each_single_append(self, log: EventLog, stream: str) -> None:
        async with log.reader({stream: 0, stream + ".idle": 0}) as reader:
            for number in range(100):
                await log.append(stream, [record(str(number))])
                assert texts((await take(reader, 1))[stream]) == [str(number)]

    # identity, last_time, close

    async def test_the_identity_stays(self, log: EventLog, stream: str) -> None:
        before = await log.identity()
        await log.append(stream, [record()])
        assert await log.identity() == before != ""

    async def test_the_last_time_is_the_highest_of_any_stream(self, log: EventLog, stream: str) -> None:
        assert await log.last_time() is None
        stored = [await log.append(f"{stream}.{number}", [record()]) for number in range(3)]
        assert await log.last_time() == max(call[0].appended_at for call in stored)

    async def test_close_finishes_what_was_accepted(self, log: EventLog, stream: str) -> None:
        appends = [asyncio.create_task(log.append(stream, [record()])) for _ in range(20)]
        await asyncio.sleep(0)
        await log.close()
        assert sorted(one.offset for call in await asyncio.gather(*appends) for one in call) == list(range(20))

    async def test_closing_twice_is_allowed_and_later_calls_are_refused(self, log: EventLog, stream: str) -> None:
        async with log.reader({stream: 0}) as reader:
            await log.close()
            await log.close()
            with pytest.raises(Unavailable):
                await reader.poll(timeout=0)
        for call in (
            log.append(stream, [record()]),
            log.append(stream, []),
            log.end(stream),
            log.read(stream, 0),
            log.identity(),
            log.last_time(),
        ):
            with pytest.raises(Unavailable):
                await call
        with pytest.raises(Unavailable):
            async with log.reader({stream: 0}):
                pass

    async def test_a_poll_that_waits_is_told_of_the_close(self, log: EventLog, stream: str) -> None:
        async with log.reader({stream: 0}) as reader:
            polling = asyncio.create_task(reader.poll(timeout=SOON))
            await asyncio.sleep(0)
            await log.close()
            with pytest.raises(Unavailable):
                await polling
