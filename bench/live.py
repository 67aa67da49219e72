"""A running system: a report posted and seen, at 1,000 a second; a judgement or a grievance, and the alert it raises.

Open loop: each report has its instant, and its time counts from there, whatever became of those before it.
"""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from urllib.parse import urlsplit
from uuid import UUID

from bench.india import INDIA, ONE_DAY, India, write_log
from bench.load import open_loop, post
from bench.measure import Line, quantile
from libs.events.clock import ClockReached
from libs.events.codec import encode
from libs.events.envelope import Event
from libs.events.grievances import GrievanceRaised, Severity
from libs.events.streams import Kind, stream_name
from libs.runtime.auth import issue_demo_token
from libs.runtime.clock import ManualClock
from libs.runtime.health import Health
from libs.runtime.keys import demo_keys
from libs.runtime.log import EventLog, NewRecord
from libs.runtime.log_sqlite import open_log
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import Metrics, get_logger
from rozana.process import start_up
from services.notifier.component import build

PER_SECOND = 1000
CONNECTIONS = 64
LOG_FILE = "log.db"
PATIENCE = 60.0


def measure(folder: Path, *, quick: bool) -> list[Line]:
    for part in ("up", "watch"):
        (folder / part).mkdir()
    seen = asyncio.run(_posted_and_seen(folder / "up", 3 if quick else 10))
    judged, raised = asyncio.run(_said_and_raised(folder / "watch", 30 if quick else 120, 100 if quick else 400))
    return [
        seconds_line(f"report posted -> on the board, {PER_SECOND}/s", seen, 100),
        seconds_line("judgement appended -> its alerts appended", judged, 250),
        seconds_line("grievance appended -> its alert appended", raised, 250),
    ]


def seconds_line(what: str, seconds: list[float], budget: float | None = None) -> Line:
    """budget: milliseconds, of the slowest but one in a hundred; None where the number is told, not asked for."""
    p50, p99 = (quantile(seconds, share) * 1000 for share in (0.5, 0.99))
    measured = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms of {len(seconds):,}"
    return Line(what, measured) if budget is None else Line(what, measured, f"p99 < {budget:g} ms", p99 < budget)


async def _posted_and_seen(folder: Path, seconds: int) -> list[float]:
    """The stream of changes lets an event out once the board holds it: its arrival is the moment."""
    today = datetime.now(INDIA).date()
    india = India(states=12, districts=71, first=today, days=0)
    await write_log(folder / LOG_FILE, india)
    settings = {"ROZANA_LOG": f"sqlite:///{folder / LOG_FILE}", "ROZANA_RATE": "1000000/1000000"}
    up = await start_up(folder, settings=settings | {"ROZANA_STATES": ",".join(india.codes)})
    *others, core = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(up.process.pid, {core})
    os.sched_setaffinity(0, set(others or [core]))
    try:
        return await posted_and_seen(up.url, up.url, folder, india, seconds)
    finally:
        os.sched_setaffinity(0, {*others, core})
        await up.stop()


