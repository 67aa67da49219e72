"""The aggregator, put together: one loop a state, and the routes that read what they write."""

from collections.abc import Sequence
from functools import partial

from libs.events.streams import stream_name
from libs.runtime.batch import Batch
from libs.runtime.clock import Clock
from libs.runtime.component import Background, Component
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.gauges import look_after_gauges
from libs.runtime.health import Health
from libs.runtime.log import EventLog
from libs.runtime.membership import Alone, Membership
from libs.runtime.pointer import Lease
from libs.runtime.positions import Positions
from libs.runtime.shares import Shares
from libs.runtime.store import DocumentStore
from libs.runtime.telemetry import Logger, Metrics
from services.aggregator.api import routes
from services.aggregator.as_of import Replays
from services.aggregator.changes import SLOW_SECONDS, Changes
from services.aggregator.projections.state_days import STATE_DAYS
from services.aggregator.projector import PROJECTIONS, project, turns
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
    membership: Membership | None = None,
    slow_seconds: float = SLOW_SECONDS,
) -> Component:
    """Registers one readiness check a projection. The loops raise LogMismatch and StartRefused when they begin.

    membership: which states are folded here, all of them unless said otherwise; any state is answered for.
    slow_seconds: how long a reader of changes may take nothing before it is dropped.
    """
    dead_letters = DeadLetters(log, clock, metrics, logger)
    positions = {projection.name: Positions() for projection in PROJECTIONS}
    leases = {projection.name: Lease(store, projection) for projection in PROJECTIONS}
    for name, reached in positions.items():
        health.register(name, partial(reached.lag, log))
    reading = Reading(store, clock)
    changes = Changes(log, positions[STATE_DAYS.name], states, reading.reached, metrics, slow_seconds=slow_seconds)
    standing = Standing(reading, clock, metrics)
    turn_of = turns()

    def told(batch: Batch) -> None:
        changes.told(batch)
        standing.told(batch)

    def fold(state: str) -> list[Background]:
        for projection in PROJECTIONS:
            positions[projection.name].add([stream_name(projection.kind, state)])
        return [
            partial(
                project,
                PROJECTIONS,
                log,
                store,
                positions,
                state,
                leases=leases,
                told=told,
                dead_letters=dead_letters,
                metrics=metrics,
                logger=logger,
                turn_of=turn_of,
            )
        ]

    shares = Shares("aggregator", membership or Alone(states), fold, positions.values(), metrics=metrics, logger=logger)
    health.register("aggregator states", shares.trouble)
    look = partial(look_after_gauges, "aggregator", log, positions, metrics, lambda: standing.look(shares.states))
    return Component("aggregator", routes(reading, Replays(log), changes, states), [shares.run, look, changes.run])
