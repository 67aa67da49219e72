"""`rozana verify`: after a day's work nothing is wrong; each thing that is tampered with is found and named."""

from collections.abc import Mapping
from pathlib import Path

import apsw
import pytest

from libs.events.codec import encode
from libs.events.envelope import Event
from libs.events.grievances import GrievanceRaised, Severity
from libs.events.streams import stream_name
from libs.runtime.comparing import first_difference
from libs.runtime.log import NewRecord
from rozana.demo.cast import STATE
from rozana.verify.checks import Check
from tests.duty.events import filed, named, saying
from tests.e2e.running import DAY
from tests.e2e.test_dead_letters import POISON
from tests.e2e.test_restart import JUDGED
from tests.rozana.command import one_line
from tests.rozana.conftest import Command
from tests.rozana.day import append, change, place
from tests.runtime.broken import BROKEN
from tests.runtime.streams import of_type, record_of

REPORTS, ALERTS, GRIEVANCES = (stream_name(kind, STATE) for kind in ("reports", "alerts", "grievances"))
BOARD = f"{STATE}/{DAY}"


class Verified:
    """What the command said: the checks that are different, by name."""

    def __init__(self, command: Command, data: Path, *arguments: str) -> None:
        self.code, self.out, self.told = command("verify", *arguments, ROZANA_DATA=str(data), ROZANA_STATES=STATE)
        lines = [line.split(maxsplit=1) for line in self.out.replace("raised once", "raised_once").splitlines()]
        self.checks: Mapping[str, str] = dict(lines)

    @property
    def different(self) -> dict[str, str]:
        found = {
            name: told.removeprefix("DIFFERENT").strip()
            for name, told in self.checks.items()
            if told.startswith("DIFFERENT")
        }
        assert self.code == (1 if found else 0)
        assert ("docs/runbook.md#verify" in self.told) == bool(found)
        return found


def test_a_days_work_is_all_right(data: Path, command: Command) -> None:
    verified = Verified(command, data)
    assert verified.different == {}
    assert list(verified.checks)[:5] == ["offsets", "records", "hashes", "ids", "raised_once"]
    assert verified.checks["records"].endswith("decoded, 1 dead letters")
    assert "snapshots" in verified.checks["state_days"]
    assert Verified(command, data, "--state", "in-mp").different == {}
    other = Verified(command, data, "--state", "in-rj")
    assert other.different == {}
    assert other.checks["reports"].endswith("nothing to look at")


def test_a_member_of_a_document(data: Path, command: Command) -> None:
    change(
        data / "store.db",
        "UPDATE documents SET body = json_set(body, '$.districts.\"in-mp.guna\".status', 'missed')"
        " WHERE collection LIKE 'state_days.v%' AND id = ?",
        BOARD,
    )
    found = Verified(command, data).different
    assert list(found) == ["state_days"]
    collection, document, pointer, values = found["state_days"].split(" ", 3)
    assert collection.startswith("state_days.v")
    assert (document, pointer) == (BOARD, "/districts/in-mp.guna/status:")
    assert values == 'live "missed", replayed "unknown"'


@pytest.mark.parametrize("projection", ["state_days", "reports", "districts", "alerts"])
def test_a_document_that_is_gone(projection: str, data: Path, command: Command) -> None:
    change(
        data / "store.db",
        "DELETE FROM documents WHERE number = (SELECT max(number) FROM documents"
        " WHERE collection LIKE ? AND collection NOT LIKE '%.snapshots')",
        f"{projection}.v%",
    )
    found = Verified(command, data).different
    assert list(found) == [projection]
    assert " /: live null, replayed {" in found[projection]


def test_a_document_too_many_and_one_from_the_future(data: Path, command: Command) -> None:
    add = (
        "INSERT INTO documents (collection, id, version, body)"
        " SELECT collection, ?, ?, body FROM documents WHERE collection LIKE 'reports.v%'"
        " AND collection NOT LIKE '%.snapshots' LIMIT 1"
    )
    change(data / "store.db", add, f"{STATE}/forged", 3)
    assert f"{STATE}/forged /: live {{" in Verified(command, data).different["reports"]
    change(data / "store.db", add, f"{STATE}/future", 10**6)
    found = Verified(command, data).different["reports"]
    assert "(and 1 more)" in found or f"offset {10**6} was folded" in found


