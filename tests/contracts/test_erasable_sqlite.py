"""The embedded keys: the contract, and that erased bytes are in no file any more."""

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from libs.runtime.erasable_sqlite import SCHEMA, SqliteErasableStore, open_erasable, path_beside
from libs.runtime.errors import Unavailable, WrongDatabase
from libs.runtime.sqlite import open_file
from tests.contracts.erasable_contract import STREAM, ErasableContract
from tests.contracts.sqlite_files import holding, write_lock


class TestSqliteErasableStore(ErasableContract):
    @pytest.fixture
    async def kept(self, tmp_path: Path) -> AsyncIterator[SqliteErasableStore]:
        kept = open_erasable(tmp_path / "log-keys.db")
        yield kept
        await kept.close()


@pytest.mark.parametrize("size", [80, 5_000, 40_000])
async def test_erased_bytes_are_in_no_file_not_even_the_write_ahead_log(tmp_path: Path, size: int) -> None:
    kept = open_erasable(tmp_path / "keys.db")
    planted = [f"planted-{number}-".encode() * (size // 10) for number in range(20)]
    for number, value in enumerate(planted):
        await kept.put(STREAM, str(number), value)
    assert holding(tmp_path, planted[7][:40]) != []
    await kept.erase(STREAM, [str(number) for number in range(1, 20)])
    assert [holding(tmp_path, value[:12]) for value in planted[1:]] == [[]] * 19
    assert holding(tmp_path, planted[0][:12]) == ["keys.db"]
    await kept.close()
    assert [holding(tmp_path, value[:12]) for value in planted[1:]] == [[]] * 19


async def test_what_is_kept_survives_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        kept = open_erasable(tmp_path / "keys.db")
        await kept.put(STREAM, "a", b"value")
        assert await kept.get(STREAM, "a") == b"value"
        await kept.close()


async def test_an_erasure_that_a_reader_holds_up_says_so_and_is_done_when_he_has_gone(tmp_path: Path) -> None:
    file = open_file(tmp_path / "keys.db", SCHEMA, read_only=False)
    assert file.writer is not None
    file.writer.pragma("secure_delete", 1)
    file.writer.set_busy_timeout(50)
    kept = SqliteErasableStore(file, file.writer)
    await kept.put(STREAM, "a", b"planted" * 20)
    reader = apsw.Connection(str(tmp_path / "keys.db"), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    assert len(reader.execute("SELECT * FROM kept").fetchall()) == 1
    with pytest.raises(Unavailable, match="erase again"):
        await kept.erase(STREAM, ["a"])
    reader.close()
    await kept.erase(STREAM, ["a"])
    assert holding(tmp_path, b"planted") == []
    await kept.close()


async def test_a_write_that_fails_is_unavailable(tmp_path: Path) -> None:
    file = open_file(tmp_path / "keys.db", SCHEMA, read_only=False)
    assert file.writer is not None
    file.writer.set_busy_timeout(50)
    kept = SqliteErasableStore(file, file.writer)
    with write_lock(tmp_path / "keys.db"), pytest.raises(Unavailable):
        await kept.put(STREAM, "a", b"value")
    await kept.put(STREAM, "a", b"value")
    await kept.close()


def test_it_lies_beside_the_log_and_is_no_log(tmp_path: Path) -> None:
    assert path_beside(Path("data/log.db")) == Path("data/log-keys.db")
    (tmp_path / "notes.db").write_text("notes" * 100)
    with pytest.raises(WrongDatabase):
        open_erasable(tmp_path / "notes.db")
