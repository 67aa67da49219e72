"""How the days stand, as the metrics say it: of today and yesterday, and whether somebody should have judged."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.runtime.telemetry import Metrics
from services.aggregator.reading import Reading
from services.aggregator.standing import Standing
from tests.aggregator.world import STATES, World, world
from tests.duty.events import STREAM, added, appointed, clock_reached, filed, instant, policy

ON, NEXT = "2026-11-23", "2026-11-24"


class Seen:
    """What is shown after a look."""

    def __init__(self, made: World) -> None:
        self.metrics = Metrics()
        self.standing = Standing(Reading(made.store, made.clock), made.clock, self.metrics)

    async def look(self, made: World) -> None:
        """Once the snapshots say how far the boards are."""
        if await made.log.end(STREAM):
            await made.kept()
        await self.standing.look(STATES)

    def statuses(self, day: str) -> dict[str, float]:
        """Those of which there are any."""
        return {
            sample.labels["status"]: sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == "rozana_district_days" and sample.labels["day"] == day and sample.value
        }

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"rozana_{name}", {"state": "in-mp", **labels})


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made, made.running():
        yield made


async def test_a_state_appears_with_its_policy_and_a_day_with_its_date(live: World) -> None:
    seen = Seen(live)
    await seen.look(live)
    assert seen.value("judgement_overdue_seconds") is None
    await live.told(policy(effective_from=ON), added("guna"), appointed("guna"), added("bhind"))
    await seen.look(live)
    assert seen.statuses("today") == {"pending": 1, "excused": 1}
    assert seen.statuses("yesterday") == {}
    assert seen.value("completeness_denominator", day="today") == 1
    await live.told(filed("guna", ON, f"{ON}T20:45"))
    await seen.look(live)
    assert seen.statuses("today") == {"on_time": 1, "excused": 1}
    assert seen.value("completeness_numerator", day="today") == 1
    live.clock.advance_to(instant(f"{NEXT}T00:01"))
    await live.told(clock_reached(f"{NEXT}T00:00"))
    await seen.look(live)
    assert seen.statuses("yesterday") == {"on_time": 1, "excused": 1}
    assert seen.statuses("today") == {"pending": 1, "excused": 1}


async def test_a_day_that_nobody_judges_is_told_by_its_age(live: World) -> None:
    seen = Seen(live)
    await live.told(policy(effective_from=ON), added("guna"), appointed("guna"))
    await seen.look(live)
    assert seen.value("judgement_overdue_seconds") == 0
    live.clock.advance_to(instant(f"{NEXT}T00:10"))
    await seen.look(live)
    assert seen.value("judgement_overdue_seconds") == 600
    await live.told(clock_reached(f"{NEXT}T00:00", appended_at=f"{NEXT}T00:11"))
    await seen.look(live)
    assert seen.value("judgement_overdue_seconds") == 0


async def test_how_long_an_event_took_to_the_board_is_measured_once_it_came_in_here(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.write(policy(), added("guna"), appointed("guna"))
    async with world(tmp_path, now="2026-11-23T21:00") as made, made.running():
        await made.folded()
        assert count(made) == 0
        await made.told(filed("guna", ON, f"{ON}T21:01"))
        assert count(made) == 1


def count(made: World) -> float | None:
    return made.metrics.registry.get_sample_value("rozana_board_seconds_count")
