"""One server on one core: `python -m bench.serve rozana|peer|bare FOLDER CORE STATES [KAFKA]` says its port."""

import asyncio
import os
import sys
from datetime import date
from pathlib import Path

import uvicorn
import uvloop

from bench.india import India
from bench.peers import fastapi_ingest
from libs.events.reports import FORMS
from libs.runtime.auth import Verifier
from libs.runtime.clock import SystemClock
from libs.runtime.health import Health
from libs.runtime.http import create_app
from libs.runtime.keys import demo_keys
from libs.runtime.limits import Rate
from libs.runtime.log import EventLog
from libs.runtime.log_kafka import open_log as open_kafka
from libs.runtime.log_sqlite import open_log
from libs.runtime.service import bind, run, run_service
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from services.ingest.component import build

LOG_FILE = "log.db"
NO_LIMIT = Rate(1_000_000, 1_000_000)


def opened(folder: Path, kafka: str | None) -> EventLog:
    """The file in there, or Kafka where its URL is given."""
    return open_kafka(kafka, SystemClock()) if kafka else open_log(folder / LOG_FILE, SystemClock())


async def serve_rozana(folder: Path, india: India, kafka: str | None) -> None:
    """The ingest component alone, as `rozana ingest` composes it."""
    listener = bind("127.0.0.1", 0)
    clock, health, metrics = SystemClock(), Health(), Metrics()
    log = opened(folder, kafka)
    component = build(log=log, clock=clock, states=india.codes, forms=FORMS[:1], health=health, metrics=metrics)
    app = create_app(
        "Ingest",
        [component.router],
        verifier=Verifier(demo_keys(folder).jwks),
        rate=NO_LIMIT,
        health=health,
        metrics=metrics,
        clock=clock,
        logger=get_logger("ingest"),
    )
    bound = asyncio.get_running_loop().create_future()

    async def announce() -> None:
        port = await bound
        while await health.failing():  # noqa: ASYNC110 -- readiness is asked for, it tells nobody
            await asyncio.sleep(0.02)
        print(port, flush=True)
        await asyncio.Event().wait()

    background = [*component.background, announce]
    await run_service(app, listener=listener, background=background, on_bound=bound.set_result, close=log.close)


async def serve_peer(side: str, folder: Path, india: India, kafka: str | None) -> None:
    """On plain uvicorn, with uvloop and httptools and without an access log."""
    log = opened(folder, kafka)
    if side == "bare":
        app = fastapi_ingest.bare(log)
    else:
        holders = {district: tenure for state in india.codes for district, tenure in india.places(state)}
        app = fastapi_ingest.whole(log, Verifier(demo_keys(folder).jwks), holders)
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning"))
    listener = bind("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)  # connections wait until it serves
    try:
        await server.serve(sockets=[listener])
    finally:
        await log.close()


def main() -> int:
    side, folder, core, states, *urls = sys.argv[1:]
    kafka = urls[0] if urls else None
    india = India(int(states), districts=71, first=date.today(), days=0)  # noqa: DTZ011 -- no day of it is used
    os.sched_setaffinity(0, {int(core)})
    configure_logging(sys.stderr)
    if side == "rozana":
        return run(serve_rozana(Path(folder), india, kafka), get_logger("bench"))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_peer(side, Path(folder), india, kafka))
    return 0


if __name__ == "__main__":
    sys.exit(main())
