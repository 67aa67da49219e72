"""`rozana rebuild` as an operator meets it, embedded: what differs is named, and nothing is changed over unasked."""

from pathlib import Path

from rozana.demo.cast import STATE
from tests.e2e.running import DAY
from tests.rozana.conftest import Command
from tests.rozana.day import change

FORGED = f'{STATE}/{DAY} /districts/in-mp.guna/status: live "missed", replayed "unknown"'


def test_a_forged_document_is_named_and_stays_until_it_is_said_otherwise(data: Path, command: Command) -> None:
    def run(*arguments: str) -> tuple[int, list[str], str]:
        code, out, told = command(*arguments, ROZANA_DATA=str(data), ROZANA_STATES=STATE)
        return code, out.splitlines(), told

    change(
        data / "store.db",
        "UPDATE documents SET body = json_set(body, '$.districts.\"in-mp.guna\".status', 'missed')"
        " WHERE collection LIKE 'state_days.v%' AND id = ?",
        f"{STATE}/{DAY}",
    )
    code, (verdict, difference), told = run("rebuild", "state_days")
    assert code == 1
    assert verdict.endswith("DIFFERENT in 1 documents: the old one stays live")
    assert difference.split(maxsplit=1) == ["state_days", FORGED]
    assert told.splitlines()[-1].startswith("rozana: state_days: what the log makes is not what is live, which stays")
    code, (other, *_), _ = run("rebuild", "reports")  # one refuses, the others are none the worse
    assert (code, other.endswith("the same")) == (0, True)
    assert FORGED in "".join(run("verify")[1])

    code, (verdict,), _ = run("rebuild", "state_days", "--even-if-different")
    assert (code, verdict.endswith("DIFFERENT in 1 documents: the rebuilt one is live now")) == (0, True)
    assert run("verify")[0] == 0
    code, (back,), _ = run("rebuild", "state_days", "--back")
    assert (code, back.endswith(".0 is live again")) == (0, True)
    assert FORGED in "".join(run("verify")[1])


def test_where_nothing_was_rebuilt_there_is_no_way_back(data: Path, command: Command) -> None:
    code, out, told = command("rebuild", "--back", ROZANA_DATA=str(data), ROZANA_STATES=STATE)
    assert (code, out) == (1, "")
    assert "there is no collection of state_days to go back to" in told.splitlines()[-1]
