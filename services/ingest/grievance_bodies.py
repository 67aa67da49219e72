"""From what complainants send to events: of who sent it nothing, of when the UTC day."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from libs.events import grievances_v1
from libs.events.envelope import Event
from libs.events.grievances import (
    Author,
    Base64,
    Category,
    Ciphertext,
    GrievanceRaised,
    KeyId,
    Sealed,
    Severity,
    Sha256,
    Tracking,
)
from libs.events.upcasters import lift
from libs.events.values import DistrictCode, Model, broken
from libs.grievances.sealing import CIPHERTEXTS, CLASSES, WRAPPED, from_base64, pack, wrapped_hash
from libs.grievances.work import MOST_DIGITS, is_done
from libs.runtime.bodies import validate
from libs.runtime.grievance_keys import PublishedKeys
from libs.runtime.problems import FieldError, Problem

UUID4_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"
SOURCE = "urn:rozana:grievances"


Id4 = Annotated[str, StringConstraints(pattern=UUID4_PATTERN, to_lower=True)]
"""Of version 4: other versions tell when or where they were made."""
Work = Annotated[str, StringConstraints(pattern=rf"^[0-9]{{1,{MOST_DIGITS}}}$")]


def _refuse_text(_text: object) -> None:
    raise broken("text must be sealed (docs/sealing.md): in the clear it is never taken")


def _wrapped(text: str) -> str:
    try:
        value = from_base64(text)
    except ValueError:
        raise broken("must be Base64") from None
    if len(value) != WRAPPED:
        raise broken(f"a wrapped key has {WRAPPED} bytes")
    return text


class SealedBody(Model):
    """A sealed text as it is sent: with its wrapped keys, which are kept apart from it."""

    ciphertext: Ciphertext
    """Base64 of the padded and encrypted text."""
    sha256: Sha256
    """SHA-256 over the ciphertext's bytes."""
    keys: Annotated[
        dict[KeyId, Annotated[str, StringConstraints(pattern=Base64, max_length=120), AfterValidator(_wrapped)]],
        Field(min_length=1, max_length=16),
    ]
    """By the id of a published key, Base64 of the text's own key, wrapped to it."""


class GrievanceBody(Model):
    """A grievance as it is sent, without a token."""

    id: Id4
    """Of version 4: other versions tell when or where they were made."""
    district: DistrictCode
    """The district that it is about."""
    category: Category
    """What it is about: a slug from the client's list, never free text."""
    severity: Annotated[Severity, Field(strict=False)]
    """How grave it is."""
    sealed: SealedBody | None = None
    """The complaint itself, sealed (docs/sealing.md)."""
    tracking: Tracking | None = None
    """How the complainant will be known again."""
    author: Author | None = None
    """A blind token by which authors are counted."""
    work: Work | None = None
    """The work that `GET /v1/grievance-keys` asks for."""
    text: Annotated[None, BeforeValidator(_refuse_text)] = None
    """Never taken."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """wrapped: what is kept apart from the event, to be written before it; None where nothing is sealed."""

    event: Event
    wrapped: bytes | None = None


def grievance(body: bytes, at: datetime, published: PublishedKeys) -> Arrived:
    """What becomes of a body of `POST /v1/grievances`. Raises Problem 422."""
    sent = validate(GrievanceBody, body)
    check_work(sent.id, sent.work, published)
    named = {"state": sent.district.partition(".")[0], "district": sent.district, "grievance_id": sent.id}
    about: dict[str, Any] = {**named, "category": sent.category, "severity": sent.severity}
    if sent.sealed is None and sent.tracking is None and sent.author is None:
        return Arrived(_event(sent.id, at, grievances_v1.GrievanceRaised.model_construct(**about)))
    wrapped, sealed = (None, None) if sent.sealed is None else take_sealed(sent.sealed, published.ids())
    data = GrievanceRaised.model_construct(**about, sealed=sealed, tracking=sent.tracking, author=sent.author)
    return Arrived(_event(sent.id, at, data), wrapped)


def check_work(event_id: str, number: str | None, published: PublishedKeys) -> None:
    """Raises Problem 422."""
    if published.work_bits and (number is None or not is_done(event_id, number, published.work_bits)):
        raise _at("/work", "the work that GET /v1/grievance-keys asks for is not done")


def take_sealed(sent: SealedBody, ids: Mapping[str, object], at: str = "/sealed") -> tuple[bytes, Sealed]:
    """The wrapped keys as they are kept, and what the event says. Nothing of it can be opened here; it is looked at
    from outside: its length, its digest, whom it is sealed to. Raises Problem 422."""
    try:
        ciphertext = from_base64(sent.ciphertext)
    except ValueError:
        raise _at(f"{at}/ciphertext", "must be Base64") from None
    if len(ciphertext) not in CIPHERTEXTS:
        sizes = ", ".join(f"{size:,}" for size in CLASSES)
        raise _at(f"{at}/ciphertext", f"the text must be padded to one of {sizes} bytes before it is encrypted")
    if hashlib.sha256(ciphertext).hexdigest() != sent.sha256:
        raise _at(f"{at}/sha256", "is not the digest of the ciphertext")
    if not sent.keys.keys() <= ids.keys():
        raise _at(f"{at}/keys", "names a key that is not published here: see GET /v1/grievance-keys")
    wrapped = {name: from_base64(text) for name, text in sent.keys.items()}
    return pack(wrapped), Sealed(
        ciphertext=sent.ciphertext,
        sha256=sent.sha256,
        key_ids=tuple(sorted(wrapped)),
        wrapped_sha256=wrapped_hash(wrapped),
    )


def the_day(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _event(event_id: str, at: datetime, data: grievances_v1.GrievanceRaised | GrievanceRaised) -> Event:
    return lift(Event(event_id, SOURCE, the_day(at), data))


def _at(pointer: str, detail: str) -> Problem:
    return Problem(422, "the body does not fit what is asked for", [FieldError(pointer, detail)])
