"""A state's loops come and go together; what is wrong with one state's streams stops it, loudly, and no other."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager

import pytest

from libs.runtime.component import Background
from libs.runtime.errors import ReadStopped, Unavailable
from libs.runtime.membership import Alone, Membership, fence
from libs.runtime.positions import Positions
from libs.runtime.service import BackgroundEnded
from libs.runtime.shares import Shares
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from tests.runtime.given import Given

PATIENCE = 10.0
ONE, OTHER = "in-mp", "in-rj"


class Work:
    """Two loops a state, that do nothing until one is told to fail; and what has become of them."""

    def __init__(self, membership: Membership) -> None:
        self.running: list[str] = []
        self.fails: dict[str, asyncio.Future[None]] = {}
        self.fences: dict[str, AbstractContextManager[None]] = {}
        self.positions = Positions()
        self.metrics, self.lines = Metrics(), io.StringIO()
        configure_logging(self.lines)
        self.moved = asyncio.Event()
        self.shares = Shares(
            "aggregator", membership, self.loops, [self.positions], metrics=self.metrics, logger=get_logger("test")
        )

    def loops(self, state: str) -> Sequence[Background]:
        self.positions.add([f"rozana.{state}.reports"])
        self.fails[state] = asyncio.get_running_loop().create_future()

        async def one() -> None:
            found = fence.get()
            assert found is not None
            self.fences[state] = found()
            self.running.append(state)
            self.moved.set()
            try:
                await self.fails[state]
            finally:
                self.running.remove(state)
                self.moved.set()

        async def other() -> None:
            await asyncio.Event().wait()

        return [other, one]

    async def until(self, *running: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.running != list(running):
                self.moved.clear()
                await self.moved.wait()

    def shown(self, gauge: str) -> set[str]:
        found = self.metrics.registry.collect()
        return {
            sample.labels["state"]
            for family in found
            for sample in family.samples
            if sample.name == f"rozana_state_{gauge}" and sample.value
        }


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 -- what is waited for tells nobody
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def running(work: Work) -> AsyncIterator["asyncio.Task[None]"]:
    task: asyncio.Task[None] = asyncio.create_task(work.shares.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_state_that_comes_is_begun_and_one_that_goes_is_ended_before_another_begins() -> None:
    given = Given(ONE)
    work = Work(given)
    assert work.shares.trouble() == "has not been given its states"
    async with running(work):
        await work.until(ONE)
        assert (work.shares.trouble(), work.shown("owned")) == (None, {ONE})
        assert work.shares.states == {ONE}
        given.give(OTHER)
        await work.until(OTHER)
        assert work.positions.streams == (f"rozana.{OTHER}.reports",)
        assert work.shown("owned") == {OTHER}
        given.give()
        await work.until()
        await until(lambda: not work.positions.streams)
        assert work.shares.trouble() is None
        given.give(ONE, OTHER)
        await work.until(ONE, OTHER)
    assert (work.running, given.left, work.shown("owned")) == ([], True, set())
    assert work.shares.trouble() == "has not been given its states"


async def test_each_loop_of_a_state_appends_through_the_fence_of_its_state() -> None:
    given = Given(ONE, OTHER)
    work = Work(given)
    async with running(work):
        await work.until(ONE, OTHER)
        given.owned = frozenset([ONE])
        with work.fences[ONE]:
            pass
        with pytest.raises(Unavailable, match=OTHER), work.fences[OTHER]:
            pass


async def test_a_state_that_cannot_be_read_is_stopped_alone_and_loudly_until_it_goes() -> None:
    given = Given(ONE, OTHER)
    work = Work(given)
    async with running(work) as task:
        await work.until(ONE, OTHER)
        work.fails[ONE].set_exception(ReadStopped("the log has a gap"))
        await work.until(OTHER)
        await until(lambda: work.shares.trouble() is not None)
        given.give(ONE, OTHER, "in-ka")  # it is not begun again
        await work.until(OTHER, "in-ka")
        assert work.shares.trouble() == "in-mp is stopped: the log has a gap"
        assert (work.shown("stopped"), task.done()) == ({ONE}, False)
        [line] = [json.loads(line) for line in work.lines.getvalue().splitlines() if '"error"' in line]
        assert (line["event"], line["message"]) == ("a state is stopped; the others go on", "the log has a gap")
        given.give(OTHER)
        await work.until(OTHER)
        await until(lambda: work.shares.trouble() is None)
        assert work.shown("stopped") == set()


@pytest.mark.parametrize("error", [ReadStopped("the log has a gap"), ValueError("a bug"), None])
async def test_where_one_member_is_alone_any_error_ends_the_process(error: Exception | None) -> None:
    work = Work(Alone([ONE, OTHER]))
    async with running(work) as task:
        await work.until(ONE, OTHER)
        if error is None:
            work.fails[ONE].set_result(None)
        else:
            work.fails[ONE].set_exception(error)
        with pytest.raises(BackgroundEnded if error is None else type(error)):
            await task
    assert work.running == []


async def test_a_bug_in_one_state_ends_the_process_for_all() -> None:
    work = Work(Given(ONE, OTHER))
    async with running(work) as task:
        await work.until(ONE, OTHER)
        work.fails[OTHER].set_exception(ValueError("a bug"))
        with pytest.raises(ValueError, match="a bug"):
            await task
    assert work.running == []
