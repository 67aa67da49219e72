"""Rozana about itself."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from libs.events.values import EventData, Name, Offset, Reason


class HeartbeatAppended(EventData):
    """A service could append durably at this moment, about once a minute: silence of its heartbeats is an outage."""

    NAME: ClassVar[str] = "heartbeat.appended"

    state: Annotated[str, StringConstraints(pattern=r"^in$")] = "in"
    """No state's own: always `in`."""
    service: Literal["ingest"]
    """Whose heartbeat it is; of several processes, any."""
    within_seconds: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """The next one comes within so many seconds of the system's clock, or the service is not there."""

    @property
    def subject(self) -> str:
        return self.service


class RecordDeadLettered(EventData):
    """A record that no decoder can read, kept whole: nothing vanishes, and it can be read again later (guarantee 8)."""

    NAME: ClassVar[str] = "record.dead_lettered"

    stream: str
    """The stream that it stood in."""
    offset: Offset
    """Its position there."""
    key: str
    """Its key: a district or state code."""
    headers: tuple[tuple[str, str], ...]
    """Name and Base64 of the value, in order."""
    value: str
    """Base64 of the original bytes."""
    reason: Reason
    """Why it cannot be read, without its content."""


class RecordSetAside(EventData):
    """A named operator says that an unreadable record is done with: it holds nobody's days any more."""

    NAME: ClassVar[str] = "record.set_aside"

    offset: Offset
    """The position of the record in the state's reports stream, where this event stands as well."""
    reason: Reason
    """What was found, and what has been done about it, in free text without the record's content."""
    by: Name
    """Who has looked into it."""
