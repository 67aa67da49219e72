"""`rozana backup` and `rozana restore`: whole copies, beside a running system; nothing is ever written over."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from libs.events.streams import stream_name
from libs.runtime.clock import SystemClock
from libs.runtime.erasable_sqlite import open_erasable
from libs.runtime.log_sqlite import open_log
from rozana.process import ProcessFailed, start_up
from tests.e2e.running import standing
from tests.e2e.test_restart import JUDGED, clock
from tests.rozana.command import one_line, rozana
from tests.rozana.conftest import Command
from tests.rozana.day import change, write
from tests.runtime.streams import report

REPORTS = "rozana.in-mp.reports"


def refused(command: Command, data: Path, *arguments: str) -> str:
    code, out, told = command(*arguments, ROZANA_DATA=str(data))
    assert (code, out) == (1, "")
    return one_line(told)


async def test_what_is_backed_up_beside_a_running_system_comes_back(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "log.db"
    up = await start_up(data, settings=clock(JUDGED))
    code, out, told = await rozana("backup", str(copy), ROZANA_DATA=str(data))
    assert (code, told) == (0, "")
    assert out == f"log    {copy}  {copy.stat().st_size} bytes, whole and checked\n"
    code, _, told = await rozana("restore", str(copy), ROZANA_DATA=str(data))
    assert code == 1
    assert f"log.db is in use by process {up.process.pid}" in one_line(told)
    assert await up.stop() == 0
    assert [path.name for path in copy.parent.iterdir()] == ["log.db"]
    assert copy.stat().st_mode & 0o077 == 0

    code, _, told = await rozana("restore", str(copy), ROZANA_DATA=str(tmp_path / "anew"))
    assert (code, told) == (0, "")
    up = await start_up(tmp_path / "anew", settings=clock(JUDGED))
    assert await up.stop() == 0
    assert await standing(tmp_path / "anew") == await standing(data)


def test_the_store_is_copied_too_where_it_is_asked_for(data: Path, tmp_path: Path, command: Command) -> None:
    log, store, anew = (str(tmp_path / name) for name in ("l", "s", "anew"))
    code, out, _ = command("backup", log, "--store", store, ROZANA_DATA=str(data))
    assert (code, [line.split()[0] for line in out.splitlines()]) == (0, ["store", "log"])
    code, out, told = command("restore", log, "--store", store, ROZANA_DATA=anew)
    assert (code, [line.split()[0] for line in out.splitlines()], told) == (0, ["log", "store"], "")
    code, out, _ = command("verify", ROZANA_DATA=anew, ROZANA_STATES="in-mp")
    assert (code, "DIFFERENT" in out) == (0, False)


async def test_an_older_log_beside_a_newer_store_is_refused_with_what_to_do(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert (await rozana("backup", str(copy), ROZANA_DATA=str(data)))[0] == 0
    await write(data, REPORTS, report(1))
    up = await start_up(data, settings=clock(JUDGED))
    assert await up.stop() == 0
    (data / "log.db").unlink()
    code, _, told = await rozana("restore", str(copy), ROZANA_DATA=str(data))
    assert code == 0
    assert one_line(told).startswith(f"{data / 'store.db'} stays as it is. If it holds more than this log")
    with pytest.raises(
        ProcessFailed, match=r"acknowledged events are missing. Restore the newest backup .* remove the store"
    ):
        await start_up(data, settings=clock(JUDGED))
    (data / "store.db").unlink()
    up = await start_up(data, settings=clock(JUDGED))
    assert await up.stop() == 0


async def test_keys_of_sealed_texts_are_copied_when_they_are_asked_for(tmp_path: Path, command: Command) -> None:
    data, anew = tmp_path / "data", tmp_path / "anew"
    texts = stream_name("grievance-keys", "in-mp")
    log = open_log(data / "log.db", SystemClock())
    await log.close()
    kept = open_erasable(data / "log-keys.db")
    await kept.put(texts, "one", b"a wrapped key")
    await kept.close()
    code, _, told = command("backup", str(tmp_path / "without"), ROZANA_DATA=str(data))
    assert (code, "--keys FILE" in one_line(told)) == (0, True)
    copies = [str(tmp_path / name) for name in ("copy", "copy-keys")]
    code, out, told = command("backup", copies[0], "--keys", copies[1], ROZANA_DATA=str(data))
    assert (code, [line.split()[0] for line in out.splitlines()], told) == (0, ["log", "keys"], "")
    code, out, told = command("restore", "--keys", copies[1], ROZANA_DATA=str(anew))
    assert (code, [line.split()[0] for line in out.splitlines()], told) == (0, ["keys"], "")
    kept = open_erasable(anew / "log-keys.db")
    assert await kept.all(texts) == {"one": b"a wrapped key"}
    await kept.close()
    assert "log-keys.db exists" in refused(command, anew, "restore", copies[0], "--keys", copies[1])
    assert command("restore", ROZANA_DATA=str(anew))[0] == 2


def test_nothing_is_written_over(data: Path, tmp_path: Path, command: Command) -> None:
    there = tmp_path / "there"
    there.write_text("precious")
    line = f"{there} exists, and is not written over: move it away first"
    assert refused(command, data, "backup", str(there)) == line
    assert refused(command, data, "backup", str(tmp_path / "new"), "--store", str(there)) == line
    assert there.read_text() == "precious"
    assert not (tmp_path / "new").exists()
    assert command("backup", str(tmp_path / "new"), ROZANA_DATA=str(data))[0] == 0
    assert "log.db exists, and is not written over" in refused(command, data, "restore", str(tmp_path / "new"))

    left = tmp_path / "left"
    left.mkdir()
    (left / "log.db-wal").write_bytes(b"of a log that is gone")
    assert "log.db-wal exists" in refused(command, left, "restore", str(tmp_path / "new"))


def test_only_a_whole_log_of_ours_is_put_back(data: Path, tmp_path: Path, command: Command) -> None:
    anew, copy = tmp_path / "anew", tmp_path / "copy"
    assert command("backup", str(copy), ROZANA_DATA=str(data))[0] == 0
    assert "is not a Rozana log" in refused(command, anew, "restore", str(data / "store.db"))
    assert "does not exist" in refused(command, anew, "restore", str(tmp_path / "none"))
    with closing(sqlite3.connect(tmp_path / "foreign")) as foreign:
        foreign.execute("CREATE TABLE theirs (it INTEGER)")
    assert "is not a Rozana log" in refused(command, anew, "restore", str(tmp_path / "foreign"))
    newer = tmp_path / "newer"
    shutil.copy(copy, newer)
    with closing(sqlite3.connect(newer)) as ours:
        ours.execute("PRAGMA user_version = 99")
    assert "install the newer version" in refused(command, anew, "restore", str(newer))
    damaged = tmp_path / "damaged"
    whole = copy.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2] + b"\xff" * 8192 + whole[len(whole) // 2 + 8192 :])
    assert f"{damaged} is damaged" in refused(command, anew, "restore", str(damaged))
    # The second of two is refused: then the first is not put there either.
    assert "is not a Rozana store" in command("restore", str(copy), "--store", str(copy), ROZANA_DATA=str(anew))[2]
    assert {path.name for path in anew.iterdir()} <= {"log-keys.db.lock", "log.db.lock", "store.db.lock"}


def test_a_damaged_log_is_not_backed_up_as_if_it_were_whole(data: Path, tmp_path: Path, command: Command) -> None:
    log = data / "log.db"
    whole = log.read_bytes()
    log.write_bytes(whole[: len(whole) // 2] + b"\xff" * 8192 + whole[len(whole) // 2 + 8192 :])
    assert f"{log} is damaged" in refused(command, data, "backup", str(tmp_path / "copy"))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("copy")]


def test_where_it_cannot_be_written(data: Path, tmp_path: Path, command: Command) -> None:
    assert refused(command, data, "backup", "/proc/none/copy").startswith("/proc/none/copy cannot be written")
    assert "log.db does not exist" in refused(command, tmp_path / "none", "backup", str(tmp_path / "copy"))


def test_a_copy_knows_nothing_of_what_came_later(data: Path, tmp_path: Path, command: Command) -> None:
    copy = tmp_path / "copy"
    assert command("backup", str(copy), ROZANA_DATA=str(data))[0] == 0
    before = copy.read_bytes()
    change(data / "log.db", "DELETE FROM records WHERE place IN (SELECT max(place) FROM records)")
    assert copy.read_bytes() == before