def test_a_snapshot(data: Path, command: Command) -> None:
    change(
        data / "store.db",
        "UPDATE documents SET body = json_set(body, '$.snapshot.forged', 1)"
        " WHERE collection LIKE 'state_days.v%.snapshots' AND id = ?",
        REPORTS,
    )
    found = Verified(command, data).different["state_days"]
    assert found.endswith(f".snapshots {REPORTS} /snapshot/forged: live 1, replayed nothing")


def test_a_record_that_is_gone(data: Path, command: Command) -> None:
    change(data / "log.db", "DELETE FROM records WHERE place = ?", place(data, REPORTS, 3))
    found = Verified(command, data).different
    assert "has a gap in rozana.in-mp.reports at offset" in found["offsets"]
    assert {"offsets", "state_days", "reports", "districts"} <= set(found)


def test_the_last_record_gone_is_a_shorter_log(data: Path, command: Command) -> None:
    change(data / "log.db", "DELETE FROM records WHERE place = ?", place(data, REPORTS, -1))
    found = Verified(command, data).different
    assert set(found) == {"state_days", "reports", "districts"}
    assert all(
        "acknowledged events are missing. Restore the newest backup of the log" in each for each in found.values()
    )


def test_a_report_that_was_rewritten(data: Path, command: Command) -> None:
    change(
        data / "log.db",
        "UPDATE records SET value = CAST(replace(CAST(value AS TEXT), '\"meetings\":', '\"meetings\":1') AS BLOB)"
        " WHERE CAST(value AS TEXT) LIKE '%\"meetings\":%'",
    )
    found = Verified(command, data).different
    assert {"hashes", "reports"} <= set(found)
    assert "the body of" in found["hashes"]
    assert found["hashes"].endswith("(and 1 more)")
    assert "/activities/meetings: live" in found["reports"]


def test_an_alert_that_was_rewritten(data: Path, command: Command) -> None:
    change(
        data / "log.db",
        "UPDATE records SET value = CAST(replace(CAST(value AS TEXT), '\"level\":1', '\"level\":2') AS BLOB)"
        " WHERE place = ?",
        place(data, ALERTS, 0),
    )
    found = Verified(command, data).different
    assert list(found) == ["alerts"]
    assert "/level: live 1, replayed 2" in found["alerts"]


def test_a_record_that_nobody_can_read_any_more(data: Path, command: Command) -> None:
    change(data / "log.db", "UPDATE records SET value = x'00' WHERE place = ?", place(data, REPORTS, 1))
    found = Verified(command, data).different
    assert found["records"].startswith(f"{REPORTS}/1: cannot be read and is no dead letter (")


def test_one_that_nobody_has_met_yet_is_no_difference(data: Path, command: Command) -> None:
    append(data, REPORTS, BROKEN["null"], of_type("rozana.tea.served.v1"))
    verified = Verified(command, data)
    assert verified.different == {}
    assert "1 not read yet, and unreadable, 1 of unknown type" in verified.checks["records"]


def test_a_version_of_tomorrow_and_a_stranger_among_the_dead(data: Path, command: Command) -> None:
    append(data, REPORTS, of_type("rozana.report.filed.v9"))
    append(data, "rozana.dead-letters", BROKEN["null"])
    found = Verified(command, data).different["records"]
    assert "rozana.dead-letters/1: cannot be read" in found or "not 9: update this service" in found
    assert found.endswith("(and 1 more)")


def test_a_dead_letter_of_other_bytes(data: Path, command: Command) -> None:
    change(data / "log.db", "UPDATE records SET value = x'00' WHERE value = ?", POISON.value)
    found = Verified(command, data).different
    assert found["records"].endswith("its dead letter holds other bytes")


def test_a_copy_of_an_alert_is_counted_once(data: Path, command: Command) -> None:
    """It may stand in the log where an append of unknown outcome was made again."""
    first, last = place(data, ALERTS, 0), place(data, ALERTS, -1)
    copy = "INSERT INTO records SELECT ?, appended_at, head, value FROM records WHERE place = ?"
    change(data / "log.db", copy, last + 1, first)
    verified = Verified(command, data)
    assert verified.different == {}
    assert "1 copies, counted once" in verified.checks["raised_once"]


