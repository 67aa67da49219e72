"""What a check is, and how two values differ. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from typing_extensions import TypeIs

ABSENT = "nothing"
LONGEST = 200


@dataclass(slots=True)
class Check:
    """One line of the answer: how much was looked at, and the first thing that is wrong."""

    name: str
    looked_at: dict[str, int] = field(default_factory=dict)
    """What -> how many, in words: `{"records": 17}`."""
    different: str | None = None
    others: int = 0
    """How many more are wrong."""
    discreet: bool = False
    """How much there was is not told: of grievances, one more since the last time would say that a state had one."""

    def count(self, what: str, number: int = 1) -> None:
        self.looked_at[what] = self.looked_at.get(what, 0) + number

    def wrong(self, line: str) -> None:
        if self.different is None:
            self.different = line
        else:
            self.others += 1

    def also(self, other: "Check") -> None:
        """What is wrong there is wrong here, whatever was looked at."""
        if other.different is not None:
            self.wrong(other.different)
            self.others += other.others

    def line(self) -> str:
        """`offsets            ok         5 streams, 120 records`."""
        if self.different is None:
            seen = ", ".join(f"{number} {what}" for what, number in self.looked_at.items()) or "nothing to look at"
            return f"{self.name:<18} ok         {'how many is not told' if self.discreet else seen}"
        more = f" (and {self.others} more)" if self.others else ""
        return f"{self.name:<18} DIFFERENT  {self.different}{more}"


def first_difference(live: object, replayed: object) -> str | None:
    """A JSON pointer and both values, `/counts/late: live 1, replayed 2`; None when they are equal."""
    for pointer, one, other in _differences(live, replayed, ""):
        return f"{pointer or '/'}: live {_shown(one)}, replayed {_shown(other)}"
    return None


class _Absent:
    """Stands for a member or an item that the other side has."""


_MISSING = _Absent()


def _differences(one: object, other: object, pointer: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted(one.keys() | other.keys()):
            step = str(name).replace("~", "~0").replace("/", "~1")
            yield from _differences(one.get(name, _MISSING), other.get(name, _MISSING), f"{pointer}/{step}")
    elif _is_list(one) and _is_list(other):
        for index in range(max(len(one), len(other))):
            yield from _differences(_item(one, index), _item(other, index), f"{pointer}/{index}")
    elif type(one) is not type(other) or one != other:
        yield pointer, one, other


def _item(values: Sequence[object], index: int) -> object:
    return values[index] if index < len(values) else _MISSING


def _is_list(value: object) -> TypeIs[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _shown(value: object) -> str:
    if value is _MISSING:
        return ABSENT
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
