"""The whole notifier behind its app, beside a real log and store, and somebody with a token in front of it."""

import contextlib
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import httpx

from libs.events.envelope import Event
from libs.runtime.auth import Verifier, issue_demo_token
from libs.runtime.clock import ManualClock
from libs.runtime.component import Component
from libs.runtime.health import Health
from libs.runtime.http import create_app
from libs.runtime.keys import demo_keys
from libs.runtime.limits import Rate
from libs.runtime.log import EventLog
from libs.runtime.log_sqlite import open_log
from libs.runtime.membership import Membership
from libs.runtime.store import DocumentStore
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from services.notifier.channels.channel import Channel
from services.notifier.component import build
from tests.duty.events import instant, tenure
from tests.notifier.world import running, until, write

STATES = ("in-mp", "in-up")


class Office:
    """What it answers, and what is behind it."""

    def __init__(self, folder: Path, log: EventLog, store: DocumentStore, clock: ManualClock) -> None:
        self.log = log
        self.store = store
        self.clock = clock
        self.health, self.lines = Health(), io.StringIO()
        self.metrics = Metrics(today=lambda: clock.now().date())
        configure_logging(self.lines)
        self._keys = demo_keys(folder)

    def component(
        self,
        *,
        keep_time: bool = False,
        channels: Sequence[Channel] | None = None,
        membership: Membership | None = None,
    ) -> Component:
        return build(
            log=self.log,
            store=self.store,
            clock=self.clock,
            states=STATES,
            health=self.health,
            metrics=self.metrics,
            logger=get_logger("notifier"),
            channels=channels,
            membership=membership,
            keep_time=keep_time,
        )

    def serve(self, component: Component) -> None:
        app = create_app(
            "Notifier",
            [component.router],
            verifier=Verifier(self._keys.jwks),
            rate=Rate(100_000, 100_000),
            health=self.health,
            metrics=self.metrics,
            clock=self.clock,
            logger=get_logger("notifier"),
        )
        self._transport = httpx.ASGITransport(app)

    def token(self, role: str, scope: str) -> str:
        district = scope.partition(".")[2]
        return issue_demo_token(self._keys, role, scope, tenure(district) if role == "president" else None)

    async def ask(
        self,
        path: str,
        role: str = "pcc",
        scope: str = "in-mp",
        *,
        post: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """GET, or POST with a body. The token is that of a role and a scope."""
        asked = {"Authorization": f"Bearer {self.token(role, scope)}"} | dict(headers or {})
        async with httpx.AsyncClient(transport=self._transport, base_url="http://notifier") as client:
            if post is None and content is None:
                return await client.get(path, headers=asked)
            if content is not None:
                asked = {"Content-Type": "application/json"} | asked
                return await client.post(path, content=content, headers=asked)
            return await client.post(path, json=post, headers=asked)

    async def send(
        self, method: str, path: str, body: object = None, role: str = "pcc", scope: str = "in-mp"
    ) -> httpx.Response:
        """Any other method, with a body or without."""
        asked = {"Authorization": f"Bearer {self.token(role, scope)}"}
        async with httpx.AsyncClient(transport=self._transport, base_url="http://notifier") as client:
            return await client.request(method, path, headers=asked, json=body)

    async def shows(
        self, count: int, query: str = "", role: str = "aicc", scope: str = "in"
    ) -> list[dict[str, object]]:
        """All the alerts that a list has for AICC, once there are so many."""
        found: list[dict[str, object]] = []

        async def so_many() -> bool:
            found[:] = await self.all(query)
            return len(found) == count

        try:
            await until(so_many)
        except TimeoutError:
            raise AssertionError(f"{len(found)} alerts, not {count}") from None
        return found

    async def all(self, query: str = "", role: str = "aicc", scope: str = "in") -> list[dict[str, object]]:
        """Every page of a list."""
        found: list[dict[str, object]] = []
        cursor = ""
        while True:
            answer = await self.ask(f"/v1/alerts?{query}{cursor}", role, scope)
            assert answer.status_code == 200, answer.text
            found += answer.json()["items"]
            if answer.json()["next"] is None:
                return found
            cursor = f"&cursor={answer.json()['next']}"

    async def write(self, events: Sequence[Event]) -> None:
        for event in events:
            self.clock.advance_to(event.time)
            await write(self.log, event)


@contextlib.asynccontextmanager
async def office(
    folder: Path,
    events: Sequence[Event] = (),
    *,
    keep_time: bool = False,
    channels: Sequence[Channel] | None = None,
    through: Callable[[EventLog], EventLog] = lambda log: log,
) -> AsyncIterator[Office]:
    """The notifier at work, after these events. `keep_time` starts its timekeeper too; it sees the log `through`."""
    clock = ManualClock(instant("2026-11-22T08:00"))
    log = open_log(folder / "log.db", clock)
    try:
        store = open_store(folder / "store.db")
        try:
            place = Office(folder, through(log), store, clock)
            await place.write(events)
            component = place.component(keep_time=keep_time, channels=channels)
            place.serve(component)
            async with running(*component.background):
                yield place
        finally:
            await store.close()
    finally:
        await log.close()
