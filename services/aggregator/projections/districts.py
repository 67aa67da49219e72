"""How is a district doing? One document a district, `in-mp.guna`: its last 90 days, its tenures and their scores.

The strip of days belongs to the district, a score to the tenure. What can still change stands in the open days of the
duty. Days that it lets go of never change again: the snapshot keeps a letter of each, and adds them to the scores.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import cast

from pydantic import TypeAdapter

from libs.duty.days import Entry, OpenDay
from libs.duty.deadlines import Deadlines
from libs.duty.roster import Tenure
from libs.duty.state_duty import HANDLES, StateDuty
from libs.duty.transitions import DayOpened, GraceMoved, ReportKept, StatusChanged, Transition
from libs.events.canonical import canonical_json
from libs.events.districts import DistrictAdded, DistrictClosed
from libs.events.envelope import Recorded, format_instant
from libs.events.presidents import PresidentAppointed, PresidentRelieved
from libs.runtime.batch import Unreadable
from libs.runtime.projection import Body, Documents, Projection
from libs.runtime.store import Json
from services.aggregator.score import Score
from services.aggregator.strip import LONGEST, letter


@dataclass(slots=True)
class Past:
    """Of a district, the days that are locked for good."""

    strip: str = ""
    """The last of them, at most LONGEST; it ends with the day before the oldest open one."""
    scores: dict[str, Score] = field(default_factory=dict)
    """By tenure."""


@dataclass(slots=True)
class Districts:
    """The snapshot: the state's duty, and what it no longer remembers."""

    duty: StateDuty
    past: dict[str, Past] = field(default_factory=dict)


_PAST = TypeAdapter(dict[str, Past])


def dump(snapshot: Districts) -> Body:
    past = _PAST.dump_python(snapshot.past, mode="json", exclude_defaults=True)
    return cast("Body", {"duty": snapshot.duty.dump(), "past": past})


def load(body: Body) -> Districts:
    duty = StateDuty.load(cast("Mapping[str, object]", body["duty"]))
    return Districts(duty, _PAST.validate_json(canonical_json(body["past"])))


def keys(_recorded: Recorded) -> Iterable[str]:
    """None: a district's document is made anew from the snapshot."""
    return ()


def evolve(snapshot: Districts, documents: Documents, recorded: Recorded) -> None:
    """Fold one event, and make anew the document of each district about which it changed something."""
    duty = snapshot.duty
    step = duty.evolve(recorded)
    _let_go(snapshot, step.let_go)
    touched = set(duty.roster.districts) if step.let_go else _touched(duty, step.transitions)
    match recorded.event.data:
        case (
            DistrictAdded(district=code)
            | DistrictClosed(district=code)
            | PresidentAppointed(district=code)
            | PresidentRelieved(district=code)
        ) if code in duty.roster.districts:
            touched.add(code)
        case _:
            pass
    _show(snapshot, documents, touched, format_instant(recorded.event.time))


def hold(snapshot: Districts, documents: Documents, unreadable: Unreadable) -> None:
    """Something was said that nobody can read: the districts that it may be about are unknown."""
    transitions = snapshot.duty.hold(unreadable.key, unreadable.appended_at, unreadable.offset)
    _show(snapshot, documents, _touched(snapshot.duty, transitions), None)


def _let_go(snapshot: Districts, days: Iterable[OpenDay]) -> None:
    """Keep what must be kept of days that the duty has just let go of."""
    for day in days:
        for code in snapshot.duty.roster.districts:
            past, entry = snapshot.past.setdefault(code, Past()), day.entries.get(code)
            past.strip = (past.strip + letter(entry))[-LONGEST:]
            if entry is not None and entry.tenure_id is not None:
                score = past.scores.get(entry.tenure_id, Score())
                past.scores[entry.tenure_id] = score.after([entry.status])


def _touched(duty: StateDuty, transitions: Iterable[Transition]) -> set[str]:
    """The districts whose documents change; a day that opens is one more in everybody's."""
    found: set[str] = set()
    for each in transitions:
        match each:
            case DayOpened() | GraceMoved():
                return set(duty.roster.districts)
            case StatusChanged(district=code) | ReportKept(district=code):
                found.add(code)
            case _:
                pass
    return found


def _show(snapshot: Districts, documents: Documents, touched: Iterable[str], event_time: str | None) -> None:
    for code in sorted(touched):
        documents.put(code, partial(_district, snapshot, code, event_time))


def _district(snapshot: Districts, code: str, event_time: str | None) -> Body:
    """The document of a district. `event_time` is the received_at of the last event that touched it."""
    duty, past = snapshot.duty, snapshot.past.get(code, Past())
    district, last = duty.roster.districts[code], duty.last_day()
    strip = past.strip + "".join(letter(day.entries.get(code)) for day in duty.days.values())
    open_days = [(day, day.entries[code]) for day in duty.days.values() if code in day.entries]
    return {
        "state": duty.state,
        "district": code,
        "name_en": district.name_en,
        "name_hi": district.name_hi,
        "kind": district.kind,
        "grid_row": district.grid_row,
        "grid_col": district.grid_col,
        "closed_at": format_instant(district.closed_at) if district.closed_at else None,
        "last_day": last.isoformat() if last else None,
        "strip": strip[-LONGEST:],
        "open_days": [open_day(day, entry) for day, entry in open_days],
        "tenures": [
            _tenure(
                tenure,
                past.scores.get(tenure.tenure_id, Score()).after(
                    entry.status for _, entry in open_days if entry.tenure_id == tenure.tenure_id
                ),
            )
            for tenure in district.tenures
        ],
        "event_time": event_time,
    }


def open_day(day: OpenDay, entry: Entry) -> Mapping[str, Json]:
    """A district's day that can still change."""
    return {
        "day": day.day.isoformat(),
        "status": entry.status,
        "reason": entry.reason,
        "tenure_id": entry.tenure_id,
        "report_id": entry.report_id,
        "version_id": entry.version_id,
        **_limits(day.deadlines),
    }


@lru_cache(maxsize=128)  # the same few days are written of every district
def _limits(limits: Deadlines) -> Mapping[str, Json]:
    return {name: format_instant(getattr(limits, name)) for name in ("due_at", "grace_until", "lock_at")}


def _tenure(tenure: Tenure, score: Score) -> Mapping[str, Json]:
    return {
        "tenure_id": tenure.tenure_id,
        "person_id": tenure.person_id,
        "name": tenure.name,
        "kind": tenure.kind,
        "since": tenure.since.isoformat(),
        "until": tenure.until.isoformat() if tenure.until else None,
        "counts": {status.value: score.counts[status] for status in sorted(score.counts)},
        "filed": {"current": score.filed, "longest": score.longest_filed},
        "missed": {"current": score.missed, "longest": score.longest_missed},
    }


DISTRICTS: Projection[Districts] = Projection(
    name="districts",
    version=2,
    kind="reports",
    handles=HANDLES,
    initial=lambda state: Districts(StateDuty(state)),
    dump=dump,
    load=load,
    keys=keys,
    evolve=evolve,
    hold=hold,
)
