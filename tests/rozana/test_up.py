"""`rozana up`: what stops it from starting is said in one line, before anything is touched."""

import asyncio
import shutil
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from libs.runtime.log import NewRecord
from libs.runtime.settings import Settings, load_settings
from rozana.client import Client
from rozana.compose import opened
from rozana.process import ProcessFailed, start_up
from rozana.states import state_codes
from tests.e2e.running import Office, cast, settings_of
from tests.rozana.command import one_line
from tests.rozana.conftest import Command

ONE_STATE = {"ROZANA_STATES": "in-mp"}
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def refused(command: Command, data: Path, **settings: str) -> str:
    code, out, told = command("up", **(ONE_STATE | {"ROZANA_DATA": str(data), "ROZANA_PORT": "0"} | settings))
    assert (code, out) == (1, "")
    return one_line(told)


async def test_it_says_when_it_is_ready_and_ends_with_0(tmp_path: Path) -> None:
    up = await start_up(tmp_path, settings=ONE_STATE)
    async with Client(up.url) as client:
        assert (await client.get("/ready"))["status"] == "ready"
    assert await up.stop() == 0
    assert {"log.db", "store.db"} <= _names(tmp_path)


def test_a_busy_port_stops_it_before_it_makes_a_file(tmp_path: Path, command: Command) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        line = refused(command, tmp_path / "data", ROZANA_PORT=port)
    assert f"cannot listen on 127.0.0.1 port {port}" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["log.db", "store.db"])
def test_damaged_foreign_and_newer_files(name: str, tmp_path: Path, command: Command) -> None:
    file = tmp_path / name
    file.write_bytes(b"this is no database, though it is long enough to be one " * 20)
    assert f"{file} is not an SQLite database" in refused(command, tmp_path)
    file.unlink()
    with closing(sqlite3.connect(file)) as foreign:
        foreign.execute("CREATE TABLE theirs (it INTEGER)")
    assert f"{file} is not a Rozana" in refused(command, tmp_path)
    file.unlink()
    asyncio.run(_made(tmp_path))
    with closing(sqlite3.connect(file)) as ours:
        ours.execute("PRAGMA user_version = 99")
    assert "install the newer version" in refused(command, tmp_path)


def _names(data: Path) -> set[str]:
    return {path.name for path in data.iterdir()}


async def _made(data: Path) -> None:
    async with opened(settings_of(data)):
        pass


def test_a_folder_that_cannot_be_written(command: Command) -> None:
    assert "/proc/rozana/log.db cannot be opened" in refused(command, Path("/proc/rozana"))


async def test_a_folder_in_use_names_the_process(tmp_path: Path) -> None:
    up = await start_up(tmp_path, settings=ONE_STATE)
    with pytest.raises(ProcessFailed, match=rf"ended with 1: .* in use by process {up.process.pid}"):
        await start_up(tmp_path, settings=ONE_STATE)
    assert await up.stop() == 0


async def test_a_store_beside_another_log_ends_the_process(tmp_path: Path) -> None:
    for name in ("one", "other"):
        await _imported(tmp_path / name, NOON)
    shutil.copy(tmp_path / "one" / "store.db", tmp_path / "other" / "store.db")
    with pytest.raises(ProcessFailed, match=r"ended with 1: .* were folded from another log"):
        await start_up(tmp_path / "other", settings=ONE_STATE)


async def test_a_shifted_clock_never_starts_before_the_end_of_the_log(tmp_path: Path) -> None:
    def starting(instant: str) -> Settings:
        return load_settings({"ROZANA_DATA": str(tmp_path), "ROZANA_CLOCK_START": instant}, state_codes())

    async with opened(starting("2026-11-23T12:00:00Z")) as adapters:
        assert adapters.clock.now() - NOON < timedelta(minutes=1)
        (record,) = await adapters.log.append("rozana.system", [NewRecord("test", (), b"")])
    async with opened(starting("2026-11-01T00:00:00Z")) as adapters:
        assert adapters.clock.now() >= record.appended_at
    async with opened(starting("2026-12-01T00:00:00Z")) as adapters:
        assert adapters.clock.now() >= datetime(2026, 12, 1, tzinfo=UTC)


async def _imported(data: Path, start: datetime) -> None:
    up = await start_up(data, settings=ONE_STATE | {"ROZANA_CLOCK_START": start.isoformat()})
    async with Client(up.url) as client:
        await Office(data, client).import_roster(cast())
    assert await up.stop() == 0


def test_a_wrong_routes_file(tmp_path: Path, command: Command) -> None:
    """All that is wrong in it, before anything is served."""
    file = tmp_path / "routes.toml"
    assert "ROZANA_ROUTES: allowed is the path of a TOML file" in refused(command, tmp_path, ROZANA_ROUTES=str(file))
    file.write_text(
        'allow_hosts = ["hooks.example.org"]\n[[webhook]]\nname = "bhopal"\nurl = "https://elsewhere.example/"\n'
        'secrets = [{ env = "NOT_THERE" }]\naudiences = ["pcc"]\n'
    )
    assert refused(command, tmp_path, ROZANA_ROUTES=str(file)) == (
        f"ROZANA_ROUTES: {file}: webhook 1 (bhopal): secret 1: the variable is not set; "
        "webhook 1 (bhopal): url: its host is not in allow_hosts (docs/webhooks.md)"
    )
