"""Two aggregators on one log and one store: each answers for every state, whoever folds it, while states move."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.aggregator.following import following
from tests.aggregator.test_changes import BEGINNING, CHANGES, reports
from tests.aggregator.world import PATIENCE, World, world
from tests.runtime.given import Given


@dataclass
class Two:
    one: World
    other: World
    of_one: Given
    of_other: Given

    async def move(self) -> None:
        """The state goes from the one to the other, or back."""
        owner, taker = (self.of_one, self.of_other) if "in-mp" in self.of_one.owned else (self.of_other, self.of_one)
        owner.give()
        taker.give("in-mp")

    @property
    def owner(self) -> World:
        return self.one if "in-mp" in self.of_one.owned else self.other


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    """The first one folds in-mp, the second one nothing."""
    async with world(tmp_path) as base:
        given = Given("in-mp"), Given()
        one, other = (World(base.log, base.store, base.clock, base.keys, membership=each) for each in given)
        async with one.running(), other.running():
            await one.told(*BEGINNING)
            yield Two(one, other, *given)


async def test_who_does_not_fold_a_state_answers_for_it_and_is_ready(two: Two) -> None:
    await two.one.kept()
    boards = [(await each.get("/v1/states/in-mp/days/2026-11-23")).json() for each in (two.one, two.other)]
    assert boards[0] == boards[1]
    assert await two.other.health.failing() == {}
    assert (
        two.other.metrics.registry.get_sample_value(
            "rozana_consumer_position", {"consumer": "state_days", "stream": "rozana.in-mp.reports"}
        )
        is None
    )


async def test_the_changes_of_a_state_that_is_folded_elsewhere_come_when_the_store_holds_them(two: Two) -> None:
    async with following(two.other, f"{CHANGES}?after=0") as client:
        assert await client.until(2) == [1, 2]
        await two.one.told(*reports(0, 150))
        assert await client.until(152) == list(range(1, 153))


async def test_no_change_is_lost_or_comes_twice_while_a_state_moves_to_and_fro(two: Two) -> None:
    async with following(two.one, CHANGES) as one, following(two.other, CHANGES) as other:
        for part in range(6):
            await two.owner.write(*reports(part * 10, 7))
            if part % 2:
                await two.move()
        end = await two.one.log.end("rozana.in-mp.reports")
        for client in (one, other):
            assert await client.until(42) == list(range(3, end))


async def test_a_state_that_goes_takes_its_numbers_along(two: Two) -> None:
    def shown(made: World) -> set[str]:
        return {
            sample.name
            for family in made.metrics.registry.collect()
            for sample in family.samples
            if sample.labels.get("stream", "").startswith("rozana.in-mp") or sample.labels.get("state") == "in-mp"
        }

    await two.one.folded()
    assert {"rozana_consumer_position", "rozana_state_owned"} <= shown(two.one)
    await two.move()
    async with asyncio.timeout(PATIENCE):
        while "rozana_state_owned" not in shown(two.other):  # noqa: ASYNC110 -- metrics tell nobody
            await asyncio.sleep(0.01)
    with contextlib.suppress(TimeoutError):
        assert not {"rozana_consumer_position", "rozana_state_owned"} & shown(two.one)
