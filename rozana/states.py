"""The states of India and, where they are known, their districts: the tables in rozana/data."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache  # a file of the package: it never changes
def state_codes() -> tuple[str, ...]:
    """All states and union territories by ISO 3166-2 code in lower case: `in-mp`."""
    return tuple(row["code"] for row in _table("states.csv"))


@cache
def districts_of(state: str) -> tuple[Mapping[str, str], ...]:
    """The rows of data/<state>-districts.csv; `code` is the district's slug. FileNotFoundError without such a table."""
    return tuple(_table(f"{state}-districts.csv"))


def _table(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("rozana").joinpath("data", name).read_text(encoding="utf-8").splitlines()))
