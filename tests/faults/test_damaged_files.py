"""Files that were damaged after the fact: what is noticed when Rozana starts, and what is not (guarantee 9).

The anchor is what a projection remembers: the event at its checkpoint. What lies behind every checkpoint, or below it
without changing what is remembered, no start can notice; `rozana verify` and a backup are for that.
"""

import shutil
from pathlib import Path

import apsw
import pytest

from libs.runtime.clock import ManualClock
from libs.runtime.consumer import replay
from libs.runtime.errors import LogMismatch, WrongDatabase
from libs.runtime.log_sqlite import open_log
from libs.runtime.pointer import open_collection
from libs.runtime.projection import collection_hash
from libs.runtime.projector import Projector
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import Metrics
from services.aggregator.projections.state_days import STATE_DAYS
from tests.aggregator.world import record_of
from tests.duty.events import STREAM, added, appointed, filed, instant, policy

REPORTS = 40
ROSTER = (policy(), added("guna"), appointed("guna"))
NOW = "2026-11-23T20:00"
PAGE, FRAME_HEADER = 4096, 24


async def write(path: Path, count: int = REPORTS, *, words: str = "all went well") -> None:
    """Append a roster and reports, and copy the files as they lie there while the log is open: as if the power went."""
    log = open_log(path.with_name("live.db"), ManualClock(instant(NOW)))
    try:
        await log.append(STREAM, [record_of(event) for event in ROSTER])
        for number in range(count):
            said = filed("guna", "2026-11-23", NOW, summary=f"{words} {number}")
            await log.append(STREAM, [record_of(said)])
        for ending in ("", "-wal"):
            shutil.copy(f"{path.with_name('live.db')}{ending}", f"{path}{ending}")
    finally:
        await log.close()


async def start(path: Path) -> tuple[int, str]:
    """Open log and store and fold to the end, as every start does: how many records there are, and what came of it."""
    log, store = open_log(path, ManualClock(instant(NOW))), open_store(path.with_name("store.db"))
    try:
        collection = await open_collection(store, STATE_DAYS)
        projector = Projector(STATE_DAYS, store, collection)
        end = await log.end(STREAM)
        await replay("damaged", log, {STREAM: end}, projector, metrics=Metrics())
        await projector.keep()
        return end, await collection_hash(store, collection)
    finally:
        await log.close()
        await store.close()


def wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def cut(path: Path, frames: int) -> None:
    """Take the last frames of a write-ahead log away."""
    with wal(path).open("r+b") as file:
        file.truncate(wal(path).stat().st_size - frames * (PAGE + FRAME_HEADER))


def put_back(whole: Path, path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
    for ending in ("", "-wal"):
        shutil.copy(whole / f"log.db{ending}", f"{path}{ending}")


def overwrite_a_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // PAGE * PAGE)
        file.write(b"\xa5" * PAGE)


def change_a_word(path: Path) -> None:
    data = path.read_bytes()
    assert b"all went well 7" in data
    path.write_bytes(data.replace(b"all went well 7", b"all went ill_ 7", 1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


async def test_an_undamaged_copy_starts(path: Path) -> None:
    await write(path)
    assert (await start(path))[0] == len(ROSTER) + REPORTS


async def test_a_cut_tail_is_noticed_by_what_was_folded(path: Path, tmp_path: Path) -> None:
    await write(path)
    whole = tmp_path / "whole"
    whole.mkdir()
    for ending in ("", "-wal"):
        shutil.copy(f"{path}{ending}", whole / f"log.db{ending}")
    await start(path)
    put_back(whole, path)
    cut(path, 20)
    with pytest.raises(LogMismatch, match="acknowledged events are missing"):
        await start(path)


async def test_a_write_ahead_log_that_is_gone_is_noticed_by_what_was_folded(path: Path, tmp_path: Path) -> None:
    await write(path)
    shutil.copy(path, tmp_path / "before.db")
    await start(path)
    shutil.copy(tmp_path / "before.db", path)
    wal(path).unlink(missing_ok=True)
    with pytest.raises((LogMismatch, WrongDatabase)):
        await start(path)


async def test_a_cut_tail_that_nobody_had_folded_is_not_noticed(path: Path) -> None:
    """The store is new, or its checkpoint older than the cut: nothing remembers what is gone."""
    await write(path)
    cut(path, 20)
    end, _ = await start(path)
    assert end < len(ROSTER) + REPORTS


async def test_a_log_that_was_cut_and_has_grown_again_is_noticed(path: Path, tmp_path: Path) -> None:
    await write(path, 10)
    await start(path)
    log = open_log(path, ManualClock(instant(NOW)))
    await log.close()
    connection = apsw.Connection(str(path))
    connection.execute("DELETE FROM records WHERE place IN (SELECT place FROM records ORDER BY place DESC LIMIT 5)")
    connection.close()
    log = open_log(path, ManualClock(instant(NOW)))
    for number in range(8):
        await log.append(STREAM, [record_of(filed("guna", "2026-11-23", NOW, summary=f"another one {number}"))])
    await log.close()
    with pytest.raises(LogMismatch, match="cut and has grown again"):
        await start(path)


async def test_a_page_that_is_overwritten_is_noticed_when_the_file_is_opened(path: Path) -> None:
    await write(path)
    await start(path)  # which puts the write-ahead log into the file
    overwrite_a_page(path)
    with pytest.raises(WrongDatabase, match="is damaged"):
        await start(path)


async def test_a_letter_that_is_changed_in_a_record_already_folded_is_not_noticed(path: Path) -> None:
    """SQLite keeps no checksum of a page, and nobody reads again what is folded: `rozana verify` finds it."""
    await write(path)
    before = await start(path)
    change_a_word(path)
    assert await start(path) == before


async def test_a_store_that_lost_its_tail_is_made_whole_from_the_log(path: Path, tmp_path: Path) -> None:
    """Documents are written before the snapshot: an older store is only an older store."""
    await write(path, 5)
    await start(path)
    shutil.copy(tmp_path / "store.db", tmp_path / "older.db")
    log = open_log(path, ManualClock(instant(NOW)))
    await log.append(STREAM, [record_of(filed("guna", "2026-11-23", NOW, summary="one more"))])
    await log.close()
    newest = await start(path)
    shutil.copy(tmp_path / "older.db", tmp_path / "store.db")
    assert await start(path) == newest
    (tmp_path / "store.db").unlink()
    assert await start(path) == newest
