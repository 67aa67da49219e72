"""One pass over the streams: offsets, records, hashes, ids, alerts."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from libs.duty.outcomes import EFFECTS, Effect
from libs.duty.state_duty import HANDLES, StateDuty
from libs.events.alerts import AlertData, AlertRaised, AlertResolved
from libs.events.catalogue import CATALOGUE
from libs.events.codec import Headers, InvalidEvent, UnknownType, UnknownVersion, hash_as_written
from libs.events.envelope import Event, Recorded
from libs.events.streams import keeps_hours, state_of, stream_name
from libs.runtime.decoding import event_of
from libs.runtime.errors import ReadStopped
from libs.runtime.letters import Letter, letters
from libs.runtime.log import EventLog, Record
from rozana.verify.checks import Check
from rozana.verify.digests import DigestChecks

AT_ONCE = 1000


@dataclass(slots=True)
class StreamChecks:
    """In the order in which they are shown."""

    offsets: Check = field(default_factory=lambda: Check("offsets"))
    records: Check = field(default_factory=lambda: Check("records"))
    hashes: Check = field(default_factory=lambda: Check("hashes"))
    ids: Check = field(default_factory=lambda: Check("ids"))
    alerts: Check = field(default_factory=lambda: Check("raised once"))
    digests: Check = field(default_factory=lambda: Check("digests"))

    def __iter__(self) -> Iterator[Check]:
        return iter((self.offsets, self.records, self.hashes, self.ids, self.alerts, self.digests))


async def check_streams(
    log: EventLog,
    ends: Mapping[str, int],
    folded: Mapping[str, int],
    progress: Callable[[int], None] = lambda _count: None,
) -> StreamChecks:
    """Read each stream up to its end in `ends`. Of those that keep no hours, what is wrong is told and no number.

    folded: how far the projections of a stream are; what cannot be read below that must be a dead letter. Take it
    before: a reader keeps the letter first.
    """
    told, discreet = StreamChecks(), StreamChecks()
    kept = {}
    mended: dict[str, set[int]] = {}
    async for each in letters(log):
        if isinstance(each, Letter):
            kept[each.stream, each.offset] = _digest(each.key, each.headers, each.value)
            if each.fault() is None:
                mended.setdefault(each.stream, set()).add(each.offset)
    for stream, end in ends.items():
        checks = told if keeps_hours(stream) else discreet
        checks.offsets.count("streams", end > 0)
        seen = _Stream(stream, folded.get(stream, 0), kept, mended.get(stream, ()), checks)
        position = 0
        while position < end:
            try:
                records = await log.read(stream, position, max_records=min(AT_ONCE, end - position))
            except ReadStopped as stopped:
                checks.offsets.wrong(str(stopped))
                break
            if not records or any(each.offset != offset for offset, each in enumerate(records, position)):
                checks.offsets.wrong(f"{stream}: a gap at offset {position} or behind it; the stream ends at {end}")
                break
            for record in records:
                seen.look_at(record)
            position += len(records)
            checks.offsets.count("records", len(records))
            progress(len(records))
        await seen.settle(log, position)
    for check, other in zip(told, discreet, strict=True):
        check.also(other)
    return told


class _Stream:
    """What must be remembered of one stream while it is read."""

    def __init__(
        self,
        stream: str,
        folded: int,
        kept: Mapping[tuple[str, int], bytes],
        mended: Collection[int],
        checks: StreamChecks,
    ) -> None:
        self._stream = stream
        self._folded = folded
        self._kept = kept
        self._checks = checks
        self._bodies: dict[str, str] = {}
        self._second_bodies: dict[int, str] = {}
        """Offset -> id, of events whose id was there before with another body."""
        state = state_of(stream)
        of_reports = state is not None and stream == stream_name("reports", state)
        self._digests = DigestChecks(stream, state or "", mended, checks.digests) if of_reports else None
        self._of_alerts: set[str] = set()
        """What was raised and resolved, by `type|alert_id`."""
        self._bodies_of_alerts: dict[str, str] = {}
        """By event id. A copy may stand in the log where an append of unknown outcome was made again (ADR 0012)."""

    def look_at(self, record: Record) -> None:
        place = f"{self._stream}/{record.offset}"
        try:
            event = event_of(record)
        except UnknownType:
            self._checks.records.count("of unknown type")
        except UnknownVersion as error:
            self._checks.records.wrong(f"{place}: {error}")
        except InvalidEvent as error:
            self._unreadable(record, place, error)
            if self._digests is not None:
                self._digests.hold(record.key, record.appended_at, record.offset)
        else:
            self._checks.records.count("decoded")
            if self._digests is not None:
                self._digests.read(event, record.offset, record.appended_at)
            if isinstance(event.data, AlertData):
                self._look_at_alert(event, event.data, place)
            elif CATALOGUE[event.data.NAME].from_clients:
                self._look_at_body(record, event, place)

    def _unreadable(self, record: Record, place: str, error: InvalidEvent) -> None:
        kept = self._kept.get((record.stream, record.offset))
        if kept is not None:
            self._checks.records.count("dead letters")
            if kept != _digest(record.key, record.headers, record.value):
                self._checks.records.wrong(f"{place}: its dead letter holds other bytes")
        elif record.offset < self._folded or state_of(self._stream) is None:
            self._checks.records.wrong(f"{place}: cannot be read and is no dead letter ({error})")
        else:
            self._checks.records.count("not read yet, and unreadable")

    def _look_at_body(self, record: Record, event: Event, place: str) -> None:
        if event.sha256 is not None:
            self._checks.hashes.count("bodies")
            if hash_as_written(event, record.value) != event.sha256:
                self._checks.hashes.wrong(f"{place}: the body of {event.id} is not the one that its sha256 is of")
        else:
            self._checks.hashes.count("without a hash")
        body = event.body_hash()
        if self._bodies.setdefault(event.id, body) != body:
            self._second_bodies[record.offset] = event.id

    def _look_at_alert(self, event: Event, data: AlertData, place: str) -> None:
        body = event.body_hash()
        known = self._bodies_of_alerts.get(event.id)
        if known == body:
            self._checks.alerts.count("copies, counted once")
            return
        if known is not None:
            self._checks.alerts.wrong(f"{place}: event {event.id} stands in the stream twice, and says two things")
        self._bodies_of_alerts[event.id] = body
        if isinstance(data, AlertRaised | AlertResolved):
            done = data.NAME.partition(".")[2]
            self._checks.alerts.count(done)
            if f"{data.NAME}|{data.alert_id}" in self._of_alerts:
                self._checks.alerts.wrong(f"{place}: alert {data.alert_id} is {done} twice")
            self._of_alerts.add(f"{data.NAME}|{data.alert_id}")

    async def settle(self, log: EventLog, end: int) -> None:
        """An id with two bodies is a conflict: of the second, nothing may count."""
        if self._digests is not None:
            self._digests.settle()
        self._checks.ids.count("ids", len(self._bodies))
        if not self._second_bodies:
            return
        counted = await _counted(log, self._stream, end, self._second_bodies)
        self._checks.ids.count("conflicts, ignored", len(self._second_bodies) - len(counted))
        for offset in counted:
            self._checks.ids.wrong(
                f"{self._stream}/{offset}: id {self._second_bodies[offset]} has another body than before, and counts"
            )


async def _counted(log: EventLog, stream: str, end: int, offsets: Mapping[int, str]) -> Sequence[int]:
    """Those of the offsets whose events are not ignored by the fold."""
    state = state_of(stream)
    if state is None or not stream.endswith(".reports"):
        return list(offsets)
    duty = StateDuty(state)
    counted = []
    position = 0
    while position < end:
        records = await log.read(stream, position, max_records=min(AT_ONCE, end - position))
        for recorded in _readable(records):
            if type(recorded.event.data) not in HANDLES:
                continue
            outcome = duty.evolve(recorded).outcome
            if recorded.offset in offsets and EFFECTS[outcome] is not Effect.IGNORED:
                counted.append(recorded.offset)
        position += len(records)
    return counted


def _readable(records: Iterable[Record]) -> Iterator[Recorded]:
    for record in records:
        try:
            event = event_of(record)
        except (InvalidEvent, UnknownType, UnknownVersion):
            continue
        yield Recorded(event, record.stream, record.offset, record.appended_at)


def _digest(key: str, headers: Headers, value: bytes) -> bytes:
    return hashlib.sha256(repr((key, tuple(headers), value)).encode("utf-8", "surrogatepass")).digest()
