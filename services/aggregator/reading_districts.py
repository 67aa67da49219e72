"""What is read of one district: how it does, what its president owes, what a report says.

What one projection does not know is joined here with what another one does; the answer is then as of the lower offset.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from libs.duty.owed import ONE_DAY
from libs.runtime.pointer import live_collection
from libs.runtime.projection import Body
from libs.runtime.projector import AsOf, as_of
from libs.runtime.store import Document, Json
from services.aggregator import board, district, report
from services.aggregator.district import Day
from services.aggregator.projections import reports
from services.aggregator.projections.districts import DISTRICTS, open_day
from services.aggregator.projections.reports import REPORTS
from services.aggregator.reading import NOTHING, Reading, stream_of

MOST_REPORTS = 1000
"""Of one district's day, so many reports are looked through for versions of each other."""


@dataclass(frozen=True, slots=True)
class DistrictReading:
    """Districts and reports. None is the answer where there is nothing."""

    states: Reading

    async def district(self, code: str) -> dict[str, object] | None:
        """A district since it is known, once its state has a policy."""
        found = await self._district(code)
        if found is None:
            return None
        document, today, at = found
        return district.answer(document.body, today, at)

    async def duties(self, code: str, tenure_id: str | None) -> dict[str, object] | None:
        """What is owed there and what was returned; with `tenure_id`, by that tenure."""
        found = await self._district(code)
        if found is None:
            return None
        document, today, at = found
        known = cast("Sequence[Day]", document.body["open_days"])
        ahead, ahead_at = await self._ahead(document.body, today, at)
        days = district.can_change([*known, *ahead], self.states.clock.now(), tenure_id)
        versions, reports_at = await self._versions(str(document.body["state"]), [day["version_id"] for day in days])
        lowest = min(at, ahead_at, reports_at, key=lambda each: each.offset)
        return district.duties(code, today, days, versions, lowest)

    async def _district(self, code: str) -> tuple[Document, date, AsOf] | None:
        store = self.states.store
        collection, stream = await live_collection(store, DISTRICTS), stream_of(code.partition(".")[0])
        reached = await as_of(store, collection, [stream])
        document = await store.get(collection, code)
        today = None if document is None else await self.states.today(str(document.body["state"]))
        if document is None or today is None:
            return None
        return document, today, board.later(document, reached.get(stream))

    async def _ahead(self, body: Body, today: date, at: AsOf) -> tuple[Sequence[Day], AsOf]:
        """The district's days up to today that no event has opened yet, by the snapshot of the state's days."""
        last = body["last_day"]
        day = today if last is None else date.fromisoformat(str(last)) + ONE_DAY
        if day > today:
            return (), at
        duty, at = await self.states.duty(str(body["state"]))
        found = []
        for each in (today - ONE_DAY * ago for ago in range((today - day).days, -1, -1)):
            view = duty.view(each)
            if entry := view.entries.get(str(body["district"])):
                found.append(open_day(view, entry))
            await asyncio.sleep(0)  # of a state whose clock has stood still there may be many
        return found, at

    async def _versions(self, state: str, ids: Sequence[Json]) -> tuple[Mapping[str, Body], AsOf]:
        """These reports by id, as far as there are any, and how far all reports are."""
        store = self.states.store
        collection = await live_collection(store, REPORTS)
        reached = await as_of(store, collection, [stream_of(state)])
        wanted = [str(each) for each in ids if each is not None]
        found = await store.get_many(collection, [reports.document_id(state, each) for each in wanted])
        by_id = {each: found[key].body for each in wanted if (key := reports.document_id(state, each)) in found}
        return by_id, reached.get(stream_of(state), NOTHING)

    async def report(self, states: Sequence[str], report_id: str) -> dict[str, object] | None:
        """A report of one of these states, with its versions and with what it is on its day."""
        store = self.states.store
        collection = await live_collection(store, REPORTS)
        reached = await as_of(store, collection, map(stream_of, states))
        found = await store.get_many(collection, [reports.document_id(state, report_id) for state in states])
        document = next(iter(found.values()), None)
        if document is None:
            return None
        state, code, day = (str(document.body[name]) for name in ("state", "district", "day"))
        entry, entry_at = await self.states.entry(state, code, date.fromisoformat(day))
        others = await store.find(collection, {"district": code, "day": day}, limit=MOST_REPORTS)
        return report.answer(
            report_id,
            {each.id.removeprefix(f"{state}/"): each.body for each in (*others, document)},
            entry,
            board.later(document, reached.get(stream_of(state))),
            entry_at,
        )
