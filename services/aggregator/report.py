"""From the documents of a district's day to what is answered about one of its reports. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, cast

from libs.runtime.projection import Body
from libs.runtime.projector import AsOf
from libs.runtime.store import Json
from services.aggregator import board
from services.aggregator.difference import Change, difference
from services.aggregator.district import latest_review

Role = Literal["effective", "correction", "supplement", "ignored"]
"""What a report is on its day: the first; a version of it; another one beside it; or refused by the fold."""

PLACE = ("received_at", "offset", "supersedes")
BESIDE = frozenset({*PLACE, "superseded_by", "reviews", "copies", "conflicts", "event_time"})
"""What of a document the president has not said: versions are not compared by it."""


def answer(
    report_id: str, reports: Mapping[str, Body], entry: Mapping[str, Json], reports_at: AsOf, entry_at: AsOf
) -> dict[str, object]:
    """`GET /v1/reports/{id}`.

    reports: those of the district's day by id, among them this one.
    entry: the district's in the board of that day; empty when there is none.
    reports_at, entry_at: as of when they are right; the answer is as of the lower offset.
    """
    body = reports[report_id]
    versions = _versions(entry, reports)
    supplements = [each for each in cast("Sequence[str]", entry.get("supplements", ())) if each in reports]
    known = {name: value for name, value in body.items() if name != "event_time"}
    review = latest_review(reports[versions[-1]]) if versions else None
    return {
        "id": report_id,
        **known,
        "role": _role(report_id, versions, entry, known=entry_at.offset >= cast("int", body["offset"])),
        "verdict": None if review is None else review["verdict"],
        "versions": [
            {"id": each, **_place(reports[each]), "reviews": reports[each]["reviews"], "changes": changes}
            for each, changes in zip(versions, _changes(versions, reports), strict=True)
        ],
        "supplements": [{"id": each, "role": "supplement", **_place(reports[each])} for each in supplements],
        "as_of": board.as_of_answer(min(reports_at, entry_at, key=lambda each: each.offset)),
    }


def _versions(entry: Mapping[str, Json], reports: Mapping[str, Body]) -> list[str]:
    """The day's effective report and its corrections, in order: each names the one before it."""
    versions: list[str] = []
    at = entry.get("version_id")
    while isinstance(at, str) and at in reports and at not in versions:
        versions.insert(0, at)
        at = reports[at]["supersedes"] if at != entry["report_id"] else None
    return versions


def _changes(versions: Sequence[str], reports: Mapping[str, Body]) -> list[list[Change]]:
    """Of each version, what it says otherwise than the one before it; of the first one, nothing."""
    said = [{name: value for name, value in reports[each].items() if name not in BESIDE} for each in versions]
    return [[], *(difference(before, after) for before, after in pairwise(said))] if said else []


def _place(body: Body) -> dict[str, Json]:
    return {name: body[name] for name in PLACE}


def _role(report_id: str, versions: Sequence[str], entry: Mapping[str, Json], *, known: bool) -> Role | None:
    """None while the day's board has not come as far as the report, or has come further than the reports."""
    if report_id == entry.get("report_id"):
        return "effective"
    if report_id in versions:
        return "correction"
    if report_id in cast("Sequence[str]", entry.get("supplements", ())):
        return "supplement"
    return "ignored" if known and bool(versions) == bool(entry.get("version_id")) else None
