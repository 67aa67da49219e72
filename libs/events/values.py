"""The small types that every event is made of, and the base of all event data.

Models are the contract: frozen, strict, and closed at the producer (`extra="forbid"`); the codec reads them tolerantly.
No validator puts what was sent into its message: a problem document shows the message to whoever asks.
"""

import re
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, LiteralString, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)
UUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"
RFC_3339_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
STATE_PATTERN = r"^in-[a-z]{2}$"
DISTRICT_PATTERN = r"^in-[a-z]{2}\.[a-z0-9]+(-[a-z0-9]+)*$"
SUBJECT_PATTERN = r"^in-[a-z]{2}(\.[a-z0-9]+(-[a-z0-9]+)*)?$"
TIME_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
ZONE_PATTERN = r"^[A-Z][A-Za-z0-9]*([/_+-][A-Za-z0-9]+)*$"
"""The shape of IANA names. It keeps out `localtime`, `posixrules`, `right/…`: what they mean depends on the machine."""
PATTERNS = {
    UUID_PATTERN: "a UUID such as 0192f0e4-7c1a-7cc0-9d6f-3f6a1c2b4d5e",
    RFC_3339_PATTERN: "an instant with its offset, such as 2026-11-23T20:11:05+05:30",
    STATE_PATTERN: "a state such as in-mp",
    DISTRICT_PATTERN: "a district such as in-mp.guna",
    SUBJECT_PATTERN: "a state or a district, such as in-mp or in-mp.guna",
    TIME_PATTERN: "a time of day such as 21:00",
    ZONE_PATTERN: "a time zone of the IANA database, such as Asia/Kolkata",
}
"""What to say to a person whose text does not match."""
_INSTANT = re.compile(RFC_3339_PATTERN)


def broken(rule: LiteralString) -> PydanticCustomError:
    """What a validator raises: the rule, in fixed words that anybody may be shown. A ValueError's text might quote."""
    return PydanticCustomError("rule", rule)


def _iso_day(value: object) -> object:
    """Text to a date here: behind a validator in Python, pydantic's strict mode takes no text, not even from JSON."""
    if not isinstance(value, str):
        return value
    if not _DAY.match(value):
        raise broken("a day is written YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise broken("not a day that exists") from None


def _in_range(value: date) -> date:
    # In words of our own: pydantic's message would read "greater than or equal to datetime.date(2000, 1, 1)".
    if not FIRST_DAY <= value <= LAST_DAY:
        raise broken("a day lies between 2000-01-01 and 2199-12-31")
    return value


def _iso_instant(value: object) -> object:
    """As `_iso_day`; pydantic itself would take "1700000000" for an instant."""
    if not isinstance(value, str):
        return value
    if not _INSTANT.fullmatch(value):
        raise broken("an instant is written as in RFC 3339, with an offset from UTC")
    return datetime.fromisoformat(_real_instant(value))


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise broken("not an instant that exists in UTC") from None


def _real_instant(value: str) -> str:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise broken("not an instant that exists") from None
    return value


Id = Annotated[str, StringConstraints(pattern=UUID_PATTERN, to_lower=True)]
"""Any RFC 9562 UUID in its hyphenated form, kept in lower case (section 4: case does not matter on input)."""

StateCode = Annotated[str, StringConstraints(pattern=STATE_PATTERN)]
"""ISO 3166-2:IN in lower case: `in-mp`."""

DistrictCode = Annotated[str, StringConstraints(pattern=DISTRICT_PATTERN, max_length=64)]
"""A state, a dot, a slug: `in-mp.bhopal-city`. It never changes."""

Day = Annotated[date, BeforeValidator(_iso_day), AfterValidator(_in_range)]
"""A civil date in the state's time zone: `2026-11-23`. The bounds keep every deadline a date that exists."""

LocalTime = Annotated[str, StringConstraints(pattern=TIME_PATTERN)]
"""A time of day in the state's time zone: `21:00`."""

Instant = Annotated[AwareDatetime, BeforeValidator(_iso_instant), AfterValidator(_in_utc)]
"""A point in time by Rozana's clock, in UTC."""

ClaimedInstant = Annotated[
    str, StringConstraints(pattern=RFC_3339_PATTERN, max_length=40), AfterValidator(_real_instant)
]
"""A point in time by somebody else's clock (RFC 3339), kept letter for letter and never compared with ours."""

Offset = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""A position in one stream. Canonical JSON is exact for integers of at most 53 bits (RFC 8785, section 3.2.2.3)."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Text = Annotated[str, StringConstraints(max_length=2000)]
"""Free text, at most 2,000 code points."""
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Model(BaseModel):
    """A closed, frozen, strictly typed value. The text below a field is what docs/events.md says of it."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        serialize_by_alias=True,
        validate_by_name=True,
        use_attribute_docstrings=True,
    )


M = TypeVar("M", bound=Model)


_give_members, _give_fields, _give_extra, _give_private = (
    BaseModel.__dict__[name].__set__
    for name in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)
"""How pydantic itself fills a model: one that is frozen takes nothing by assignment."""


@cache
def _fields(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)


def unchecked(model: type[M], members: dict[str, Any]) -> M:
    """`model_construct`, given every member and by its name: a twentieth of the time, since it looks at no field.

    For what another model has checked. `members` belong to the value from now on.
    """
    made = model.__new__(model)
    _give_members(made, members)
    _give_fields(made, _fields(model))
    _give_extra(made, None)
    _give_private(made, None)
    return made


class Cause(Model):
    """The record that made it so."""

    stream: Annotated[str, StringConstraints(max_length=64)]
    """The stream it stands in: `rozana.in-mp.reports`."""
    offset: Offset
    """Its position there."""


class EventData(Model):
    """The data of one event type. `NAME` and `VERSION` make its CloudEvents type: `rozana.<name>.v<version>`."""

    NAME: ClassVar[str]
    VERSION: ClassVar[int] = 1
    SET_BY_INGEST: ClassVar[frozenset[str]] = frozenset()
    """Members that the client does not send: they take no part in the canonical body (guarantee 2)."""

    state: StateCode
    """The state, by its ISO 3166-2 code in lower case: `in-mp`."""

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
    """The district, one of `state`: `in-mp.guna`."""

    @model_validator(mode="after")
    def _one_state(self) -> Self:
        if not self.district.startswith(f"{self.state}."):
            raise broken("the district belongs to another state")
        return self

    @property
    def subject(self) -> str:
        return self.district
