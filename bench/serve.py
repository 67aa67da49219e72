"""One server on one core, for `bench.ingest`: `python -m bench.serve rozana|peer|bare FOLDER CORE` says its port."""

import asyncio
import os
import sys
from pathlib import Path

from fastapi import FastAPI

from bench.india import India
from bench.peers import fastapi_ingest
from libs.events.reports import FORMS
from libs.runtime.auth import Verifier
from libs.runtime.clock import SystemClock
from libs.runtime.component import Background
from libs.runtime.health import Health
from libs.runtime.http import create_app
from libs.runtime.keys import demo_keys
from libs.runtime.limits import Rate
from libs.runtime.log import EventLog
from libs.runtime.log_sqlite import open_log
from libs.runtime.service import bind, run, run_service
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from services.ingest.component import build

LOG_FILE = "log.db"
NO_LIMIT = Rate(1_000_000, 1_000_000)


async def serve(side: str, folder: Path, india: India) -> None:
    listener = bind("127.0.0.1", 0)
    clock = SystemClock()
    log = open_log(folder / LOG_FILE, clock)
    verifier, health = Verifier(demo_keys(folder).jwks), Health()
    app, background = _app(side, log, clock, verifier, health, india)
    app.state.stopping = getattr(app.state, "stopping", None) or asyncio.Event()
    bound = asyncio.get_running_loop().create_future()

    async def announce() -> None:
        port = await bound
        while await health.failing():  # noqa: ASYNC110 -- readiness is asked for, it tells nobody
            await asyncio.sleep(0.02)
        print(port, flush=True)
        await asyncio.Event().wait()

    await run_service(
        app, listener=listener, background=[*background, announce], on_bound=bound.set_result, close=log.close
    )


def _app(
    side: str, log: EventLog, clock: SystemClock, verifier: Verifier, health: Health, india: India
) -> tuple[FastAPI, list[Background]]:
    if side == "bare":
        return fastapi_ingest.bare(log), []
    if side == "peer":
        holders = {district: tenure for state in india.codes for district, tenure in india.places(state)}
        return fastapi_ingest.whole(log, verifier, holders), []
    metrics = Metrics()
    component = build(log=log, clock=clock, states=india.codes, forms=FORMS[:1], health=health, metrics=metrics)
    app = create_app(
        "Ingest",
        [component.router],
        verifier=verifier,
        rate=NO_LIMIT,
        health=health,
        metrics=metrics,
        clock=clock,
        logger=get_logger("ingest"),
    )
    return app, list(component.background)


def main() -> int:
    from bench.ingest import WORLD  # noqa: PLC0415 -- it starts this module

    side, folder, core = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    configure_logging(sys.stderr)
    return run(serve(side, Path(folder), WORLD), get_logger("bench"))


if __name__ == "__main__":
    sys.exit(main())
