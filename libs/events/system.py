"""Rozana about itself."""

from typing import ClassVar

from libs.events.values import EventData, Offset, Reason


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
