"""A state's events as they happen, as server-sent events: a reader's screen is refreshed when it has changed.

An event is sent only when the store holds it: who asks for the board on hearing of it finds it there.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine

from fastapi.sse import ServerSentEvent

from libs.events.codec import UndecodableEvent, decode, encode_structured
from libs.runtime.log import EventLog
from libs.runtime.positions import Positions

AT_ONCE = 100
"""So many records are held for a reader who does not keep up; the rest stays in the log."""


async def changes(
    log: EventLog, positions: Positions, stream: str, offset: int, stopping: asyncio.Event
) -> AsyncIterator[ServerSentEvent]:
    """Every event of `stream` from `offset` on, until `stopping`: its CloudEvent in structured mode, its offset as id.

    `positions` say what the store holds. Records that give no event are left out, as in every fold.
    """
    while await _before(stopping, positions.reached(stream, offset)):
        for record in await log.read(stream, offset, max_records=min(AT_ONCE, positions[stream] - offset)):
            offset = record.offset + 1
            try:
                event = decode(record.headers, record.value)
            except UndecodableEvent:
                continue
            yield ServerSentEvent(raw_data=encode_structured(event).decode(), id=str(record.offset))


async def _before(stopping: asyncio.Event, wanted: Coroutine[object, object, None]) -> bool:
    """Wait for either; whether the wanted one came, and not the end."""
    waiting = asyncio.ensure_future(wanted)
    ending = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait((waiting, ending), return_when=asyncio.FIRST_COMPLETED)
        return not ending.done()
    finally:
        waiting.cancel()
        ending.cancel()
