"""Poison never blocks, never vanishes, never accuses; and once the decoder is mended, the day is judged right."""

import io
import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from libs.events.codec import encode
from libs.events.envelope import Event, Recorded
from libs.events.streams import stream_name
from libs.runtime.batch import Batch, Checkpoint, Item, Unreadable, event_id
from libs.runtime.clock import ManualClock
from libs.runtime.dead_letters import MOST_IN_A_ROW, DeadLetters
from libs.runtime.log import NewRecord, Record
from libs.runtime.log_sqlite import open_log
from libs.runtime.pointer import open_collection
from libs.runtime.projector import Projector
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from rozana import upkeep
from rozana.client import Client
from rozana.demo.cast import STATE
from rozana.process import start_up
from services.aggregator.projector import PROJECTIONS
from services.notifier.watcher import Watcher
from tests.duty.events import STREAM, added, appointed, clock_reached, filed, instant, policy, reviewed
from tests.e2e.running import DAY, Office, cast, until
from tests.e2e.test_restart import EVENING, JUDGED, clock
from tests.rozana.command import one_line, rozana
from tests.runtime.broken import BROKEN
from tests.runtime.streams import report

GUNA = "in-mp.guna"
POISON = BROKEN["every byte"]
OPTIONS = {"ROZANA_STATES": STATE}


async def poisoned(data: Path, records: Sequence[NewRecord], at: datetime = EVENING) -> None:
    log = open_log(data / "log.db", ManualClock(at + timedelta(minutes=1)))
    await log.append(STREAM, records)
    await log.close()


async def test_a_district_with_a_dead_letter_is_unknown_and_never_accused(tmp_path: Path) -> None:
    up = await start_up(tmp_path, settings=clock(EVENING))
    async with Client(up.url) as client:
        await Office(tmp_path, client).import_roster(cast())
    assert await up.stop() == 0
    await poisoned(tmp_path, [POISON])

    up = await start_up(tmp_path, settings=clock(JUDGED + timedelta(hours=1)))
    async with Client(up.url) as client:
        office = Office(tmp_path, client)

        async def judged() -> bool:
            return len(await office.alerts(rule="missed-report")) == 5

        await until(judged)
        assert GUNA not in {alert["subject"] for alert in await office.alerts()}
        statuses = await _statuses(office)
        assert statuses.pop(GUNA) == "unknown"
        assert set(statuses.values()) == {"missed"}

        code, out, told = await rozana("dead-letters", "list", ROZANA_DATA=str(tmp_path))  # beside it
        (line,) = out.splitlines()
        assert code == 0
        assert line.split()[:3] == [STREAM, str(_offset(line)), GUNA]
        assert "unreadable" in line
        assert told.strip() == "1 dead letters; 0 of them can be read now"
        code, out, _ = await rozana(
            *("dead-letters", "show", STREAM, str(_offset(line)), "--json"), ROZANA_DATA=str(tmp_path)
        )
        assert code == 0
        assert _record(json.loads(out)) == POISON

        code, out, told = await rozana("dead-letters", "replay", ROZANA_DATA=str(tmp_path), **OPTIONS)
        assert code == 1
        assert f"is in use by process {up.process.pid}" in one_line(told)

        await office.file(GUNA)  # whoever is unknown may still report
        assert (await _statuses(office))[GUNA] != "missed"
    assert await up.stop() == 0


async def _statuses(office: Office, day: str = DAY.isoformat()) -> dict[str, str]:
    board = await office.client.get(f"/v1/states/{STATE}/days/{day}", office.token("pcc", STATE))
    return {each["district"]: each["status"] for each in board["districts"]}


def _offset(line: str) -> int:
    return int(line.split()[1])


def _record(shown: Mapping[str, Any]) -> NewRecord:
    headers = tuple((name, b64decode(value)) for name, value in shown["headers"])
    return NewRecord(shown["key"], headers, b64decode(shown["value"]))


# -- the decoder is mended ---------------------------------------------------------------------------------------------

FIRST_DAY, SECOND_DAY = "2026-11-23", "2026-11-24"
ROSTER = (
    policy(),
    *(each for name in ("guna", "bhind", "damoh") for each in (added(name), appointed(name))),
)
FILED = filed("guna", FIRST_DAY, f"{FIRST_DAY}T20:00")
JUDGEMENT = clock_reached("2026-11-24T00:00")
NEXT_DAY = (
    *(filed(name, SECOND_DAY, f"{SECOND_DAY}T20:00") for name in ("guna", "bhind")),
    clock_reached("2026-11-25T00:00"),
)


async def folded_by_an_older_program(data: Path, said: Sequence[Event], unreadable: Event) -> None:
    """What stands in the folder after a program whose decoder could not read one of these."""
    configure_logging(io.StringIO())
    log_clock = ManualClock(instant("2026-11-22T09:00"))
    log, store = open_log(data / "log.db", log_clock), open_store(data / "store.db")
    items: list[Item] = []
    records: list[Record] = []
    logger, metrics = get_logger("older"), Metrics()
    for event in said:
        log_clock.advance_to(event.time)
        records += await log.append(STREAM, [NewRecord(event.subject, *encode(event))])
        last = records[-1]
        if event is unreadable:
            await DeadLetters(log, log_clock, metrics, logger).record(last, "a fault of the older program")
            items.append(Unreadable(STREAM, last.offset, last.key, last.appended_at))
        else:
            items.append(Recorded(event, STREAM, last.offset, last.appended_at))
    batch = Batch(STREAM, items, Checkpoint(records[-1].offset, event_id(records[-1]), await log.identity()))
    for projection in PROJECTIONS:
        projector = Projector(projection, store, await open_collection(store, projection))
        await projector.checkpoint(STREAM)
        await projector.fold(batch)
        await projector.keep()
    await Watcher(log, log_clock, [STATE], metrics=metrics, logger=logger).fold(batch)
    await log.close()
    await store.close()


