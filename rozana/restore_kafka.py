"""A copy of a log put back into Kafka: the same offsets, times, keys, headers and bytes, in topics that hold nothing.

Brokers stamp what is appended. So the topics take the writer's time while they are filled, and then the broker's again.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from libs.events.streams import erasable
from libs.runtime.clock import ManualClock, SystemClock
from libs.runtime.erasable_sqlite import open_erasable
from libs.runtime.errors import RozanaError, StartRefused
from libs.runtime.log import EventLog, NewRecord, Record
from libs.runtime.log_sqlite import open_log
from libs.runtime.log_sqlite_export import ends_in
from libs.runtime.settings import Settings
from libs.runtime.sqlite_copy import copy_database
from libs.runtime.topics import differences, streams_of, topics
from rozana.compose import DATABASES, kept, opened_log, opened_topics

AT_ONCE = 10
"""Records of one append: so many are never more than a batch holds."""
STREAMS_AT_ONCE = 8


async def restore_to_kafka(settings: Settings, log: Path | None, keys: Path | None) -> None:
    """Wants the services stopped, and rights on the topics. Raises StartRefused, WrongDatabase, Unavailable before
    anything is written; RozanaError when the topics are not what the copy is: then they are to be made anew.
    """
    with TemporaryDirectory(prefix="rozana-") as own:
        copies = {name: Path(own) / f"{name}.db" for name in ("log", "keys")}
        for name, file in (("log", log), ("keys", keys)):
            if file is not None:
                copy_database(file, copies[name], DATABASES[name])
        if log is not None:
            count = await _put_back(settings, copies["log"])
            print(f"log    {settings.log}  {count} records, each compared with the copy", flush=True)
        if keys is not None:
            count = await _put_back_keys(settings, copies["keys"])
            print(f"keys   {settings.log}  {count} keys", flush=True)


async def _put_back(settings: Settings, copy: Path) -> int:
    ends = ends_in(copy)
    if unnamed := sorted(ends.keys() - set(streams_of(settings.states))):
        raise StartRefused(f"the copy holds {', '.join(unnamed[:3])}: name all of its states in ROZANA_STATES")
    here = open_log(copy, SystemClock(), read_only=True)
    try:
        await _nothing_there(settings)
        turns = asyncio.Semaphore(STREAMS_AT_ONCE)

        async def fill(stream: str, end: int) -> None:
            async with turns:
                await _fill(settings, here, stream, end)

        async with _stamped_by_writer(settings, ends), asyncio.TaskGroup() as filling:
            for stream, end in ends.items():
                filling.create_task(fill(stream, end))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    finally:
        await here.close()
    return sum(ends.values())


async def _nothing_there(settings: Settings) -> None:
    async with opened_log(settings) as there:
        for stream in streams_of(settings.states):
            if not erasable(stream) and (end := await there.end(stream)):
                raise StartRefused(
                    f"{stream} holds {end} records, and nothing is put behind them: stop the services, delete the"
                    " topics, and make them anew (`rozana topics apply`)"
                )


@asynccontextmanager
async def _stamped_by_writer(settings: Settings, streams: Collection[str]) -> AsyncIterator[None]:
    async def set_so(*, own_clock: bool) -> None:
        wanted = [
            each
            for each in topics(settings.states, settings.kafka_replication, own_clock=own_clock)
            if each.name in streams
        ]
        async with opened_topics(settings) as admin:
            found = await admin.found([each.name for each in wanted])
            if altered := differences(wanted, found).alter:
                await admin.alter(altered, found)

    await set_so(own_clock=True)
    try:
        yield
    finally:
        await set_so(own_clock=settings.own_clock)


async def _fill(settings: Settings, here: EventLog, stream: str, end: int) -> None:
    """Raises RozanaError when what stands there then is not the copy."""
    (first,) = await here.read(stream, 0, max_records=1)
    clock = ManualClock(first.appended_at)
    async with opened_log(settings, clock) as there:
        position = 0
        while position < end:
            records = await here.read(stream, position)
            for appended_at, together in groupby(records, key=lambda record: record.appended_at):
                clock.advance_to(appended_at)
                await _append(there, stream, list(together))
            if list(await there.read(stream, position, max_records=len(records))) != list(records):
                raise _spoilt(stream)
            position += len(records)


async def _append(there: EventLog, stream: str, records: Sequence[Record]) -> None:
    for at in range(0, len(records), AT_ONCE):
        some = records[at : at + AT_ONCE]
        stored = await there.append(stream, [NewRecord(each.key, each.headers, each.value) for each in some])
        if stored[0].offset != some[0].offset:
            raise _spoilt(stream)


def _spoilt(stream: str) -> RozanaError:
    return RozanaError(
        f"{stream} is not what the copy holds: something else writes there. Stop the services, delete the topics, make"
        " them anew (`rozana topics apply`), and restore again"
    )


async def _put_back_keys(settings: Settings, copy: Path) -> int:
    here, there = open_erasable(copy), kept(settings, SystemClock())
    count = 0
    try:
        for stream in filter(erasable, streams_of(settings.states)):
            for key, value in (await here.all(stream)).items():
                await there.put(stream, key, value)
                count += 1
    finally:
        await there.close()
        await here.close()
    return count
