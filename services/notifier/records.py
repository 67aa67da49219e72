"""What the notifier writes: its name in the envelope, and the precision of its times."""

from datetime import datetime

from libs.events.codec import encode
from libs.events.envelope import Event
from libs.events.streams import Kind
from libs.runtime.log import NewRecord

SOURCE = "urn:rozana:notifier"


def record_of(event: Event) -> NewRecord:
    headers, value = encode(event)
    return NewRecord(event.subject, headers, value, event)


def event_time(kind: Kind, now: datetime) -> datetime:
    """The envelope's time in a stream of this kind; with grievances nothing tells more than the day (section 3)."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) if kind == "grievances" else now
