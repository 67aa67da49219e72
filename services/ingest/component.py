"""How ingest is put together."""

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Never

from libs.events.reports import FormName
from libs.events.streams import stream_name
from libs.runtime.clock import Clock
from libs.runtime.component import Component
from libs.runtime.consumer import consume
from libs.runtime.errors import Unavailable
from libs.runtime.gauges import look_after_gauges
from libs.runtime.health import Health
from libs.runtime.log import EventLog
from libs.runtime.telemetry import Metrics
from services.ingest.allowance import Allowance
from services.ingest.api import routes
from services.ingest.api_cases import add_case_routes
from services.ingest.api_grievances import add_grievance_routes
from services.ingest.forgetting import forget
from services.ingest.grievance_desk import Desk, Sealing
from services.ingest.heartbeat import Pace, live
from services.ingest.index import Index
from services.ingest.intake import Intake

TIDY_SECONDS = 6 * 60 * 60
"""Of real time. Kafka throws away what was erased only when something is written behind it."""


def build(
    *,
    log: EventLog,
    clock: Clock,
    states: Sequence[str],
    forms: Sequence[FormName],
    health: Health,
    metrics: Metrics,
    sealing: Sealing = Sealing(),  # noqa: B008 -- immutable
    speed: float = 1.0,
) -> Component:
    """The routes of ingest, and its loops: they feed its index from the log, give signs of life, erase what has
    outlived its policy's days, and let erased keys disappear.

    `forms`: those that are taken. `sealing`: what it takes to take sealed texts. `speed`: that of the clock.
    """
    index = Index(states)
    health.register("ingest index", lambda: index.positions.lag(log))

    async def follow() -> Never:
        # Without dead letters: the index keeps no position, and would report the same records at each start.
        await index.look_ahead(log)
        await consume("ingest", log, index.positions, index, metrics=metrics, skim=index.skim)

    async def tidy() -> Never:
        while True:
            if sealing.kept is not None:
                for state in states:
                    with contextlib.suppress(Unavailable):  # the next time will do
                        await sealing.kept.tidy(stream_name("grievance-keys", state))
            await asyncio.sleep(TIDY_SECONDS)

    intake = Intake(log, index, metrics, kept=sealing.kept)
    router = routes(intake, clock, metrics, forms)
    desk = Desk(intake, log, clock, sealing)
    add_grievance_routes(router, desk, Allowance(), metrics)
    add_case_routes(router, desk)
    look = partial(look_after_gauges, "ingest", log, {"ingest": index.positions}, metrics)
    beat = partial(live, log, clock, index.positions, Pace(speed))
    return Component("ingest", router, [follow, look, tidy, partial(forget, desk), beat])
