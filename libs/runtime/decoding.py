"""The event of a record, as every reader takes it: what the codec cannot read gives none, nor does an impossible time.

ingest's clock gives an event its time, the log's own says when it was taken. Who folds a time of years ahead opens all
days until then; of one before there were days no calendar can be asked.
"""

from datetime import UTC, datetime, time, timedelta

from libs.duty.state_duty import HANDLES
from libs.events.clock import ClockReached
from libs.events.codec import InvalidEvent, decode
from libs.events.envelope import Event
from libs.events.values import FIRST_DAY
from libs.runtime.log import Record

FIRST = datetime.combine(FIRST_DAY, time.min, UTC)
TIMED = HANDLES - {ClockReached}
"""By whose time days are opened. When somebody came to say what the clock has reached is of no account."""
MOST_AHEAD = timedelta(days=1)
"""So far is no clock of ours ahead of the log's."""
AHEAD = "its time lies more than a day ahead of the log's own clock"
BEFORE = "its time lies before the year 2000"
IMPOSSIBLE = frozenset({AHEAD, BEFORE})
"""Faults that no other decoder mends."""


def event_of(record: Record) -> Event:
    """Raises as `decode` does, and InvalidEvent for a time that cannot be."""
    event = record.event or decode(record.headers, record.value)
    if type(event.data) in TIMED:
        if event.time > record.appended_at + MOST_AHEAD:
            raise InvalidEvent(AHEAD)
        if event.time < FIRST:
            raise InvalidEvent(BEFORE)
    return event
