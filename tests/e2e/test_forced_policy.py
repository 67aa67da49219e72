"""A bad policy that got into the log past ingest stops the judging of its own state, loudly, and of no other."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from prometheus_client.parser import text_string_to_metric_families

from libs.events.codec import encode
from libs.events.system import RecordSetAside
from libs.events.values import EventData
from libs.runtime.log import NewRecord
from rozana.client import Client
from rozana.demo.cast import STATE
from rozana.process import LOG_FILE, start_up
from rozana.roster import posted
from tests.duty.events import STREAM, holiday, policy
from tests.e2e.running import DAY, DISTRICTS, Office, cast, recorded, until
from tests.e2e.test_dead_letters import poisoned
from tests.e2e.test_restart import EVENING, JUDGED, clock
from tests.rozana.command import rozana

OTHER = "in-rj"
SETTINGS = {"ROZANA_STATES": f"{STATE},{OTHER}"}
NEXT_DAY = (DAY + timedelta(days=1)).isoformat()


def _saying(data: EventData, **changed: object) -> NewRecord:
    """What only somebody with the log's password can write: these members as no model takes them."""
    whole = replace(policy(), data=data, time=EVENING)
    headers, value = encode(whole)
    return NewRecord(STATE, headers, json.dumps(json.loads(value) | changed).encode())


def _forced() -> list[NewRecord]:
    rules = policy(version=2, effective_from="2026-11-24").data
    return [
        _saying(rules, effective_from="2026-02-31"),
        _saying(holiday(DAY).data, day="2026-02-31"),
        _saying(rules, tz="Mars/Olympus_Mons"),
        _saying(rules, ladder=[1, 7, 3]),
        NewRecord(STATE, *encode(replace(policy(version=3), time=datetime.max.replace(tzinfo=UTC)))),
    ]


def _elsewhere(data: EventData) -> EventData:
    """The same of the other state."""
    moved = json.loads(data.model_dump_json().replace(STATE, OTHER))
    return type(data).model_validate_json(
        json.dumps(moved | ({"tenure_id": str(uuid4())} if "tenure_id" in moved else {}))
    )


async def test_a_bad_policy_in_the_log_stops_only_its_state_and_loudly(tmp_path: Path) -> None:
    up = await start_up(tmp_path, settings=clock(EVENING) | SETTINGS)
    async with Client(up.url) as client:
        office = Office(tmp_path, client)
        await office.import_roster(cast())
        answers = await client.post_events([posted(_elsewhere(data)) for data in cast()], office.token("pcc", OTHER))
        assert {answer.status for answer in answers} == {202}
    assert await up.stop() == 0
    forced, first = _forced(), len(await recorded(tmp_path, STREAM))
    await poisoned(tmp_path, forced)
    offsets = range(first, first + len(forced))

    up = await start_up(tmp_path, settings=clock(JUDGED + timedelta(hours=1)) | SETTINGS)
    async with Client(up.url) as client:
        office = Office(tmp_path, client)

        async def judged() -> bool:
            boards = [await _board(office, state, DAY.isoformat()) for state in (STATE, OTHER)]
            return all(board["closed"] for board in boards) and len(await _missed(office, OTHER)) == len(DISTRICTS)

        await until(judged)
        assert {each["subject"] for each in await _missed(office, OTHER)} == {
            district.replace(STATE, OTHER) for district in DISTRICTS
        }
        assert await office.alerts() == []  # of this one nobody is reminded either
        board = await _board(office, STATE, DAY.isoformat())
        assert {(each["status"], each["unread"]) for each in board["districts"]} == {("unknown", True)}
        nation = await client.get(f"/v1/nation/days/{DAY}", office.token("aicc", "in"))
        assert nation["counts"]["missed"] == nation["counts"]["unknown"] == len(DISTRICTS)

        lines = [json.loads(line) for line in (tmp_path / LOG_FILE).read_text().splitlines() if line.startswith("{")]
        loud = {(each["stream"], each["offset"]) for each in lines if each["level"] == "error"}
        assert loud == {(STREAM, offset) for offset in offsets}
        assert await _unread(up.url) == {STATE: len(forced), OTHER: 0}
        code, out, _ = await rozana("doctor", ROZANA_DATA=str(tmp_path), ROZANA_URL=up.url, **SETTINGS, COLUMNS="200")
        assert code == 1
        (line,) = [each for each in out.splitlines() if each.startswith("wrong  in-")]
        assert f"{STATE} is unknown and not judged" in line
        assert ", ".join(map(str, offsets)) in line

        await office.file(DISTRICTS[0], DAY + timedelta(days=1))  # what is unknown can still be reported
        await _set_aside(office, offsets)

        async def owed_again() -> bool:
            found = {each["status"] for each in (await _board(office, STATE, NEXT_DAY))["districts"]}
            return found == {"pending", "on_time"} and await _unread(up.url) == {STATE: 0, OTHER: 0}

        await until(owed_again)
        assert await office.alerts() == []

        async def nothing_to_be_done() -> bool:
            """Once the snapshot is kept that the doctor looks at."""
            _, out, _ = await rozana("doctor", ROZANA_DATA=str(tmp_path), ROZANA_URL=up.url, **SETTINGS, COLUMNS="200")
            return f"{len(offsets)} of reports cannot be read" in out and "dead-letters)" not in out

        await until(nothing_to_be_done)
    assert await up.stop() == 0


async def _board(office: Office, state: str, day: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await office.client.get(f"/v1/states/{state}/days/{day}", office.token("pcc", state))
    return found


async def _missed(office: Office, state: str) -> Sequence[Mapping[str, Any]]:
    found = await office.client.get("/v1/alerts", office.token("pcc", state), state=state, rule="missed-report")
    items: Sequence[Mapping[str, Any]] = found["items"]
    return items


async def _unread(url: str) -> Mapping[str, float]:
    async with httpx.AsyncClient(base_url=url) as client:
        page = (await client.get("/metrics")).text
    families = text_string_to_metric_families(page)
    return {
        each.labels["state"]: each.value
        for family in families
        for each in family.samples
        if each.name == "rozana_unread_records"
    }


async def _set_aside(office: Office, offsets: Sequence[int]) -> None:
    said = [RecordSetAside(state=STATE, offset=offset, reason="forced by hand", by="Operator") for offset in offsets]
    answers = await office.client.post_events([posted(data) for data in said], office.token("operator", "in"))
    assert {answer.status for answer in answers} == {202}
