"""`rozana rebuild` on Kafka and MongoDB's protocol while ingest, two aggregators and the notifier work and answer."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest

from libs.runtime.keys import demo_keys
from libs.runtime.settings import load_settings
from libs.runtime.telemetry import get_logger
from rozana.backup import restore
from rozana.client import Client
from rozana.compose import opened
from rozana.demo.cast import STATE
from rozana.states import state_codes
from rozana.upkeep import PROJECTIONS, projections_hash, rebuild, stream_ends
from tests.e2e.running import DISTRICTS, MORNING, Office, cast, settings_of, until
from tests.e2e.test_connected import TOPICS, service, topics
from tests.rozana.command import rozana
from tests.servers.kafka import Kafka
from tests.servers.mongo import Mongo

pytestmark = pytest.mark.connected
LINES = 5
"""Projections, a line each."""
PACE = 0.03
"""Seconds between two reports, and between two rounds of questions: the machine has other things to do."""


@dataclass
class Traffic:
    """What was acknowledged, and the offset of each answer, by what was asked; of one reader and one writer."""

    today: date
    reports: list[str] = field(default_factory=list)
    seen: dict[str, list[int]] = field(default_factory=dict)
    rounds: int = 0


@contextlib.asynccontextmanager
async def traffic(
    today: date, office: Office, members: Mapping[str, Client], notifier: Client
) -> AsyncIterator[Traffic]:
    """Reports come all the time; whoever reads asks one member after the other, as behind a balancer."""
    made = Traffic(today)
    stopping = asyncio.Event()
    token = office.token("aicc", "in")

    async def write() -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            receipt = await office.file(DISTRICTS[number % len(DISTRICTS)], today, f"copy {number}")
            made.reports.append(str(receipt["id"]))
            await asyncio.sleep(PACE)

    async def read() -> None:
        while not stopping.is_set():
            for path in (f"/v1/states/{STATE}/days/{today}", f"/v1/districts/{DISTRICTS[0]}"):
                for member in members.values():
                    answer = await member.get(path, token)  # raises unless it is a 200
                    if "counts" in answer:
                        assert answer["counts"]["expected"] == len(DISTRICTS)
                    made.seen.setdefault(path, []).append(answer["as_of"]["offset"])
            await notifier.get("/v1/alerts", token, state=STATE)
            made.rounds += 1
            await asyncio.sleep(PACE)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        group.create_task(read())
        yield made
        stopping.set()
    for path, offsets in made.seen.items():
        assert offsets == sorted(offsets), path


@pytest.mark.timeout(600)
async def test_a_rebuild_beside_all_services_loses_nothing_and_no_answer_goes_back(
    tmp_path: Path, kafka: Kafka, mongo: Mongo
) -> None:
    database = uuid4().hex
    settings = {
        "ROZANA_DATA": str(tmp_path), "ROZANA_STATES": STATE,
        "ROZANA_LOG": kafka.url, "ROZANA_STORE": f"{mongo.url}/{database}",
    }  # fmt: skip
    demo_keys(tmp_path)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(topics(kafka, own_clock=False))

        async def started(name: str, member: str = "") -> Client:
            run = service(name, tmp_path, kafka, mongo, database=database, member=member)
            return await stack.enter_async_context(Client(await stack.enter_async_context(run)))

        office = Office(tmp_path, await started("ingest"))
        members = {member: await started("aggregator", member) for member in ("1", "2")}
        notifier = await started("notifier")
        await office.import_roster(cast(tz=MORNING.key))
        today = (await office.now()).astimezone(MORNING).date()
        token = office.token("aicc", "in")

        async def answers() -> bool:
            counted = await members["1"].http.get(
                f"/v1/states/{STATE}/days/{today}", headers=members["1"].headers(token)
            )
            return counted.status_code == 200 and counted.json()["counts"]["expected"] == len(DISTRICTS)

        await office.file(DISTRICTS[0], today)
        await until(answers)
        async with traffic(today, office, members, notifier) as made:
            await _killed_after_its_first_line(settings)
            code, out, told = await rozana("rebuild", **settings)
            assert (code, out.count("  the same\n")) == (0, LINES), out + told
            rounds = made.rounds
            await until(lambda: _is(made.rounds > rounds + 3))

            code, out, _ = await rozana("rebuild", "state_days", "--back", **settings)
            assert (code, out.endswith("is live again\n")) == (0, True)
            rounds = made.rounds
            await until(lambda: _is(made.rounds > rounds + 3))
        assert len(made.reports) > 100

        async def shown() -> bool:
            last = await members["2"].http.get(f"/v1/reports/{made.reports[-1]}", headers=members["2"].headers(token))
            return last.status_code == 200

        await until(shown)
        for identifier in made.reports[::10]:
            await members["1"].get(f"/v1/reports/{identifier}", token)
        code, out, told = await rozana("verify", **settings)
        assert code == 0, out + told
        await _doctor_finds_nothing(settings | {"ROZANA_URL": members["1"].url})
        await _comes_back_in_files(tmp_path, settings)
    said = {each: (tmp_path / f"{each}.jsonl").read_text() for each in ("aggregator1", "aggregator2", "notifier")}
    moved = {each for each, lines in said.items() if "go on from what the store says now" in lines}
    assert "notifier" in moved
    assert len(moved) >= 2  # of two aggregators, one works for the state


async def _is(condition: object) -> bool:
    return bool(condition)


async def _killed_after_its_first_line(settings: Mapping[str, str]) -> None:
    """SIGKILL, somewhere in the second projection."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ROZANA_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rozana", "rebuild"),
        env={**kept, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        assert b"  the same\n" in await process.stdout.readline()
    finally:
        process.kill()
        await process.wait()


async def _doctor_finds_nothing(settings: dict[str, str]) -> None:
    code, out, told = await rozana("doctor", **settings, COLUMNS="200")
    assert (code, out.splitlines()[-1], told) == (0, "nothing is wrong", ""), out
    rows = [" ".join(row.replace("│", " ").split()) for row in out.splitlines()]
    count = len(TOPICS)
    for row in (
        f"topics right {count} of {count}, with 1 copies each",
        "documents state_days at the end of every stream",
    ):
        assert row in rows


async def _comes_back_in_files(folder: Path, settings: Mapping[str, str]) -> None:
    """A copy of Kafka's streams is a log of the embedded system: the same ends, and the same documents out of it."""
    copy, anew = folder / "copies" / "log.db", folder / "anew"
    code, out, told = await rozana("backup", str(copy), **settings)
    assert (code, told) == (0, "")
    assert [each.name for each in copy.parent.iterdir()] == ["log.db"]
    assert out == f"log    {copy}  {copy.stat().st_size} bytes of 1 states, whole and checked\n"
    restore(settings_of(anew), {"log": copy})
    await rebuild(settings_of(anew), list(PROJECTIONS), logger=get_logger("test"))
    async with opened(load_settings(settings, state_codes())) as servers, opened(settings_of(anew)) as files:
        assert await stream_ends(files, [STATE]) == await stream_ends(servers, [STATE])
        assert await projections_hash(files.store) == await projections_hash(servers.store)
        for stream in TOPICS:
            assert await files.log.read(stream, 0) == await servers.log.read(stream, 0)
