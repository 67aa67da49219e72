"""The embedded log: the contract, and what only a file can suffer."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from libs.events.codec import decode, encode
from libs.runtime.clock import ManualClock, SystemClock
from libs.runtime.errors import OutcomeUnknown, ReadStopped, Unavailable, WrongDatabase
from libs.runtime.log import NewRecord
from libs.runtime.log_sqlite import RECENT, SqliteEventLog, open_log
from libs.runtime.log_sqlite_rows import SCHEMA, place
from libs.runtime.sqlite import DatabaseFile, open_file
from tests.contracts.log_contract import SOON, LogContract, record, take, texts
from tests.contracts.sqlite_files import REFUSALS, Spoil, empty, linked, write_lock
from tests.duty.events import filed

NOON = datetime(2026, 11, 23, 12, 0, 0, 123_456, tzinfo=UTC)
STREAM = "rozana.in-mp.reports"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "log.db"


@pytest.fixture
async def log(path: Path) -> AsyncIterator[SqliteEventLog]:
    log = open_log(path, SystemClock())
    yield log
    await log.close()


class TestSqliteEventLog(LogContract):
    @pytest.fixture
    async def log(self, path: Path) -> AsyncIterator[SqliteEventLog]:
        log = open_log(path, SystemClock())
        yield log
        await log.close()


# Time and order


async def test_appended_at_is_the_clock_s_cut_to_milliseconds_and_never_goes_back(path: Path) -> None:
    clock = ManualClock(NOON)
    log = open_log(path, clock)
    (first,) = await log.append(STREAM, [record()])
    assert first.appended_at == NOON.replace(microsecond=123_000)
    await log.close()
    log = open_log(path, ManualClock(NOON - timedelta(days=1)))  # the machine's clock was set back
    (second,) = await log.append(STREAM, [record()])
    (other,) = await log.append("rozana.system", [record()])
    assert second.appended_at == first.appended_at
    assert other.appended_at < first.appended_at
    assert await log.last_time() == first.appended_at
    assert list(await log.read(STREAM, 0)) == [first, second]
    await log.close()


async def test_64_appenders_share_their_commits(path: Path) -> None:
    file = open_file(path, SCHEMA, read_only=False)
    commits = count_commits(file)
    log = SqliteEventLog(file, SystemClock(), 5.0)

    async def appender(number: int) -> None:
        for _ in range(10):
            await log.append(f"{STREAM}.{number % 3}", [record()])

    await asyncio.gather(*(appender(number) for number in range(64)))
    assert 10 <= len(commits) <= 640 / 8
    for number in range(3):
        records = await log.read(f"{STREAM}.{number}", 0)
        assert [one.offset for one in records] == list(range(await log.end(f"{STREAM}.{number}")))
    assert sum([await log.end(f"{STREAM}.{number}") for number in range(3)]) == 640
    await log.close()


def count_commits(file: DatabaseFile) -> list[None]:
    commits: list[None] = []

    def committed() -> bool:
        commits.append(None)
        return False

    assert file.writer is not None
    file.writer.set_commit_hook(committed)
    return commits


# Durability


async def test_everything_is_there_after_reopening(path: Path) -> None:
    log = open_log(path, SystemClock())
    stored = [*await log.append(STREAM, [record("a")]), *await log.append(STREAM, [record("b"), record("c")])]
    identity = await log.identity()
    await log.close()
    assert not path.with_name("log.db-wal").exists()
    log = open_log(path, SystemClock())
    assert list(await log.read(STREAM, 0)) == stored
    assert await log.identity() == identity
    assert await log.last_time() == stored[-1].appended_at
    assert (await log.append(STREAM, [record()]))[0].offset == 3
    await log.close()
    other = open_log(path.with_name("other.db"), SystemClock())
    assert await other.identity() != identity
    await other.close()


APPEND_FOR_EVER = f"""
import asyncio, sys
from libs.runtime.clock import SystemClock
from libs.runtime.log import NewRecord
from libs.runtime.log_sqlite import open_log

