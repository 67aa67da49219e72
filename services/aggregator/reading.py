"""What is read of states and their days.

First how far a collection is, then its documents: so they hold all that the answer promises.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import cast

from libs.duty.state_duty import StateDuty
from libs.events.streams import stream_name
from libs.runtime.clock import Clock
from libs.runtime.errors import Unavailable
from libs.runtime.pointer import live_collection, snapshots_of
from libs.runtime.projection import Body
from libs.runtime.projector import AsOf, as_of
from libs.runtime.store import Document, DocumentStore, Json
from services.aggregator import board, nation
from services.aggregator.projections import state_days
from services.aggregator.projections.state_days import STATE_DAYS

NOTHING = AsOf(-1, None)
"""As of when an answer is right of which nothing can be promised yet: for the first second of the first start."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A state's duty out of a snapshot, and which snapshot that was."""

    collection: str
    at: AsOf
    duty: StateDuty


@dataclass(frozen=True, slots=True)
class Reading:
    """The store, as this service's projections have filled it. None is the answer where there is nothing."""

    store: DocumentStore
    clock: Clock
    loaded: dict[str, Loaded] = field(default_factory=dict)
    """By state, the one that was last asked for."""

    async def reached(self, streams: Collection[str]) -> Mapping[str, AsOf]:
        """By stream of reports, how far the days in the store are at least."""
        return await as_of(self.store, await live_collection(self.store, STATE_DAYS), streams)

    async def states(self, states: Sequence[str]) -> list[dict[str, object]]:
        """Of those that have a policy: today there, the last clock.reached, and how far their days are folded."""
        collection = await live_collection(self.store, STATE_DAYS)
        reached = await as_of(self.store, collection, map(stream_of, states))
        found = await self.store.get_many(collection, states)
        return [self._state(state, found[state], reached.get(stream_of(state))) for state in states if state in found]

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
        reached = (await as_of(self.store, collection, [stream_of(state)])).get(stream_of(state))
        of_day = state_days.document_id(state, day)
        found = await self.store.get_many(collection, [state, of_day])
        if of_day in found:
            return board.answer(found[of_day].body, board.later(found[of_day], reached))
        if state not in found or not self._begun(found[state], day):
            return None
        duty, at = await self.duty(state)
        return board.answer(state_days.board(duty, duty.view(day), None), at)

    async def days(self, state: str, first: date, last: date) -> dict[str, object] | None:
        """The days of a range in short, from the state's first board on, as far as they have begun."""
        collection = await live_collection(self.store, STATE_DAYS)
        reached = await as_of(self.store, collection, [stream_of(state)])
        document = await self.store.get(collection, state)
        if document is None:
            return None
        today = state_days.policies_of(document.body).today(self.clock.now())
        days = [first + timedelta(days=ahead) for ahead in range((min(last, today) - first).days + 1)]
        found = await self.store.get_many(collection, [state_days.counts_id(state, day) for day in days])
        shown = {day: found[key].body for day in days if (key := state_days.counts_id(state, day)) in found}
        shown |= await self._previews(state, [day for day in days if day not in shown])
        return {
            "state": state,
            "from": first.isoformat(),
            "to": last.isoformat(),
            "days": [{"day": day.isoformat(), **board.in_short(shown[day])} for day in days if day in shown],
            "as_of": board.as_of_answer(reached.get(stream_of(state), NOTHING)),
        }

    async def nation(self, states: Sequence[str], day: date) -> dict[str, object] | None:
        """One day of all states in which it has begun."""
        collection = await live_collection(self.store, STATE_DAYS)
        reached = await as_of(self.store, collection, map(stream_of, states))
        known = await self.store.get_many(collection, states)
        begun = [state for state in states if state in known and self._begun(known[state], day)]
        found = await self.store.get_many(collection, [state_days.counts_id(state, day) for state in begun])
        shown: dict[str, Body] = {}
        for state in begun:
            if document := found.get(state_days.counts_id(state, day)):
                shown[state] = document.body
            elif preview := await self._previews(state, [day]):
                shown[state] = preview[day]
        return (
            nation.answer(day, shown, {each: reached.get(stream_of(each), NOTHING) for each in shown})
            if shown
            else None
        )

    def _begun(self, state: Document, day: date) -> bool:
        return self.clock.now() >= state_days.policies_of(state.body).deadlines(day).opens

    async def _previews(self, state: str, days: Sequence[date]) -> dict[date, Body]:
        """Of days that no event has opened yet, what they will look like; nothing of those before the first board."""
        if not days:
            return {}
        duty, _ = await self.duty(state)
        last = duty.last_day()
        shown = {}
        for day in days:
            if last is None or day > last:
                shown[day] = state_days.summary(state, duty.view(day), None)
                await asyncio.sleep(0)  # of a state whose clock has stood still there may be many
        return shown

    async def today(self, state: str) -> date | None:
        """The civil date of the state; None while it has no policy."""
        document = await self.store.get(await live_collection(self.store, STATE_DAYS), state)
        return None if document is None else state_days.policies_of(document.body).today(self.clock.now())

    async def duty(self, state: str) -> tuple[StateDuty, AsOf]:
        """All that is owed in the state, as the snapshot of its days has it, and how far that is. Raises Unavailable.

        Whoever asks for a day that no event has opened yet gets it from here: in the small hours that is everybody, so
        it is loaded once a snapshot. Nobody changes it.
        """
        collection, stream = await live_collection(self.store, STATE_DAYS), stream_of(state)
        reached = (await as_of(self.store, collection, [stream])).get(stream)
        known = self.loaded.get(state)
        if known is None or (known.collection, known.at) != (collection, reached):
            found = await self.store.get(snapshots_of(collection), stream)
            duty = None if found is None else StateDuty.load(cast("Mapping[str, object]", found.body["snapshot"]))
            if found is None or duty is None or not duty.policies:
                raise Unavailable(f"{state}: the snapshot that knows its policy is not written yet")
            known = self.loaded[state] = Loaded(collection, board.later(found, None), duty)
        return known.duty, known.at

    async def entry(self, state: str, district: str, day: date) -> tuple[Mapping[str, Json], AsOf]:
        """A district's entry on the board of a day, and as of when it is right."""
        collection = await live_collection(self.store, STATE_DAYS)
        reached = (await as_of(self.store, collection, [stream_of(state)])).get(stream_of(state))
        document = await self.store.get(collection, state_days.document_id(state, day))
        if document is None:
            return {}, reached or NOTHING
        return board.entries(document.body).get(district, {}), board.later(document, reached)


def stream_of(state: str) -> str:
    return stream_name("reports", state)
