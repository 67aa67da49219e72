"""The digests of closed days (state.day_closed): what there is to say of each, and whether the stream says it already.

A fold of one reports stream, which holds the digests as well: it is its own memory, as the alerts stream is that of the
rules. `covers` is the offset that changed a day last, so whoever folds the stream says the same under the same id,
however often and however late.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from libs.duty.counts import FILED, counts
from libs.duty.days import OpenDay
from libs.duty.state import DutyState
from libs.events.clock import ClockReached
from libs.events.digest import Completeness, Counts, StateDayClosed, digest_id, reports_sha256
from libs.events.envelope import Event


def digest(state: str, day: OpenDay, covers: int, restated: int) -> StateDayClosed:
    """What is to be said of a day as it stands behind the offset `covers`."""
    counted = counts(Counter(entry.status for entry in day.entries.values()))
    effective = {entry.report_id for entry in day.entries.values() if entry.report_id}
    return StateDayClosed(
        state=state,
        day=day.day,
        counts=Counts.model_validate(counted),
        completeness=Completeness(numerator=sum(counted[status] for status in FILED), denominator=counted["expected"]),
        reports=len(effective),
        reports_sha256=reports_sha256(effective),
        covers=covers,
        restated=restated,
    )


def same(one: StateDayClosed, other: StateDayClosed) -> bool:
    """Whether two digests say the same of the day."""
    return one == other.model_copy(update={"covers": one.covers, "restated": one.restated})


def event_id(data: StateDayClosed) -> str:
    return digest_id(data.state, data.day, data.covers)


@dataclass(slots=True)
class _Day:
    latest: StateDayClosed
    said: bool = False
    """Whether the stream holds it, as far as it is folded."""


class Digests:
    """The closed days of one state that can still change, and those of which something is still to be said."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._days: dict[date, _Day] = {}

    def see(self, offset: int, event: Event | None, touched: Iterable[OpenDay], duty: DutyState) -> None:
        """The record at `offset`, and what it did to duty: `touched` as they stand behind it, `duty` as a whole.

        event: None where the record cannot be read.
        """
        for day in touched:
            if day.closed:
                self._changed(day, offset)
        if event is not None and isinstance(event.data, StateDayClosed):
            self._heard(event.data, offset, open_=event.data.day in duty.days)
        if event is None or not isinstance(event.data, ClockReached | StateDayClosed):
            return  # only these let go of a day
        for gone in [each for each, known in self._days.items() if known.said and each not in duty.days]:
            del self._days[gone]

    def unsaid(self) -> Sequence[StateDayClosed]:
        """What the stream does not say yet, as far as it is folded."""
        return [known.latest for known in self._days.values() if not known.said]

    def _changed(self, day: OpenDay, offset: int) -> None:
        known = self._days.get(day.day)
        restated = 0 if known is None else known.latest.restated + 1
        latest = digest(self._state, day, offset, restated)
        if known is None or not same(known.latest, latest):
            self._days[day.day] = _Day(latest)

    def _heard(self, data: StateDayClosed, offset: int, *, open_: bool) -> None:
        """A digest stands in the stream. One that was overtaken says nothing; one that is wrong must be restated.

        It can be wrong where a record is read today that could not be read when it was said. It covers no less than
        what there is to say, so its own offset is what that is said to cover.
        """
        known = self._days.get(data.day)
        if known is None or data.covers < known.latest.covers:
            return
        if same(known.latest, data) or not open_:
            known.said = True
        else:
            changed = {"covers": offset, "restated": known.latest.restated + 1}
            self._days[data.day] = _Day(known.latest.model_copy(update=changed))
