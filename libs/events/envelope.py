"""An event: CloudEvents 1.0 context around typed data, and the same at its place in a stream."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from libs.events.canonical import body_hash
from libs.events.values import EventData


@dataclass(frozen=True)
class Event:
    """One immutable, past-tense fact.

    id: an RFC 9562 UUID in lower case, unique across all states; made by the client, or worked out from its cause.
    source: a URI reference naming who says so (CloudEvents 1.0, section 3.1).
    time: received_at by the ingest server's clock, UTC; for grievances cut to the day.
    data: in the latest version of its type, as today's code understands it.
    actor: `role:opaque subject` of who posted it; None for grievances and for the system itself.
    traceparent: W3C Trace Context of the request, if any.
    sha256: the hash of the canonical body, as ingest wrote it; None where nobody did.
    written: the data in the older version in which it stands in the log; None where that is the latest.
    """

    id: str
    source: str
    time: datetime
    data: EventData
    actor: str | None = None
    traceparent: str | None = None
    sha256: str | None = None
    written: EventData | None = None

    @property
    def as_written(self) -> EventData:
        """The data as it stands in the log; `type` and the hash are about this."""
        return self.data if self.written is None else self.written

    @property
    def type(self) -> str:
        return self.as_written.type_name()

    @property
    def subject(self) -> str:
        return self.data.subject

    def body_hash(self) -> str:
        """Hex SHA-256 of the canonical body: the same for a retry, another for another body (guarantee 2).

        It is what ingest wrote beside the body, or worked out where nobody did: in a log of before that was done.
        """
        return self.sha256 or self._body_hash

    @cached_property  # whoever folds a report asks more than once
    def _body_hash(self) -> str:
        return body_hash(self.id, self.as_written.model_dump(mode="json"), self.as_written.SET_BY_INGEST)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event at its place in the log. `appended_at` is the log's own clock (UTC)."""

    event: Event
    stream: str
    offset: int
    appended_at: datetime


def format_instant(instant: datetime) -> str:
    """How instants are written: `2026-03-31T18:30:00Z`, a fraction only where there is one.

    (Inside an event's data pydantic writes them: the same, but a fraction always has six digits.)
    ValueError for a time without an offset: it would be read as the machine's own zone.
    """
    if instant.tzinfo is not UTC:  # nearly never
        if instant.tzinfo is None:
            raise ValueError("an instant needs an offset from UTC")
        instant = instant.astimezone(UTC)
    text = instant.isoformat().removesuffix("+00:00")
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}Z"


def parse_instant(text: str) -> datetime:
    """The inverse of `format_instant`; also reads other offsets. ValueError: no offset, or no such instant in UTC."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is UTC:  # as `format_instant` writes it
        return instant
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset from UTC")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("not an instant that exists in UTC") from None