async def board_and_alerts(data: Path, day: str) -> tuple[Mapping[str, str], set[tuple[str, str, str]]]:
    """The statuses of a day, and the misses that are open, as `rozana up` answers them."""
    up = await start_up(data, settings=clock(instant("2026-11-25T00:10")))
    async with Client(up.url) as client:
        office = Office(data, client)
        statuses = await _statuses(office, day)
        missed = await office.alerts(rule="missed-report")
    assert await up.stop() == 0
    return statuses, {(each["subject"], each["period"], each["status"]) for each in missed}


async def replayed(data: Path) -> list[str]:
    code, out, told = await rozana("dead-letters", "replay", ROZANA_DATA=str(data), **OPTIONS)
    assert code == 0, told
    return out.splitlines()


async def test_a_mended_decoder_judges_the_day_right(tmp_path: Path) -> None:
    await folded_by_an_older_program(tmp_path, [*ROSTER, FILED, JUDGEMENT], FILED)
    before, alerts = await board_and_alerts(tmp_path, FIRST_DAY)
    assert before == {GUNA: "unknown", "in-mp.bhind": "missed", "in-mp.damoh": "missed"}

    code, _, told = await rozana("dead-letters", "list", ROZANA_DATA=str(tmp_path))
    assert code == 0
    assert told.startswith("1 dead letters; 1 of them can be read now: `rozana dead-letters replay` folds it")
    ends = await _ends(tmp_path)
    said = await replayed(tmp_path)
    assert said[0] == "replaying in-mp"
    assert [line.split()[0] for line in said[1:]] == list(upkeep.PROJECTIONS)
    assert await _ends(tmp_path) == ends

    after, same = await board_and_alerts(tmp_path, FIRST_DAY)
    assert after == {GUNA: "on_time", "in-mp.bhind": "missed", "in-mp.damoh": "missed"}
    assert same == alerts  # nobody is told anything twice, or anything wrong


REVIEW = reviewed("damoh", FILED.id, at=f"{FIRST_DAY}T20:30")
"""Unreadable, it holds Damoh's day; read, it says nothing of it."""


async def test_a_miss_that_comes_out_by_replaying_is_alerted_while_the_notifier_has_said_nothing_later(
    tmp_path: Path,
) -> None:
    await folded_by_an_older_program(tmp_path, [*ROSTER, REVIEW, JUDGEMENT], REVIEW)
    await replayed(tmp_path)
    statuses, alerts = await board_and_alerts(tmp_path, FIRST_DAY)
    assert statuses["in-mp.damoh"] == "missed"
    assert ("in-mp.damoh", FIRST_DAY, "open") in alerts


async def test_later_it_stands_on_the_board_alone(tmp_path: Path) -> None:
    await folded_by_an_older_program(tmp_path, [*ROSTER, REVIEW, JUDGEMENT, *NEXT_DAY], REVIEW)
    await replayed(tmp_path)
    statuses, alerts = await board_and_alerts(tmp_path, FIRST_DAY)
    assert statuses["in-mp.damoh"] == "missed"
    assert {subject for subject, period, _ in alerts if period == FIRST_DAY} == {GUNA, "in-mp.bhind"}
    assert ("in-mp.damoh", SECOND_DAY, "open") in alerts


async def _ends(data: Path) -> dict[str, int]:
    log = open_log(data / "log.db", ManualClock(EVENING), read_only=True)
    kinds = (stream_name(kind, STATE) for kind in ("reports", "alerts", "grievances"))
    found = {stream: await log.end(stream) for stream in (*kinds, DeadLetters.STREAM)}
    await log.close()
    return found


# -- too many of them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "told_of"),
    [
        ([POISON] * (MOST_IN_A_ROW + 1), "101 records in a row and 101 of the last 101 cannot be read"),
        ([each for n in range(101) for each in (report(n), POISON)], "101 of the last 202 cannot be read"),
    ],
)
async def test_too_many_stop_the_process_loudly(records: Sequence[NewRecord], told_of: str, tmp_path: Path) -> None:
    await poisoned(tmp_path, records)
    settings = OPTIONS | {"ROZANA_DATA": str(tmp_path), "ROZANA_PORT": "0"}
    for command in ("up", "rebuild"):
        code, _, told = await rozana(command, **settings)
        assert code == 1
        line = told.splitlines()[-1]
        assert told_of in line
        assert line.endswith("update this program, or see `rozana dead-letters list`")
    code, out, _ = await rozana("dead-letters", "list", ROZANA_DATA=str(tmp_path))
    assert (code, len(out.splitlines())) == (0, MOST_IN_A_ROW + 1)
