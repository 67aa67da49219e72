"""Records that cannot be read, kept whole in the dead-letter stream: each once, whoever meets it, however often."""

import asyncio
from base64 import b64encode
from collections import deque
from uuid import NAMESPACE_URL, uuid5

from libs.events.codec import encode
from libs.events.envelope import Event
from libs.events.streams import keeps_hours, state_of
from libs.events.system import RecordDeadLettered
from libs.runtime.clock import Clock
from libs.runtime.errors import ReadStopped
from libs.runtime.letters import DEAD_LETTERS, Letter, letter_of
from libs.runtime.log import EventLog, NewRecord, Record
from libs.runtime.telemetry import Logger, Metrics

MOST_IN_A_ROW = 100
MOST_SHARE = 0.1
SHARE_OF = 1000
"""More than a tenth of the last thousand records: then not the records are at fault, but this program."""


class DeadLetters:
    """Appends what a reader could not decode (guarantee 8). What was appended before, it knows from the stream."""

    STREAM = DEAD_LETTERS

    def __init__(self, log: EventLog, clock: Clock, metrics: Metrics, logger: Logger) -> None:
        self._log = log
        self._clock = clock
        self._metrics = metrics
        self._logger = logger
        self._known: set[tuple[str, int]] = set()
        self._read_to = 0
        self._one_at_a_time = asyncio.Lock()

    async def record(self, record: Record, reason: str) -> None:
        """Return when the record is in the dead-letter stream. Raises Unavailable: then the reader stops."""
        async with self._one_at_a_time:
            await self._catch_up()
            if (record.stream, record.offset) in self._known:
                return
            headers, value = encode(self._letter(record, reason))
            await self._log.append(self.STREAM, [NewRecord(record.stream, headers, value)])
        if keeps_hours(record.stream):  # else the moment would say when a grievance came
            self._metrics.dead_letters.labels(stream=record.stream).inc()
            where = {"stream": record.stream, "offset": record.offset, "reason": reason}
            if record.key.startswith(f"{state_of(record.stream)}."):
                self._logger.warning("dead letter", **where)
            else:
                self._logger.error("a dead letter holds all of its state: nobody in it is judged", **where)

    def _letter(self, record: Record, reason: str) -> Event:
        place = f"{record.stream}/{record.offset}"
        state = state_of(record.stream)
        if state is None:  # nothing of a district can hide in the streams of no state
            raise ReadStopped(f"{place} cannot be read ({reason}): see who writes there")
        now = self._clock.now()
        return Event(
            id=str(uuid5(NAMESPACE_URL, f"urn:rozana:dead-letter:{place}")),
            source="urn:rozana:reader",
            time=now if keeps_hours(record.stream) else now.replace(hour=0, minute=0, second=0, microsecond=0),
            data=RecordDeadLettered(
                state=state,
                stream=record.stream,
                offset=record.offset,
                key=record.key,
                headers=tuple((name, b64encode(raw).decode()) for name, raw in record.headers),
                value=b64encode(record.value).decode(),
                reason=reason[:500],
            ),
        )

    async def _catch_up(self) -> None:
        while records := await self._log.read(self.STREAM, self._read_to):
            for record in records:
                if isinstance(letter := letter_of(record), Letter):  # else not ours, or not whole
                    self._known.add((letter.stream, letter.offset))
            self._read_to = records[-1].offset + 1


class FaultLimit:
    """Stops a reader loudly when too much is unreadable in a row, or as a share."""

    def __init__(self) -> None:
        self._counted = 0
        self._in_a_row = 0
        self._faults: deque[int] = deque()
        """Which of all records they were, those of the last SHARE_OF."""

    def count(self, *, unreadable: bool) -> None:
        """Raises ReadStopped past the limits."""
        self._counted += 1
        if not unreadable:
            self._in_a_row = 0
            return
        self._in_a_row += 1
        self._faults.append(self._counted)
        while self._faults[0] <= self._counted - SHARE_OF:
            self._faults.popleft()
        if self._in_a_row > MOST_IN_A_ROW or len(self._faults) > SHARE_OF * MOST_SHARE:
            recent = min(self._counted, SHARE_OF)
            raise ReadStopped(
                f"{self._in_a_row} records in a row and {len(self._faults)} of the last {recent} cannot be read:"
                " update this program, or see `rozana dead-letters list`"
            )
