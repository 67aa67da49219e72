"""A notifier that is killed at a named point: a process of its own over real files, which stops there and waits for it.

The points lie around the writes to the outbox, seen from outside the notifier: it is built as it always is, on a store
that passes everything on. `at the sink` is none of them: there the other side has the message, and has not answered.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from libs.runtime.clock import ShiftedClock
from libs.runtime.health import Health
from libs.runtime.log_sqlite import open_log
from libs.runtime.store import Document, DocumentStore
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from services.notifier import delivery
from services.notifier.channels.mail import MailChannel, Relay
from services.notifier.channels.webhook import Endpoint, WebhookChannel
from services.notifier.component import build
from services.notifier.outbox import OUTBOX
from services.notifier.routing import Route
from tests.duty.events import STATE

SECRET = b"a secret of the tests, long enough"
Sees = Callable[[Mapping[str, object]], bool]
WRITES: Mapping[str, Sees] = {
    "row": lambda body: body["status"] == "due" and not body["attempts"],
    "claim": lambda body: body["status"] == "claimed",
    "gathering": lambda body: body["status"] == "gathered",
    "mark": lambda body: body["status"] == "sent",
}
POINTS = (*(f"{when} the {what}" for what in WRITES for when in ("before", "after")), "at the sink")


@dataclass(frozen=True, slots=True)
class Life:
    """What one process is told: its files, the ports of the sinks, its clocks, and where it stops."""

    folder: Path
    hook: int
    mail: int
    start: datetime
    leases: timedelta
    """How far its real time is ahead, so that what its forerunner has claimed is free."""
    point: str
    rows: int
    """What it has to do: all delivered, and so many in the outbox."""


class Stopping:
    """A store that passes everything on, and stops for ever at the first write that is the point."""

    def __init__(self, store: DocumentStore, life: Life, stop: Callable[[], None]) -> None:
        self._store = store
        self._when, _, self._what = life.point.partition(" the ")
        self._stop = stop

    async def put(self, collection: str, documents: Sequence[Document]) -> Sequence[bool]:
        sees = WRITES.get(self._what)
        here = collection == OUTBOX and sees is not None and any(sees(each.body) for each in documents)
        if here and self._when == "before":
            await self._for_ever()
        written = await self._store.put(collection, documents)
        if here:
            await self._for_ever()
        return written

    async def _for_ever(self) -> None:
        self._stop()
        await asyncio.Event().wait()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def live(life: Life, told: Connection) -> None:
    """The process. It says `stopped` at its point, or `done` when there is nothing left to do; then it is killed."""
    asyncio.run(_live(life, told))


async def _live(life: Life, told: Connection) -> None:
    delivery.GATHER_SECONDS = 0.0
    clock = ShiftedClock(life.start)
    log = open_log(life.folder / "log.db", clock)
    files = open_store(life.folder / "store.db")
    store: DocumentStore = Stopping(files, life, lambda: told.send("stopped"))  # type: ignore[assignment]
    with (life.folder / "lines").open("a", encoding="utf-8") as lines:
        configure_logging(lines)
        hook = Endpoint(
            "hook", f"http://127.0.0.1:{life.hook}/", (SECRET,), Route(frozenset({"pcc"})), allow_private=True
        )
        component = build(
            log=log,
            store=store,
            clock=clock,
            states=[STATE],
            health=Health(),
            metrics=Metrics(today=lambda: clock.now().date()),
            logger=get_logger("notifier"),
            channels=[
                WebhookChannel(hook),
                MailChannel(Relay("mail", "127.0.0.1", life.mail, "alerts@rozana.example", "none")),
            ],
            real_now=lambda: datetime.now(UTC) + life.leases,
        )
        async with asyncio.TaskGroup() as group:
            for loop in component.background:
                group.create_task(loop())
            while not await _done(files, life.rows):  # noqa: ASYNC110 -- the store tells nobody
                await asyncio.sleep(0.01)
            told.send("done")
            os.set_blocking(told.fileno(), True)


async def _done(store: DocumentStore, rows: int) -> bool:
    """In this order: rows that come between the two looks would be taken for delivered."""
    return len(await store.ids(OUTBOX)) >= rows and not await store.find(
        OUTBOX, {"status": ("due", "claimed")}, limit=1
    )
