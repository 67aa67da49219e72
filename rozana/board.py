"""A state's day in the terminal: a map of tiles, each district where it lies, in the colour of its status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

STYLES: Mapping[str, tuple[str, str]] = {
    "on_time": ("black on green3", "on time"),
    "in_grace": ("black on chartreuse3", "in grace"),
    "late": ("black on orange1", "late"),
    "missed": ("bold white on red3", "missed"),
    "pending": ("white on grey37", "pending"),
    "excused": ("grey62 on grey15", "excused"),
    "unknown": ("black on medium_purple2", "unknown"),
}
"""Status -> how it looks, and what it is called."""
MARKS: Mapping[str, str] = {
    "on_time": "✓", "in_grace": "~", "late": "!", "missed": "✗", "pending": "·", "excused": "-", "unknown": "?",
}  # fmt: skip
"""So that it can be read without colours."""
WIDEST, NARROWEST = 6, 3
CITY = "°"
KIND = {"city": CITY, "rural": "", "whole": ""}
"""A city stands beside the rural district of the same name."""


def board(day: Mapping[str, Any]) -> RenderableType:
    """What `GET /v1/states/{state}/days/{day}` answered, as a map, a legend and the numbers."""
    return Group(TileMap(day["districts"]), Text(), legend(day), Text(numbers(day)))


@dataclass(frozen=True, slots=True)
class TileMap:
    """Rows from the north, columns from the west; tiles as wide as the terminal allows."""

    districts: Sequence[Mapping[str, Any]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        tiles = {(entry["grid_row"], entry["grid_col"]): entry for entry in self.districts}
        rows, columns = (max((place[axis] for place in tiles), default=0) + 1 for axis in (0, 1))
        width = min(max(options.max_width // columns - 1, NARROWEST), WIDEST)
        grid = Table.grid(padding=(0, 1, 0, 0))
        for _ in range(columns):
            grid.add_column(width=width, no_wrap=True)
        for row in range(rows):
            cells = [tiles.get((row, column)) for column in range(columns)]
            grid.add_row(*(_tile(entry, width) if entry else "" for entry in cells))
        yield grid


def _tile(entry: Mapping[str, Any], width: int) -> Text:
    status, kind = entry["status"], KIND[entry["kind"]]
    name = entry["name_en"].replace(" ", "")[: width - 1 - len(CITY)]
    return Text(f"{MARKS[status]}{name}{kind}".ljust(width), style=STYLES[status][0])


def legend(day: Mapping[str, Any]) -> RenderableType:
    """The statuses that occur, each with its number; and what marks a city, where there is one."""
    counts = day["counts"]
    cities = any(entry["kind"] == "city" for entry in day["districts"])
    return Columns(
        [
            *(
                Text.assemble((f" {MARKS[status]} ", style), f" {called} {counts[status]}  ")
                for status, (style, called) in STYLES.items()
                if counts[status] or status in {"on_time", "pending", "missed"}
            ),
            *([Text(f" {CITY}  city")] if cities else []),
        ]
    )


def numbers(day: Mapping[str, Any]) -> str:
    """The counts in words: `expected 69 · filed 65 of 69 (94.2 %) · in time 60 of 69 (87.0 %)`."""
    counts = day["counts"]
    return (
        f"{len(day['districts'])} districts · expected {counts['expected']} · filed {rate(day['completeness'])}"
        f" · in time {rate(day['timeliness'])} · {'closed' if day['closed'] else 'open'}"
    )


def rate(given: Mapping[str, Any]) -> str:
    """`65 of 69 (94.2 %)`; of nothing there is no rate."""
    share = "" if given["rate"] is None else f" ({given['rate']:.1%})".replace("%", " %")
    return f"{given['numerator']} of {given['denominator']}{share}"


def counted(counts: Mapping[str, int]) -> str:
    """One line for a screen without a map: `on time 54 · in grace 6 · late 5 · missed 4 · pending 0 · excused 2`."""
    return " · ".join(f"{called} {counts[status]}" for status, (_, called) in STYLES.items() if status != "unknown")
