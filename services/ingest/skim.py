"""What ingest need not decode when it starts: old reports and reviews, which are most of a log (ADR 0014).

What it decides follows from roster, policies, calendar and clock, from the reports of open days, and from the events
that it knows by their ids. A report of a day that has locked for good is needed for its id alone, which its headers
tell; after 45 days nothing of it is needed.

The proof. A report that counts was received after its day had begun. The day locks `lock_after_days` and a day later
(its grace is over by then, with all that outages may add: PolicyAdopted asks for it), its judgement may be held for
`hold.hours` longer, it is kept a day longer, and a third day is for clocks that are set. So of what was received more
than `lock_after_days`, `hold.hours` and 3 days before the stream's last clock.reached, the day is let go of by the end
of the log, and with it all that the report has done to duty, but for the count of misses, which ingest never asks for.
These are the longest of the policies that stand before the report: a later one cannot rule a
day that has begun. Who keeps the time may be late: then the last clock lies further back, and more is folded.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from libs.duty.owed import open_days
from libs.duty.state_duty import CLOCK_TOLERANCE, StateDuty
from libs.events.catalogue import CATALOGUE, TYPES
from libs.events.clock import ClockReached
from libs.events.codec import UndecodableEvent, decode
from libs.events.envelope import parse_instant
from libs.events.policy import PolicyAdopted
from libs.events.reports import ReportCorrected, ReportFiled, ReportReviewed
from libs.events.values import EventData
from libs.runtime.log import EventLog, Record
from services.ingest.known import Known

PAGE = 200
"""Records between two looks for the end's clock: one falls due at least once a day."""
SLACK = timedelta(days=3)
A_DAY = timedelta(days=1)
"""Copies of an event stand no further apart: of what is skimmed without a trace, none is left behind."""


def _headers_of(*latest: type[EventData]) -> Mapping[bytes, type[EventData]]:
    """What `ce_type` is for all versions of these, and what they are read as."""
    return {
        name.encode(): CATALOGUE[entry.data.NAME].data
        for name, entry in TYPES.items()
        if CATALOGUE[entry.data.NAME].data in latest
    }


SKIMMED = _headers_of(ReportFiled, ReportCorrected, ReportReviewed)
POLICIES = _headers_of(PolicyAdopted)
CLOCKS = _headers_of(ClockReached)


def received_at(headers: Mapping[str, bytes]) -> datetime | None:
    """None where the headers tell no instant."""
    try:
        return parse_instant(headers["ce_time"].decode())
    except (KeyError, ValueError):
        return None


@dataclass(slots=True)
class End:
    """What the end of a reports stream says of how old the rest is. None while nothing has said so."""

    clock: datetime | None = None
    """The last clock.reached that the fold takes."""
    last: datetime | None = None
    """When the last report or review was received."""

    def look(self, backwards: Iterable[Record]) -> Self:
        """Take what these records say, the newest first, unless a newer one has said it."""
        for record in backwards:
            headers = dict(record.headers)  # of one that is repeated the last counts, as for the codec
            kind = headers.get("ce_type", b"")
            if self.clock is None and kind in CLOCKS:
                self.clock = _reached(record)
            if self.last is None and kind in SKIMMED:
                self.last = received_at(headers)
        return self


@dataclass(slots=True)
class Skimming:
    """A reports stream that is being read from its beginning.

    Only up to the first report that is needed: all after it is folded, in its order. `note` takes what is remembered.
    """

    duty: StateDuty
    end: End
    remembered: timedelta
    note: Callable[[Known], None]
    over: bool = False
    locked: datetime | None = None
    """What was received before this is of no open day; None while that cannot be said."""
    until: datetime | None = None
    """The latest that anything skimmed was received."""

    def __post_init__(self) -> None:
        self.folded()

    def skim(self, record: Record) -> bool:
        """Whether all that is needed of the record has been taken from its headers."""
        if self.over:
            return False
        headers = dict(record.headers)
        kind = headers.get("ce_type", b"")
        if kind in POLICIES:
            self.locked = None  # until it is folded: it may be for longer locks
        data, at, locked = SKIMMED.get(kind), received_at(headers), self.locked
        if data is None or at is None or locked is None or self.end.last is None:
            return False
        if at >= locked:
            self.over = True
            return False
        if at >= self.end.last - self.remembered - A_DAY:
            known = Known.by_headers(record, headers, data, at)
            if known is None:
                return False
            self.note(known)
        self.until = at if self.until is None else max(at, self.until)
        return True

    def before_a_policy(self) -> None:
        """Days that had begun by what was skimmed, a policy cannot rule."""
        if self.until is not None:
            list(open_days(self.duty, self.until))

    def folded(self) -> None:
        """All that has been seen is in the duty."""
        policies = self.duty.policies.adopted
        if self.locked is None and policies and self.end.clock is not None:
            self.locked = self.end.clock - max(_open_for(each.policy) for each in policies) - SLACK


def _open_for(policy: PolicyAdopted) -> timedelta:
    """How long after its civil date a day can change, or be judged, if both lasts as long as the policy allows."""
    return timedelta(days=policy.lock_after_days, hours=policy.hold.hours if policy.hold else 0)


def _reached(record: Record) -> datetime | None:
    try:
        data = decode(record.headers, record.value).data
    except UndecodableEvent:
        return None
    assert isinstance(data, ClockReached)  # noqa: S101 -- its type is one of CLOCKS
    return data.at if data.at <= record.appended_at + CLOCK_TOLERANCE else None


async def look_at_end(log: EventLog, stream: str) -> End:
    """Read the stream backwards until all is known, or to its beginning."""
    found, begin = End(), await log.end(stream)
    while begin > 0 and (found.clock is None or found.last is None):
        end, begin = begin, max(0, begin - PAGE)
        found.look(reversed(await log.read(stream, begin, max_records=end - begin)))
    return found