async def posted_and_seen(ingest: str, aggregator: str, data: Path, india: India, seconds: float) -> list[float]:
    """Of reports posted at PER_SECOND to one URL, the seconds until the other's streams of changes let each out.

    data: the folder with the demo's keys. India's first day is today; one report of each district comes before.
    """
    keys, draw = demo_keys(data), Random("live")
    places = [place for state in india.codes for place in india.places(state)]
    tokens = {district: issue_demo_token(keys, "president", district, tenure) for district, tenure in places}
    bodies = [
        (india.body(district, india.first, tenure, draw), tokens[district])
        for _ in range(2 + int(seconds * PER_SECOND) // len(places))
        for district, tenure in places
    ]
    warm, bodies = bodies[: len(places)], bodies[len(places) :][: int(seconds * PER_SECOND)]
    port, changes = (urlsplit(url).port or 0 for url in (ingest, aggregator))
    token = issue_demo_token(keys, "aicc", "in")
    arrived: dict[str, float] = {}
    async with asyncio.TaskGroup() as group:
        following = [group.create_task(_follow(changes, state, token, arrived)) for state in india.codes]
        await open_loop(port, [post("/v1/reports", *each) for each in warm], PER_SECOND / 4, CONNECTIONS)
        await _all_seen(arrived, [json.loads(body)["id"] for body, _ in warm])
        answers = await open_loop(port, [post("/v1/reports", *each) for each in bodies], PER_SECOND, CONNECTIONS)
        if set(answers.statuses) != {202}:
            raise RuntimeError(f"not all were taken: {answers.statuses}")
        ids = [json.loads(body)["id"] for body, _ in bodies]
        await _all_seen(arrived, ids)
        for task in following:
            task.cancel()
    return [arrived[each] - (answers.begun + n / PER_SECOND) for n, each in enumerate(ids)]


async def _all_seen(arrived: Mapping[str, float], ids: list[str]) -> None:
    async with asyncio.timeout(PATIENCE):
        while any(each not in arrived for each in ids):  # noqa: ASYNC110 -- another process, which cannot wake us
            await asyncio.sleep(0.05)


async def _follow(port: int, state: str, token: str, arrived: dict[str, float]) -> None:
    """Note when each event of the state's changes arrives."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET /v1/states/{state}/changes HTTP/1.1\r\nHost: rozana\r\nAuthorization: Bearer {token}\r\n\r\n"
    writer.write(request.encode())
    try:
        while line := await reader.readline():
            if line.startswith(b"data: {"):
                arrived[json.loads(line[6:])["id"]] = time.perf_counter()
        raise ConnectionError("the stream of changes ended")
    finally:
        writer.close()


async def _said_and_raised(folder: Path, days: int, grievances: int) -> tuple[list[float], list[float]]:
    """The notifier as it runs, and nobody but silence: 71 misses a day."""
    india = India(states=1, districts=71, first=date(2026, 1, 1), days=0)
    state = india.codes[0]
    await write_log(folder / LOG_FILE, india)
    clock = ManualClock(india.beginning)
    log = open_log(folder / LOG_FILE, clock)
    try:
        async with notifier(log, ManualClock(india.at(india.first + days * ONE_DAY, "09:00")), folder, [state]):
            judged = []
            for number in range(days):
                at = india.at(india.first + (number + 1) * ONE_DAY, "00:00")
                clock.advance_to(at + timedelta(seconds=6))
                event = Event(
                    str(UUID(int=number, version=5)), "urn:rozana:notifier", at, ClockReached(state=state, at=at)
                )
                judged.append(await _answered(log, state, "reports", event, "alerts", india.districts))
            raised = []
            for number in range(grievances):
                grievance_id = str(UUID(int=Random(number).getrandbits(128), version=4))
                data = GrievanceRaised(
                    state=state,
                    district=india.places(state)[number % india.districts][0],
                    grievance_id=grievance_id,
                    category="conduct",
                    severity=Severity.HIGH,
                )
                day = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
                event = Event(grievance_id, "urn:rozana:grievances", day, data)
                raised.append(await _answered(log, state, "grievances", event, "grievances", 2))
        return judged, raised
    finally:
        await log.close()


@contextlib.asynccontextmanager
async def notifier(
    log: EventLog, clock: ManualClock, folder: Path, states: Sequence[str], *, keep_time: bool = False
) -> AsyncIterator[None]:
    """All of it but the sending, until it has read what there is. `keep_time`: with the timekeeper."""
    health, logger = Health(), get_logger("bench")
    store = open_store(folder / "alerts.db")
    component = build(
        log=log,
        store=store,
        clock=clock,
        states=states,
        health=health,
        metrics=Metrics(),
        logger=logger,
        channels=[],
        keep_time=keep_time,
    )
    tasks = [asyncio.ensure_future(loop()) for loop in component.background]
    try:
        async with asyncio.timeout(PATIENCE):
            while await health.failing():  # noqa: ASYNC110 -- readiness is asked for, it tells nobody
                await asyncio.sleep(0.02)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await store.close()


async def _answered(log: EventLog, state: str, said: Kind, event: Event, heard: Kind, more: int) -> float:
    """Seconds from the acknowledged append until so many more records stand in the other stream."""
    source, target = (stream_name(kind, state) for kind in (said, heard))
    wanted = await log.end(target) + more
    async with log.reader({target: await log.end(target)}) as reader:
        await log.append(source, [NewRecord(event.subject, *encode(event))])
        started = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            while await log.end(target) < wanted:
                await reader.poll(timeout=1)
    return time.perf_counter() - started
