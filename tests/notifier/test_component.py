"""The notifier put together: an evening by its own clock, readiness, a restart, a lost store."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from libs.events.alerts import Rule, alert_id
from libs.runtime.errors import LogMismatch
from libs.runtime.health import Health
from services.notifier.alerts import PROJECTIONS
from services.notifier.outbox import OUTBOX
from tests.duty.events import added, appointed, clock_reached, code, filed, instant, policy
from tests.notifier.office import Office, office
from tests.notifier.world import ALERTS, clocks_of, read, running, until

ROSTER = [policy(), *(each for name in ("guna", "datia") for each in (added(name), appointed(name)))]


async def test_an_evening_by_its_own_clock(tmp_path: Path) -> None:
    """Nobody but the timekeeper says that it is midnight; the channel hears of it; a late report takes it back."""
    async with office(tmp_path, ROSTER, keep_time=True) as place:
        for moment in ("2026-11-23T19:00:05", "2026-11-24T00:00:05"):
            place.clock.advance_to(instant(moment))

            async def said(moment: str = moment) -> bool:
                return bool(await clocks_of(place.log, moment[:16]))

            await until(said)
        await place.shows(4)
        await place.write([filed("guna", "2026-11-23", "2026-11-24T00:40")])
        [over] = await place.shows(1, "status=resolved&rule=missed-report")
        assert over["alert_id"] == alert_id(Rule.MISSED_REPORT, code("guna"), "2026-11-23", 1)

        async def delivered() -> bool:
            lines = [line for line in place.lines.getvalue().splitlines() if "alert delivered" in line]
            return any("missed-report" in line and "in-mp.datia" in line for line in lines)

        await until(delivered)


async def test_it_is_ready_when_all_is_read(tmp_path: Path) -> None:
    async with office(tmp_path, [*ROSTER, clock_reached("2026-11-24T00:00")]) as place:
        names = {"notifier watcher", "notifier alerts", "notifier grievance_alerts"}
        names |= {f"notifier {OUTBOX} of {kind}" for kind in PROJECTIONS}
        assert set(await place.health.failing()) <= names
        await until(partial(ready, place))


async def test_started_again_with_its_store_or_without_it_raises_nothing(tmp_path: Path) -> None:
    async with office(tmp_path, [*ROSTER, clock_reached("2026-11-24T00:00")]) as place:
        before = await place.shows(4)
        events = len(await read(place.log, ALERTS))
    async with office(tmp_path) as place:
        assert await place.shows(4) == before
    (tmp_path / "store.db").unlink()
    async with office(tmp_path) as place:
        assert await place.shows(4) == before
        assert len(await read(place.log, ALERTS)) == events


async def test_another_log_beside_the_store_ends_it(tmp_path: Path) -> None:
    """A loop that ends takes the process with it, and says why in a line."""
    async with office(tmp_path, [*ROSTER, clock_reached("2026-11-24T00:00")]) as place:
        await place.shows(4)

        async def kept() -> bool:
            return bool(await place.store.ids("alerts.v2.0.snapshots"))

        await until(kept)
    (tmp_path / "log.db").unlink()
    with pytest.raises(LogMismatch, match="another log"):
        async with office(tmp_path):
            await asyncio.Event().wait()


async def test_a_component_without_a_timekeeper_keeps_no_time(tmp_path: Path) -> None:
    async with office(tmp_path, ROSTER) as place:
        place.clock.advance_to(instant("2026-11-24T12:00"))
        await place.write([filed("guna", "2026-11-24", "2026-11-24T12:00")])
        await until(partial(ready, place))
        assert await clocks_of(place.log) == []
        place.health = Health()
        async with running(*place.component(keep_time=True).background):
            await until(partial(has_clocks, place))


async def has_clocks(place: Office) -> bool:
    return bool(await clocks_of(place.log))


async def ready(place: Office) -> bool:
    return not await place.health.failing()
