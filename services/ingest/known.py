"""What is remembered of an event that stands in the log, and the receipt that is answered for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from libs.events.envelope import Event, format_instant
from libs.events.values import EventData
from libs.runtime.log import Record

_DataType = type[EventData]  # `Known` has a member of that name
_AS_INGEST_WRITES = re.compile(
    rb"1\.0 application/json "
    rb"([0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}) ([0-9a-f]{64})"
)
"""Version, content type, id and hash of a record."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What ingest answers for an appended event."""

    id: str
    stream: str
    offset: int
    received_at: str
    """An instant in UTC: `2026-03-31T18:30:00Z`; of a grievance, its UTC day at midnight."""
    sha256: str
    """Hex SHA-256 of the canonical body (RFC 8785), without what ingest sets."""

    def json(self) -> bytes:
        """Ours are all: nothing in them needs to be escaped."""
        return (
            f'{{"id":"{self.id}","stream":"{self.stream}","offset":{self.offset},'
            f'"received_at":"{self.received_at}","sha256":"{self.sha256}"}}'
        ).encode()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What somebody without a token is answered: no offset, which would tell how many there are, and by asking twice
    whether there was another meanwhile."""

    id: str
    received_at: str
    """The UTC day at midnight."""
    sha256: str
    """Hex SHA-256 of the canonical body (RFC 8785), without what ingest sets."""

    @classmethod
    def of(cls, receipt: Receipt) -> "Acknowledgement":
        return cls(receipt.id, receipt.received_at, receipt.sha256)


@dataclass(frozen=True, slots=True)
class Known:
    """An event's place in the log and what it takes to recognise a retry of it (guarantee 2)."""

    id: str
    type: type[EventData]
    subject: str
    body_hash: str
    stream: str
    offset: int
    received_at: datetime

    @classmethod
    def at(cls, event: Event, stream: str, offset: int) -> "Known":
        return cls(event.id, type(event.data), event.subject, event.body_hash(), stream, offset, event.time)

    @classmethod
    def by_headers(
        cls, record: Record, headers: Mapping[str, bytes], data: "_DataType", received_at: datetime
    ) -> "Known | None":
        """The same without decoding the body, if the headers are as ingest writes them."""
        about = b" ".join(headers.get(name, b"") for name in ("ce_specversion", "content-type", "ce_id", "ce_sha256"))
        match = _AS_INGEST_WRITES.fullmatch(about)
        if match is None:
            return None
        event_id, body_hash = match[1].decode(), match[2].decode()
        return cls(event_id, data, record.key, body_hash, record.stream, record.offset, received_at)

    def is_same(self, event: Event) -> bool:
        """Whether `event`, which has the same id, is the same event. Bodies of two types may have one hash."""
        return self.type is type(event.data) and self.body_hash == event.body_hash()

    def receipt(self) -> Receipt:
        return Receipt(self.id, self.stream, self.offset, format_instant(self.received_at), self.body_hash)


KnownEvents = Mapping[str, Known]
"""By event id."""
