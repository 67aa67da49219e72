"""How does a state's day stand? One document a day, `in-mp/2026-11-23`: the whole board, by district.

Besides it a small one, `in-mp/2026-11-23/counts`, for those who ask for many days or many states at once; and one a
state, `in-mp`: its policies and its clock, which tell what days there are.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from functools import partial
from typing import cast

from pydantic import TypeAdapter

from libs.duty.counts import counts
from libs.duty.days import Entry, OpenDay
from libs.duty.policies import Policies
from libs.duty.roster import District
from libs.duty.state_duty import HANDLES, StateDuty
from libs.events.canonical import canonical_json
from libs.events.clock import ClockReached
from libs.events.envelope import Recorded, format_instant
from libs.events.policy import PolicyAdopted
from libs.runtime.batch import Unreadable
from libs.runtime.projection import Body, Documents, Projection
from libs.runtime.store import Json

_POLICIES = TypeAdapter(Policies)


def document_id(state: str, day: date) -> str:
    return f"{state}/{day.isoformat()}"


def counts_id(state: str, day: date) -> str:
    return f"{document_id(state, day)}/counts"


def policies_of(state: Body) -> Policies:
    """From the document of a state."""
    return _POLICIES.validate_json(canonical_json(state["policies"]))


def keys(_recorded: Recorded) -> Iterable[str]:
    """None: a board is made anew from the snapshot, never from an older board."""
    return ()


def evolve(duty: StateDuty, documents: Documents, recorded: Recorded) -> None:
    """Fold one event, and make anew the board of each day on which it changed something."""
    event_time = format_instant(recorded.event.time)
    step = duty.evolve(recorded)
    _show(duty, documents, step.days, event_time)
    if duty.policies and isinstance(recorded.event.data, PolicyAdopted | ClockReached):
        documents.put(duty.state, _state(duty, event_time))


def hold(duty: StateDuty, documents: Documents, unreadable: Unreadable) -> None:
    """Something was said that nobody can read: the districts that it may be about are unknown."""
    duty.hold(unreadable.key, unreadable.appended_at, unreadable.offset)
    # Also a day on which nobody's status has changed: its board says `unread`.
    _show(duty, documents, {day: each for day, each in duty.days.items() if not each.closed}, None)


def _show(duty: StateDuty, documents: Documents, days: Mapping[date, OpenDay], event_time: str | None) -> None:
    for day in days.values():
        documents.put(document_id(duty.state, day.day), partial(board, duty, day, event_time))
        documents.put(counts_id(duty.state, day.day), partial(summary, duty.state, day, event_time))


def _state(duty: StateDuty, event_time: str) -> Body:
    return {
        "policies": _POLICIES.dump_python(duty.policies, mode="json"),
        "clock": format_instant(duty.clock) if duty.clock else None,
        "event_time": event_time,
    }


def board(duty: StateDuty, day: OpenDay, event_time: str | None) -> Body:
    """The document of a day. `event_time` is the received_at of the last event that touched it."""
    districts = duty.roster.districts
    return {
        "state": duty.state,
        "day": day.day.isoformat(),
        "due_at": format_instant(day.deadlines.due_at),
        "grace_until": format_instant(day.deadlines.grace_until),
        "lock_at": format_instant(day.deadlines.lock_at),
        "closed": day.closed,
        "held_until": format_instant(day.held_until) if day.held_until else None,
        "credits": [
            {"from": format_instant(each.begin), "to": format_instant(each.end), "minutes": each.minutes}
            for each in day.credits
        ],
        "districts": {code: _district(districts[code], day.entries[code]) for code in sorted(day.entries)},
        "event_time": event_time,
    }


def summary(state: str, day: OpenDay, event_time: str | None) -> Body:
    """The small document of a day: how often each status."""
    return {
        "state": state,
        "day": day.day.isoformat(),
        "closed": day.closed,
        "counts": counts(Counter(entry.status for entry in day.entries.values())),
        "event_time": event_time,
    }


def _district(district: District, entry: Entry) -> Mapping[str, Json]:
    return {
        "status": entry.status,
        "reason": entry.reason,
        "report_id": entry.report_id,
        "tenure_id": entry.tenure_id,
        "received_at": format_instant(entry.received_at) if entry.received_at else None,
        "version_id": entry.version_id,
        "supplements": list(entry.supplements),
        "conflicts": entry.conflicts,
        "unread": entry.held,
        "holder": next((each.name for each in district.tenures if each.tenure_id == entry.tenure_id), None),
        "name_en": district.name_en,
        "name_hi": district.name_hi,
        "kind": district.kind,
        "grid_row": district.grid_row,
        "grid_col": district.grid_col,
    }


STATE_DAYS: Projection[StateDuty] = Projection(
    name="state_days",
    version=3,
    kind="reports",
    handles=HANDLES,
    initial=StateDuty,
    dump=lambda duty: cast("Body", duty.dump()),
    load=StateDuty.load,
    keys=keys,
    evolve=evolve,
    hold=hold,
)