def test_an_alert_that_says_two_things(data: Path, command: Command) -> None:
    first, last = place(data, ALERTS, 0), place(data, ALERTS, -1)
    higher = """CAST(replace(CAST(value AS TEXT), '"level":1', '"level":2') AS BLOB)"""
    copy = f"INSERT INTO records SELECT ?, appended_at, head, {higher} FROM records WHERE place = ?"
    change(data / "log.db", copy, last + 1, first)
    found = Verified(command, data).different
    assert "stands in the stream twice, and says two things" in found["raised_once"]


def test_an_alert_that_is_raised_twice(data: Path, command: Command) -> None:
    first, last = place(data, ALERTS, 0), place(data, ALERTS, -1)
    connection = apsw.Connection(str(data / "log.db"))
    head = connection.execute("SELECT head FROM records WHERE place = ?", (first,)).get
    value = connection.execute("SELECT value FROM records WHERE place = ?", (first,)).get
    connection.close()
    start = head.index(b"1.0\x1f") + 4  # the id comes second
    other = head[:start] + named("another event").encode() + head[start + 36 :]
    change(data / "log.db", "INSERT INTO records VALUES (?, 0, ?, ?)", last + 1, other, value)
    found = Verified(command, data).different
    assert found["raised_once"].startswith(f"{ALERTS}/{last + 1 - place(data, ALERTS, 0)}: alert ")
    assert found["raised_once"].endswith("is raised twice")


def test_an_id_with_two_bodies_is_a_conflict_where_it_is_ignored(data: Path, command: Command) -> None:
    said = filed("guna", DAY, f"{DAY}T20:00", known_as="twice")
    other = saying(said, summary="other")
    append(data, REPORTS, record_of(said), record_of(said), record_of(other))
    verified = Verified(command, data)
    assert verified.different == {}
    assert verified.checks["ids"].endswith("1 conflicts, ignored")


def test_how_many_grievances_there_are_is_not_told(data: Path, command: Command) -> None:
    """Asked twice, it would say that a state has just had one."""
    before = Verified(command, data, "--state", STATE)
    said = GrievanceRaised(
        state=STATE, district="in-mp.guna", grievance_id=named("new"), category="conduct", severity=Severity.LOW
    )
    event = Event(named("new"), "urn:x", JUDGED.replace(hour=0, minute=0, second=0, microsecond=0), said)
    append(data, GRIEVANCES, NewRecord(event.subject, *encode(event)))
    after = Verified(command, data, "--state", STATE)
    assert after.different == {}
    assert after.out == before.out
    assert after.checks["grievance_alerts"].endswith("how many is not told")


def test_and_is_named_where_both_count(data: Path, command: Command) -> None:
    said = [
        Event(
            named("twice"),
            "urn:x",
            JUDGED,
            GrievanceRaised(
                state=STATE,
                district="in-mp.guna",
                grievance_id=named(category),
                category=category,
                severity=Severity.LOW,
            ),
        )
        for category in ("money", "conduct")
    ]
    append(data, GRIEVANCES, *(NewRecord(each.subject, *encode(each)) for each in said))
    found = Verified(command, data).different
    assert found["ids"].endswith(f"id {named('twice')} has another body than before, and counts")


def test_where_there_is_nothing_it_says_so(tmp_path: Path, command: Command) -> None:
    code, out, told = command("verify", ROZANA_DATA=str(tmp_path / "none"))
    assert (code, out) == (1, "")
    assert "log.db does not exist" in one_line(told)


def test_the_first_difference_is_a_pointer_and_two_values() -> None:
    assert first_difference({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}) is None
    assert first_difference({"a/b": {"~": 1}}, {"a/b": {"~": 2}}) == "/a~1b/~0: live 1, replayed 2"
    assert first_difference({"a": [1]}, {"a": [1, 2]}) == "/a/1: live nothing, replayed 2"
    assert first_difference({"a": 1}, {}) == "/a: live 1, replayed nothing"
    assert first_difference({"a": True}, {"a": 1}) == "/a: live true, replayed 1"
    assert first_difference(None, {}) == "/: live null, replayed {}"
    told = first_difference("x" * 1000, "")
    assert told is not None
    assert len(told) < 300
    assert told.endswith('..., replayed ""')


def test_a_check_tells_the_first_thing_that_is_wrong() -> None:
    check = Check("offsets")
    assert check.line() == "offsets            ok         nothing to look at"
    check.count("streams")
    check.count("records", 3)
    assert check.line() == "offsets            ok         1 streams, 3 records"
    check.wrong("a gap")
    check.wrong("another")
    assert check.line() == "offsets            DIFFERENT  a gap (and 1 more)"
