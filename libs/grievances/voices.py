"""How many protest against a district's president: in days alone, and each author once in a window. Pure.

What comes without an author's token is one voice a day, for nobody can tell one sender from many.
"""

from collections.abc import Mapping, Set
from datetime import date, timedelta

BASELINE_WINDOWS = 8
"""Windows right before the present one that say what is usual."""
NOBODY = ""
"""The author of what came without a token."""
ByDay = Mapping[date, Set[str]]
"""Of one district: who was heard on which day (UTC)."""


def heard(by_day: ByDay, last: date, days: int) -> int:
    """How many were heard in so many days that end with `last`."""
    window = [authors for day, authors in by_day.items() if last - timedelta(days=days) < day <= last]
    named = set[str]().union(*window) - {NOBODY}
    return len(named) + sum(NOBODY in authors for authors in window)


def usual(by_day: ByDay, last: date, days: int) -> float:
    """In a window, by the windows before the one that ends with `last`."""
    ends = (last - timedelta(days=days * number) for number in range(1, BASELINE_WINDOWS + 1))
    return sum(heard(by_day, end, days) for end in ends) / BASELINE_WINDOWS
