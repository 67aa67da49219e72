"""People: who is told of what, where, in which language, and when not. Data of persons, in the store alone.

Not in the log, in no projection, in no key, metric or line of log: the rest of the notifier knows a person by an id.
A contact that is removed is overwritten; its document then holds nothing of anybody.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from libs.events.alerts import Rule
from libs.events.streams import Kind
from libs.events.values import Day, DistrictCode, LocalTime, Model, Name, broken
from libs.runtime.projection import Body
from libs.runtime.store import Document, DocumentStore
from services.notifier.channels.channel import Language
from services.notifier.routing import Destination, Route, Routed, fits
from services.notifier.sending import Quiet

CONTACTS = "contacts"
"""The collection's name. It cannot be made again from the log: a backup wants it."""
PAGE = 200
MOST_A_STATE = 2000
ADDRESS_PATTERN = r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$"


ZONE_PATTERN = r"^[A-Z][A-Za-z0-9]*([/_+-][A-Za-z0-9]+)*$"


def _known_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise broken("must be a time zone such as Asia/Kolkata") from None
    return text


def _one_line(text: str) -> str:
    if any(not letter.isprintable() for letter in text):
        raise broken("must be one line of letters that can be printed")
    return text


class QuietHours(Model):
    """In local time; over midnight where `until` is the earlier one."""

    start: Annotated[LocalTime, Field(alias="from")]
    until: LocalTime

    @model_validator(mode="after")
    def _some_hours(self) -> Self:
        if self.start == self.until:
            raise broken("quiet hours begin and end at different times")
        return self


class Way(Model):
    """A channel for people, by its name in the routes file, and where it reaches this one."""

    channel: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
    address: Annotated[str, StringConstraints(pattern=ADDRESS_PATTERN, max_length=254)]


class Contact(Model):
    """One person, from a day on and, if it is said, until another, on which it is over. All instants are the state's.

    audience: what the person may be told. districts: a president's own; the others hear of all when none is named.
    """

    name: Annotated[Name, AfterValidator(_one_line)]
    language: Language = "hi"
    audience: Literal["president", "pcc", "aicc"]
    ways: Annotated[tuple[Way, ...], Field(min_length=1, max_length=5)]
    districts: Annotated[tuple[DistrictCode, ...], Field(max_length=100)] = ()
    rules: Annotated[tuple[Annotated[Rule, Field(strict=False)], ...] | None, Field(min_length=1)] = None
    """None: all that there are for this audience."""
    min_level: Annotated[int, Field(ge=1, le=5)] = 1
    quiet: QuietHours | None = None
    daily_cap: Annotated[int, Field(ge=1, le=1000)] = 20
    """Messages a local day; what there is beyond is one message the next morning."""
    tz: Annotated[str, StringConstraints(pattern=ZONE_PATTERN, max_length=64), AfterValidator(_known_zone)] = (
        "Asia/Kolkata"
    )
    start: Annotated[Day, Field(alias="from")]
    until: Day | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.until is not None and self.until <= self.start:
            raise broken("`until` must lie after `from`")
        if self.audience == "president" and not self.districts:
            raise broken("a president's contact names its district")
        if len({way.channel for way in self.ways}) < len(self.ways):
            raise broken("a channel is named once")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.tz)

    @property
    def quiet_hours(self) -> Quiet | None:
        hours = self.quiet
        if hours is None:
            return None
        at = datetime.strptime
        return Quiet(at(hours.start, "%H:%M").time(), at(hours.until, "%H:%M").time())

    def holds_on(self, day: date) -> bool:
        return self.start <= day and (self.until is None or day < self.until)

    def address(self, channel: str) -> str | None:
        return next((way.address for way in self.ways if way.channel == channel), None)

    def reached_at(self, address: str | None) -> bool:
        return any(way.address.casefold() == (address or "").casefold() for way in self.ways)

    def route(self, state: str) -> Route:
        """What the person may be told, and wants to be."""
        rules = frozenset(Rule) if self.rules is None else frozenset(self.rules)
        return Route(frozenset({self.audience}), self.districts or (state,), rules, self.min_level)

    def hears(self, state: str, kind: Kind, alert: Routed, now: datetime) -> bool:
        """Whether the person is told of it; `now` is the system's clock."""
        return self.holds_on(now.astimezone(self.zone).date()) and fits(self.route(state), kind, alert)


class Contacts:
    """The contacts in the store, by state and id."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

    async def of(self, state: str) -> Mapping[str, Contact]:
        """All of a state, by id, in order of id."""
        found: dict[str, Contact] = {}
        after: tuple[str, str] | None = None
        while page := await self._store.find(CONTACTS, {"state": state}, order_by="state", after=after, limit=PAGE):
            found |= {each.id.partition("/")[2]: contact for each in page if (contact := _contact(each))}
            after = (state, page[-1].id)
        return found

    async def get(self, state: str, contact_id: str) -> Contact | None:
        document = await self._store.get(CONTACTS, f"{state}/{contact_id}")
        return None if document is None else _contact(document)

    async def named(self, wanted: Iterable[tuple[str, str | None]]) -> Mapping[tuple[str, str], Contact]:
        """Those that there are, by state and id."""
        found = await self._store.get_many(CONTACTS, sorted(f"{state}/{contact_id}" for state, contact_id in wanted))
        contacts: dict[tuple[str, str], Contact] = {}
        for key, document in found.items():
            state, _, contact_id = key.partition("/")
            if (contact := _contact(document)) is not None:
                contacts[state, contact_id] = contact
        return contacts

    async def who(self, state: str, contact_id: str | None, channel: str) -> Contact | None:
        """The person, if there still is one that is reached this way."""
        contact = None if contact_id is None else await self.get(state, contact_id)
        return contact if contact is not None and contact.address(channel) is not None else None

    async def put(self, state: str, contact_id: str, contact: Contact | None) -> None:
        """Write it over what is there; None: leave nothing of it. Of two at the same time the later one stays."""
        key = f"{state}/{contact_id}"
        body: Body = {} if contact is None else {"state": state, "contact": contact.model_dump(mode="json")}
        written = False
        while not written:
            known = await self._store.get(CONTACTS, key)
            if known is None and contact is None:
                return
            version = 0 if known is None else known.version + 1
            [written] = await self._store.put(CONTACTS, [Document(key, version, body)])


def people_for(
    state: str, contacts: Mapping[str, Contact], kind: Kind, alert: Routed, now: datetime, channels: Sequence[str]
) -> Iterator[Destination]:
    """Whom an alert goes to, over these channels for people."""
    for contact_id, contact in contacts.items():
        if contact.hears(state, kind, alert, now):
            yield from (Destination(way.channel, contact_id) for way in contact.ways if way.channel in channels)


def _contact(document: Document) -> Contact | None:
    said = document.body.get("contact")
    return None if said is None else Contact.model_validate_json(json.dumps(said))
