"""The fold that the peers of the Kafka benchmark share: a state's events to the same documents that Rozana makes of
them, written as one writes it who has these events alone to read. Decoded by msgspec into typed structs.

A holder a district, on time or not by two instants, missed when the clock says so, a known id again ignored. It does
without leave, holidays, corrections, conflicts, streaks, exceptions, second holders, later policies, and without a
snapshot: whoever starts such a loop again begins at its documents. On the benchmark's events nothing of that occurs, so
that documents, ids and offsets must be equal to Rozana's.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from pymongo import ReplaceOne

from bench.india import India
from libs.events import clock, districts, policy, presidents, reports_v1

ONE_DAY = timedelta(days=1)
GRACE = timedelta(minutes=180)
REMIND = timedelta(minutes=120)
LOCK_AFTER = 7
COUNTED = ("on_time", "in_grace", "late", "missed", "excused", "pending", "unknown")
INDEXED = ("state", "district", "day", "status", "rule", "subject", "raised_at")


class Activities(msgspec.Struct):
    meetings: int
    attendance: int
    villages_visited: int
    booth_committees: int
    new_members: int
    programmes: int
    media_mentions: int
    grievances_heard: int


class ReportFiled(msgspec.Struct):
    state: str
    district: str
    day: date
    tenure_id: str
    form: str
    activities: Activities
    summary: str
    evidence: list[dict[str, Any]]
    captured_at: str
    supersedes: str | None


class DistrictAdded(msgspec.Struct):
    state: str
    district: str
    name_en: str
    name_hi: str
    kind: str
    grid_row: int
    grid_col: int


class PresidentAppointed(msgspec.Struct):
    state: str
    district: str
    tenure_id: str
    name: str
    since: date


class ClockReached(msgspec.Struct):
    state: str
    at: datetime


class PolicyAdopted(msgspec.Struct):
    state: str
    effective_from: date


DECODERS: Mapping[bytes, msgspec.json.Decoder[Any]] = {
    written.type_name().encode(): msgspec.json.Decoder(model)
    for written, model in (
        (reports_v1.ReportFiled, ReportFiled),
        (districts.DistrictAdded, DistrictAdded),
        (presidents.PresidentAppointed, PresidentAppointed),
        (clock.ClockReached, ClockReached),
        (policy.PolicyAdopted, PolicyAdopted),
    )
}
"""By the types that `bench/india.py` writes."""


@dataclass(slots=True)
class Day:
    opens: datetime
    remind_at: datetime
    due_at: datetime
    grace_until: datetime
    board: dict[str, Any]
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: dict[str, bytes] = field(default_factory=dict)
    reminded: bool = False
    offset: int = -1


@dataclass(slots=True)
class State:
    """One state. `fold` its records, then take what they have changed."""

    code: str
    places: dict[str, dict[str, Any]] = field(default_factory=dict)
    since: dict[str, date] = field(default_factory=dict)
    days: dict[date, Day] = field(default_factory=dict)
    policies: list[dict[str, Any]] = field(default_factory=list)
    clock: str | None = None
    last: date | None = None
    offset: int = -1
    event_time: str | None = None
    touched: dict[date, Day] = field(default_factory=dict)
    state_touched: bool = False

    def fold(self, offset: int, headers: Iterable[tuple[str, bytes]], value: bytes) -> None:
        found = dict(headers)
        decoder = DECODERS.get(found["ce_type"])
        if decoder is None:
            return
        data, at_text = decoder.decode(value), found["ce_time"].decode()
        at = datetime.fromisoformat(at_text)
        self._open(data.at if type(data) is ClockReached else at, offset, at_text)
        match data:
            case ReportFiled():
                self._file(data, found["ce_id"].decode(), found.get("ce_sha256", b""), at, at_text, offset)
            case ClockReached():
                self._reach(data.at, offset, at_text)
            case DistrictAdded():
                self.places[data.district] = {
                    "name_en": data.name_en,
                    "name_hi": data.name_hi,
                    "kind": data.kind,
                    "grid_row": data.grid_row,
                    "grid_col": data.grid_col,
                }
                for day in self.days.values():
                    if day.grace_until > at:
                        day.entries[data.district] = self._entry(data.district, day)
                        self._touch(day, offset, at_text)
            case PresidentAppointed():
                self.places[data.district] |= {"tenure_id": data.tenure_id, "holder": data.name}
                self.since[data.district] = data.since
            case PolicyAdopted():
                raw = msgspec.json.decode(value)
                adopted = {"policy": raw, "first_day": raw["effective_from"], "logged_at": at_text}
                self.policies.append(adopted)
                civil = at.astimezone(India.at(data.effective_from, "00:00").tzinfo).date()
                self.last = civil - (LOCK_AFTER + 1) * ONE_DAY
                self._open(at, offset, at_text)
                self._touch_state(offset, at_text)
            case _:
                pass

    def documents(self) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
        """Id, offset and body of all that was touched since the last time."""
        for civil, day in self.touched.items():
            found = Counter(entry["status"] for entry in day.entries.values())
            name, board = f"{self.code}/{civil}", day.board
            yield name, day.offset, {**board, "districts": {code: day.entries[code] for code in sorted(day.entries)}}
            counts = {status: found.get(status, 0) for status in COUNTED}
            counted = {"expected": sum(counts.values()) - counts["excused"]} | counts
            small = {name: board[name] for name in ("state", "day", "closed", "event_time")}
            yield f"{name}/counts", day.offset, {**small, "counts": counted}
        if self.state_touched:
            policies = {"adopted": self.policies}
            yield self.code, self.offset, {"policies": policies, "clock": self.clock, "event_time": self.event_time}
        self.touched, self.state_touched = {}, False

    def _touch(self, day: Day, offset: int, at_text: str) -> None:
        day.offset, day.board["event_time"] = offset, at_text
        self.touched[date.fromisoformat(day.board["day"])] = day

    def _touch_state(self, offset: int, at_text: str) -> None:
        self.offset, self.event_time, self.state_touched = offset, at_text, True

    def _open(self, until: datetime, offset: int, at_text: str) -> None:
        while self.last is not None and (opens := India.at(self.last + ONE_DAY, "00:00")) <= until:
            self.last += ONE_DAY
            due_at = India.at(self.last, "21:00")
            grace_until, lock_at = due_at + GRACE, India.at(self.last + (LOCK_AFTER + 1) * ONE_DAY, "00:00")
            board = {
                "state": self.code,
                "day": self.last.isoformat(),
                "due_at": _text(due_at),
                "grace_until": _text(grace_until),
                "lock_at": _text(lock_at),
                "closed": False,
                "held_until": None,
                "credits": [],
                "event_time": None,
            }
            self.days[self.last] = day = Day(opens, due_at - REMIND, due_at, grace_until, board)
            day.entries = {code: self._entry(code, day) for code in self.places}
            self._touch(day, offset, at_text)
            while len(self.days) > LOCK_AFTER + 2:  # locked, and a day longer
                del self.days[next(iter(self.days))]

    def _entry(self, code: str, day: Day) -> dict[str, Any]:
        since, civil = self.since.get(code), date.fromisoformat(day.board["day"])
        held = since is not None and since <= civil
        place = self.places[code]
        return {
            "status": "pending" if held else "excused",
            "reason": None if held else "vacancy",
            "report_id": None,
            "tenure_id": place["tenure_id"] if held else None,
            "received_at": None,
            "version_id": None,
            "supplements": [],
            "conflicts": 0,
            "unread": False,
            "holder": place["holder"] if held else None,
            **{name: place[name] for name in ("name_en", "name_hi", "kind", "grid_row", "grid_col")},
        }

    def _file(self, data: ReportFiled, event_id: str, sha256: bytes, at: datetime, at_text: str, offset: int) -> None:
        day = self.days.get(data.day)
        entry = day.entries.get(data.district) if day else None
        if day is None or entry is None or event_id in day.reports or entry["tenure_id"] != data.tenure_id:
            return
        day.reports[event_id] = sha256
        if entry["report_id"] is None:
            entry["status"] = "on_time" if at <= day.due_at else "in_grace" if at <= day.grace_until else "late"
            entry["report_id"] = entry["version_id"] = event_id
            entry["received_at"] = at_text
        else:
            entry["supplements"].append(event_id)
        self._touch(day, offset, at_text)

    def _reach(self, at: datetime, offset: int, at_text: str) -> None:
        self.clock = _text(at)
        for day in self.days.values():
            if not day.reminded and day.remind_at <= at:
                day.reminded = True
                if any(entry["status"] == "pending" for entry in day.entries.values()):
                    self._touch(day, offset, at_text)
            if not day.board["closed"] and day.grace_until <= at:
                day.board["closed"] = True
                for entry in day.entries.values():
                    if entry["status"] == "pending":
                        entry["status"] = "missed"
                self._touch(day, offset, at_text)
        self._touch_state(offset, at_text)


def _text(instant: datetime) -> str:
    return instant.isoformat().removesuffix("+00:00") + "Z"


def guarded(documents: Iterable[tuple[str, int, Mapping[str, Any]]]) -> Sequence[ReplaceOne[Any]]:
    """Each is written where nothing as new is stored: as Rozana's store writes it, in the same shape."""
    return [
        ReplaceOne(
            {"_id": name, "version": {"$lt": offset}},
            {
                "version": offset,
                "body": body,
                "by": {each: text if isinstance(text := body.get(each), str) else "" for each in INDEXED},
            },
            upsert=True,
        )
        for name, offset, body in documents
    ]
