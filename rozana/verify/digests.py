"""Whether each digest of a closed day says what the stream says up to the offset that it covers."""

from bisect import bisect_right
from collections.abc import Collection
from datetime import date, datetime

from libs.duty.state_duty import StateDuty
from libs.events.digest import StateDayClosed, digest_id
from libs.events.envelope import Event, Recorded
from libs.runtime.comparing import first_difference
from rozana.verify.checks import Check
from services.notifier.digests import digest, same


class DigestChecks:
    """Folds one reports stream. What the stream comes to is remembered of each closed day, change by change.

    mended: offsets of records that were dead letters once and can be read today. A digest that was said behind one of
    them may have been wrong, and is none the worse if the stream says it right further on.
    """

    def __init__(self, stream: str, state: str, mended: Collection[int], check: Check) -> None:
        self._stream = stream
        self._duty = StateDuty(state)
        self._mended = mended
        self._check = check
        self._offsets: dict[date, list[int]] = {}
        self._digests: dict[date, list[StateDayClosed]] = {}
        """By day, what there was to say, and from which offset on."""
        self._doubtful: dict[date, str] = {}

    def read(self, event: Event, offset: int, appended_at: datetime) -> None:
        if isinstance(event.data, StateDayClosed):
            self._look_at(event, event.data, offset)
        for day in self._duty.evolve(Recorded(event, self._stream, offset, appended_at)).days.values():
            if day.closed:
                self._offsets.setdefault(day.day, []).append(offset)
                self._digests.setdefault(day.day, []).append(digest(self._duty.state, day, offset, 0))

    def hold(self, key: str, appended_at: datetime, offset: int) -> None:
        """A record that cannot be read. No closed day changes by it."""
        self._duty.hold(key, appended_at, offset)

    def settle(self) -> None:
        for line in self._doubtful.values():
            self._check.wrong(line)

    def _look_at(self, event: Event, data: StateDayClosed, offset: int) -> None:
        self._check.count("digests")
        place = f"{self._stream}/{offset}: the digest of {data.day}"
        if data.covers >= offset or event.id != digest_id(data.state, data.day, data.covers):
            self._check.wrong(f"{place} has not the id that follows from what it covers")
            return
        at = bisect_right(self._offsets.get(data.day, ()), data.covers) - 1
        if at < 0:
            self._check.wrong(f"{place} covers offset {data.covers}, where the day was not closed")
            return
        right = self._digests[data.day][at]
        if same(right, data):
            self._doubtful.pop(data.day, None)
            return
        places = {"covers", "restated"}
        difference = first_difference(
            data.model_dump(mode="json", exclude=places), right.model_dump(mode="json", exclude=places)
        )
        line = f"{place} is not what the stream says up to offset {data.covers}: {difference}"
        if any(each <= data.covers for each in self._mended):
            self._doubtful[data.day] = line
        else:
            self._check.wrong(line)
