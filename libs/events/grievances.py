"""What workers raise about a district. Read by AICC only; never by the one it is about (ADR 0016)."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from libs.events.values import Day, DistrictData, EventData, Id, Model

Category = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*([_-][a-z0-9]+)*$", max_length=40)]
"""A slug from the client's list. No free text, which could name somebody."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""The first 16 hex digits of SHA-256 over a public key."""
Author = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Days = Annotated[int, Field(ge=1, le=365)]
Base64 = r"^[A-Za-z0-9+/]+={0,2}$"
PublicKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")]
"""Base64 of 32 bytes."""
Ciphertext = Annotated[str, StringConstraints(pattern=Base64, min_length=1420, max_length=21900)]
"""Base64 of a sealed text, which has one of three lengths (libs/grievances/sealing.py)."""


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Sealed(Model):
    """A text that only those can read who hold a key. Its own key is kept apart from it, wrapped, and can be erased."""

    ciphertext: Ciphertext
    """Base64 of the text, padded and encrypted under a key of its own."""
    sha256: Sha256
    """SHA-256 over the ciphertext's bytes: nothing of the text follows from it."""
    key_ids: Annotated[tuple[KeyId, ...], Field(min_length=1, max_length=16)]
    """The public keys that the text's own key is wrapped to."""
    wrapped_sha256: Sha256
    """SHA-256 over the wrapped keys, which stand elsewhere."""


class Tracking(Model):
    """How the complainant is known again, by a code of 16 digits that he alone has."""

    locator: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]
    """The first four digits. Many grievances may have the same."""
    verifier: Sha256
    """SHA-256 of what a slow hash (argon2id) makes of the other twelve."""
    reply_to: PublicKey
    """Base64 of a public key that follows from the code: replies are sealed to it."""


class GrievanceRaised(DistrictData):
    """Somebody has raised a grievance. Who, and when on the day, is not in the event."""

    NAME: ClassVar[str] = "grievance.raised"
    VERSION: ClassVar[int] = 2
    SET_BY_INGEST: ClassVar[frozenset[str]] = frozenset({"state", "grievance_id"})

    grievance_id: Id
    """The grievance's id; ingest takes the event's."""
    category: Category
    """What it is about: a slug from the client's list, never free text."""
    severity: Annotated[Severity, Field(strict=False)]
    """How grave it is."""
    sealed: Sealed | None = None
    """The complaint itself. Null: nothing was written."""
    tracking: Tracking | None = None
    """Null: the complainant wants to hear no more of it."""
    author: Author | None = None
    """The same for grievances of one device about one district, and else nothing: for counting authors."""


class Surge(Model):
    """When protest against one district is far more than usual there."""

    authors: Annotated[int, Field(ge=2, le=1000)] = 5
    """From so many different authors in a window on."""
    times: Annotated[int, Field(ge=2, le=100)] = 3
    """And from so many times what was usual in the eight windows before it."""
    days: Annotated[int, Field(ge=1, le=31)] = 7
    """The length of a window."""
    cool_down_days: Annotated[int, Field(ge=0, le=90)] = 14
    """After a surge has ended, none is raised for so many days."""


class GrievancePolicyAdopted(EventData):
    """How a state's grievances are dealt with, from now on. In the stream of grievances, so that the fold reads one."""

    NAME: ClassVar[str] = "grievance_policy.adopted"

    version: Annotated[int, Field(ge=1, le=1_000_000)]
    """Above the last one's."""
    due_days: Annotated[tuple[Days, ...], Field(min_length=1, max_length=5)]
    """Within how many days each level must have answered, the lowest first; there are as many levels."""
    silence_days: Days
    """A closing that was proposed stands when the complainant has been silent for so many days."""
    k: Annotated[int, Field(ge=5, le=1000)] = 5
    """State offices are told a count only from so many on."""
    keep_days: Annotated[int, Field(ge=30, le=36_500)] = 1095
    """A text is to be erased so many days after its case was closed."""
    surge: Surge = Surge()
    """When AICC is told that protest is unusual."""


class CaseData(DistrictData):
    """About one grievance. Reasons are slugs: free text could name somebody."""

    grievance_id: Id
    """The grievance."""


class GrievanceTriaged(CaseData):
    """Somebody has read it, and said what it is."""

    NAME: ClassVar[str] = "grievance.triaged"

    category: Category
    """What it is about, after reading."""
    severity: Annotated[Severity, Field(strict=False)]
    """How grave it is, after reading."""


class GrievanceAssigned(CaseData):
    """Somebody deals with it. Never the one whom it is about."""

    NAME: ClassVar[str] = "grievance.assigned"

    handler: Id
    """The `person_id` of who deals with it."""
    due: Day
    """The day by which there must be an answer."""


class GrievanceAnswered(CaseData):
    """The complainant has an answer, or hears when there will be one."""

    NAME: ClassVar[str] = "grievance.answered"

    due: Day | None = None
    """An interim reply: the new day by which there must be an answer."""
    sealed: Sealed | None = None
    """What was written to him, sealed to the key of his code."""


class GrievanceMessageSent(CaseData):
    """The complainant has written again, by his code."""

    NAME: ClassVar[str] = "grievance.message_sent"

    sealed: Sealed
    """What he wrote."""


class GrievanceCloseProposed(CaseData):
    """AICC thinks that it is done; the complainant has a word in it."""

    NAME: ClassVar[str] = "grievance.close_proposed"


class GrievanceAgreed(CaseData):
    """The complainant agrees, by his code, that it is closed."""

    NAME: ClassVar[str] = "grievance.agreed"


class GrievanceAppealed(CaseData):
    """The complainant does not agree, by his code: the next level deals with it."""

    NAME: ClassVar[str] = "grievance.appealed"


class GrievanceClosed(CaseData):
    """AICC closes it without the complainant's word, and answers for that with a name (`actor`)."""

    NAME: ClassVar[str] = "grievance.closed"

    reason: Category
    """Why: a slug."""


class GrievanceRejected(CaseData):
    """It is not for AICC to deal with."""

    NAME: ClassVar[str] = "grievance.rejected"

    reason: Category
    """Why: a slug."""


class GrievanceMerged(CaseData):
    """It is about the same as another one of the district, which it supports."""

    NAME: ClassVar[str] = "grievance.merged"

    duplicate_of: Id
    """The grievance that goes on."""


class GrievanceOpened(CaseData):
    """AICC is handed the sealed texts and their wrapped keys. Written before they are handed out."""

    NAME: ClassVar[str] = "grievance.opened"


class GrievanceErased(CaseData):
    """The keys of all its texts are destroyed: nobody can read them any more. The counts stay."""

    NAME: ClassVar[str] = "grievance.erased"
