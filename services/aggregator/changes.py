"""A state's events as they happen, as server-sent events: a reader's screen is refreshed when it has changed.

An event is sent only when the store holds it: who asks for the board on hearing of it finds it there. It comes from the
feed that all readers of the state share; who is far behind reads the log until he has come up to it.
"""

import asyncio
from collections.abc import Iterable

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse
from starlette.requests import Request
from starlette.types import Send

from libs.events.codec import UndecodableEvent, decode
from libs.events.streams import stream_name
from libs.runtime.consumer import Batch
from libs.runtime.http import Stopping, cut
from libs.runtime.log import EventLog
from libs.runtime.positions import Positions
from libs.runtime.problems import FieldError, Problem, retry_after
from libs.runtime.telemetry import Metrics
from services.aggregator.feed import Feed, frame

AT_ONCE = 100
"""So many records are held for a reader who is behind; the rest stays in the log."""
SLOW_SECONDS = 20.0
"""A reader whose connection takes nothing for so long, while there is something to send, is dropped."""
MOST_FOLLOWERS = 5000
"""Of one process, over all states."""
UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""What proxies must be told, lest they wait for the end (the second one is nginx's)."""

SCHEMA = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "id": {"type": "string", "description": "the event's offset in the stream: send it as Last-Event-ID"},
        "data": {"type": "string", "contentMediaType": "application/cloudevents+json"},
    },
}
"""Of one event, as OpenAPI 3.2 describes them (section 4.14.4)."""


class Changes:
    """The feeds of all states. `positions` are those of the projection that is asked for on hearing of a change."""

    def __init__(
        self,
        log: EventLog,
        positions: Positions,
        states: Iterable[str],
        metrics: Metrics,
        *,
        slow_seconds: float = SLOW_SECONDS,
        most_followers: int = MOST_FOLLOWERS,
    ) -> None:
        self._log = log
        self._feeds = {stream: Feed(stream, positions) for stream in (stream_name("reports", each) for each in states)}
        self._metrics = metrics
        self._slow_seconds = slow_seconds
        self._most_followers = most_followers

    def told(self, batch: Batch) -> None:
        """The store holds this batch."""
        self._feeds[batch.stream].told(batch)

    async def follow(self, request: Request, state: str, seen: int | None) -> "EventStream":
        """All that comes behind the offset `seen`, or behind now. Raises Problem 422 and 503."""
        feed = self._feeds[stream_name("reports", state)]
        end = await self._log.end(feed.stream)
        if seen is not None and seen >= end:
            raise Problem(422, "there is no such event", [FieldError("", "lies behind the end of the stream")])
        if sum(each.followers for each in self._feeds.values()) >= self._most_followers:
            raise Problem(503, "too many follow the changes already; ask again later", headers=retry_after(60))
        offset = end if seen is None else seen + 1
        return EventStream(self._log, feed, offset, request, state, self._metrics, self._slow_seconds)


class EventStream(EventSourceResponse):
    """FastAPI's answer, sent by a loop of our own: docs/decisions/0010 says what its own loop cannot do."""

    def __init__(
        self,
        log: EventLog,
        feed: Feed,
        offset: int,
        request: Request,
        state: str,
        metrics: Metrics,
        slow_seconds: float,
    ) -> None:
        super().__init__((), headers=UNBUFFERED)
        self._log = log
        self._feed = feed
        self._offset = offset
        self._request = request
        self._slow_seconds = slow_seconds
        self._followers = metrics.subscribers.labels(state=state)
        self._dropped = metrics.subscribers_dropped.labels(state=state)

    async def stream_response(self, send: Send) -> None:
        """Send until the process stops; cancelled when the reader leaves."""
        stopping: Stopping = self._request.app.state.stopping
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        with self._feed.followed(stopping), self._followers.track_inprogress():
            while not stopping.is_set():
                if not (chunk := await self._next()):
                    continue
                try:
                    async with asyncio.timeout(self._slow_seconds):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                except TimeoutError:
                    self._dropped.inc()
                    cut(self._request)
                    break
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self) -> bytes:
        """Whole events, or a comment when all is quiet; nothing when the bell has rung for something else."""
        feed = self._feed
        if self._offset >= feed.held:
            return KEEPALIVE_COMMENT if await feed.rung() else b""
        if (shared := feed.after(self._offset)) is not None:
            chunk, self._offset = shared
            return chunk
        frames: list[bytes] = []
        count = min(AT_ONCE, feed.held - self._offset)
        for record in await self._log.read(feed.stream, self._offset, max_records=count):
            self._offset = record.offset + 1
            try:
                frames.append(frame(decode(record.headers, record.value), record.offset))
            except UndecodableEvent:
                continue  # it gives no event, as in every fold
        return b"".join(frames)
