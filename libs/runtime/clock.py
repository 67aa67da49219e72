"""The system's clock: event time, judging and reminders go by it. Tokens, rate limits and leases use real time.

`ShiftedClock` starts at another instant and runs at another speed (ROZANA_CLOCK_START, ROZANA_CLOCK_SPEED), so that a
whole week can be played in a minute by the very code that runs in production.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Gives UTC instants."""

    def now(self) -> datetime: ...

    async def sleep_until(self, instant: datetime) -> None:
        """Return when `now() >= instant`; at once when it already is."""
        ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep_until(self, instant: datetime) -> None:
        while (left := (instant - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 -- it waits for time itself
            await asyncio.sleep(min(left, 60.0))  # looks again, in case the machine's clock was set


@dataclass(frozen=True, slots=True)
class ShiftedClock:
    """`start` at the moment it is made, `speed` system seconds a real second."""

    start: datetime
    speed: float = 1.0
    monotonic: Callable[[], float] = time.monotonic
    _origin: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_origin", self.monotonic())

    def now(self) -> datetime:
        return self.start + timedelta(seconds=(self.monotonic() - self._origin) * self.speed)

    async def sleep_until(self, instant: datetime) -> None:
        while (left := (instant - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 -- it waits for time itself
            await asyncio.sleep(left / self.speed)


class ManualClock:
    """Stands still until told to move, and wakes those who sleep: for tests, and for a log that is written again."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    def advance_to(self, instant: datetime) -> None:
        self._now = max(self._now, instant)
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, instant: datetime) -> None:
        while self._now < instant:
            await self._moved.wait()
