"""What is asked for meanwhile is asked for together."""

import asyncio
from collections.abc import Sequence

import pytest

from libs.runtime.errors import Unavailable
from libs.runtime.gathering import Gathering


class Line:
    """Answers with twice the number when it is let; below zero with an error, and with a bug at a thousand."""

    def __init__(self, most: int = 10) -> None:
        self.calls: list[Sequence[int]] = []
        self.let = asyncio.Event()
        self.let.set()
        self.called = asyncio.Event()
        self.gathering = Gathering(self._answer, most=most)

    async def _answer(self, asked: Sequence[int]) -> Sequence[int | Exception]:
        self.calls.append(asked)
        self.called.set()
        await self.let.wait()
        if 1000 in asked:
            raise ZeroDivisionError
        return [Unavailable(f"{each}") if each < 0 else 2 * each for each in asked]


async def test_what_is_asked_for_while_a_call_is_under_way_is_the_next_call() -> None:
    line = Line()
    line.let.clear()
    asking = [asyncio.ensure_future(line.gathering.ask(1))]
    await line.called.wait()
    asking += [asyncio.ensure_future(line.gathering.ask(each)) for each in (2, 3, 4)]
    await asyncio.sleep(0)
    line.let.set()
    assert await asyncio.gather(*asking) == [2, 4, 6, 8]
    assert line.calls == [[1], [2, 3, 4]]


async def test_a_call_is_not_made_of_more_than_it_may_be_unless_it_is_of_one() -> None:
    line = Line(most=5)
    asked = {1: 2, 2: 3, 3: 1, 4: 9, 5: 5}
    await asyncio.gather(*(line.gathering.ask(each, weight=weight) for each, weight in asked.items()))
    assert line.calls == [[1, 2], [3], [4], [5]]


async def test_an_error_is_for_whom_it_is_meant_and_to_each_his_own() -> None:
    line = Line()
    asked = (1, -1, 2, -1)
    found = await asyncio.gather(*(line.gathering.ask(each) for each in asked), return_exceptions=True)
    assert [each for each in found if isinstance(each, int)] == [2, 4]
    wrong = [each for each in found if isinstance(each, Unavailable)]
    assert list(map(str, wrong)) == ["-1", "-1"]
    assert wrong[0] is not wrong[1]


async def test_a_bug_is_for_all_that_were_in_the_call_and_the_next_one_is_made() -> None:
    line = Line()
    found = await asyncio.gather(line.gathering.ask(1), line.gathering.ask(1000), return_exceptions=True)
    assert [type(each) for each in found] == [RuntimeError] * 2
    assert await line.gathering.ask(3) == 6


async def test_who_has_given_up_before_is_not_asked_for() -> None:
    line = Line()
    line.let.clear()
    first, second, third = (asyncio.ensure_future(line.gathering.ask(each)) for each in (1, 2, 3))
    await asyncio.sleep(0)
    second.cancel()
    line.let.set()
    assert (await first, await third) == (2, 6)
    with pytest.raises(asyncio.CancelledError):
        await second
    assert 2 not in [each for call in line.calls for each in call]


async def test_finish_waits_for_what_nobody_waits_for() -> None:
    line = Line()
    line.let.clear()
    asking = asyncio.ensure_future(line.gathering.ask(1))
    await line.called.wait()
    asking.cancel()
    finishing = asyncio.ensure_future(line.gathering.finish())
    await asyncio.sleep(0.01)
    assert not finishing.done()
    line.let.set()
    await finishing
    await line.gathering.finish()  # nothing is left


async def test_where_the_loop_is_closed_nobody_is_left_waiting() -> None:
    line = Line()
    line.let.clear()
    asking = [asyncio.ensure_future(line.gathering.ask(each)) for each in (1, 2)]
    await line.called.wait()
    assert line.gathering._working is not None
    line.gathering._working.cancel()
    for each in asking:
        with pytest.raises(asyncio.CancelledError):
            await each
