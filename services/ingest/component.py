"""How ingest is put together."""

from collections.abc import Sequence
from functools import partial
from typing import Never

from libs.events.reports import FormName
from libs.runtime.clock import Clock
from libs.runtime.component import Component
from libs.runtime.consumer import consume
from libs.runtime.gauges import look_after_gauges
from libs.runtime.health import Health
from libs.runtime.log import EventLog
from libs.runtime.telemetry import Metrics
from services.ingest.api import routes
from services.ingest.index import Index
from services.ingest.intake import Intake


def build(
    *,
    log: EventLog,
    clock: Clock,
    states: Sequence[str],
    forms: Sequence[FormName],
    health: Health,
    metrics: Metrics,
) -> Component:
    """The routes of ingest, and the loop that feeds its index from the log. `forms`: those that are taken."""
    index = Index(states)
    health.register("ingest index", lambda: index.positions.lag(log))

    async def follow() -> Never:
        # Without dead letters: the index keeps no position, and would report the same records at each start.
        await index.look_ahead(log)
        await consume("ingest", log, index.positions, index, metrics=metrics, skim=index.skim)

    look = partial(look_after_gauges, "ingest", log, {"ingest": index.positions}, metrics)
    return Component("ingest", routes(Intake(log, index, metrics), clock, metrics, forms), [follow, look])
