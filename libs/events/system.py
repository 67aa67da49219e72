"""Rozana about itself."""

from typing import Annotated, ClassVar

from pydantic import Field

from libs.events.values import EventData, Reason, StateCode


class RecordDeadLettered(EventData):
    """A record that no decoder can read, kept whole: nothing vanishes, and it can be read again later (guarantee 8)."""

    NAME: ClassVar[str] = "record.dead_lettered"

    state: StateCode
    stream: str
    offset: Annotated[int, Field(ge=0)]
    key: str
    headers: tuple[tuple[str, str], ...]
    """Name and Base64 of the value, in order."""
    value: str
    """Base64 of the original bytes."""
    reason: Reason
