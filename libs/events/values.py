"""The small types that every event is made of, and the base of all event data.

Models are the contract: frozen, strict, and closed at the producer (`extra="forbid"`); the codec reads them tolerantly.
No validator puts what was sent into its message: a problem document shows the message to whoever asks.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, ClassVar, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    model_validator,
)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


def _iso_day(value: object) -> object:
    if isinstance(value, str) and not _DAY.match(value):
        raise ValueError("a day is written YYYY-MM-DD")
    return value


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _real_instant(value: str) -> str:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("not an instant that exists") from None
    return value


Id = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"
    ),
    AfterValidator(str.lower),
]
"""Any RFC 9562 UUID in its hyphenated form, kept in lower case (section 4: case does not matter on input)."""

StateCode = Annotated[str, StringConstraints(pattern=r"^in-[a-z]{2}$")]
"""ISO 3166-2:IN in lower case: `in-mp`."""

DistrictCode = Annotated[str, StringConstraints(pattern=r"^in-[a-z]{2}\.[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""A state, a dot, a slug: `in-mp.bhopal-city`. It never changes."""

Day = Annotated[date, BeforeValidator(_iso_day)]
"""A civil date in the state's time zone: `2026-11-23`."""

LocalTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day in the state's time zone: `21:00`."""

Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A point in time by Rozana's clock, in UTC."""

ClaimedInstant = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$",
        max_length=40,
    ),
    AfterValidator(_real_instant),
]
"""A point in time by somebody else's clock (RFC 3339), kept letter for letter and never compared with ours."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Text = Annotated[str, StringConstraints(max_length=2000)]
"""Free text, at most 2,000 code points."""
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Model(BaseModel):
    """A closed, frozen, strictly typed value."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, serialize_by_alias=True, validate_by_name=True)


class EventData(Model):
    """The data of one event type. `NAME` and `VERSION` make its CloudEvents type: `rozana.<name>.v<version>`."""

    NAME: ClassVar[str]
    VERSION: ClassVar[int] = 1
    SET_BY_INGEST: ClassVar[frozenset[str]] = frozenset()
    """Members that the client does not send: they take no part in the canonical body (guarantee 2)."""

    state: StateCode

    @classmethod
    def type_name(cls) -> str:
        return f"rozana.{cls.NAME}.v{cls.VERSION}"

    @property
    def subject(self) -> str:
        """The district or state that the event is about; also the record's key."""
        return self.state


class DistrictData(EventData):
    """Data about one district of the state."""

    district: DistrictCode

    @model_validator(mode="after")
    def _one_state(self) -> Self:
        if not self.district.startswith(f"{self.state}."):
            raise ValueError("the district belongs to another state")
        return self

    @property
    def subject(self) -> str:
        return self.district
