"""How far a reader has come in each of its streams, for those who wait for it and those who watch it."""

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable
from itertools import count

from libs.events.streams import keeps_hours
from libs.runtime.log import EventLog

STALLED_SECONDS = 30.0
"""Seen behind the end of a stream for so long without a step: not ready (guarantee 9)."""


class Positions:
    """The next offset of each stream. Used from one event loop. `now` is real time in seconds."""

    def __init__(self, streams: Iterable[str] = (), *, now: Callable[[], float] = time.monotonic) -> None:
        self._next: dict[str, int] = {}
        self._now = now
        self._behind: dict[str, tuple[int, float]] = {}
        """Where `lag` has found a stream that is behind its end, and when it first found it there."""
        self._waiting: dict[str, list[tuple[int, int, asyncio.Future[None]]]] = {}
        self._order = count()
        self._begun: set[str] = set()
        self._caught_up = False
        self.add(streams)

    def add(self, streams: Iterable[str]) -> None:
        """They are read here from now on. Raises ValueError when one of them is already."""
        for stream in streams:
            if stream in self._next:
                raise ValueError(f"{stream} is read here already")
            self._next[stream] = 0
            self._waiting[stream] = []

    def remove(self, streams: Iterable[str]) -> None:
        """They are not read here any more. Whoever waits for one waits no longer."""
        for stream in streams:
            del self._next[stream]
            self._begun.discard(stream)
            self._behind.pop(stream, None)
            for _, _, future in self._waiting.pop(stream):
                if not future.done():
                    future.set_result(None)

    def __getitem__(self, stream: str) -> int:
        return self._next[stream]

    def __contains__(self, stream: str) -> bool:
        return stream in self._next

    @property
    def streams(self) -> tuple[str, ...]:
        return tuple(self._next)

    @property
    def begun(self) -> tuple[str, ...]:
        """Those whose reader has said where it begins."""
        return tuple(stream for stream in self._next if stream in self._begun)

    def move(self, stream: str, to: int) -> None:
        """The next offset is `to`: all before it is folded. The first move says where the reader has begun."""
        self._next[stream] = to
        self._begun.add(stream)
        waiting = self._waiting[stream]
        while waiting and waiting[0][0] < to:
            future = heapq.heappop(waiting)[2]
            if not future.done():
                future.set_result(None)

    async def reached(self, stream: str, offset: int) -> None:
        """Return when `offset` is folded, at once when it already is; or when the stream is removed."""
        if self._next[stream] > offset:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting, mine = self._waiting[stream], (offset, next(self._order), future)
        heapq.heappush(waiting, mine)
        try:
            await future
        except asyncio.CancelledError:
            if mine in waiting:  # who has given up on a quiet stream must not be kept until it moves
                waiting.remove(mine)
                heapq.heapify(waiting)
            raise

    async def lag(self, log: EventLog) -> str | None:
        """For readiness: None when all has been read to the end once and no stream stalls, else one line why not."""
        ends = {stream: await log.end(stream) for stream in self.streams}
        behind = [stream for stream in self._next if self._next[stream] < ends.get(stream, 0)]
        if not self._caught_up:
            if len(self._begun) < len(self._next):
                return "has not begun to read"
            if behind:
                told = list(filter(keeps_hours, behind))  # of grievances not even how many there are, start by start
                left = sum(ends[stream] - self._next[stream] for stream in told)
                return f"still reading: {left} events to go in {len(told)} streams" if told else "still reading"
            self._caught_up = True
        now = self._now()
        before = self._behind
        self._behind = {stream: (self._next[stream], now) for stream in behind}
        for stream in behind:
            if stream in before and before[stream][0] == self._next[stream]:
                self._behind[stream] = before[stream]
        stalled = [_name(stream) for stream, (_, since) in self._behind.items() if now - since > STALLED_SECONDS]
        return f"no progress in {', '.join(stalled)}" if stalled else None


def _name(stream: str) -> str:
    """Whose stream of grievances has something that is not read yet, nobody is told."""
    return stream if keeps_hours(stream) else f"a stream of {stream.rsplit('.', 1)[-1]}"
