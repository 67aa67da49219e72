"""Dead letters read back: byte for byte, paged, past what is not ours, and no hour of a grievance."""

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from libs.events.codec import encode
from libs.events.envelope import Event
from libs.events.streams import STREAMS, stream_name
from libs.events.system import RecordDeadLettered
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.letters import AT_ONCE, Letter, Stranger, find_letter, letter_of, letters, states_with_letters
from libs.runtime.log import NewRecord
from tests.duty.events import STREAM, named
from tests.runtime.broken import BROKEN, drawn
from tests.runtime.streams import NOW, UNREADABLE, Runtime, record_of, report, runtime

GRIEVANCES = stream_name("grievances", "in-mp")


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with runtime(tmp_path) as opened:
        yield opened


async def kept(made: Runtime, records: Sequence[NewRecord], stream: str = STREAM) -> None:
    """What a reader does who cannot read any of them."""
    reader = made.dead_letters()
    for record in await made.log.append(stream, records):
        await reader.record(record, "not JSON")


async def read(made: Runtime) -> list[Letter]:
    return [each async for each in letters(made.log) if isinstance(each, Letter)]


async def test_every_record_that_a_test_ever_put_there_is_readable_again(made: Runtime) -> None:
    await kept(made, list(BROKEN.values()))
    found = await read(made)
    assert [(each.key, each.headers, each.value) for each in found] == [
        (record.key, record.headers, record.value) for record in BROKEN.values()
    ]
    assert [each.offset for each in found] == list(range(len(BROKEN)))
    assert all(each.fault() for each in found)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn)
async def test_so_is_whatever_can_be_broken(made: Runtime, record: NewRecord) -> None:
    await kept(made, [record])
    (stored,) = await made.log.read(DeadLetters.STREAM, await made.log.end(DeadLetters.STREAM) - 1)
    letter = letter_of(stored)
    assert isinstance(letter, Letter)
    assert (letter.offset, letter.stream) == (await made.log.end(STREAM) - 1, STREAM)
    assert (letter.key, letter.headers, letter.value) == (record.key, record.headers, record.value)


async def test_what_a_mended_decoder_can_read_says_so(made: Runtime) -> None:
    await kept(made, [report(0), UNREADABLE])
    readable, unreadable = await read(made)
    assert readable.fault() is None
    assert unreadable.fault() == "not a CloudEvent of version 1.0"
    assert (readable.state, readable.met, readable.reason) == ("in-mp", "2026-11-23T15:00:00Z", "not JSON")


async def test_more_than_a_page_of_them(made: Runtime) -> None:
    count = 2 * AT_ONCE + 1
    await kept(made, [UNREADABLE] * count)
    assert [each.offset for each in await read(made)] == list(range(count))
    assert await find_letter(made.log, STREAM, count - 1) is not None
    assert await find_letter(made.log, STREAM, count) is None
    assert await find_letter(made.log, GRIEVANCES, 0) is None


async def test_what_is_not_ours_is_named_by_its_offset_and_passed_over(made: Runtime) -> None:
    letter = RecordDeadLettered(
        state="in-mp", stream=STREAM, offset=0, key="", headers=(), value="no Base64!", reason="not JSON"
    )
    await made.write([*BROKEN.values(), report(0)], DeadLetters.STREAM)
    await made.write([record_of(Event(named("letter"), "urn:x", NOW, letter))], DeadLetters.STREAM)
    await kept(made, [UNREADABLE])  # at the place that the damaged letter names
    found = [each async for each in letters(made.log)]
    assert found[:-1] == [Stranger(offset) for offset in range(len(BROKEN) + 2)]
    assert isinstance(found[-1], Letter)


async def test_one_that_two_readers_have_kept_is_one(made: Runtime) -> None:
    await kept(made, [UNREADABLE])
    (stored,) = await made.log.read(DeadLetters.STREAM, 0)
    await made.write([NewRecord(stored.key, stored.headers, stored.value)], DeadLetters.STREAM)
    assert len(await read(made)) == 1
    assert await states_with_letters(made.log) == ["in-mp"]


async def test_an_empty_stream_has_none(made: Runtime) -> None:
    assert await read(made) == []
    assert await find_letter(made.log, STREAM, 0) is None
    assert await states_with_letters(made.log) == []


async def test_of_a_grievance_nothing_tells_more_than_the_day(made: Runtime) -> None:
    await kept(made, [UNREADABLE], GRIEVANCES)
    (stored,) = await made.log.read(DeadLetters.STREAM, 0)
    (letter,) = await read(made)
    assert letter.met == "2026-11-23"
    assert (letter.met_at.hour, stored.appended_at.hour) == (0, 0)
    assert b"T15" not in b"".join(value for _, value in stored.headers)
    assert made.sample("dead_letters_total", stream=GRIEVANCES) is None
    assert made.lines.getvalue() == ""


async def test_nor_does_a_letter_of_a_program_that_was_less_careful(made: Runtime) -> None:
    data = RecordDeadLettered(
        state="in-mp",
        stream=GRIEVANCES,
        offset=0,
        key="in-mp.guna",
        headers=(),
        value=b64encode(b"{").decode(),
        reason="not JSON",
    )
    await made.write([NewRecord(GRIEVANCES, *encode(Event(named("old"), "urn:x", NOW, data)))], DeadLetters.STREAM)
    (letter,) = await read(made)
    assert letter.met == "2026-11-23"


def test_the_stream_itself_keeps_no_hours() -> None:
    assert not STREAMS["dead-letters"].keeps_hours
