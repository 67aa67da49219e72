"""What is answered about a grievance, and the bodies by which somebody asks. Ciphertexts and days, never more."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, StringConstraints

from libs.events.codec import decode
from libs.events.grievances import GrievanceAnswered, GrievanceMessageSent, GrievanceRaised, Sha256
from libs.events.values import Day, Id, Model, StateCode
from libs.grievances.cases import Case, Letter
from libs.grievances.outcomes import Status
from libs.grievances.sealing import unpack, wrapped_hash
from libs.runtime.erasable import ErasableStore
from libs.runtime.log import EventLog
from services.ingest.grievance_bodies import Id4, SealedBody, Work


class CodeBody(Model):
    """Who asks, by what follows from his tracking code (docs/sealing.md)."""

    state: StateCode
    """The state of the district that it is about."""
    locator: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]
    """The first four digits of the code."""
    proof: Sha256
    """Hex of the 32 bytes that the slow hash gives."""


class ActBody(CodeBody):
    """What the complainant says to his case."""

    id: Id4
    """Of version 4; a retry has the same."""
    act: Literal["say", "agree", "appeal"]
    """`say`: another text. `agree`: it is closed. `appeal`: the next level must look at it."""
    sealed: SealedBody | None = None
    """The text, where `act` is `say`."""
    work: Work | None = None
    """The work that `GET /v1/grievance-keys` asks for, done for this id."""


class AnswerBody(Model):
    """What AICC answers a complainant."""

    id: Id4
    """Of version 4; a retry has the same."""
    due: Day | None = None
    """An interim reply: the new day by which there must be an answer."""
    sealed: SealedBody | None = None
    """The text, sealed to the case's `reply_to` and to AICC's keys."""


class SealedLetter(BaseModel):
    """One sealed text of a case."""

    id: Id
    by: Literal["complainant", "aicc"]
    day: date
    ciphertext: str
    keys: dict[str, str]
    """The wrapped keys by the id of the public key; none: they were erased, or are not those it was sealed with."""


class OpenedCase(BaseModel):
    """What AICC is handed, to be opened on a machine of its own."""

    grievance_id: Id
    district: str
    category: str
    severity: str
    status: Status
    day: date
    """When it was raised, in UTC."""
    level: int
    due: date | None
    erased: bool
    reply_to: str | None
    """The public key to seal answers to; null: nobody asks after them."""
    letters: list[SealedLetter]


class TrackedCase(BaseModel):
    """What who has the code is told: where it stands, and what was answered."""

    status: Status
    day: date
    """When it was raised, in UTC."""
    level: int
    due: date | None
    """The day by which there must be an answer."""
    erased: bool
    letters: list[SealedLetter]
    """AICC's answers. What he wrote himself, nobody gives out again by a code."""


async def letters_of(
    case: Case, letters: Sequence[Letter], log: EventLog, kept: ErasableStore | None, streams: tuple[str, str]
) -> list[SealedLetter]:
    """The ciphertexts out of the log, with the keys as far as there are any. `streams`: of events, and of keys."""
    found = []
    for letter in letters:
        (record,) = await log.read(streams[0], letter.offset, max_records=1)
        data = decode(record.headers, record.value).data
        assert isinstance(data, GrievanceRaised | GrievanceAnswered | GrievanceMessageSent)  # noqa: S101 -- as folded
        assert data.sealed is not None  # noqa: S101 -- the same
        packed = None if kept is None or case.erased else await kept.get(streams[1], letter.id)
        wrapped = {} if packed is None else unpack(packed)
        if wrapped and wrapped_hash(wrapped) != data.sealed.wrapped_sha256:
            wrapped = {}
        keys = {name: b64encode(value).decode() for name, value in wrapped.items()}
        found.append(
            SealedLetter(id=letter.id, by=letter.by, day=letter.day, ciphertext=data.sealed.ciphertext, keys=keys)
        )
    return found


def opened(case: Case, letters: list[SealedLetter]) -> OpenedCase:
    return OpenedCase(
        grievance_id=case.grievance_id,
        district=case.district,
        category=case.category,
        severity=case.severity,
        status=case.status,
        day=case.day,
        level=case.level,
        due=case.due,
        erased=case.erased,
        reply_to=case.tracking.reply_to if case.tracking else None,
        letters=letters,
    )


def tracked(case: Case, letters: list[SealedLetter]) -> TrackedCase:
    return TrackedCase(
        status=case.status, day=case.day, level=case.level, due=case.due, erased=case.erased, letters=letters
    )
