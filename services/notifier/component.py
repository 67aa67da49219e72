"""The notifier, put together: what watches, what keeps the time, what delivers, and what answers."""

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Never

from fastapi import APIRouter

from libs.events.streams import Kind, stream_name
from libs.runtime.clock import Clock
from libs.runtime.component import Background, Component
from libs.runtime.consumer import consume
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.errors import Reopen
from libs.runtime.gauges import look_after_gauges
from libs.runtime.health import Health
from libs.runtime.log import EventLog
from libs.runtime.membership import Alone, Membership
from libs.runtime.pointer import Lease
from libs.runtime.positions import Positions
from libs.runtime.projector import Projector, reopened
from libs.runtime.shares import Shares
from libs.runtime.store import DocumentStore
from libs.runtime.telemetry import Logger, Metrics
from services.notifier.alerts import PROJECTIONS
from services.notifier.api import routes
from services.notifier.channels.channel import Channel
from services.notifier.channels.log import LogChannel
from services.notifier.contacts import Contacts
from services.notifier.contacts_api import contact_routes
from services.notifier.cursors import Cursors
from services.notifier.deliveries import Deliveries
from services.notifier.deliveries_api import delivery_routes
from services.notifier.delivery import Courier
from services.notifier.dispatch import Dispatch, real_now
from services.notifier.filling import Filling
from services.notifier.heartbeats import Heartbeats
from services.notifier.outbox import OUTBOX
from services.notifier.reading import AlertReader
from services.notifier.standing import Standing
from services.notifier.timekeeper import Timekeeper
from services.notifier.turns import Turns
from services.notifier.watcher import TARGETS, Watcher


def build(
    *,
    log: EventLog,
    store: DocumentStore,
    clock: Clock,
    states: Sequence[str],
    health: Health,
    metrics: Metrics,
    logger: Logger,
    channels: Sequence[Channel] | None = None,
    membership: Membership | None = None,
    keep_time: bool = True,
    real_now: Callable[[], datetime] = real_now,
) -> Component:
    """`channels` is the log alone, unless there are others.

    `membership`: which states are watched here, all of them unless said otherwise; any state's alerts are answered for.
    `keep_time=False` leaves the clock of the streams to somebody else; `real_now` is what leases go by."""
    channels = [LogChannel(logger)] if channels is None else channels
    names = [channel.name for channel in channels]
    dead_letters = DeadLetters(log, clock, metrics, logger)
    folded, filled = ({kind: Positions() for kind in PROJECTIONS} for _ in range(2))
    watched = Positions()
    leases = {kind: Lease(store, projection) for kind, projection in PROJECTIONS.items()}
    alerts = AlertReader(log, store, folded)
    deliveries = Deliveries(store, clock, names)
    watchers: dict[str, Watcher] = {}
    heartbeats, turns = Heartbeats(log), Turns()

    def called(state: str, district: str) -> tuple[str, str]:
        watcher = watchers.get(state)
        return ("", "") if watcher is None else watcher.names_of(state, district)

    dispatch = Dispatch(store, clock, alerts, channels, called, metrics=metrics, logger=logger, now=real_now)
    courier = Courier(store, clock, dispatch)

    async def project(kind: Kind, stream: str) -> Never:
        projection = PROJECTIONS[kind]

        async def run(collections: Sequence[str]) -> Never:
            sink = Projector(projection, store, *collections, lease=leases[kind])
            await follow(projection.name, stream, folded[kind], sink)

        await reopened([projection], store, run, logger)

    async def fill(kind: Kind, stream: str) -> Never:
        while True:
            with contextlib.suppress(Reopen):  # an older copy of the store has come back
                await follow(f"{OUTBOX}_{kind}", stream, filled[kind], Filling(kind, store, clock, channels, courier))

    async def follow(name: str, stream: str, positions: Positions, sink: Projector[Any]) -> Never:
        await consume(
            name,
            log,
            positions,
            sink,
            metrics=metrics,
            dead_letters=dead_letters,
            streams=[stream],
            turn_of=turns.follow,
        )

    def work(state: str) -> list[Background]:
        watcher = Watcher(log, clock, [state], metrics=metrics, logger=logger, positions=watched)
        watchers[state] = watcher
        loops: list[Background] = [watcher.run]
        for kind in PROJECTIONS:
            stream = stream_name(kind, state)
            folded[kind].add([stream])
            filled[kind].add([stream])
            loops += [partial(project, kind, stream), partial(fill, kind, stream)]
        if keep_time:
            timekeeper = Timekeeper(log, clock, watcher, heartbeats, metrics=metrics, logger=logger, turns=turns)
            loops += [partial(timekeeper.keep, kind, state) for kind in TARGETS]
        return loops

    consumers = {
        "watcher": watched,
        **{PROJECTIONS[kind].name: folded[kind] for kind in PROJECTIONS},
        **{f"{OUTBOX}_{kind}": filled[kind] for kind in PROJECTIONS},
    }
    shares = Shares("notifier", membership or Alone(states), work, consumers.values(), metrics=metrics, logger=logger)
    health.register("notifier states", shares.trouble)
    for kind in PROJECTIONS:
        health.register(f"notifier {PROJECTIONS[kind].name}", partial(folded[kind].lag, log))
        health.register(f"notifier {OUTBOX} of {kind}", partial(filled[kind].lag, log))
    health.register("notifier watcher", partial(watched.lag, log))
    health.register("notifier heartbeats", partial(heartbeats.positions.lag, log))
    standing = Standing(store, clock, folded, names, metrics)
    background: list[Background] = [
        shares.run,
        partial(consume, "heartbeats", log, heartbeats.positions, heartbeats, metrics=metrics),
        *(partial(courier.work, name) for name in (*names, None)),
        partial(look_after_gauges, "notifier", log, consumers, metrics, standing.look),
    ]
    for_people = [channel.name for channel in channels if channel.route is None]
    answering = (
        routes(log, alerts, deliveries, clock, states),
        delivery_routes(deliveries, Cursors(store), states, wake=courier.wake),
        contact_routes(Contacts(store), states, for_people),
    )
    router = APIRouter(routes=[route for each in answering for route in each.routes])
    return Component("notifier", router, background)
