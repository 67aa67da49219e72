"""A process for the tests of `run_service`: `python -m tests.runtime.served MODE [PORT]`.

It prints what happens: `bound PORT` when it serves, `started` when a request is under way, and `closed` at its end.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from libs.runtime.auth import Verifier
from libs.runtime.clock import SystemClock
from libs.runtime.errors import ReadStopped, StartRefused
from libs.runtime.health import Health
from libs.runtime.http import create_app
from libs.runtime.keys import demo_keys
from libs.runtime.limits import Rate
from libs.runtime.service import bind, run, run_service
from libs.runtime.telemetry import Metrics, configure_logging, get_logger

CANARY = "canary-4711"


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201


def routes(go: asyncio.Event) -> APIRouter:
    router = APIRouter()

    @router.get("/slow")
    async def slow(request: Request) -> Response:
        """Answers only after draining has begun: the proof that a request under way is finished."""
        say("started")
        await request.app.state.stopping.wait()
        return JSONResponse({"answered": "while draining"})

    @router.get("/stuck")
    async def stuck() -> Response:
        say("started")
        await asyncio.Event().wait()
        return Response()

    @router.get("/stream")
    async def stream(request: Request) -> Response:
        async def lines() -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"
            await request.app.state.stopping.wait()

        return StreamingResponse(lines(), media_type="text/event-stream")

    @router.get("/die")
    async def die() -> Response:
        go.set()
        return Response()

    return router


async def serve(mode: str, port: int, data: Path) -> None:
    listener = bind("127.0.0.1", port)
    go = asyncio.Event()
    metrics, health = Metrics(), Health()
    app = create_app(
        "Served",
        [routes(go)],
        verifier=Verifier(demo_keys(data).jwks),
        rate=Rate(50, 500),
        health=health,
        metrics=metrics,
        clock=SystemClock(),
        logger=get_logger("served"),
    )

    async def consume() -> None:
        try:
            await go.wait()
        finally:
            say("background ends")
        match mode:
            case "raises":
                raise ValueError(CANARY)
            case "stops":
                raise ReadStopped("stream rozana.in-mp.reports has a gap at 7; restore it")
            case "loses its way":
                raise asyncio.CancelledError  # as a client library that cancels a future of its own
            case "refuses":
                raise StartRefused("ROZANA_LOG: another log; say which")
            case _:
                return

    async def close() -> None:
        say("closed")

    def bound(actual: int) -> None:
        say("bound", actual)
        if mode == "signals-itself":
            os.kill(os.getpid(), signal.SIGTERM)

    await run_service(app, listener=listener, background=[consume], on_bound=bound, close=close, drain_seconds=2)


def main() -> int:
    configure_logging(sys.stderr)
    mode, port = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with TemporaryDirectory() as data:
        return run(serve(mode, port, Path(data)), get_logger("served"))


if __name__ == "__main__":
    sys.exit(main())
