"""The dead-letter stream, read back: each record as it was, byte for byte, and whether it can be read by now."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime

from libs.events.codec import Headers, UndecodableEvent, decode
from libs.events.envelope import format_instant
from libs.events.streams import keeps_hours, state_of, stream_name
from libs.events.system import RecordDeadLettered
from libs.runtime.decoding import IMPOSSIBLE
from libs.runtime.log import EventLog, Record

DEAD_LETTERS = stream_name("dead-letters")
AT_ONCE = 100
"""So many letters are in memory: one may be as large as a record may be."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that could not be read. `reason` is why, then; `met_at` is when a reader first met it (UTC)."""

    stream: str
    offset: int
    key: str
    headers: Headers
    value: bytes
    reason: str
    met_at: datetime

    def fault(self) -> str | None:
        """Why today's decoder cannot read it; None when it can."""
        try:
            decode(self.headers, self.value)
        except UndecodableEvent as error:
            return str(error)
        return self.reason if self.reason in IMPOSSIBLE else None

    @property
    def state(self) -> str | None:
        return state_of(self.stream)

    @property
    def met(self) -> str:
        """When it was met, as it may be shown: of a stream that keeps no hours, the day."""
        return format_instant(self.met_at) if keeps_hours(self.stream) else self.met_at.date().isoformat()


@dataclass(frozen=True, slots=True)
class Stranger:
    """A record of the dead-letter stream that is no dead letter, at this offset."""

    offset: int


async def letters(log: EventLog) -> AsyncIterator[Letter | Stranger]:
    """In the order of the stream, each record once, however many readers have kept it. Raises as `EventLog.read`."""
    position = 0
    seen: set[tuple[str, int]] = set()
    while records := await log.read(DEAD_LETTERS, position, max_records=AT_ONCE):
        for record in records:
            found = letter_of(record)
            if isinstance(found, Letter):
                if (found.stream, found.offset) in seen:
                    continue
                seen.add((found.stream, found.offset))
            yield found
        position = records[-1].offset + 1


async def find_letter(log: EventLog, stream: str, offset: int) -> Letter | None:
    """The dead letter of the record at this place, if it is one."""
    async for each in letters(log):
        if isinstance(each, Letter) and (each.stream, each.offset) == (stream, offset):
            return each
    return None


async def states_with_letters(log: EventLog) -> Collection[str]:
    """In order of their codes."""
    return sorted({each.state async for each in letters(log) if isinstance(each, Letter) and each.state is not None})


def letter_of(record: Record) -> Letter | Stranger:
    """What a record of the dead-letter stream holds."""
    try:
        event = decode(record.headers, record.value)
        data = event.data
        if not isinstance(data, RecordDeadLettered):
            return Stranger(record.offset)
        headers = tuple((name, b64decode(value, validate=True)) for name, value in data.headers)
        value = b64decode(data.value, validate=True)
    except (UndecodableEvent, NotBase64, ValueError):
        return Stranger(record.offset)
    return Letter(data.stream, data.offset, data.key, headers, value, data.reason, event.time)
