"""The aggregator, put together: one loop a projection, and the routes that read what they write."""

from collections.abc import Sequence
from functools import partial

from libs.events.streams import stream_name
from libs.runtime.clock import Clock
from libs.runtime.component import Component
from libs.runtime.consumer import Batch
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.gauges import look_after_gauges
from libs.runtime.health import Health
from libs.runtime.log import EventLog
from libs.runtime.positions import Positions
from libs.runtime.store import DocumentStore
from libs.runtime.telemetry import Logger, Metrics
from services.aggregator.api import routes
from services.aggregator.as_of import Replays
from services.aggregator.changes import SLOW_SECONDS, Changes
from services.aggregator.projections.state_days import STATE_DAYS
from services.aggregator.projector import PROJECTIONS, project
from services.aggregator.reading import Reading
from services.aggregator.standing import Standing


def build(
    *,
    log: EventLog,
    store: DocumentStore,
    clock: Clock,
    states: Sequence[str],
    health: Health,
    metrics: Metrics,
    logger: Logger,
    slow_seconds: float = SLOW_SECONDS,
) -> Component:
    """Registers one readiness check a projection. The loops raise LogMismatch and StartRefused when they begin.

    slow_seconds: how long a reader of changes may take nothing before it is dropped.
    """
    dead_letters = DeadLetters(log, clock, metrics, logger)
    positions = {
        projection.name: Positions(stream_name(projection.kind, state) for state in states)
        for projection in PROJECTIONS
    }
    for name, reached in positions.items():
        health.register(name, partial(reached.lag, log))
    changes = Changes(log, positions[STATE_DAYS.name], states, metrics, slow_seconds=slow_seconds)
    reading = Reading(store, clock)
    standing = Standing(reading, clock, states, metrics)

    def told(batch: Batch) -> None:
        changes.told(batch)
        standing.told(batch)

    return Component(
        "aggregator",
        routes(reading, Replays(log), changes, states),
        [
            *(
                partial(
                    project,
                    projection,
                    log,
                    store,
                    positions[projection.name],
                    told=told if projection is STATE_DAYS else None,
                    dead_letters=dead_letters,
                    metrics=metrics,
                )
                for projection in PROJECTIONS
            ),
            partial(look_after_gauges, "aggregator", log, positions, metrics, standing.look),
        ],
    )
