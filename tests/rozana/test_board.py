"""The board in a terminal, as text."""

from io import StringIO
from typing import Any

from rich.console import Console

from rozana.board import STYLES, board, counted, numbers


def entry(code: str, name: str, status: str, row: int, column: int, kind: str = "whole") -> dict[str, Any]:
    return {
        "district": code, "name_en": name, "status": status, "grid_row": row, "grid_col": column, "kind": kind,
    }  # fmt: skip


COUNTS = dict.fromkeys(STYLES, 0) | {"expected": 2, "on_time": 1, "missed": 1, "excused": 1}
DAY = {
    "districts": [
        entry("in-mp.guna", "Guna", "on_time", 0, 1),
        entry("in-mp.sagar-city", "Sagar City", "missed", 1, 0, "city"),
        entry("in-mp.sagar-rural", "Sagar Rural", "excused", 1, 1, "rural"),
    ],
    "counts": COUNTS,
    "completeness": {"numerator": 1, "denominator": 2, "rate": 0.5},
    "timeliness": {"numerator": 0, "denominator": 0, "rate": None},
    "closed": True,
}


def test_tiles_lie_where_the_districts_do_and_can_be_read_without_colours() -> None:
    out = StringIO()
    Console(file=out, width=100, color_system=None).print(board(DAY))
    rows = [line.rstrip() for line in out.getvalue().splitlines()]
    assert rows[0] == "       ✓Guna"
    assert rows[1] == "✗Saga° -Saga"
    assert "✗  missed 1" in out.getvalue()
    assert "°  city" in out.getvalue()


def test_numbers_show_numerator_and_denominator_and_no_rate_of_nothing() -> None:
    assert numbers(DAY) == "3 districts · expected 2 · filed 1 of 2 (50.0 %) · in time 0 of 0 · closed"
    assert counted(COUNTS).startswith("on time 1 · in grace 0 · late 0 · missed 1")
