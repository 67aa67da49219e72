"""A state's events as they happen, as server-sent events: a reader's screen is refreshed when it has changed.

An event is sent only when the store holds it: who asks for the board on hearing of it finds it there.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from libs.events.codec import UndecodableEvent, decode, encode_structured
from libs.runtime.log import EventLog
from libs.runtime.positions import Positions

AT_ONCE = 100
"""So many records are held for a reader who does not keep up; the rest stays in the log."""
QUIET_SECONDS = 15.0
"""A comment is sent after so much silence, in real time: proxies cut what is quiet (HTML, section 9.2.7)."""


async def changes(
    log: EventLog,
    positions: Positions,
    stream: str,
    offset: int,
    stopping: asyncio.Event,
    *,
    quiet_seconds: float = QUIET_SECONDS,
) -> AsyncIterator[bytes]:
    """Every event of `stream` from `offset` on, until `stopping`: its CloudEvent in structured mode, its offset as id.

    `positions` say what the store holds. Records that give no event are left out, as in every fold.
    """
    while not stopping.is_set():
        await _first(positions.reached(stream, offset), stopping.wait(), quiet_seconds)
        held = positions[stream] - offset
        if held <= 0:
            yield KEEPALIVE_COMMENT
            continue
        for record in await log.read(stream, offset, max_records=min(AT_ONCE, held)):
            offset = record.offset + 1
            try:
                event = decode(record.headers, record.value)
            except UndecodableEvent:
                continue
            yield format_sse_event(data_str=encode_structured(event).decode(), id=str(record.offset))


async def _first(
    one: Coroutine[object, object, object], other: Coroutine[object, object, object], after: float
) -> None:
    """Wait for the first of two, but no longer than so many seconds."""
    tasks = [asyncio.ensure_future(one), asyncio.ensure_future(other)]
    try:
        await asyncio.wait(tasks, timeout=after, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
