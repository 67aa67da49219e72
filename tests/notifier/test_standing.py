"""What is open and what waits, as the metrics say it: of grievances no state and no hour."""

import asyncio
from pathlib import Path

from libs.events.alerts import AlertSnoozed
from libs.runtime.telemetry import Metrics
from services.notifier.standing import Standing
from tests.duty.events import instant
from tests.notifier.stories import grievance
from tests.notifier.test_delivery import EVENING, LATE, PostOffice, Wire, post_office
from tests.notifier.world import write


class Seen:
    """What is shown after a look."""

    def __init__(self, place: PostOffice) -> None:
        self.metrics = Metrics()
        self._standing = Standing(place.store, place.state.clock, place.positions, ["wire"], self.metrics)

    async def open(self, rule: str) -> float | None:
        await self._standing.look()
        return self.metrics.registry.get_sample_value("rozana_alerts_open", {"rule": rule, "level": "1"})

    async def age(self) -> float | None:
        await self._standing.look()
        return self.metrics.registry.get_sample_value("rozana_outbox_age_seconds")


async def test_open_is_what_is_not_resolved(tmp_path: Path) -> None:
    async with post_office(tmp_path, Wire()) as place:
        seen = Seen(place)
        assert await seen.open("missed-report") == 2
        await place.say(AlertSnoozed, "guna", until="2026-11-25T08:00")
        assert await seen.open("missed-report") == 2
        place.state.clock.advance_to(LATE.time)
        await write(place.state.log, LATE)
        async with place.state.notifier(keep_time=False):
            await place.fold()
        assert await seen.open("missed-report") == 1


async def test_a_grievance_counts_when_its_day_is_over(tmp_path: Path) -> None:
    async with post_office(tmp_path, Wire(), events=[*EVENING, grievance("g", "guna", "2026-11-23")]) as place:
        seen = Seen(place)
        assert await seen.open("grievance-raised") is None
        assert await seen.age() == 5, "not that of the grievance, which would be its whole day"
        place.state.clock.advance_to(instant("2026-11-24T05:31"))
        assert await seen.open("grievance-raised") == 1


async def test_the_age_is_that_of_the_oldest_which_may_go_out(tmp_path: Path) -> None:
    async with post_office(tmp_path, Wire()) as place:
        seen = Seen(place)
        place.state.clock.advance_to(instant("2026-11-24T00:10"))
        assert await seen.age() == 600
        await place.sweep()
        assert await seen.age() == 0


async def test_every_outcome_of_a_delivery_is_there_from_the_start(tmp_path: Path) -> None:
    async with post_office(tmp_path, Wire()) as place:
        labels = {"channel": "wire", "outcome": "parked"}
        assert Seen(place).metrics.registry.get_sample_value("rozana_deliveries_total", labels) == 0


async def test_a_state_that_goes_while_another_is_counted_is_counted_no_more(tmp_path: Path) -> None:
    """Whoever owns it now counts it."""
    async with post_office(tmp_path, Wire()) as place:
        alerts = place.positions["alerts"]
        alerts.add(["rozana.in-rj.alerts"])
        seen = Seen(place)
        looking = asyncio.ensure_future(seen.open("missed-report"))
        await asyncio.sleep(0)
        alerts.remove(["rozana.in-rj.alerts"])
        assert await looking == 2
        alerts.remove(["rozana.in-mp.alerts"])
        assert await seen.open("missed-report") == 0
