"""Running: the server and its consumers stand or fall together (guarantee 9), and a signal ends both in order."""

import asyncio
import contextlib
import gc
import importlib.util
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from libs.runtime.errors import RozanaError, StartRefused
from libs.runtime.http import CUT
from libs.runtime.telemetry import Logger

BACKLOG = 2048
DRAIN_SECONDS = 10
COLLECT_AFTER = (20_000, 20, 20)
"""What is folded stays, and the collector looks at all of it again and again: by default a third of a replay's time."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class BackgroundEnded(RozanaError):
    """A task that should run as long as the process returned."""


def bind(host: str, port: int) -> socket.socket:
    """Take the port, before log and store are opened. Raises StartRefused when it is not to be had.

    It listens at once: of two processes that have only bound it, Linux would let both go on.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise StartRefused(
            f"ROZANA_HOST, ROZANA_PORT: cannot listen on {host} port {port}: {error.strerror}; "
            "stop what listens there, or set another ROZANA_PORT (0: any free one)"
        ) from None
    listener.setblocking(False)  # noqa: FBT003 (the socket module's signature)
    return listener


async def run_service(
    app: FastAPI,
    *,
    listener: socket.socket,
    background: Sequence[Callable[[], Coroutine[object, object, None]]] = (),
    on_bound: Callable[[int], None],
    close: Callable[[], Awaitable[None]],
    drain_seconds: int = DRAIN_SECONDS,
) -> None:
    """Serve `app` on `listener` and run `background` until SIGTERM or SIGINT, or until one of them fails.

    Either way: stop accepting, set `app.state.stopping`, let requests finish for `drain_seconds` of real time, cancel
    the background (requests may need it until then), `close`. A second signal kills. `on_bound` gets the port once
    requests are served. Raises the background's first error, and BackgroundEnded when one of it returns.
    """
    server = _Server(app, drain_seconds, on_started=lambda: on_bound(listener.getsockname()[1]))
    failures: list[Exception] = []

    async def watch(work: Callable[[], Coroutine[object, object, None]]) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody has cancelled it: a client library has lost its way, and no task group minds a task that is gone.
            failures.append(BackgroundEnded(f"{getattr(work, '__qualname__', 'a background task')} was cancelled"))
        except Exception as error:  # noqa: BLE001 (raised below, when the requests under way have been answered)
            failures.append(error)
        else:
            failures.append(BackgroundEnded(f"{getattr(work, '__qualname__', 'a background task')} ended"))
        server.stop()

    async def serve() -> None:
        try:
            await server.serve(sockets=[listener])
        except Exception as error:  # noqa: BLE001 (raised below, when the background has ended)
            failures.append(error)
        for task in tasks:
            task.cancel()

    try:
        with _signals(server.stop):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(watch(work)) for work in background]
                group.create_task(serve())
    finally:
        listener.close()
        await close()
    if failures:
        raise failures[0]


class _Protocol(HttpToolsProtocol):
    """uvicorn's, whose connections an answer can break off: closing one waits for a reader who takes nothing."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CUT: {"now": self.transport.abort}}


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to us: it raises SIGTERM again after draining, which would end in -15."""

    def __init__(self, app: FastAPI, drain_seconds: int, *, on_started: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                lifespan="off",
                ws="none",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=drain_seconds,
            )
        )
        self._stopping: asyncio.Event = app.state.stopping
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What start-up made stays: not looking at it again takes the collector's pauses out of the tail latency.
        gc.collect()
        gc.freeze()
        if not self.should_exit:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if late := self.server_state.tasks:  # cancelled, not yet gone: they must not meet a closed log
            await asyncio.wait(late, timeout=1)

    def stop(self) -> None:
        self._stopping.set()
        self.should_exit = True


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Generator[None]:
    """The first signal stops in order and gives the signals back to the system, so that a second one kills."""
    loop = asyncio.get_running_loop()

    def first() -> None:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        stop()

    for number in SIGNALS:
        loop.add_signal_handler(number, first)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def run(main: Coroutine[object, object, None], logger: Logger) -> int:
    """Run a command to its end, on uvloop where there is one. Answers the exit code; a refusal is one line."""
    _take_open_files()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(main)
    except RozanaError as error:
        if not isinstance(error, StartRefused):
            logger.exception("the process ends", exc_info=error)
        print(f"rozana: {error}", file=sys.stderr)  # noqa: T201 (the operator's line)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # the last frame: its traceback would print values
        logger.exception("the process ends", exc_info=error)
        return 1
    return 0


def _take_open_files() -> None:
    """As many as the hard limit allows: each connection is one, and the usual soft limit is 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # where it may not be raised so far, it stays as it is
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415 (not there on every platform)

    return uvloop.new_event_loop