async def appender(log, name):
    number = 0
    while True:
        (stored,) = await log.append("{STREAM}", [NewRecord(name, (), str(number).encode())])
        print(stored.offset, name, number, flush=True)
        number += 1

async def main():
    log = open_log(sys.argv[1], SystemClock())
    await asyncio.gather(*(appender(log, str(name)) for name in range(8)))

asyncio.run(main())
"""


async def start(script: str, path: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(path), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )


async def lines(process: asyncio.subprocess.Process, count: int) -> list[str]:
    assert process.stdout is not None
    async with asyncio.timeout(SOON):
        return [(await process.stdout.readline()).decode().strip() for _ in range(count)]


async def test_kill_9_loses_nothing_that_was_acknowledged(path: Path) -> None:
    process = await start(APPEND_FOR_EVER, path)
    acknowledged = await lines(process, 300)
    process.kill()
    rest, _ = await process.communicate()
    acknowledged += rest.decode().rpartition("\n")[0].splitlines()
    log = open_log(path, SystemClock())
    records = await log.read(STREAM, 0, max_records=100_000)
    found = {f"{one.offset} {one.key} {one.value.decode()}" for one in records}
    assert set(acknowledged) <= found
    assert [one.offset for one in records] == list(range(len(records)))
    assert (await log.append(STREAM, [record()]))[0].offset == len(records)
    await log.close()


# Beside another process


async def test_a_reader_in_another_process_sees_what_is_written(path: Path) -> None:
    process = await start(APPEND_FOR_EVER, path)
    try:
        await lines(process, 1)
        beside = open_log(path, SystemClock(), read_only=True)
        async with beside.reader({STREAM: 0}) as reader:
            records = (await take(reader, 500))[STREAM]
            assert [one.offset for one in records] == list(range(len(records)))
            assert await beside.end(STREAM) >= 500
            assert await beside.last_time() is not None
        with pytest.raises(Unavailable, match="reading only"):
            await beside.append(STREAM, [record()])
        await beside.close()
        with pytest.raises(WrongDatabase, match=f"in use by process {process.pid}: stop it"):
            open_log(path, SystemClock())
    finally:
        process.kill()
        await process.communicate()


async def test_a_read_only_log_finds_new_records_and_streams_by_itself(log: SqliteEventLog, path: Path) -> None:
    beside = open_log(path, SystemClock(), read_only=True)
    assert await beside.identity() == await log.identity()
    async with beside.reader({STREAM: 0}) as reader:
        polling = asyncio.create_task(reader.poll(timeout=SOON))
        await asyncio.sleep(0)
        stored = await log.append(STREAM, [record()])
        assert list((await polling)[STREAM]) == list(stored)
        assert list(await beside.read(STREAM, 0)) == list(stored)
    await log.close()
    await beside.close()


async def test_a_read_only_log_opens_without_a_writer(log: SqliteEventLog, path: Path) -> None:
    await log.append(STREAM, [record("a")])
    await log.close()
    beside = open_log(path, SystemClock(), read_only=True)
    assert texts(await beside.read(STREAM, 0)) == ["a"]
    await beside.close()
    log = open_log(path, SystemClock())
    assert await log.end(STREAM) == 1
    await log.close()


async def test_a_poll_for_nothing_or_for_the_newest_leaves_the_file_alone(path: Path) -> None:
    file = open_file(path, SCHEMA, read_only=False)
    log = SqliteEventLog(file, SystemClock(), 5.0)
    await log.append(STREAM, [record()])
    asked: list[str] = []

    def note(cursor: apsw.Cursor, statement: str, bindings: object) -> bool:
        asked.append(statement)
        return True

    async with log.reader({STREAM: 0, "rozana.system": 0}) as reader:
        await reader.poll(timeout=SOON)
        file.reader.set_exec_trace(note)
        for _ in range(3):
            assert await reader.poll(timeout=0) == {}
        await log.append("rozana.not.followed", [record()])
        assert await reader.poll(timeout=0.01) == {}
        assert asked == []
        await log.append(STREAM, [record()])
        assert len((await reader.poll(timeout=SOON))[STREAM]) == 1
        assert asked == []  # what was appended here just now is still in memory
    await log.close()


async def test_a_link_to_the_file_is_the_same_file(log: SqliteEventLog, path: Path) -> None:
    with pytest.raises(WrongDatabase, match="in use by process"):
        open_log(linked(path), SystemClock())


async def test_a_second_open_in_this_process_is_refused_until_the_first_is_closed(
    log: SqliteEventLog, path: Path
) -> None:
    with pytest.raises(WrongDatabase, match="in use by process"):
        open_log(path, SystemClock())
    await log.close()
    await open_log(path, SystemClock()).close()


# Failure


async def test_a_full_disk_is_unavailable_and_the_log_goes_on_when_there_is_room(path: Path) -> None:
    file = open_file(path, SCHEMA, read_only=False)
    assert file.writer is not None
    log = SqliteEventLog(file, SystemClock(), 5.0)
    await log.append(STREAM, [record("a")])
    pages = int(file.writer.pragma("page_count"))
    file.writer.pragma("max_page_count", pages)
    outcomes = await asyncio.gather(
        *(log.append(stream, [record("x" * 9000)]) for stream in (STREAM, "rozana.new")), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    assert "full" in str(outcomes[0])
    assert (await log.end(STREAM), await log.end("rozana.new")) == (1, 0)
    file.writer.pragma("max_page_count", pages + 1000)
    assert (await log.append(STREAM, [record("b")]))[0].offset == 1
    assert (await log.append("rozana.new", [record("c")]))[0].offset == 0
    assert texts(await log.read(STREAM, 0)) == ["a", "b"]
    await log.close()


async def test_an_append_that_outlives_its_deadline_has_an_unknown_outcome(path: Path) -> None:
    log = open_log(path, SystemClock(), append_deadline=0.05)
    await log.append(STREAM, [record("a")])
    with write_lock(path), pytest.raises(OutcomeUnknown, match="within"):
        await log.append(STREAM, [record("b")])
    async with log.reader({STREAM: 1}) as reader:
        assert texts((await take(reader, 1))[STREAM]) == ["b"]  # this one was written after all
    assert (await log.append(STREAM, [record("c")]))[0].offset == 2
    await log.close()


async def test_a_commit_that_fails_has_an_unknown_outcome_and_the_file_is_asked_for_its_ends(path: Path) -> None:
    file = open_file(path, SCHEMA, read_only=False)
    assert file.writer is not None
    log = SqliteEventLog(file, SystemClock(), 5.0)
    await log.append(STREAM, [record("a")])
    file.writer.set_commit_hook(lambda: True)  # SQLite turns this COMMIT into an error and a rollback
    with pytest.raises(OutcomeUnknown, match="commit"):
        await log.append(STREAM, [record("b")])
    file.writer.set_commit_hook(None)
    assert await log.end(STREAM) == 1
    assert (await log.append(STREAM, [record("c")]))[0].offset == 1
    assert texts(await log.read(STREAM, 0)) == ["a", "c"]
    await log.close()


async def test_a_lost_record_stops_the_reader(path: Path) -> None:
    log = open_log(path, SystemClock())
    await log.append(STREAM, [record(str(number)) for number in range(5)])
    await log.close()
    raw = apsw.Connection(str(path))
    raw.execute("DELETE FROM records WHERE place = ?", (place(1, 2),))
    raw.close()
    log = open_log(path, SystemClock())
    async with log.reader({STREAM: 0}) as reader:
        for _ in range(2):
            with pytest.raises(ReadStopped, match="gap"):
                await reader.poll(timeout=0)
    await log.close()


async def test_a_bug_in_the_writing_thread_reaches_its_callers(path: Path) -> None:
    class BrokenClock(SystemClock):
        broken = True

        def now(self) -> datetime:
            if self.broken:
                raise ZeroDivisionError
            return super().now()

    clock = BrokenClock()
    log = open_log(path, clock)
    with pytest.raises(RuntimeError, match="bug") as caught:
        await log.append(STREAM, [record()])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    clock.broken = False
    assert (await log.append(STREAM, [record()]))[0].offset == 0
    await log.close()


# Refusals


@pytest.mark.parametrize("spoil", REFUSALS, ids=lambda spoil: spoil.__name__)
async def test_a_wrong_file_is_refused_in_one_line(path: Path, spoil: Spoil) -> None:
    log = open_log(path, SystemClock())
    await log.append(STREAM, [record("x" * 500) for _ in range(300)])
    await log.close()
    path, said = spoil(path)
    with pytest.raises(WrongDatabase, match=said) as caught:
        open_log(path, SystemClock())
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_log_without_one_of_its_tables_is_refused_and_let_go(path: Path, read_only: bool) -> None:
    await open_log(path, SystemClock()).close()
    raw = apsw.Connection(str(path))
    raw.execute("ALTER TABLE streams RENAME TO s")
    with pytest.raises(WrongDatabase, match=r"no such table.*restore a backup"):
        open_log(path, SystemClock(), read_only=read_only)
    raw.execute("ALTER TABLE s RENAME TO streams")
    raw.close()
    await open_log(path, SystemClock(), read_only=read_only).close()


def test_a_log_to_read_must_be_there(path: Path) -> None:
    with pytest.raises(WrongDatabase, match=r"log\.db"):
        open_log(path, SystemClock(), read_only=True)
    path.parent.mkdir()
    with pytest.raises(WrongDatabase, match="does not exist: start"):
        open_log(path, SystemClock(), read_only=True)
    assert list(path.parent.iterdir()) == []
    path = empty(path.parent)
    with pytest.raises(WrongDatabase, match="not a Rozana log"):
        open_log(path, SystemClock(), read_only=True)


async def test_an_empty_file_becomes_a_log(tmp_path: Path) -> None:
    path = empty(tmp_path)
    log = open_log(path, SystemClock())
    await log.append(STREAM, [record()])
    await log.close()


# What stays in memory


async def test_readers_get_the_same_from_memory_and_from_the_file(path: Path) -> None:
    said = filed("guna", "2026-11-23", "2026-11-23T20:00")
    headers, value = encode(said)
    log = open_log(path, SystemClock())
    async with log.reader({STREAM: 0}) as close_behind, log.reader({STREAM: 0}) as far_behind:
        await log.append(STREAM, [NewRecord(said.subject, headers, value, said)])
        (fresh,) = (await close_behind.poll(timeout=SOON))[STREAM]
        assert fresh.event is said
        assert decode(fresh.headers, fresh.value) == said
        await log.append(STREAM, [record(f"{number}") for number in range(RECENT)])
        first, *others = (await far_behind.poll(timeout=SOON, max_records=RECENT + 1))[STREAM]
        assert first.event is None  # it has made room for the others
        assert first == fresh
        assert list((await close_behind.poll(timeout=SOON, max_records=RECENT))[STREAM]) == others
    await log.close()


async def test_a_reader_between_memory_and_file_misses_nothing(path: Path) -> None:
    log = open_log(path, SystemClock())
    await log.append(STREAM, [record(f"{number}") for number in range(RECENT + 10)])
    async with log.reader({STREAM: 5}) as reader:
        found = [*(await reader.poll(timeout=SOON, max_records=20))[STREAM]]
        found += (await reader.poll(timeout=SOON, max_records=RECENT))[STREAM]
    assert [each.offset for each in found] == list(range(5, RECENT + 10))
    await log.close()
