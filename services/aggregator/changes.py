"""A state's events as they happen, as server-sent events: a reader's screen is refreshed when it has changed.

An event is sent only when the store holds it: who asks for the board on hearing of it finds it there. It comes from the
feed that all readers of the state share; who is far behind reads the log until he has come up to it.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Never

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse
from starlette.requests import Request
from starlette.types import Send

from libs.events.codec import UndecodableEvent
from libs.events.envelope import Recorded
from libs.events.streams import stream_name
from libs.runtime.batch import Batch, Checkpoint
from libs.runtime.decoding import event_of
from libs.runtime.http import Stopping, cut
from libs.runtime.log import EventLog, Record
from libs.runtime.positions import Positions
from libs.runtime.problems import FieldError, Problem, retry_after
from libs.runtime.projector import AsOf
from libs.runtime.telemetry import Metrics
from services.aggregator.feed import Feed, frame

AT_ONCE = 100
"""So many records are held for a reader who is behind; the rest stays in the log."""
SLOW_SECONDS = 20.0
"""A reader whose connection takes nothing for so long, while there is something to send, is dropped."""
ELSEWHERE_SECONDS = 0.5
"""How often the store is asked how far a followed state is that another process folds."""
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
    """The feeds of all states.

    `folded` are the positions of the projection that is asked for on hearing of a change, in the states that are folded
    here; of all others, `reached` tells how far the store is.
    """

    def __init__(
        self,
        log: EventLog,
        folded: Positions,
        states: Iterable[str],
        reached: Callable[[Collection[str]], Awaitable[Mapping[str, AsOf]]],
        metrics: Metrics,
        *,
        slow_seconds: float = SLOW_SECONDS,
        most_followers: int = MOST_FOLLOWERS,
    ) -> None:
        self._log = log
        self._folded = folded
        self._reached = reached
        self._held = Positions(stream_name("reports", state) for state in states)
        """What the store holds of each, whoever folds it: it never falls."""
        self._feeds = {stream: Feed(stream, self._held) for stream in self._held.streams}
        self._metrics = metrics
        self._slow_seconds = slow_seconds
        self._most_followers = most_followers

    def told(self, batch: Batch) -> None:
        """The store holds this batch, which was folded here; `folded` is about to move behind it."""
        self._begin_at(batch.stream, self._folded[batch.stream])
        self._hold(batch)

    def _hold(self, batch: Batch) -> None:
        """What a state's former owner has folded already, and this one folds again, was told by then."""
        held, end = self._held[batch.stream], batch.checkpoint.offset + 1
        if end > held:
            news = [item for item in batch.items if item.offset >= held]
            self._feeds[batch.stream].told(replace(batch, items=news))
            self._held.move(batch.stream, end)

    def _begin_at(self, stream: str, position: int) -> None:
        """The store holds all below it: whoever follows and is behind reads the log."""
        if position > self._held[stream]:
            self._held.move(stream, position)
            self._feeds[stream].ring()

    async def run(self) -> Never:
        """Follow the states that are folded elsewhere, as long as somebody follows them here; for ever."""
        while True:
            followed = [stream for stream, feed in self._feeds.items() if feed.followers]
            here = set(self._folded.begun)
            for stream in here.intersection(followed):
                self._begin_at(stream, self._folded[stream])
            if elsewhere := [stream for stream in followed if stream not in self._folded]:
                for stream, at in (await self._reached(elsewhere)).items():
                    await self._catch_up(stream, at.offset + 1)
            await asyncio.sleep(ELSEWHERE_SECONDS)

    async def _catch_up(self, stream: str, end: int) -> None:
        if end - self._held[stream] > AT_ONCE:
            self._begin_at(stream, end)
        elif end > (start := self._held[stream]):
            records = await self._log.read(stream, start, max_records=end - start)
            if records and stream not in self._folded:  # it may have come here meanwhile
                self._hold(Batch(stream, _readable(records), Checkpoint(records[-1].offset, "", "")))

    async def follow(self, request: Request, state: str, seen: int | None, until: float) -> "EventStream":
        """All that comes behind the offset `seen`, or behind now; no longer than `until`, a Unix time. Raises Problem
        422 and 503.
        """
        feed = self._feeds[stream_name("reports", state)]
        if feed.stream in self._folded.begun:
            self._begin_at(feed.stream, self._folded[feed.stream])
        end = await self._log.end(feed.stream)
        if seen is not None and seen >= end:
            raise Problem(422, "there is no such event", [FieldError("", "lies behind the end of the stream")])
        if sum(each.followers for each in self._feeds.values()) >= self._most_followers:
            raise Problem(503, "too many follow the changes already; ask again later", headers=retry_after(60))
        offset = end if seen is None else seen + 1
        return EventStream(self._log, feed, offset, request, state, until, self._metrics, self._slow_seconds)


def _readable(records: Sequence[Record]) -> list[Recorded]:
    """What cannot be read gives no event, as in every fold."""
    found = []
    for record in records:
        with contextlib.suppress(UndecodableEvent):
            event = event_of(record)
            found.append(Recorded(event, record.stream, record.offset, record.appended_at))
    return found


class EventStream(EventSourceResponse):
    """FastAPI's answer, sent by a loop of our own: docs/decisions/0010 says what its own loop cannot do."""

    def __init__(
        self,
        log: EventLog,
        feed: Feed,
        offset: int,
        request: Request,
        state: str,
        until: float,
        metrics: Metrics,
        slow_seconds: float,
    ) -> None:
        super().__init__((), headers=UNBUFFERED)
        self._log = log
        self._feed = feed
        self._offset = offset
        self._request = request
        self._until = until
        self._slow_seconds = slow_seconds
        self._followers = metrics.subscribers.labels(state=state)
        self._dropped = metrics.subscribers_dropped.labels(state=state)

    async def stream_response(self, send: Send) -> None:
        """Send until the process stops or the reader's leave ends; cancelled when the reader leaves."""
        stopping: Stopping = self._request.app.state.stopping
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        with self._feed.followed(stopping), self._followers.track_inprogress():
            while not stopping.is_set() and time.time() < self._until:
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
        count = min(AT_ONCE, feed.held - self._offset)
        records = await self._log.read(feed.stream, self._offset, max_records=count)
        if records:
            self._offset = records[-1].offset + 1
        return b"".join(frame(each.event, each.offset) for each in _readable(records))
