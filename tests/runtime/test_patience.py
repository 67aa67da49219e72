"""Log and store with patience: the contracts still hold, a request is told at once, a loop is told when it is over."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.runtime.clock import SystemClock
from libs.runtime.errors import Unavailable
from libs.runtime.log_sqlite import open_log
from libs.runtime.membership import fence
from libs.runtime.patience import PatientLog, PatientStore, in_loop
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import configure_logging, get_logger
from tests.contracts.log_contract import LogContract, record
from tests.contracts.sqlite_files import write_lock
from tests.contracts.store_contract import StoreContract, doc
from tests.runtime.given import Given

LOGGER = get_logger("test")


class TestPatientLog(LogContract):
    @pytest.fixture
    async def log(self, tmp_path: Path) -> AsyncIterator[PatientLog]:
        log = PatientLog(open_log(tmp_path / "log", SystemClock()), LOGGER)
        yield log
        await log.close()


class TestPatientStore(StoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[PatientStore]:
        store = PatientStore(open_store(tmp_path / "store"), LOGGER)
        yield store
        await store.close()


async def test_a_loop_goes_on_when_the_outage_is_over_and_says_so_once(tmp_path: Path) -> None:
    configure_logging(lines := io.StringIO())
    path = tmp_path / "store"
    store = PatientStore(open_store(path), get_logger("test"))
    written: list[bool] = []

    async def loop() -> None:
        written.extend(await store.put("days", [doc("a")]))

    with write_lock(path):  # another program holds the file: every write is Unavailable after a while
        with pytest.raises(Unavailable):
            await store.put("days", [doc("b")])
        looping = asyncio.create_task(in_loop(loop)())
        async with asyncio.timeout(60):
            while "waiting for the store" not in lines.getvalue():  # noqa: ASYNC110 -- a log line wakes nobody
                await asyncio.sleep(0.01)
        assert not looping.done()
    await looping
    assert written == [True]
    said = [json.loads(line)["event"] for line in lines.getvalue().splitlines()]
    assert said == ["waiting for the store", "the store answers again"]
    await store.close()


async def test_what_is_wrong_for_good_is_not_tried_again(tmp_path: Path) -> None:
    log = PatientLog(open_log(tmp_path / "log", SystemClock()), LOGGER)

    async def loop() -> None:
        await log.append("\ud800", [record()])

    with pytest.raises(ValueError, match="surrogates"):
        await in_loop(loop)()
    await log.close()


async def test_an_append_of_a_state_waits_until_the_state_is_surely_ours_and_asks_each_time(tmp_path: Path) -> None:
    configure_logging(lines := io.StringIO())
    log = PatientLog(open_log(tmp_path / "log", SystemClock()), get_logger("test"))
    given = Given()

    async def loop() -> None:
        await log.append("rozana.in-mp.alerts", [record()])

    token = fence.set(lambda: given.sure("in-mp"))
    appending = asyncio.create_task(in_loop(loop)())
    fence.reset(token)
    async with asyncio.timeout(60):
        while "not sure of in-mp" not in lines.getvalue():  # noqa: ASYNC110 -- a log line wakes nobody
            await asyncio.sleep(0.01)
    assert await log.end("rozana.in-mp.alerts") == 0
    await log.append("rozana.in-mp.reports", [record()])  # a request's: nobody asks whose state it is
    given.give("in-mp")
    await appending
    assert await log.end("rozana.in-mp.alerts") == 1
    await log.close()
