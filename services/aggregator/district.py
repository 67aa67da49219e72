"""From the document of a district to what is answered about it, and about what its president owes. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import cast

from libs.duty.counts import counts, rates
from libs.duty.transitions import Status
from libs.events.envelope import parse_instant
from libs.runtime.projection import Body
from libs.runtime.projector import AsOf
from libs.runtime.store import Json
from services.aggregator import board, strip

PERSON = ("tenure_id", "person_id", "name", "kind", "since")
ABOUT = ("district", "state", "name_en", "name_hi", "kind", "grid_row", "grid_col", "closed_at")
OWED = ("day", "status", "tenure_id", "due_at", "grace_until", "lock_at", "report_id")

Day = Mapping[str, Json]
"""A day that can still change, as `projections.districts.open_day` makes it."""


def answer(body: Body, today: date, as_of: AsOf) -> dict[str, object]:
    """`GET /v1/districts/{district}`."""
    tenures = [_tenure(each) for each in cast("Sequence[Mapping[str, Json]]", body["tenures"])]
    holder = next((each for each in tenures if _holds(each, today.isoformat())), None)
    last = body["last_day"]
    return {
        **{name: body[name] for name in ABOUT},
        "today": today.isoformat(),
        "holder": None if holder is None else {name: holder[name] for name in PERSON},
        "streaks": None if holder is None else holder["streaks"],
        "strip": [] if last is None else list(strip.days(str(body["strip"]), date.fromisoformat(str(last)))),
        "open_days": body["open_days"],
        "tenures": tenures,
        "as_of": board.as_of_answer(as_of),
    }


def _tenure(body: Mapping[str, Json]) -> dict[str, object]:
    counted = counts(cast("Mapping[str, int]", body["counts"]))
    return {
        **{name: body[name] for name in (*PERSON, "until")},
        "counts": counted,
        **rates(counted),
        "streaks": {name: body[name] for name in ("filed", "missed")},
    }


def _holds(tenure: Mapping[str, object], today: str) -> bool:
    """As `Tenure.holds`; days written as text compare as days."""
    until = tenure["until"]
    return str(tenure["since"]) <= today and (until is None or today < str(until))


def can_change(days: Iterable[Day], now: datetime, tenure_id: str | None) -> list[Day]:
    """Those that are not locked at `now`; with `tenure_id`, those of that tenure only: nobody else may file them."""
    return [
        day
        for day in days
        if now < parse_instant(str(day["lock_at"])) and (tenure_id is None or day["tenure_id"] == tenure_id)
    ]


def duties(
    district: str, today: date, days: Sequence[Day], reports: Mapping[str, Body], as_of: AsOf
) -> dict[str, object]:
    """`GET /v1/districts/{district}/duties`.

    days: those that can still be filed, in order.
    reports: by id, the latest version of each of these days' reports, as far as there are any.
    """
    return {
        "district": district,
        "today": today.isoformat(),
        "owed": [{name: day[name] for name in OWED} for day in days if _owed(day)],
        "returned": [
            _returned(day, review)
            for day in days
            if (review := latest_review(reports.get(str(day["version_id"])))) and review["verdict"] == "returned"
        ],
        "as_of": board.as_of_answer(as_of),
    }


def _owed(day: Day) -> bool:
    return day["status"] in (Status.PENDING, Status.MISSED)


def _returned(day: Day, review: Mapping[str, Json]) -> dict[str, object]:
    """`version_id` is what a correction has to name as superseded."""
    return {
        **{name: day[name] for name in ("report_id", "version_id", "day", "tenure_id", "lock_at")},
        **{name: review[name] for name in ("comment", "reviewed_at", "by")},
        "review_id": review["id"],
    }


def latest_review(report: Body | None) -> Mapping[str, Json] | None:
    """The last one in the log; None of a report that nobody has reviewed, and of none."""
    reviews = () if report is None else cast("Sequence[Mapping[str, Json]]", report["reviews"])
    return reviews[-1] if reviews else None
