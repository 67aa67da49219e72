"""The peer of a rebuild: the `eventsourcing` library with its SQLite recorder. The same events as its domain events,
read as notifications, folded into the same boards, saved with the library's tracking in one transaction.

Its fold is plain: a holder a district, on time or not by two instants, missed when the clock says so. No leave, no
holiday, conflict, correction, streak or second holder, which Rozana's all looks for; on these events both agree.
Its SQLite recorder has no subscriptions, so notifications are selected, a thousand at a time.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import Tracking
from eventsourcing.sqlite import SQLiteDatastore, SQLiteTrackingRecorder

from bench.india import India
from libs.events.envelope import Event, format_instant
from libs.events.values import EventData

PAGE = 1000
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Happened(DomainEvent):
    """A fact, with the same members as Rozana's event data."""

    event_id: str
    data: dict[str, Any]


class DistrictAdded(Happened):
    pass


class PresidentAppointed(Happened):
    pass


class ReportFiled(Happened):
    pass


class ClockReached(Happened):
    pass


class Reports(Application[UUID]):
    name = "reports"


CLASSES: Mapping[str, type[Happened]] = {
    each.__name__: each for each in (DistrictAdded, PresidentAppointed, ReportFiled, ClockReached)
}


class Boards(SQLiteTrackingRecorder):
    """The library's materialised view: a table of documents in one database with the tracking."""

    def construct_create_table_statements(self) -> list[str]:
        made = super().construct_create_table_statements()
        return [*made, "CREATE TABLE IF NOT EXISTS boards (id TEXT PRIMARY KEY, body TEXT NOT NULL)"]

    def save(self, boards: Mapping[str, object], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            for name, body in boards.items():
                text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
                cursor.execute(
                    "INSERT INTO boards VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = ?", (name, text, text)
                )

    def load(self) -> Mapping[str, Any]:
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT id, body FROM boards")
            return {row["id"]: json.loads(row["body"]) for row in cursor.fetchall()}


@dataclass
class State:
    """What the fold remembers of a state."""

    places: dict[str, dict[str, Any]] = field(default_factory=dict)
    days: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Fold:
    """Boards of all days, by `state/day`."""

    states: dict[str, State] = field(default_factory=dict)

    def evolve(self, event: object) -> Mapping[str, object]:
        """The boards that the event has changed."""
        assert isinstance(event, Happened)
        data = event.data
        state = self.states.setdefault(data["state"], State())
        match event:
            case DistrictAdded():
                names = ("name_en", "name_hi", "kind", "grid_row", "grid_col")
                state.places[data["district"]] = {name: data[name] for name in names}
            case PresidentAppointed():
                state.places[data["district"]] |= {"holder": data["name"], "tenure_id": data["tenure_id"]}
            case ReportFiled():
                return self._file(state, event)
            case ClockReached():
                return self._close(state, data)
            case _:
                pass
        return {}

    def _file(self, state: State, event: Happened) -> Mapping[str, object]:
        data, at = event.data, event.timestamp
        board = self._board(state, data["state"], data["day"])
        entry = board["districts"][data["district"]]
        if entry["report_id"] is None and state.places[data["district"]]["tenure_id"] == data["tenure_id"]:
            received_at = format_instant(at)
            on_time, in_grace = received_at <= board["due_at"], received_at <= board["grace_until"]
            entry["status"] = "on_time" if on_time else "in_grace" if in_grace else "late"
            entry["report_id"] = entry["version_id"] = event.event_id
            entry["received_at"] = received_at
        elif entry["report_id"] != event.event_id:
            entry["supplements"].append(event.event_id)
        board["event_time"] = format_instant(at)
        return {f"{data['state']}/{data['day']}": board}

    def _close(self, state: State, data: Mapping[str, Any]) -> Mapping[str, object]:
        changed = {}
        for day, board in state.days.items():
            if not board["closed"] and board["grace_until"] <= data["at"]:
                board["closed"] = True
                for entry in board["districts"].values():
                    if entry["status"] == "pending":
                        entry["status"] = "missed"
                changed[f"{data['state']}/{day}"] = board
        return changed

    def _board(self, state: State, code: str, day: str) -> dict[str, Any]:
        if day not in state.days:
            civil = date.fromisoformat(day)
            state.days[day] = {
                "state": code,
                "day": day,
                "due_at": format_instant(India.at(civil, "21:00")),
                "grace_until": format_instant(India.at(civil + ONE_DAY, "00:00")),
                "lock_at": format_instant(India.at(civil + 8 * ONE_DAY, "00:00")),
                "closed": False,
                "districts": {district: _entry(place) for district, place in sorted(state.places.items())},
                "event_time": None,
            }
        return state.days[day]


def _entry(place: Mapping[str, Any]) -> dict[str, Any]:
    empty = {"status": "pending", "reason": None, "report_id": None, "received_at": None, "version_id": None}
    return {**empty, "supplements": [], "conflicts": 0, **place}


def write_events(path: Path, events: Iterable[Event]) -> int:
    """Store them as the library does. Answers how many."""
    app = _open(path)
    versions: dict[str, int] = {}
    stored = []
    for event in events:
        found = CLASSES.get(type(event.data).__name__)
        if found is not None:
            versions[event.subject] = version = versions.get(event.subject, 0) + 1
            fact = found(
                originator_id=uuid5(NAMESPACE_URL, event.subject),
                originator_version=version,
                timestamp=event.time,
                event_id=event.id,
                data=_plain(event.data),
            )
            stored.append(app.mapper.to_stored_event(fact))
    app.recorder.insert_events(stored)
    app.close()
    return len(stored)


def _plain(data: EventData) -> dict[str, Any]:
    return data.model_dump(mode="json")


def replay(path: Path, view: Path, *, page: int = PAGE) -> Mapping[str, Any]:
    """Fold all notifications into fresh boards, a transaction a page, and answer them as they were stored."""
    app = _open(path)
    boards = Boards(SQLiteDatastore(str(view)))
    boards.create_table()
    fold, position = Fold(), 0
    while found := app.recorder.select_notifications(position + 1, page):
        changed: dict[str, object] = {}
        for notification in found:
            changed |= fold.evolve(app.mapper.to_domain_event(notification))
        position = found[-1].id
        boards.save(changed, Tracking(app.name, position))
    app.close()
    stored = boards.load()
    boards.datastore.close()
    return stored


def _open(path: Path) -> Reports:
    return Reports(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(path)})
