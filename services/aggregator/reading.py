"""What is read from the projections, and joined where one does not know all.

First how far a collection is, then its documents: so they hold all that the answer promises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from libs.duty.state_duty import StateDuty
from libs.events.streams import stream_name
from libs.runtime.clock import Clock
from libs.runtime.errors import Unavailable
from libs.runtime.projector import AsOf, as_of, live_collection, snapshots_of
from libs.runtime.store import Document, DocumentStore, Json
from services.aggregator import board, report
from services.aggregator.projections import reports, state_days
from services.aggregator.projections.reports import REPORTS
from services.aggregator.projections.state_days import STATE_DAYS

MOST_REPORTS = 1000
"""Of one district's day, so many reports are looked through for versions of each other."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The store, as this service's projections have filled it. None is the answer where there is nothing."""

    store: DocumentStore
    clock: Clock

    async def states(self, states: Sequence[str]) -> list[dict[str, object]]:
        """Of those that have a policy: today there, the last clock.reached, and how far their days are folded."""
        collection = await live_collection(self.store, STATE_DAYS)
        reached = await as_of(self.store, collection, map(_stream, states))
        found = await self.store.get_many(collection, states)
        return [self._state(state, found[state], reached.get(_stream(state))) for state in states if state in found]

    def _state(self, state: str, document: Document, reached: AsOf | None) -> dict[str, object]:
        policies = state_days.policies_of(document.body)
        today = policies.today(self.clock.now())
        return {
            "state": state,
            "tz": policies.on(today).policy.tz,
            "first_day": policies.adopted[0].first_day.isoformat(),
            "today": today.isoformat(),
            "clock": document.body["clock"],
            "as_of": board.as_of_answer(board.later(document, reached)),
        }

    async def day(self, state: str, day: date) -> dict[str, object] | None:
        """The board of a day: as folded, or by today's roster while no event has opened it."""
        collection = await live_collection(self.store, STATE_DAYS)
        reached = (await as_of(self.store, collection, [_stream(state)])).get(_stream(state))
        of_day = state_days.document_id(state, day)
        found = await self.store.get_many(collection, [state, of_day])
        if of_day in found:
            return board.answer(found[of_day].body, board.later(found[of_day], reached))
        if state not in found:
            return None
        policies = state_days.policies_of(found[state].body)
        if self.clock.now() < policies.deadlines(day).opens:
            return None
        return await self._preview(collection, state, day)

    async def _preview(self, collection: str, state: str, day: date) -> dict[str, object]:
        found = await self.store.get(snapshots_of(collection), _stream(state))
        duty = None if found is None else StateDuty.load(cast("Mapping[str, object]", found.body["snapshot"]))
        if found is None or duty is None or not duty.policies:
            raise Unavailable(f"{state}: the snapshot that knows its policy is not written yet")
        body = state_days.board(duty, duty.view(day), None)
        return board.answer(body, board.later(found, None))

    async def report(self, states: Sequence[str], report_id: str) -> dict[str, object] | None:
        """A report of one of these states, with its versions and with what it is on its day."""
        collection = await live_collection(self.store, REPORTS)
        reached = await as_of(self.store, collection, map(_stream, states))
        found = await self.store.get_many(collection, [reports.document_id(state, report_id) for state in states])
        document = next(iter(found.values()), None)
        if document is None:
            return None
        state, district, day = (str(document.body[name]) for name in ("state", "district", "day"))
        entry, folded_to = await self._entry(state, district, date.fromisoformat(day))
        others = await self.store.find(collection, {"district": district, "day": day}, limit=MOST_REPORTS)
        return report.answer(
            report_id,
            {each.id.removeprefix(f"{state}/"): each.body for each in (*others, document)},
            entry,
            folded_to,
            board.later(document, reached.get(_stream(state))),
        )

    async def _entry(self, state: str, district: str, day: date) -> tuple[Mapping[str, Json], int]:
        """A district's entry on the board of a day, and the offset up to which it is right."""
        collection = await live_collection(self.store, STATE_DAYS)
        reached = (await as_of(self.store, collection, [_stream(state)])).get(_stream(state))
        document = await self.store.get(collection, state_days.document_id(state, day))
        if document is None:
            return {}, reached.offset if reached else -1
        return board.entries(document.body).get(district, {}), board.later(document, reached).offset


def _stream(state: str) -> str:
    return stream_name("reports", state)
