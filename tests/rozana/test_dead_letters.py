"""`rozana dead-letters`: what an operator sees of records that nobody can read."""

import ast
import asyncio
import io
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path

import pytest

from libs.events.streams import stream_name
from libs.runtime.clock import ManualClock
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.log import NewRecord
from libs.runtime.log_sqlite import open_log
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from tests.duty.events import STREAM
from tests.rozana.command import one_line
from tests.rozana.conftest import Command
from tests.runtime.broken import BROKEN
from tests.runtime.streams import NOW, report

GRIEVANCES = stream_name("grievances", "in-rj")


async def _kept(data: Path, records: Sequence[NewRecord], stream: str, strangers: Sequence[NewRecord]) -> None:
    configure_logging(io.StringIO())
    log = open_log(data / "log.db", ManualClock(NOW))
    await log.append(DeadLetters.STREAM, strangers)
    reader = DeadLetters(log, ManualClock(NOW), Metrics(), get_logger("test"))
    for record in await log.append(stream, records):
        await reader.record(record, "not JSON")
    await log.close()


def kept(
    data: Path, records: Sequence[NewRecord], stream: str = STREAM, strangers: Sequence[NewRecord] = ()
) -> dict[str, str]:
    """A folder in which these are dead letters; the settings that name it."""
    asyncio.run(_kept(data, records, stream, strangers))
    return {"ROZANA_DATA": str(data)}


@pytest.mark.parametrize("name", BROKEN)
def test_show_gives_back_every_byte(name: str, tmp_path: Path, command: Command) -> None:
    record = BROKEN[name]
    data = kept(tmp_path, [record])
    code, out, told = command("dead-letters", "show", STREAM, "0", "--json", **data)
    assert (code, told) == (0, "")
    shown = json.loads(out)
    headers = tuple((header, b64decode(value)) for header, value in shown["headers"])
    assert NewRecord(shown["key"], headers, b64decode(shown["value"])) == record
    assert (shown["stream"], shown["offset"], shown["reason"]) == (STREAM, 0, "not JSON")

    code, out, _ = command("dead-letters", "show", STREAM, "0", **data)
    assert code == 0
    assert ast.literal_eval(out.splitlines()[-1]) == record.value
    lines = [line.split(" ", 1)[0] for line in out.splitlines()[:-1]]
    assert lines == ["stream", "offset", "key", "time", "reason", "now", *["header"] * len(record.headers), "value"]
    assert all(line.isprintable() for line in out.splitlines())


def test_a_list_says_what_can_be_read_by_now(tmp_path: Path, command: Command) -> None:
    data = kept(tmp_path, [report(0), BROKEN["separators"]], strangers=[report(0), BROKEN["null"]])
    code, out, told = command("dead-letters", "list", **data)
    assert code == 0
    readable, unreadable = out.splitlines()
    assert readable.split() == [
        STREAM,
        "0",
        "in-mp.guna",
        "2026-11-23T15:00:00Z",
        "readable",
        "it",
        "was:",
        "not",
        "JSON",
    ]
    assert unreadable.split("  ")[-2:] == ["unreadable", "not JSON"]
    assert unreadable.isprintable()
    assert told.splitlines() == [
        "2 dead letters; 1 of them can be read now: `rozana dead-letters replay` folds it, if that is not done yet",
        "2 records of the stream are no dead letters (offset 0, 1)",
    ]


def test_a_list_of_one_state_tells_neither_district_nor_hour_of_a_grievance(tmp_path: Path, command: Command) -> None:
    kept(tmp_path, [BROKEN["null"]])
    data = kept(tmp_path, [BROKEN["null"]], GRIEVANCES)
    _, out, _ = command("dead-letters", "list", "--state", "in-rj", **data)
    assert out.split()[:4] == [GRIEVANCES, "0", "-", "2026-11-23"]
    _, out, _ = command("dead-letters", "show", GRIEVANCES, "0", **data)
    assert "time     2026-11-23\n" in out
    assert "key      -\n" in out
    assert "kept whole, and not shown" in out
    _, out, _ = command("dead-letters", "list", **data)
    assert len(out.splitlines()) == 2


def test_of_a_grievance_show_gives_neither_district_nor_a_byte(tmp_path: Path, command: Command) -> None:
    planted = NewRecord("in-rj.planted", (("ce_id", b"planted"),), b'{"category": "planted"')
    data = kept(tmp_path, [planted], GRIEVANCES)
    told = [command("dead-letters", "show", GRIEVANCES, "0", *more, **data) for more in ((), ("--json",))]
    for code, out, _ in told:
        assert code == 0
        assert "planted" not in out
        assert b64encode(b"planted")[:8].decode() not in out
        assert "not JSON" in out
    shown = json.loads(told[1][1])
    assert (shown["key"], shown["headers"], shown["value"]) == (None, None, None)


def test_none_is_no_error(tmp_path: Path, command: Command) -> None:
    data = kept(tmp_path, [])
    assert command("dead-letters", "list", **data) == (0, "", "0 dead letters; 0 of them can be read now\n")
    code, out, _ = command("dead-letters", "replay", **data)
    assert (code, out) == (0, "no dead letters: nothing to replay\n")


def test_what_cannot_be_shown_is_said_in_one_line(tmp_path: Path, command: Command) -> None:
    data = kept(tmp_path / "data", [BROKEN["null"]])
    code, _, told = command("dead-letters", "show", STREAM, "1", **data)
    assert (code, one_line(told)) == (
        1,
        f"{STREAM} has no dead letter at offset 1: see `rozana dead-letters list`",
    )
    assert command("dead-letters", "show", STREAM, "-1", **data)[0] == 2
    assert command("dead-letters", "list", "--state", "in-zz", **data)[0] == 2
    for arguments in (["list"], ["show", STREAM, "0"], ["replay"]):
        code, out, told = command("dead-letters", *arguments, ROZANA_DATA=str(tmp_path / "none"))
        assert (code, out) == (1, "")
        assert "log.db does not exist" in one_line(told)
    assert not (tmp_path / "none").exists()


def test_replay_of_one_state_says_what_has_changed(tmp_path: Path, command: Command) -> None:
    data = kept(tmp_path, [report(0)])
    code, out, _ = command("dead-letters", "replay", "--state", "in-mp", ROZANA_STATES="in-mp", **data)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()][:2] == ["replaying", "state_days"]
    assert all("there was none before" in line for line in out.splitlines()[1:])
    _, out, _ = command("dead-letters", "replay", ROZANA_STATES="in-mp", **data)
    assert all(line.endswith("the same") for line in out.splitlines()[1:])
