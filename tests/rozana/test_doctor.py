"""`rozana doctor`: whatever is wrong is said in a line, with what to do; and of grievances nothing is told."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from libs.events.envelope import Event
from libs.events.grievances import GrievanceRaised, Severity
from libs.events.streams import stream_name
from libs.runtime.pointer import POINTERS
from libs.runtime.settings import load_settings
from libs.runtime.store import Document
from libs.runtime.store_sqlite import open_store
from rozana.doctor.files import look_at_disk
from rozana.process import start_up
from rozana.states import state_codes
from services.notifier.outbox import OUTBOX
from tests.duty.events import named
from tests.e2e.test_restart import JUDGED, clock
from tests.rozana.command import rozana
from tests.rozana.conftest import Command
from tests.rozana.day import append, change, place
from tests.runtime.streams import record_of

NOWHERE = "http://127.0.0.1:9"
AT_NIGHT = {"ROZANA_STATES": "in-mp", "ROZANA_CLOCK_START": "2026-11-24T00:30:00+05:30", "COLUMNS": "200"}
"""Half an hour after the judgement: nothing is due."""


def examined(command: Command, data: Path, **settings: str) -> tuple[str, list[str]]:
    """The table, and what is wrong."""
    code, out, told = command("doctor", **(AT_NIGHT | {"ROZANA_DATA": str(data), "ROZANA_URL": NOWHERE} | settings))
    table, _, below = out.partition("\n\n")
    wrong = [line.removeprefix("wrong  ") for line in below.splitlines() if line.startswith("wrong  ")]
    assert told == ""
    assert code == (1 if wrong else 0)
    assert ("nothing is wrong" in below) == (not wrong)
    assert all("(docs/runbook.md#" in line for line in wrong)
    return table, wrong


def of(wrong: list[str], anchor: str) -> str:
    """The one line that leads to this place of the runbook."""
    (line,) = [line for line in wrong if line.endswith(f"(docs/runbook.md#{anchor})")]
    return line


def test_where_nothing_runs_it_says_so_and_looks_at_the_files(data: Path, command: Command) -> None:
    table, wrong = examined(command, data)
    assert [line.rpartition("#")[2] for line in wrong] == ["not-running)", "dead-letters)"]
    assert of(wrong, "not-running").startswith(f"{NOWHERE} does not answer: start `rozana up`")
    assert of(wrong, "dead-letters").startswith("in-mp.guna is unknown and not judged, for these records are unread: ")
    for told in ("rozana.in-mp.reports", "reached 2026-11-23T18:30:00Z, next ", "log.db", "MiB free", "ROZANA_STATES"):
        assert told in table


async def test_beside_a_running_system_it_asks_each_service(work: Path, tmp_path: Path) -> None:
    up = await start_up(tmp_path, settings=clock(JUDGED))
    settings = {"ROZANA_DATA": str(tmp_path), "ROZANA_URL": up.url, "COLUMNS": "200"}
    code, out, _ = await rozana("doctor", **settings)
    assert (code, out.splitlines()[-1]) == (0, "nothing is wrong")
    assert "live, its clock says 2026-11-2" in out
    assert "all of them" in out
    assert await up.stop() == 0


async def test_readers_that_are_at_the_end_are_told(data: Path) -> None:
    up = await start_up(data, settings=clock(JUDGED))
    code, out, _ = await rozana(
        "doctor", ROZANA_DATA=str(data), ROZANA_URL=up.url, ROZANA_STATES="in-mp", COLUMNS="200"
    )
    assert code == 1  # the dead letter
    (reports,) = [line for line in out.splitlines() if "rozana.in-mp.reports" in line]
    assert "all readers are at its end" in reports
    assert await up.stop() == 0


def test_a_store_that_is_missing_or_damaged(data: Path, command: Command) -> None:
    store = data / "store.db"
    store.write_bytes(b"this is no database" * 1000)
    assert "is not an SQLite database" in of(examined(command, data)[1], "store")
    store.unlink()
    table, wrong = examined(command, data)
    assert "does not exist: `rozana up` makes it from the log" in table
    assert "store" not in " ".join(wrong)


def test_a_log_that_is_missing_or_damaged(data: Path, command: Command) -> None:
    log = data / "log.db"
    whole = log.read_bytes()
    log.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    assert "the log cannot be read" in of(examined(command, data)[1], "log")
    log.unlink()
    assert f"{log} does not exist" in of(examined(command, data)[1], "log")


def test_a_store_of_another_version(data: Path, command: Command) -> None:
    async def older() -> None:
        store = open_store(data / "store.db")
        await store.drop(POINTERS)
        await store.put(POINTERS, [Document("state_days.v99", 0, {"projection_version": 99, "collection": "made"})])
        await store.close()

    asyncio.run(older())
    told = [line for line in examined(command, data)[1] if line.endswith("(docs/runbook.md#store)")]
    assert told
    assert all("or run `rozana rebuild`" in line for line in told)


def test_a_log_that_is_shorter_than_what_was_folded(data: Path, command: Command) -> None:
    change(data / "log.db", "DELETE FROM records WHERE place = ?", place(data, "rozana.in-mp.reports", -1))
    line = of(examined(command, data)[1], "log-mismatch")
    assert "acknowledged events are missing" in line
    assert "remove the store" in line


def test_a_day_past_its_deadline_that_nobody_has_judged(data: Path, command: Command) -> None:
    _, wrong = examined(command, data, ROZANA_CLOCK_START="2026-11-25T00:10:00+05:30")
    line = of(wrong, "not-judged")
    assert line.startswith("the clock of in-mp reached 2026-11-23T18:30:00Z, and should be at 2026-11-24T")


def test_deliveries_that_wait_and_that_are_parked(data: Path, command: Command) -> None:
    async def undelivered() -> None:
        store = open_store(data / "store.db")
        ids = await store.ids(OUTBOX)
        found = list((await store.get_many(OUTBOX, ids)).values())
        for document, status in zip(found, ("due", "parked", "parked"), strict=False):
            body = {**document.body, "status": status, "raised_at": "2026-11-23T15:30:00Z"}
            await store.put(OUTBOX, [Document(document.id, document.version + 1, body)])
        await store.close()

    asyncio.run(undelivered())
    _, wrong = examined(command, data)
    assert of(wrong, "deliveries-late").startswith("due 1 due, the oldest since 2026-11-23T15:30:00Z: ")
    assert of(wrong, "deliveries-parked").startswith("parked 2 deliveries: nobody is told of these")


def test_of_grievances_nothing_is_told(data: Path, command: Command) -> None:
    def but_for_sizes(table: str) -> list[str]:
        return [line for line in table.splitlines() if "MiB" not in line]

    before = but_for_sizes(examined(command, data)[0])
    raised = GrievanceRaised(
        state="in-mp", district="in-mp.guna", grievance_id=named("g"), category="money", severity=Severity.HIGH
    )
    append(data, stream_name("grievances", "in-mp"), record_of(Event(named("g"), "urn:x", JUDGED, raised)))
    assert but_for_sizes(examined(command, data)[0]) == before
    assert not any("in-mp.grievances" in line for line in before)


def test_a_full_disk(data: Path) -> None:
    settings = load_settings({"ROZANA_DATA": str(data)}, state_codes())
    assert look_at_disk(settings).lines == []
    (line,) = look_at_disk(settings, least_free=1 << 60).lines
    assert line.endswith("MiB free: make room: without it nothing is accepted (docs/runbook.md#disk)")


# -- what answers is not well ------------------------------------------------------------------------------------------


@contextmanager
def answering(answers: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    """A server that says these things, and its URL."""

    class Says(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_args: object) -> None:
            """Not to stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Says)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_service_that_is_not_ready_says_why(data: Path, command: Command) -> None:
    live = json.dumps({"status": "live", "now": "2026-11-23T19:00:00Z"})
    failing = json.dumps({"errors": [{"pointer": "", "detail": "ingest index: has not begun to read"}]})
    position = 'rozana_consumer_position{consumer="reports",stream="rozana.in-mp.reports"} 3.0\n'
    with answering({"/live": (200, live), "/ready": (503, failing), "/metrics": (200, position)}) as url:
        table, wrong = examined(command, data, ROZANA_URL=url)
    assert of(wrong, "not-ready").startswith("ingest index is not ready: has not begun to read: wait")
    assert "reports is " in table
    assert " behind" in table
    with answering({"/live": (200, live), "/ready": (500, "oops")}) as url:
        assert of(examined(command, data, ROZANA_URL=url)[1], "not-ready").startswith(
            "/ready is not ready: answered 500"
        )


def test_something_else_that_answers(data: Path, command: Command) -> None:
    with answering({"/live": (200, "<html>")}) as url:
        assert of(examined(command, data, ROZANA_URL=url)[1], "not-running").startswith(f"{url} is not Rozana")
