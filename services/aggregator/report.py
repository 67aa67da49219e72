"""From the documents of a district's day to what is answered about one of its reports. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal, cast

from libs.runtime.projection import Body
from libs.runtime.projector import AsOf
from libs.runtime.store import Json
from services.aggregator import board

Role = Literal["effective", "correction", "supplement", "ignored"]
"""What a report is on its day: the first; a version of it; another one beside it; or refused by the fold."""


def answer(
    report_id: str, reports: Mapping[str, Body], entry: Mapping[str, Json], folded_to: int, as_of: AsOf
) -> dict[str, object]:
    """`GET /v1/reports/{id}`.

    reports: those of the district's day by id, among them this one.
    entry: the district's in the board of that day; empty when there is none.
    folded_to: the offset up to which the board is right.
    """
    body = reports[report_id]
    versions = _versions(entry, reports)
    known = {name: value for name, value in body.items() if name != "event_time"}
    return {
        "id": report_id,
        **known,
        "role": _role(report_id, versions, entry, folded_to >= cast("int", body["offset"])),
        "versions": [
            {"id": each} | {name: reports[each][name] for name in ("received_at", "offset", "supersedes")}
            for each in versions
        ],
        "as_of": board.as_of_answer(as_of),
    }


def _versions(entry: Mapping[str, Json], reports: Mapping[str, Body]) -> list[str]:
    """The day's effective report and its corrections, in order: each names the one before it."""
    versions: list[str] = []
    at = entry.get("version_id")
    while isinstance(at, str) and at in reports and at not in versions:
        versions.insert(0, at)
        at = reports[at]["supersedes"] if at != entry["report_id"] else None
    return versions


def _role(report_id: str, versions: Sequence[str], entry: Mapping[str, Json], known: bool) -> Role | None:  # noqa: FBT001
    """None while the day's board has not come as far as the report."""
    if report_id == entry.get("report_id"):
        return "effective"
    if report_id in versions:
        return "correction"
    if report_id in cast("Sequence[str]", entry.get("supplements", ())):
        return "supplement"
    return "ignored" if known else None
