"""What is answered about a day: counts, rates, and the order of things."""

import json
from collections.abc import Mapping

import pytest

from libs.duty.counts import rate
from libs.duty.transitions import Status
from libs.runtime.projection import Body
from libs.runtime.projector import AsOf
from libs.runtime.store import Document, Json
from services.aggregator.board import answer, later


def entry(status: str) -> Mapping[str, Json]:
    return {
        "status": status,
        "reason": None,
        "report_id": None,
        "tenure_id": None,
        "received_at": None,
        "version_id": None,
        "holder": "Holder",
    }


def board(**statuses: int) -> Body:
    found = [status for status, count in statuses.items() for _ in range(count)]
    return {
        "state": "in-mp",
        "day": "2026-11-23",
        "due_at": "2026-11-23T15:30:00Z",
        "grace_until": "2026-11-23T18:30:00Z",
        "lock_at": "2026-11-30T18:30:00Z",
        "held_until": None,
        "credits": [],
        "closed": True,
        "districts": {f"in-mp.d{number:02}": entry(status) for number, status in reversed(list(enumerate(found)))},
        "event_time": "2026-11-23T18:30:05Z",
    }


AS_OF = AsOf(17, "2026-11-23T18:30:05Z")
EVERYTHING = {"on_time": 7, "in_grace": 6, "late": 5, "missed": 4, "excused": 3, "pending": 2, "unknown": 1}


def test_the_listed_members_come_first_and_in_their_order() -> None:
    told = answer(board(on_time=1), AS_OF)
    listed = "state day due_at grace_until closed counts completeness timeliness districts as_of"
    assert list(told) == [*listed.split(), "lock_at", "held_until", "credits"]
    assert told["as_of"] == {"offset": 17, "event_time": "2026-11-23T18:30:05Z"}
    (district,) = told["districts"]  # type: ignore[misc]
    listed = "district status reason report_id tenure_id received_at"
    assert list(district)[:6] == listed.split()  # type: ignore[has-type]
    assert district["holder"] == "Holder"  # type: ignore[has-type]


def test_all_eight_counts_add_up() -> None:
    told = answer(board(**EVERYTHING), AS_OF)
    assert told["counts"] == {"expected": 25, **EVERYTHING}
    assert list(told["counts"]) == ["expected", *EVERYTHING]
    assert set(EVERYTHING) == {status.value for status in Status}
    assert told["completeness"] == {"numerator": 18, "denominator": 25, "rate": 0.72}
    assert told["timeliness"] == {"numerator": 13, "denominator": 25, "rate": 0.52}


def test_districts_are_in_the_order_of_their_codes_whatever_the_store_does() -> None:
    told = answer(board(on_time=12), AS_OF)
    codes = [each["district"] for each in told["districts"]]  # type: ignore[attr-defined]
    assert codes == sorted(codes)


@pytest.mark.parametrize("statuses", [{}, {"excused": 71}])
def test_of_nothing_expected_there_is_no_rate(statuses: Mapping[str, int]) -> None:
    told = answer(board(**statuses), AS_OF)
    assert told["completeness"] == told["timeliness"] == {"numerator": 0, "denominator": 0, "rate": None}
    assert json.loads(json.dumps(told))["completeness"]["rate"] is None


def test_a_rate_is_a_float_also_when_it_is_whole() -> None:
    assert rate(0, 4)["rate"] == 0.0
    assert isinstance(rate(4, 4)["rate"], float)


def test_a_document_is_right_as_of_the_later_of_its_last_event_and_the_snapshot() -> None:
    document = Document("in-mp/2026-11-23", 17, board())
    assert later(document, None) == AS_OF
    assert later(document, AsOf(16, "2026-11-23T18:00:00Z")) == AS_OF
    assert later(document, AsOf(18, "2026-11-23T18:40:00Z")) == AsOf(18, "2026-11-23T18:40:00Z")
    assert later(Document("x", 17, {**board(), "event_time": None}), None) == AsOf(17, None)
