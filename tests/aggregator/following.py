"""A client of server-sent events that reads the answer while it is being made, at its own pace."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Message

from tests.aggregator.world import PATIENCE, World


@dataclass
class Following:
    """What has come so far. `reads` is cleared to stop reading: then the app's `send` waits, as on a full socket."""

    reads: asyncio.Event = field(default_factory=asyncio.Event)
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        async with self._news:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                self.body += message.get("body", b"")
                self.ended = not message.get("more_body", False)
            self._news.notify_all()

    @property
    def events(self) -> list[tuple[int, dict[str, Any]]]:
        """Offset and CloudEvent of each whole event, in the order in which they came."""
        found = []
        for block in self.body.decode().split("\n\n")[:-1]:
            lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if lines:
                found.append((int(lines["id"]), json.loads(lines["data"])))
        return found

    async def until(self, count: int) -> list[int]:
        """The offsets, once so many events have come."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(self.events) >= count)
        return [offset for offset, _ in self.events]

    async def begun(self) -> None:
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self.status is not None)


@contextlib.asynccontextmanager
async def following(world: World, path: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[Following]:
    """The answer to a GET, as it comes; at the end the client goes away."""
    client = Following()
    client.reads.set()
    gone = asyncio.Event()
    given = {"authorization": f"Bearer {world.token()}", **(headers or {})}
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "server": ("aggregator", 80),
        "client": ("here", 1),
    }
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    task = asyncio.ensure_future(world.app(scope, receive, client.send))
    try:
        await client.begun()
        yield client
    finally:
        gone.set()
        client.reads.set()
        async with asyncio.timeout(PATIENCE):
            await task
