"""Adapters become services: each is wired once, here, and served by one process or by several."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from fastapi import FastAPI

from libs.runtime.auth import Verifier
from libs.runtime.component import Background, Component
from libs.runtime.grievance_keys import NO_KEYS, read_published
from libs.runtime.health import Health
from libs.runtime.http import create_app
from libs.runtime.keys import demo_keys, read_jwks
from libs.runtime.membership import Membership
from libs.runtime.patience import in_loop
from libs.runtime.service import bind, run_service
from libs.runtime.settings import Settings
from libs.runtime.telemetry import Logger, Metrics
from rozana.compose import Adapters, channels_of, membership_of, open_adapters, patient, with_keys
from services.aggregator.component import build as build_aggregator
from services.ingest.component import build as build_ingest
from services.ingest.grievance_desk import Sealing
from services.notifier.channels.log import LogChannel
from services.notifier.component import build as build_notifier

SERVICES = ("ingest", "aggregator", "notifier")
READY_SECONDS = 0.02
"""How often, in real time, a starting process looks whether it may say that it is ready."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """Every service in one app, and the loops that run beside it."""

    app: FastAPI
    background: Sequence[Background]
    health: Health
    metrics: Metrics


def assemble(
    settings: Settings, adapters: Adapters, *, logger: Logger, services: Collection[str] = SERVICES
) -> Assembled:
    """Wire these services, all of them unless said otherwise. Nothing runs yet."""
    keys = read_jwks(settings.jwks) if settings.jwks else demo_keys(settings.data).jwks
    published = read_published(settings.grievance_keys) if settings.grievance_keys else NO_KEYS
    log, store, clock, states = adapters.log, adapters.store, adapters.clock, settings.states
    health, metrics = Health(), Metrics(today=lambda: clock.now().date())

    def membership(service: str) -> Membership:
        return membership_of(settings, service, logger)

    builders: Mapping[str, Callable[[], Component]] = {
        "ingest": lambda: build_ingest(
            log=log,
            clock=clock,
            states=states,
            forms=settings.forms,
            health=health,
            metrics=metrics,
            sealing=Sealing(published, adapters.kept),
            speed=settings.clock_speed,
        ),
        "aggregator": lambda: build_aggregator(
            log=log,
            store=store,
            clock=clock,
            states=states,
            health=health,
            metrics=metrics,
            logger=logger,
            membership=membership("aggregator"),
        ),
        "notifier": lambda: build_notifier(
            log=log,
            store=store,
            clock=clock,
            states=states,
            health=health,
            metrics=metrics,
            logger=logger,
            channels=[LogChannel(logger), *channels_of(settings)],
            membership=membership("notifier"),
        ),
    }
    components = [builders[name]() for name in SERVICES if name in services]
    app = create_app(
        "Rozana" if len(components) == len(SERVICES) else f"Rozana: {', '.join(each.name for each in components)}",
        [component.router for component in components],
        verifier=Verifier(keys),
        rate=settings.rate,
        health=health,
        metrics=metrics,
        clock=adapters.clock,
        logger=logger,
    )
    return Assembled(app, [loop for component in components for loop in component.background], health, metrics)


async def up(
    settings: Settings, *, logger: Logger, announce: Callable[[str], None], services: Collection[str] = SERVICES
) -> None:
    """Serve these services in this process until a signal; `announce` gets the URL once it is ready.

    Raises StartRefused, and what a consumer died of.
    """
    listener = bind(settings.host, settings.port)
    try:
        adapters = await open_adapters(settings)
        try:
            if "ingest" in services:
                adapters = await with_keys(settings, adapters)
            assembled = assemble(settings, patient(settings, adapters, logger), logger=logger, services=services)
        except BaseException:
            await adapters.close()
            raise
    except BaseException:
        listener.close()
        raise
    serving = asyncio.get_running_loop().create_future()

    async def say_when_ready() -> None:
        port = await serving
        while await assembled.health.failing():  # noqa: ASYNC110 -- readiness is asked for, it tells nobody
            await asyncio.sleep(READY_SECONDS)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        announce(f"http://{host}:{port}")
        await asyncio.Event().wait()  # the background never ends by itself

    await run_service(
        assembled.app,
        listener=listener,
        background=[*map(in_loop, assembled.background), say_when_ready],
        on_bound=serving.set_result,
        close=adapters.close,
    )
