"""Who goes first in a process when all states close their day at one instant: the alerts, one state after the other.

What falls due in many streams at once is said of one, its alerts are appended, and then it is said of the next: all at
once, each state would wait for the work of all. Whoever folds the alerts, to show or to send them, gives way meanwhile.
Nobody waits for ever: the one whose turn it is may wait for a log that is away.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

TURN_SECONDS = 5.0
"""Who has waited so long for his turn goes beside the one whose it is."""
GIVE_WAY_SECONDS = 1.0
"""So long a batch of a follower waits for those who go first."""
FOLLOWING_AT_ONCE = 4
"""Batches of followers folded at one time: what a grievance's alert finds beside it is not one of each state."""


class Turns:
    """Of one process. Real time, in seconds."""

    def __init__(self, *, turn_seconds: float = TURN_SECONDS, give_way_seconds: float = GIVE_WAY_SECONDS) -> None:
        self._turn_seconds = turn_seconds
        self._give_way_seconds = give_way_seconds
        self._turn = asyncio.Lock()
        self._going_first = 0
        self._free = asyncio.Event()
        self._free.set()
        self._following = asyncio.Semaphore(FOLLOWING_AT_ONCE)

    @contextlib.asynccontextmanager
    async def first(self) -> AsyncIterator[None]:
        """One at a time, in the order of coming; before all followers."""
        self._going_first += 1
        self._free.clear()
        mine = False
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._turn_seconds):
                    mine = await self._turn.acquire()
            yield
        finally:
            if mine:
                self._turn.release()
            self._going_first -= 1
            if self._going_first == 0:
                self._free.set()

    @contextlib.asynccontextmanager
    async def follow(self, _records: int) -> AsyncIterator[None]:
        """A follower's turn, as `consume` asks for it; however much is to be folded."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._give_way_seconds):
                await self._free.wait()
        async with self._following:
            yield
