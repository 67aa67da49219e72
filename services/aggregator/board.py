"""From the document of a state's day to what is answered: counts and rates, worked out from the entries. Pure."""

from collections import Counter
from collections.abc import Mapping
from typing import cast

from libs.duty.counts import counts, rates
from libs.runtime.projection import Body
from libs.runtime.projector import AsOf
from libs.runtime.store import Document, Json

DISTRICT = ("status", "reason", "report_id", "tenure_id", "received_at")
"""Of a district, in this order; what else the document holds comes behind."""


def answer(body: Body, as_of: AsOf) -> dict[str, object]:
    """`GET /v1/states/{state}/days/{day}`."""
    districts = entries(body)
    counted = counts(Counter(str(entry["status"]) for entry in districts.values()))
    return {
        **{name: body[name] for name in ("state", "day", "due_at", "grace_until", "closed")},
        "counts": counted,
        **rates(counted),
        "districts": [
            {"district": code, **{name: entry[name] for name in DISTRICT}, **entry} for code, entry in districts.items()
        ],
        "as_of": as_of_answer(as_of),
        "lock_at": body["lock_at"],
        "held_until": body["held_until"],
        "credits": body["credits"],
    }


def entries(body: Body) -> Mapping[str, Mapping[str, Json]]:
    """The districts of a day's document by code, in order. A store may give the members of a document in any order."""
    districts = cast("Mapping[str, Mapping[str, Json]]", body["districts"])
    return {code: districts[code] for code in sorted(districts)}


def in_short(body: Body) -> dict[str, object]:
    """Of a day's small document, or of several that were summed up: closed, counts and rates."""
    counted = cast("Mapping[str, int]", body["counts"])
    ordered = counts(counted)
    return {"closed": body["closed"], "counts": ordered, **rates(ordered)}


def as_of_answer(as_of: AsOf) -> dict[str, object]:
    return {"offset": as_of.offset, "event_time": as_of.event_time}


def later(document: Document, reached: AsOf | None) -> AsOf:
    """As of when a document is right: of the last event in it, or of a later one that did not touch it."""
    if reached is not None and reached.offset >= document.version:
        return reached
    time = document.body["event_time"]
    return AsOf(document.version, None if time is None else str(time))
