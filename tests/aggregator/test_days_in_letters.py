"""The small pure parts: the strip of letters, a tenure's score, the counts, and what differs between two values."""

from datetime import date

import pytest

from libs.duty.counts import counts, rates
from libs.duty.days import Change, Entry
from libs.duty.transitions import Reason, Status
from libs.runtime.store import Json
from services.aggregator import strip
from services.aggregator.difference import difference
from services.aggregator.score import Score
from tests.duty.events import instant

NOON = instant("2026-11-23T12:00")


def entry(status: Status, reason: Reason | None = None) -> Entry:
    return Entry([Change(NOON, status, None)], reason)


EVERYTHING = [
    *(entry(status) for status in Status if status is not Status.EXCUSED),
    *(entry(Status.EXCUSED, reason) for reason in Reason),
]


def test_every_status_and_every_reason_has_a_letter_of_its_own() -> None:
    letters = "".join(map(strip.letter, EVERYTHING))
    assert len(set(letters)) == len(letters) == len(Status) - 1 + len(Reason)
    told = list(strip.days(letters, date(2026, 11, 23)))
    assert [(each["status"], each["reason"]) for each in told] == [(each.status, each.reason) for each in EVERYTHING]
    assert (told[0]["day"], told[-1]["day"]) == ("2026-11-13", "2026-11-23")


def test_days_on_no_board_are_left_out_and_move_no_other() -> None:
    assert strip.letter(None) == strip.NOT_LISTED
    told = list(strip.days(".o.m.", date(2026, 3, 2)))
    assert [(each["day"], each["status"]) for each in told] == [("2026-02-27", "on_time"), ("2026-03-01", "missed")]


LETTERS = {strip.letter(each): each.status for each in EVERYTHING}


@pytest.mark.parametrize(
    ("days", "filed", "missed", "longest_filed", "longest_missed"),
    [
        ("", 0, 0, 0, 0),
        ("ogl", 3, 0, 3, 0),
        ("oom", 0, 1, 2, 1),
        ("ommo", 1, 0, 1, 2),
        ("oVLHOEo", 2, 0, 2, 0),  # excused days neither count nor break
        ("mVm", 0, 2, 0, 2),
        ("oop", 2, 0, 2, 0),  # the day is not over
        ("mum", 0, 1, 0, 1),  # an unknown day is no miss, and breaks their run
        ("ouo", 2, 0, 2, 0),  # and nobody knows that it was not filed
    ],
)
def test_runs(days: str, filed: int, missed: int, longest_filed: int, longest_missed: int) -> None:
    score = Score().after(LETTERS[each] for each in days)
    for cut in range(len(days)):  # whichever part of them is let go of first
        assert Score().after(LETTERS[each] for each in days[:cut]).after(LETTERS[each] for each in days[cut:]) == score
    assert (score.filed, score.missed) == (filed, missed)
    assert (score.longest_filed, score.longest_missed) == (longest_filed, longest_missed)
    assert sum(score.counts.values()) == len(days)


def test_counts_name_every_status_and_rates_follow_from_them() -> None:
    counted = counts({"on_time": 2, "late": 1, "missed": 1, "excused": 3})
    assert counted == {
        "expected": 4,
        "on_time": 2,
        "in_grace": 0,
        "late": 1,
        "missed": 1,
        "excused": 3,
        "pending": 0,
        "unknown": 0,
    }
    assert rates(counted) == {
        "completeness": {"numerator": 3, "denominator": 4, "rate": 0.75},
        "timeliness": {"numerator": 2, "denominator": 4, "rate": 0.5},
    }
    assert rates(counts({}))["completeness"] == {"numerator": 0, "denominator": 0, "rate": None}


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (1, 1, []),
        ("a", "b", [("", "a", "b")]),
        ({"x": 1, "y": {"z": True}}, {"x": 1, "y": {"z": False}}, [("/y/z", True, False)]),
        ({"gone": 1}, {"new": 2}, [("/gone", 1, None), ("/new", None, 2)]),
        ({"a/b": 1, "m~n": 1}, {"a/b": 2, "m~n": 3}, [("/a~1b", 1, 2), ("/m~0n", 1, 3)]),
        ([1, 2], [1, 3, {"x": 4}], [("/1", 2, 3), ("/2", None, {"x": 4})]),
        ({"x": [1]}, {"x": {"0": 1}}, [("/x", [1], {"0": 1})]),
        ({"x": None}, {"x": 0}, [("/x", None, 0)]),
    ],
)
def test_what_differs(before: Json, after: Json, changes: list[tuple[str, Json, Json]]) -> None:
    told = [(each["pointer"], each["before"], each["after"]) for each in difference(before, after)]
    assert told == changes
