"""Who holds which district, since when, and when he is away: a fold of the roster events, asked by day."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from libs.duty.outcomes import Outcome
from libs.events.districts import DistrictAdded, DistrictClosed
from libs.events.presidents import LeaveGranted, PresidentAppointed, PresidentRelieved


@dataclass(frozen=True, slots=True)
class Leave:
    first: date
    last: date


@dataclass(slots=True)
class Tenure:
    """One person's time in a district's presidency: from `since` on, before `until`."""

    tenure_id: str
    person_id: str
    name: str
    kind: str
    since: date
    logged_at: datetime
    until: date | None = None
    relieved_at: datetime | None = None
    """When `until` was logged."""
    leaves: list[Leave] = field(default_factory=list)

    def holds(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day < self.until)

    def held(self, day: date, known_by: datetime) -> bool:
        """Whether he holds `day` by what was logged before `known_by`."""
        relieved = self.relieved_at is not None and self.relieved_at < known_by
        return self.logged_at < known_by and (self.holds(day) if relieved else self.since <= day)

    def on_leave(self, day: date) -> bool:
        return any(leave.first <= day <= leave.last for leave in self.leaves)


@dataclass(slots=True)
class Misses:
    """Consecutive misses of one tenure up to the last day that no longer stands open."""

    tenure_id: str | None = None
    count: int = 0


@dataclass(slots=True)
class District:
    code: str
    name_en: str
    name_hi: str
    kind: str
    grid_row: int
    grid_col: int
    tenures: list[Tenure] = field(default_factory=list)
    closed_at: datetime | None = None
    misses: Misses = field(default_factory=Misses)

    def holder(self, day: date) -> Tenure | None:
        for tenure in self.tenures:
            if tenure.holds(day):
                return tenure
        return None

    def accountable(self, day: date, known_by: datetime) -> Tenure | None:
        """Whose report of `day` is accepted: the holder by what was logged before `known_by`, when the day was judged.

        If there was none, nobody owed it, and it is today's holder by the whole roster.
        """
        for tenure in self.tenures:
            if tenure.held(day, known_by):
                return tenure
        return self.holder(day)


@dataclass(slots=True)
class Roster:
    """All districts of a state by code, in the order in which they were added."""

    districts: dict[str, District] = field(default_factory=dict)

    def __iter__(self) -> Iterator[District]:
        return iter(self.districts.values())

    def get(self, code: str) -> District | None:
        return self.districts.get(code)

    def tenure(self, tenure_id: str) -> tuple[District, Tenure] | None:
        return next(
            ((district, tenure) for district in self for tenure in district.tenures if tenure.tenure_id == tenure_id),
            None,
        )

    def examine_added(self, data: DistrictAdded) -> Outcome:
        known = self.districts.get(data.district)
        if known is None:
            return Outcome.APPLIED
        same = (known.name_en, known.name_hi, known.kind, known.grid_row, known.grid_col) == (
            data.name_en,
            data.name_hi,
            data.kind,
            data.grid_row,
            data.grid_col,
        )
        return Outcome.DUPLICATE if same else Outcome.KNOWN_DISTRICT

    def examine_closed(self, data: DistrictClosed) -> Outcome:
        return self._open(data.district) or Outcome.APPLIED

    def examine_appointed(self, data: PresidentAppointed) -> Outcome:
        known = self.tenure(data.tenure_id)
        if known is not None:
            district, tenure = known
            same = (district.code, tenure.person_id, tenure.since) == (data.district, data.person_id, data.since)
            return Outcome.DUPLICATE if same else Outcome.CONFLICT
        if refused := self._open(data.district):
            return refused
        for tenure in self.districts[data.district].tenures:
            # A tenure that was taken back, until == since, holds nothing.
            if tenure.until is None or tenure.until > max(tenure.since, data.since):
                return Outcome.SECOND_HOLDER
        return Outcome.APPLIED

    def examine_relieved(self, data: PresidentRelieved) -> Outcome:
        tenure = self._tenure_of(data.district, data.tenure_id)
        if tenure is None:
            return self._open(data.district) or Outcome.UNKNOWN_TENURE
        if tenure.until is not None:
            return Outcome.DUPLICATE if tenure.until == data.until else Outcome.CONFLICT
        return Outcome.APPLIED if data.until >= tenure.since else Outcome.NOT_HOLDER

    def examine_leave(self, data: LeaveGranted) -> Outcome:
        tenure = self._tenure_of(data.district, data.tenure_id)
        if tenure is None:
            return self._open(data.district) or Outcome.UNKNOWN_TENURE
        return Outcome.DUPLICATE if Leave(data.from_, data.to) in tenure.leaves else Outcome.APPLIED

    def _open(self, code: str) -> Outcome | None:
        district = self.districts.get(code)
        if district is None:
            return Outcome.UNKNOWN_DISTRICT
        return Outcome.CLOSED_DISTRICT if district.closed_at is not None else None

    def _tenure_of(self, code: str, tenure_id: str) -> Tenure | None:
        known = self.tenure(tenure_id)
        return known[1] if known is not None and known[0].code == code else None

    def add(self, data: DistrictAdded) -> None:
        self.districts[data.district] = District(
            data.district, data.name_en, data.name_hi, data.kind, data.grid_row, data.grid_col
        )

    def close(self, data: DistrictClosed, at: datetime) -> None:
        self.districts[data.district].closed_at = at

    def appoint(self, data: PresidentAppointed, at: datetime) -> None:
        self.districts[data.district].tenures.append(
            Tenure(data.tenure_id, data.person_id, data.name, data.kind, data.since, logged_at=at)
        )

    def relieve(self, data: PresidentRelieved, at: datetime) -> None:
        tenure = self._tenure_of(data.district, data.tenure_id)
        assert tenure is not None  # noqa: S101 -- examine_relieved has looked
        tenure.until, tenure.relieved_at = data.until, at

    def grant(self, data: LeaveGranted) -> None:
        tenure = self._tenure_of(data.district, data.tenure_id)
        assert tenure is not None  # noqa: S101 -- examine_leave has looked
        tenure.leaves.append(Leave(data.from_, data.to))
