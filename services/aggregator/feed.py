"""A stream's newest events as they go out: encoded once, for however many follow, and one bell that wakes them all."""

import asyncio
import contextlib
from bisect import bisect_left
from collections.abc import Iterator

from fastapi.sse import format_sse_event

from libs.events.codec import encode_structured
from libs.events.envelope import Event, Recorded
from libs.runtime.batch import Batch
from libs.runtime.http import Stopping
from libs.runtime.positions import Positions

MOST_FRAMES = 1000
MOST_BYTES = 1 << 20
"""What a feed holds at most; who is further behind reads the log. Nothing at all while nobody follows."""
CHUNK_BYTES = 1 << 16
"""So much is sent at once, or a single event that is larger."""
QUIET_SECONDS = 15.0
"""A comment is sent after so much silence, in real time: proxies cut what is quiet (HTML, section 9.2.7)."""
LINE_BREAKS = {ord(each): f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"}
"""JSON may hold these as they are, and many readers of lines, httpx's among them, break a line at them."""


def frame(event: Event, offset: int) -> bytes:
    """The event as one server-sent event: its CloudEvent in structured mode, its offset as id."""
    return format_sse_event(data_str=encode_structured(event).decode().translate(LINE_BREAKS), id=str(offset))


class Feed:
    """Of one stream. Used from one event loop; `told` says what the store holds, all else those who follow."""

    def __init__(self, stream: str, positions: Positions, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        self.stream = stream
        self._positions = positions
        self._quiet_seconds = quiet_seconds
        self._start = self._end = 0
        """The frames are those of the events from start on, up to end."""
        self._offsets: list[int] = []
        self._frames: list[bytes] = []
        self.size = 0
        self.followers = 0
        self._rung_at = 0.0
        self._bell = asyncio.Event()
        self._beats = 0
        self._beat_timer: asyncio.TimerHandle | None = None

    @property
    def held(self) -> int:
        """The store holds all below this offset."""
        return self._positions[self.stream]

    def told(self, batch: Batch) -> None:
        """The store holds this batch, and `positions` are about to move behind it."""
        if self._end != self._positions[self.stream]:  # the first one since the start
            self._forget(self._positions[self.stream])
        self._end = batch.checkpoint.offset + 1
        if not self.followers:
            self._forget(self._end)
            return
        for item in batch.items:
            if isinstance(item, Recorded):
                self._offsets.append(item.offset)
                self._frames.append(frame(item.event, item.offset))
                self.size += len(self._frames[-1])
        self._trim()
        self.ring()

    def after(self, offset: int) -> tuple[bytes, int] | None:
        """What to send to somebody who wants all from `offset` on, and from where he goes on; None: see the log."""
        if offset < self._start or self._end < self.held:
            return None
        first = last = bisect_left(self._offsets, offset)
        size = 0
        while last < len(self._frames) and (size == 0 or size + len(self._frames[last]) <= CHUNK_BYTES):
            size += len(self._frames[last])
            last += 1
        behind = self._end if last == len(self._frames) else self._offsets[last]
        return b"".join(self._frames[first:last]), behind

    @contextlib.contextmanager
    def followed(self, stopping: Stopping) -> Iterator[None]:
        """While somebody follows, the bell is rung: for news, when the process stops, and when all has been quiet."""
        self.followers += 1
        if self.followers == 1:
            stopping.tell.add(self.ring)
            self._quiet()
        try:
            yield
        finally:
            self.followers -= 1
            if not self.followers:
                stopping.tell.discard(self.ring)
                self._forget(self._end)
                if self._beat_timer is not None:
                    self._beat_timer.cancel()

    async def rung(self) -> bool:
        """Wait for the bell. Whether it was because all is quiet."""
        beats = self._beats
        await self._bell.wait()
        return self._beats > beats

    def ring(self) -> None:
        self._rung_at = asyncio.get_running_loop().time()
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def _quiet(self) -> None:
        """One timer for all who follow: a beat when nothing has rung the bell for so long."""
        loop = asyncio.get_running_loop()

        def beat() -> None:
            if loop.time() >= self._rung_at + self._quiet_seconds:
                self._beats += 1
                self.ring()
            self._beat_timer = loop.call_at(self._rung_at + self._quiet_seconds, beat)

        self._rung_at = loop.time()
        self._beat_timer = loop.call_at(self._rung_at + self._quiet_seconds, beat)

    def _trim(self) -> None:
        """Forget the oldest, many at once, so that it is not done for every event."""
        if len(self._frames) <= MOST_FRAMES and self.size <= MOST_BYTES:
            return
        kept = 0
        first = len(self._frames)
        while first and len(self._frames) - first < MOST_FRAMES // 2:
            kept += len(self._frames[first - 1])
            if kept > MOST_BYTES // 2:
                break
            first -= 1
        self._start = self._offsets[first - 1] + 1
        self.size -= sum(map(len, self._frames[:first]))
        del self._offsets[:first], self._frames[:first]

    def _forget(self, start: int) -> None:
        self._start = self._end = start
        self._offsets, self._frames, self.size = [], [], 0
