"""The board of a day as it stood at an offset: the log replayed up to it, with today's decoder. The store has no part.

Nothing is written: what cannot be read was put to the dead letters by those who read it first.
"""

import asyncio
from datetime import date

from libs.duty.state_duty import StateDuty
from libs.events.envelope import Recorded, format_instant
from libs.events.streams import stream_name
from libs.runtime.batch import Batch, Checkpoint
from libs.runtime.consumer import replay
from libs.runtime.errors import ReadStopped, Unavailable
from libs.runtime.log import EventLog
from libs.runtime.problems import FieldError, Problem
from libs.runtime.projection import Body, Documents
from libs.runtime.projector import AsOf
from libs.runtime.telemetry import Metrics
from services.aggregator import board
from services.aggregator.projections import state_days

AT_ONCE = 2
"""So many replays run side by side; each takes a core while it does."""
MOST_WAITING = 8
"""So many more wait for their turn; who comes then is told to come again."""
WAIT_SECONDS = 5
RECORDS = 100
"""A batch: some milliseconds, after which others have their turn."""


class Replays:
    """Replays over one log, not too many at once."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._here = 0

    async def day(self, state: str, day: date, offset: int) -> dict[str, object] | None:
        """The board of `day` behind the event at `offset`; None when the day had not begun there.

        Raises Problem 422 when there is no such event yet and 503 when too many ask, and Unavailable when the log has
        what this program must not pass.
        """
        if offset >= await self._log.end(stream_name("reports", state)):
            beyond = FieldError("/query/at_offset", "lies behind the end of the stream")
            raise Problem(422, "there is no such event", [beyond])
        if self._here >= AT_ONCE + MOST_WAITING:
            raise Problem(503, "too many boards are being replayed", headers={"Retry-After": str(WAIT_SECONDS)})
        self._here += 1
        try:
            async with self._turns:
                return await self._replay(state, day, offset)
        finally:
            self._here -= 1

    async def _replay(self, state: str, day: date, offset: int) -> dict[str, object] | None:
        folded = _Folded(state, day)
        stream = stream_name("reports", state)
        try:
            # Metrics of its own: what is replayed was counted when it was new.
            await replay("as-of", self._log, {stream: offset + 1}, folded, metrics=Metrics(), max_records=RECORDS)
        except ReadStopped as error:
            raise Unavailable(str(error)) from error
        body = folded.board()
        return None if body is None else board.answer(body, AsOf(offset, folded.event_time))


class _Folded:
    """The sink: a state's duty, and the board of one day as the projection last made it."""

    def __init__(self, state: str, day: date) -> None:
        self.event_time: str | None = None
        self._duty = StateDuty(state)
        self._day = day
        self._body: Body | None = None

    async def checkpoint(self, _stream: str) -> Checkpoint | None:
        return None

    async def fold(self, batch: Batch) -> None:
        documents = Documents({})
        for item in batch.items:
            documents.offset = item.offset
            if isinstance(item, Recorded):
                state_days.evolve(self._duty, documents, item)
                self.event_time = format_instant(item.event.time)
            else:
                state_days.hold(self._duty, documents, item)
        self._body = documents.get(state_days.document_id(self._duty.state, self._day)) or self._body
        await asyncio.sleep(0)  # the log may answer without letting anybody else have a turn

    async def rest(self) -> bool:
        return False

    def board(self) -> Body | None:
        last = self._duty.last_day()
        if self._body is None and last is not None and self._day <= last:  # before the first day that was opened
            return state_days.board(self._duty, self._duty.view(self._day), None)
        return self._body
