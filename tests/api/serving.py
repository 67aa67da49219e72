"""The services behind a real socket, in a thread of their own, over a state in which everything has happened once."""

import asyncio
import contextlib
import io
import socket
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from libs.runtime.auth import issue_demo_token
from libs.runtime.clock import ManualClock
from libs.runtime.keys import demo_keys
from libs.runtime.log_sqlite import open_log
from libs.runtime.settings import load_settings
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import configure_logging, get_logger
from rozana.assembly import SERVICES, assemble
from rozana.compose import Adapters
from rozana.demo.cast import STATE
from rozana.demo.script import at
from rozana.states import state_codes
from tests.e2e.running import DAY, TENURES, until
from tests.e2e.test_permissions import HERE, MISSED, world

SOON = 60.0
TOKENS = {"president": HERE, "pcc": STATE, "aicc": "in", "operator": "in", "service": STATE}
"""Every role, with the scope that it is given here."""


@dataclass(frozen=True, slots=True)
class Serving:
    url: str
    document: dict[str, Any]
    folder: Path
    known: dict[str, str]
    """Members and parameters that name something that is there."""

    def headers(self, role: str | None) -> dict[str, str]:
        if role is None:
            return {}
        tenure = TENURES[HERE] if role == "president" else None
        return {"Authorization": f"Bearer {issue_demo_token(demo_keys(self.folder), role, TOKENS[role], tenure)}"}


@contextlib.contextmanager
def serving(folder: Path, services: Collection[str] = SERVICES) -> Iterator[Serving]:
    """Two districts on the day after one has reported and the other has not; a grievance; alerts."""
    begun: dict[str, Any] = {}
    ready, stop = threading.Event(), threading.Event()

    async def main() -> None:
        async with world(folder) as there:
            begun["report"] = there.report_id
        settings = load_settings(
            {"ROZANA_DATA": str(folder), "ROZANA_STATES": f"{STATE},in-cg", "ROZANA_RATE": "100000/100000"},
            state_codes(),
        )
        clock = ManualClock(at(DAY, 30 * 60))
        configure_logging(begun.setdefault("log", io.StringIO()))
        adapters = Adapters(open_log(settings.log_path, clock), open_store(settings.store_path), clock)
        assembled = assemble(settings, adapters, logger=get_logger("api"), services=services)
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(assembled.app, lifespan="off", ws="none", access_log=False, log_config=None)
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(loop()) for loop in assembled.background]
            serve = group.create_task(server.serve(sockets=[listener]))

            async def is_ready() -> bool:
                return server.started and not await assembled.health.failing()

            await until(is_ready)
            begun["document"] = assembled.app.openapi()
            begun["port"] = listener.getsockname()[1]
            ready.set()
            await asyncio.to_thread(stop.wait)
            assembled.app.state.stopping.set()
            server.should_exit = True
            await serve
            for task in tasks:
                task.cancel()
        await adapters.close()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # told to whoever waits
            begun["error"] = error
            ready.set()
            raise

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(SOON)
        assert "error" not in begun, begun["error"]
        known = {
            "state": STATE,
            "district": HERE,
            "day": DAY.isoformat(),
            "tenure_id": TENURES[HERE],
            "report_id": begun["report"],
            "id": begun["report"] if services == ("aggregator",) else MISSED,
        }
        yield Serving(f"http://127.0.0.1:{begun['port']}", begun["document"], folder, known)
    finally:
        stop.set()
        thread.join(SOON)
    failed = [line for line in begun["log"].getvalue().splitlines() if "a request failed" in line]
    assert not failed, failed[0]
