"""What ingest decides from: a fold of its own streams, in memory, made anew at each start (guarantee 2)."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from libs.duty.state_duty import StateDuty
from libs.events.catalogue import CATALOGUE
from libs.events.grievances import GrievanceRaised
from libs.events.policy import PolicyAdopted
from libs.events.reports import ReportCorrected, ReportFiled, ReportReviewed
from libs.events.streams import Kind, state_of, stream_name
from libs.grievances.cases import Cases
from libs.runtime.batch import Batch, Checkpoint, Unreadable, breathe
from libs.runtime.log import EventLog, Record
from libs.runtime.positions import Positions
from services.ingest.known import Known
from services.ingest.skim import End, Skimming, look_at_end

KINDS: tuple[Kind, ...] = ("reports", "grievances")
HANDLES = frozenset(entry.data for entry in CATALOGUE.values() if entry.from_clients)
"""What clients send, and so may send again."""
FORGOTTEN = frozenset({ReportFiled, ReportCorrected, ReportReviewed, GrievanceRaised})
"""There are ever more of these. An older report sent again is refused by the lock; all else is remembered for good."""
REMEMBERED = timedelta(days=45)
"""Of stream time."""


class Index:
    """Duty and cases of each state, and the events known by id. A sink of `consume` without a durable position."""

    def __init__(self, states: Iterable[str], *, remembered: timedelta = REMEMBERED) -> None:
        self.duties = {state: StateDuty(state) for state in states}
        self.cases = {state: Cases() for state in self.duties}
        self.positions = Positions(stream_name(kind, state) for state in self.duties for kind in KINDS)
        self.known: dict[str, Known] = {}
        self._remembered = remembered
        self._skimming: dict[str, Skimming] = {}
        self._by_age: dict[str, deque[Known]] = {stream: deque() for stream in self.positions.streams}

    def remember(self, known: Known) -> None:
        """Take an event that has just been appended, ahead of the fold that will come to it."""
        self.known.setdefault(known.id, known)

    async def look_ahead(self, log: EventLog) -> None:
        """Learn from the ends of the reports streams how much of them is needed; `skim` then passes over the rest."""
        for state in self.duties:
            self.begin(state, await look_at_end(log, stream_name("reports", state)))

    def begin(self, state: str, end: End) -> None:
        """The state's reports stream, which ends so, will be read from its beginning."""
        skimming = Skimming(self.duties[state], end, self._remembered, self._note)
        self._skimming[stream_name("reports", state)] = skimming

    def skim(self, record: Record) -> bool:
        """Whether the record need not be decoded: it is a report or review of a day that has locked for good."""
        skimming = self._skimming.get(record.stream)
        return skimming is not None and skimming.skim(record)

    async def checkpoint(self, stream: str) -> Checkpoint | None:  # noqa: ARG002 -- the port's
        return None

    async def fold(self, batch: Batch) -> None:
        state = state_of(batch.stream)
        duty = self.duties[state] if state and batch.stream == stream_name("reports", state) else None
        cases = self.cases[state] if state and duty is None else None
        skimming = self._skimming.get(batch.stream)
        for done, item in enumerate(batch.items, 1):
            await breathe(done)
            if isinstance(item, Unreadable):
                if duty is not None:
                    duty.hold(item.key, item.appended_at, item.offset)
                continue
            if duty is not None:
                if skimming is not None and isinstance(item.event.data, PolicyAdopted):
                    skimming.before_a_policy()
                duty.evolve(item)
            if cases is not None:
                list(cases.evolve(item))
            if type(item.event.data) in HANDLES:
                self._note(Known.at(item.event, batch.stream, item.offset))
        if skimming is not None:
            skimming.folded()

    async def rest(self) -> bool:
        return False

    def _note(self, found: Known) -> None:
        """Of copies in the log, which replicas can make in a race, the first is the one that was acknowledged."""
        known = self.known.get(found.id)
        if known is None or (known.stream == found.stream and known.offset > found.offset):
            known = self.known[found.id] = found
        if known.type in FORGOTTEN:
            self._by_age[found.stream].append(known)
            self._forget(found.stream, found.received_at - self._remembered)

    def _forget(self, stream: str, before: datetime) -> None:
        oldest = self._by_age[stream]
        while oldest and oldest[0].received_at < before:
            self.known.pop(oldest.popleft().id, None)
