"""The loop that looks after a service's gauges: what no event tells, somebody has to look up now and then."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Never

from libs.events.streams import keeps_hours
from libs.runtime.log import EventLog
from libs.runtime.positions import Positions
from libs.runtime.telemetry import Metrics

LOOK_SECONDS = 15.0
"""Of real time: as often as Prometheus usually asks."""
FIRST_SECONDS = 1.0
"""Sooner after the start, and then twice as long each time: that is when most of it changes."""


async def look_after_gauges(
    service: str,
    log: EventLog,
    consumers: Mapping[str, Positions],
    metrics: Metrics,
    look: Callable[[], Awaitable[None]] | None = None,
    *,
    every: float = LOOK_SECONDS,
) -> Never:
    """Show how far each consumer is behind, then `look`, for ever. Raises what the log and `look` raise.

    Nothing is shown of streams that keep no hours; readiness still speaks of them.
    """
    pause = min(FIRST_SECONDS, every)
    while True:
        for name, positions in consumers.items():
            shown = set(filter(keeps_hours, positions.begun))
            for stream in shown:
                end = await log.end(stream)
                if stream in positions:  # it may have gone meanwhile
                    metrics.consumer_lag.labels(consumer=name, stream=stream).set(max(end - positions[stream], 0))
        if look is not None:
            await look()
        metrics.looked_timestamp_seconds.labels(service=service).set(time.time())
        await asyncio.sleep(pause)
        pause = min(pause * 2, every)
