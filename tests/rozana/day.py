"""A folder after a day's work: two districts have reported, three were silent, one record is a dead letter."""

import asyncio
from pathlib import Path

import apsw

from libs.events.streams import stream_name
from libs.runtime.clock import ManualClock
from libs.runtime.log import NewRecord
from libs.runtime.log_sqlite import open_log
from libs.runtime.store_sqlite import open_store
from rozana.client import Client
from rozana.compose import opened
from rozana.demo.cast import STATE
from rozana.process import start_up
from rozana.upkeep import PROJECTIONS
from rozana.verify.projections import folded_to
from services.notifier.outbox import OUTBOX
from tests.e2e.running import DISTRICTS, Office, cast, day_is_told, settings_of, until
from tests.e2e.test_dead_letters import POISON, poisoned
from tests.e2e.test_restart import EVENING, JUDGED, clock


async def a_days_work(data: Path) -> None:
    up = await start_up(data, settings=clock(EVENING))
    async with Client(up.url) as client:
        office = Office(data, client)
        await office.import_roster(cast())
        for district in DISTRICTS[2:4]:
            await office.file(district)
    assert await up.stop() == 0
    await poisoned(data, [POISON])
    up = await start_up(data, settings=clock(JUDGED))
    async with Client(up.url) as client:
        office = Office(data, client)

        async def told() -> bool:
            return len(await office.alerts(rule="missed-report")) == 3

        await until(told)

        async def delivered() -> bool:
            store = open_store(data / "store.db", read_only=True)
            waiting = await store.find(OUTBOX, {"status": ("due", "claimed")})
            await store.close()
            return not waiting

        await until(delivered)
        await until(lambda: kept(data))
    assert await up.stop() == 0


async def kept(data: Path) -> bool:
    """Whether the day's digest is in the log, and all of the log in the snapshots."""
    reports = stream_name("reports", STATE)
    async with opened(settings_of(data), read_only=True) as adapters:
        folded = await folded_to(adapters.store, list(PROJECTIONS.values()), [STATE])
        return await day_is_told(data) and folded[reports] == await adapters.log.end(reports)


def change(file: Path, statement: str, *values: str | int | bytes) -> None:
    """As somebody who has the file and no scruples."""
    with apsw.Connection(str(file)) as connection:
        connection.execute(statement, values)
        assert connection.total_changes() > 0
    connection.close()


def place(data: Path, stream: str, offset: int) -> int:
    """The row of a record; -1 is the last."""
    connection = apsw.Connection(str(data / "log.db"))
    first = connection.execute("SELECT id << 40 FROM streams WHERE name = ?", (stream,)).get
    last = connection.execute("SELECT max(place) FROM records WHERE place < ? + (1 << 40)", (first,)).get
    connection.close()
    return int(first) + offset if offset >= 0 else int(last)


async def write(data: Path, stream: str, *records: NewRecord) -> None:
    log = open_log(data / "log.db", ManualClock(JUDGED))
    await log.append(stream, records)
    await log.close()


def append(data: Path, stream: str, *records: NewRecord) -> None:
    asyncio.run(write(data, stream, *records))
