"""The command line: each refusal is one line and an exit code."""

import json
import socket
from base64 import urlsafe_b64decode
from contextlib import closing
from pathlib import Path

import pytest

from libs.runtime.auth import Verifier
from libs.runtime.keys import demo_keys
from libs.runtime.principal import Principal
from tests.rozana.command import one_line
from tests.rozana.conftest import Command

TENURE = "0192f0c1-7c3e-7000-8000-000000000001"
NOWHERE = {"ROZANA_URL": "http://127.0.0.1:9"}


def test_wrong_settings_are_told_together_in_one_line(command: Command) -> None:
    code, out, told = command("up", ROZANA_PORT="no", ROZANA_STATES="in-zz", ROZANA_CLOCK_SPEED="-1")
    line = one_line(told)
    assert (code, out) == (1, "")
    assert all(name in line for name in ("ROZANA_PORT", "ROZANA_STATES", "ROZANA_CLOCK_SPEED"))


@pytest.mark.parametrize("service", ["ingest", "aggregator", "notifier"])
def test_one_service_alone_cannot_run_on_sqlite(service: str, command: Command) -> None:
    code, out, told = command(service)
    assert (code, out) == (2, "")
    assert "`rozana up` runs all services in one" in one_line(told)


@pytest.mark.parametrize(
    ("arguments", "told_of"),
    [
        (["upp"], "upp"),
        (["up", "--colour"], "--colour"),
        (["up", "--port", "80000"], "--port"),
        (["token", "--role", "pcc"], "--scope"),
        (["tail", "in-zz"], "not a state; allowed is one of in-an"),
        (["roster", "import", "x.csv"], "--state"),
        (["rebuild", "boards"], "state_days, reports, districts, alerts, grievance_alerts"),
        (["dead-letters", "show", "x"], "offset"),
        (["demo", "--days", "0"], "--days"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    arguments: list[str], told_of: str, tmp_path: Path, command: Command
) -> None:
    code, out, told = command(*arguments, ROZANA_DATA=str(tmp_path))
    assert (code, out) == (2, "")
    assert told_of in one_line(told)


def test_token_prints_only_the_token_and_opens_neither_log_nor_store(tmp_path: Path, command: Command) -> None:
    data = tmp_path / "data"
    code, out, told = command(
        *("token", "--role", "president", "--scope", "in-mp.guna", "--tenure", TENURE), ROZANA_DATA=str(data)
    )
    assert code == 0
    assert one_line(told).startswith(f"made a new key in {data}/: its tokens are good for the `rozana up` that runs on")
    assert command("token", "--role", "pcc", "--scope", "in-mp", ROZANA_DATA=str(data))[2] == ""
    assert [path.name for path in data.iterdir()] == ["demo-key.json"]
    principal = Verifier(demo_keys(data).jwks).verify(out.strip())
    assert principal == Principal("president", "in-mp.guna", "demo-president-in-mp.guna", TENURE)
    claims = json.loads(urlsafe_b64decode(out.split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == 12 * 3600


@pytest.mark.parametrize(
    ("arguments", "told_of"),
    [
        (["--role", "king", "--scope", "in"], "role must be one of"),
        (["--role", "pcc", "--scope", "mp"], "scope must be"),
        (["--role", "president", "--scope", "in-mp.guna"], "a president needs a tenure id (--tenure)"),
    ],
)
def test_a_token_that_nobody_would_take_is_not_made(
    arguments: list[str], told_of: str, tmp_path: Path, command: Command
) -> None:
    code, out, told = command("token", *arguments, ROZANA_DATA=str(tmp_path))
    assert (code, out) == (1, "")
    assert told_of in one_line(told)


def test_in_production_no_tokens_are_made(tmp_path: Path, command: Command) -> None:
    jwks = tmp_path / "jwks.json"
    jwks.write_text("{}")
    production = {"ROZANA_ENV": "production", "ROZANA_JWKS": str(jwks), "ROZANA_DATA": str(tmp_path)}
    code, _, told = command("token", "--role", "pcc", "--scope", "in", **production)
    assert code == 1
    assert "ROZANA_ENV=demo only" in one_line(told)
    code, _, told = command("tail", "in-mp", **production)
    assert code == 1
    assert one_line(told).startswith("ROZANA_TOKEN: required")


def test_when_nothing_answers_clients_say_where_they_asked(tmp_path: Path, command: Command) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("code,name_en,name_hi,kind,grid_row,grid_col\nguna,Guna,गुना,whole,3,5\n", encoding="utf-8")
    for arguments in (["tail", "in-mp"], ["roster", "import", str(roster), "--state", "in-mp"]):
        code, _, told = command(*arguments, ROZANA_DATA=str(tmp_path), **NOWHERE)
        lines = [line for line in told.splitlines() if line.startswith("rozana: ")]
        assert code == 1
        assert lines == [
            "rozana: nothing answers at http://127.0.0.1:9: is `rozana up` running? (ROZANA_URL says where)"
        ]
        assert "Traceback" not in told


def test_there_is_nothing_to_rebuild_from_where_there_is_no_log(tmp_path: Path, command: Command) -> None:
    code, out, told = command("rebuild", ROZANA_DATA=str(tmp_path / "none"))
    assert (code, out) == (1, "")
    assert "nothing to rebuild from" in one_line(told)
    assert not (tmp_path / "none").exists()


def test_help_names_every_command(command: Command) -> None:
    code, out, _ = command("--help")
    assert code == 0
    assert all(
        name in out
        for name in ("up", "ingest", "aggregator", "notifier", "demo", "roster", "token", "tail", "dead-letters")
    )


def test_a_demo_that_cannot_start_leaves_nothing_behind(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        for more in ([], ["--data", str(tmp_path / "mine")]):
            code, out, told = command("demo", "--exit", "--port", port, *more)
            assert (code, out) == (1, "")
            assert one_line(told).startswith("`rozana up` ended with 1: ROZANA_HOST, ROZANA_PORT: cannot listen on")
    assert list(tmp_path.iterdir()) == []
    assert one_line(command("demo", "--data", "/proc/rozana")[2]).startswith("/proc/rozana cannot be made")


def test_the_demo_does_not_play_over_what_is_there(tmp_path: Path, command: Command) -> None:
    (tmp_path / "mine").write_text("precious")
    code, out, told = command("demo", "--exit", "--data", str(tmp_path))
    assert (code, out) == (1, "")
    assert one_line(told) == f"{tmp_path} is not an empty folder: the demo plays in a fresh one"
