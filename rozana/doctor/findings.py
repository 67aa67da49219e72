"""What is found, as data. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Anchor = Literal[
    "not-running",
    "not-ready",
    "log",
    "store",
    "log-mismatch",
    "not-judged",
    "dead-letters",
    "deliveries-parked",
    "deliveries-late",
    "disk",
    "topics",
]
"""Of docs/runbook.md: where to read on."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `what` belongs to a `part`, such as a stream to `log`."""

    part: str
    what: str
    told: str
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    what: str
    todo: str
    anchor: Anchor

    def line(self) -> str:
        return f"{self.what}: {self.todo} (docs/runbook.md#{self.anchor})"


@dataclass(slots=True)
class Findings:
    rows: list[Row] = field(default_factory=list)
    wrongs: list[Wrong] = field(default_factory=list)

    def well(self, part: str, what: str, told: str) -> None:
        self.rows.append(Row(part, what, told))

    def ill(self, part: str, what: str, told: str, *, todo: str, anchor: Anchor, named: str | None = None) -> None:
        """What is told in the table is told again below it, with what to do; `named` is what it is called there."""
        self.rows.append(Row(part, what, told, wrong=True))
        self.wrongs.append(Wrong(f"{named or what} {told}", todo, anchor))

    def __iadd__(self, other: "Findings") -> "Findings":
        self.rows += other.rows
        self.wrongs += other.wrongs
        return self

    @property
    def lines(self) -> Sequence[str]:
        return [wrong.line() for wrong in self.wrongs]
