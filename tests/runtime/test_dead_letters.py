"""Records that nobody can read: kept whole, once, and only so many."""

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.events.codec import decode
from libs.events.system import RecordDeadLettered
from libs.runtime.dead_letters import MOST_IN_A_ROW, SHARE_OF, DeadLetters, FaultLimit
from libs.runtime.errors import OutcomeUnknown, ReadStopped
from libs.runtime.log import NewRecord, Record
from tests.duty.events import STREAM
from tests.runtime.streams import NOW, UNREADABLE, BrokenLog, Runtime, report, runtime


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with runtime(tmp_path) as opened:
        yield opened


async def unreadable(made: Runtime, count: int = 1) -> list[Record]:
    return list(await made.log.append(STREAM, [UNREADABLE] * count))


async def letters(made: Runtime) -> list[RecordDeadLettered]:
    found = [decode(each.headers, each.value).data for each in await made.log.read(DeadLetters.STREAM, 0)]
    assert all(isinstance(each, RecordDeadLettered) for each in found)
    return found  # type: ignore[return-value]


async def test_the_record_is_kept_whole_with_its_place_and_the_reason(made: Runtime) -> None:
    (record,) = await unreadable(made)
    await made.dead_letters().record(record, "not JSON")
    (letter,) = await letters(made)
    assert (letter.state, letter.stream, letter.offset, letter.key) == ("in-mp", STREAM, 0, "in-mp.guna")
    assert tuple((name, b64decode(value)) for name, value in letter.headers) == UNREADABLE.headers
    assert b64decode(letter.value) == UNREADABLE.value
    assert letter.reason == "not JSON"
    (stored,) = await made.log.read(DeadLetters.STREAM, 0)
    event = decode(stored.headers, stored.value)
    assert (stored.key, event.time, event.source) == (STREAM, NOW, "urn:rozana:reader")
    assert made.sample("dead_letters_total", stream=STREAM) == 1
    assert "dead letter" in made.lines.getvalue()
    assert "canary" not in made.lines.getvalue()


async def test_a_record_is_kept_once_whoever_meets_it_and_however_often(made: Runtime) -> None:
    first, second = await unreadable(made, 2)
    one = made.dead_letters()
    for reader in (one, one, made.dead_letters(), made.dead_letters()):
        await reader.record(first, "not JSON")
        await reader.record(second, "not JSON")
    assert [each.offset for each in await letters(made)] == [0, 1]


async def test_what_others_have_put_into_the_stream_is_passed_over(made: Runtime) -> None:
    await made.write([UNREADABLE, report(0)], DeadLetters.STREAM)
    (record,) = await unreadable(made)
    reader = made.dead_letters()
    await reader.record(record, "not JSON")
    await reader.record(record, "not JSON")
    assert await made.log.end(DeadLetters.STREAM) == 3


async def test_a_long_reason_is_cut(made: Runtime) -> None:
    (record,) = await unreadable(made)
    await made.dead_letters().record(record, "x" * 1000)
    assert len((await letters(made))[0].reason) == 500


async def test_in_a_stream_of_no_state_it_stops_the_reader(made: Runtime) -> None:
    (record,) = await made.log.append("rozana.system", [NewRecord("ingest", (), b"\xff")])
    with pytest.raises(ReadStopped, match=r"rozana.system/0 cannot be read \(not a CloudEvent\)"):
        await made.dead_letters().record(record, "not a CloudEvent")


async def test_an_append_that_fails_is_said(made: Runtime) -> None:
    (record,) = await unreadable(made)
    reader = made.dead_letters(BrokenLog(made.log, refuses=DeadLetters.STREAM))
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await reader.record(record, "not JSON")
    assert made.sample("dead_letters_total", stream=STREAM) is None


def test_too_many_in_a_row_stop_the_reader() -> None:
    limit = FaultLimit()
    for _ in range(MOST_IN_A_ROW):
        limit.count(unreadable=True)
    with pytest.raises(ReadStopped, match="101 records in a row"):
        limit.count(unreadable=True)


def test_one_in_between_begins_the_row_anew_but_not_the_share() -> None:
    limit = FaultLimit()
    for _ in range(100):
        limit.count(unreadable=True)
        limit.count(unreadable=False)
    with pytest.raises(ReadStopped, match="101 of the last 201"):
        limit.count(unreadable=True)


def test_a_tenth_may_be_unreadable_for_ever() -> None:
    limit = FaultLimit()
    for number in range(3 * SHARE_OF):
        limit.count(unreadable=number % 10 == 0)
    assert limit is not None


def test_what_lies_further_back_than_the_share_looks_is_forgotten() -> None:
    limit = FaultLimit()
    for _ in range(3):
        for number in range(SHARE_OF):
            limit.count(unreadable=number < MOST_IN_A_ROW)
