"""What does a report say, and what was said of it? One document a report, `in-mp/<id>`, whatever became of it.

Whether it counts is not written here: that is for the state's day to say, and is joined when it is read.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from libs.events.envelope import Recorded, format_instant, parse_instant
from libs.events.reports import ReportCorrected, ReportFiled, ReportReviewed
from libs.runtime.batch import Unreadable
from libs.runtime.projection import Body, Documents, Projection
from libs.runtime.store import Json
from services.aggregator.difference import difference

Snapshot = Body
"""Empty: all that is remembered of a report stands in its document."""


def document_id(state: str, report_id: str) -> str:
    """With the state, since ids come from clients, and no document may be shared by two streams."""
    return f"{state}/{report_id}"


def keys(recorded: Recorded) -> Iterable[str]:
    match recorded.event.data:
        case ReportCorrected(state=state, supersedes=superseded):
            return document_id(state, recorded.event.id), document_id(state, superseded)
        case ReportReviewed(state=state, report_id=reviewed):
            return (document_id(state, reviewed),)
        case data:
            return (document_id(data.state, recorded.event.id),)


def evolve(_snapshot: Snapshot, documents: Documents, recorded: Recorded) -> None:
    """Fold one event. Where a document is ahead of it, because the log is read again, `put` leaves it as it is."""
    match recorded.event.data:
        case ReportReviewed() as data:
            _review(documents, recorded, data)
        case ReportFiled() | ReportCorrected() as data:
            known = documents.get(document_id(data.state, recorded.event.id))
            # Which event was the first never changes, so it can be asked of a document that is ahead, too.
            if known is not None and known["offset"] != recorded.offset:
                _repeat(documents, recorded, data, known)
                return
            _file(documents, recorded, data)
            if isinstance(data, ReportCorrected):
                _supersede(documents, recorded, data)
        case _:
            raise AssertionError("not in handles")


def hold(_snapshot: Snapshot, _documents: Documents, _unreadable: Unreadable) -> None:
    """What cannot be read is no report; it stands in the dead letters."""


def _file(documents: Documents, recorded: Recorded, data: ReportFiled | ReportCorrected) -> None:
    received_at = format_instant(recorded.event.time)
    documents.put(
        document_id(data.state, recorded.event.id),
        {
            **data.model_dump(mode="json"),
            "received_at": received_at,
            "offset": recorded.offset,
            "superseded_by": [],
            "reviews": [],
            "copies": [],
            "conflicts": [],
            "event_time": received_at,
        },
    )


def _repeat(
    documents: Documents, recorded: Recorded, data: ReportFiled | ReportCorrected, known: Mapping[str, Json]
) -> None:
    """The id was there before: a copy, where the earlier received_at counts, or a conflict, where the first wins."""
    said = data.model_dump(mode="json")
    received_at = format_instant(recorded.event.time)
    body = {**known, "event_time": received_at}
    if changes := difference({name: known[name] for name in said}, said):
        conflict: Body = {"offset": recorded.offset, "received_at": received_at, "changes": changes}
        body["conflicts"] = _with(known["conflicts"], conflict)
    else:
        body["copies"] = _with(known["copies"], recorded.offset)
        body["received_at"] = min(str(known["received_at"]), received_at, key=parse_instant)
    documents.put(document_id(data.state, recorded.event.id), body)


def _supersede(documents: Documents, recorded: Recorded, data: ReportCorrected) -> None:
    known = documents.get(document_id(data.state, data.supersedes))
    if known is not None and (known["district"], known["day"]) == (data.district, data.day.isoformat()):
        body = {
            **known,
            "superseded_by": _with(known["superseded_by"], recorded.event.id),
            "event_time": format_instant(recorded.event.time),
        }
        documents.put(document_id(data.state, data.supersedes), body)


def _review(documents: Documents, recorded: Recorded, data: ReportReviewed) -> None:
    event = recorded.event
    known = documents.get(document_id(data.state, data.report_id))
    if known is None or known["district"] != data.district or any(each["id"] == event.id for each in reviews_of(known)):
        return
    review = {
        "id": event.id,
        "verdict": data.verdict,
        "comment": data.comment,
        "reviewed_at": format_instant(event.time),
        "by": event.actor,
    }
    body = {**known, "reviews": _with(known["reviews"], review), "event_time": review["reviewed_at"]}
    documents.put(document_id(data.state, data.report_id), body)


def reviews_of(body: Body) -> Sequence[Mapping[str, Json]]:
    """In the order in which the log took them."""
    return cast("Sequence[Mapping[str, Json]]", body["reviews"])


def _with(known: Json, new: Json) -> list[Json]:
    return [*cast("Sequence[Json]", known), new]


REPORTS: Projection[Snapshot] = Projection(
    name="reports",
    version=2,
    kind="reports",
    handles=frozenset({ReportFiled, ReportCorrected, ReportReviewed}),
    initial=lambda _state: {},
    dump=lambda snapshot: snapshot,
    load=lambda snapshot: snapshot,
    keys=keys,
    evolve=evolve,
    hold=hold,
)
