"""What a state's closed day has come to, said in its stream: whoever reads it can check that nothing is missing.

Of grievances it says nothing: it is made of the reports stream alone.
"""

import hashlib
from collections.abc import Iterable
from datetime import date
from typing import Annotated, ClassVar
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field, StringConstraints

from libs.events.values import Day, EventData, Model, Offset

Districts = Annotated[int, Field(ge=0, le=100_000)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Counts(Model):
    """How many districts have each status: the words and the numbers of the day's board. All are named."""

    expected: Districts
    """All known districts, less the excused ones."""
    on_time: Districts
    """Received by the due time."""
    in_grace: Districts
    """Received after it, within the grace."""
    late: Districts
    """Received after the day was judged."""
    missed: Districts
    """Judged, and nothing received until now."""
    excused: Districts
    """Nothing was owed."""
    pending: Districts
    """Not judged: of a closed day always 0."""
    unknown: Districts
    """A record about the district cannot be read, so nobody knows."""


class Completeness(Model):
    """How many of the expected districts have reported. Both numbers are shown, the rate is left to the reader."""

    numerator: Districts
    """on_time, in_grace and late together."""
    denominator: Districts
    """expected."""


class StateDayClosed(EventData):
    """A digest of a state's day: appended when the day closes, and again when that changes, until the day has locked.

    Among digests of one day, that with the highest `covers` counts. It is true of the stream up to there.
    """

    NAME: ClassVar[str] = "state.day_closed"

    day: Day
    """The day that is closed: judged by this stream's clock."""
    counts: Counts
    """How many districts have each status."""
    completeness: Completeness
    """How many of the expected districts have reported."""
    reports: Districts
    """How many effective reports the day has: of each district the first one, also where the day is excused."""
    reports_sha256: Sha256
    """Over their ids: lower case, in ascending order, each followed by a line feed, SHA-256 in lower-case hex."""
    covers: Offset
    """The last offset of this stream (inclusive) that has changed what is said here."""
    restated: Annotated[int, Field(ge=0, le=2**53 - 1)]
    """How often that has changed since the day closed; 0 at the closing. Changes in a row may share a digest."""


def digest_id(state: str, day: date, covers: int) -> str:
    """The event's id: whoever says this again says it under the same one."""
    return str(uuid5(NAMESPACE_URL, f"urn:rozana:digest:{state}|{day.isoformat()}|{covers}"))


def reports_sha256(report_ids: Iterable[str]) -> str:
    """As `LC_ALL=C sort -u | sha256sum` says of a file with one id a line; of no report the hash of nothing."""
    return hashlib.sha256("".join(f"{each}\n" for each in sorted(set(report_ids))).encode()).hexdigest()
