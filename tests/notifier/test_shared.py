"""Two notifiers on one log and one store: alerts are raised once, and any of them answers and acknowledges."""

from collections import Counter
from pathlib import Path

from libs.events.alerts import AlertRaised
from libs.runtime.clock import ManualClock
from libs.runtime.log_sqlite import open_log
from libs.runtime.store_sqlite import open_store
from tests.duty.events import added, appointed, clock_reached, instant, policy
from tests.notifier.office import Office
from tests.notifier.world import ALERTS, read, running
from tests.runtime.given import Given

ROSTER = [policy(), *(each for name in ("guna", "datia") for each in (added(name), appointed(name)))]


async def test_alerts_are_raised_once_though_the_state_moves_and_any_member_acknowledges(tmp_path: Path) -> None:
    clock = ManualClock(instant("2026-11-22T08:00"))
    log, store = open_log(tmp_path / "log.db", clock), open_store(tmp_path / "store.db")
    given = Given("in-mp"), Given()
    places = [Office(tmp_path, log, store, clock) for _ in given]
    components = [place.component(membership=each) for place, each in zip(places, given, strict=True)]
    try:
        for place, component in zip(places, components, strict=True):
            place.serve(component)
        async with running(*(loop for component in components for loop in component.background)):
            await places[0].write(ROSTER)
            await places[0].write([clock_reached("2026-11-24T00:00")])
            [first, *_] = await places[1].shows(4)
            given[0].give()
            given[1].give("in-mp")
            await places[1].write([clock_reached("2026-11-25T00:00")])
            await places[0].shows(8)
            answer = await places[0].ask(f"/v1/alerts/{first['alert_id']}/acknowledge", post={"note": "seen"})
            assert (answer.status_code, answer.json()["status"]) == (200, "acknowledged")
            raised = [each for each in await read(log, ALERTS) if isinstance(each.event.data, AlertRaised)]
            assert Counter(each.event.id for each in raised).most_common(1)[0][1] == 1
    finally:
        await log.close()
        await store.close()
