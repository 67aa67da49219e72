"""How many grievances about one district are taken a day: nobody is known, so nobody can be slowed down alone.

Far more than a district ever has in truth. The number is drawn anew each day and told to nobody: with a fixed one,
whoever posts until he is refused would learn how many others have posted before him.
"""

import secrets
from collections.abc import Callable
from datetime import date

LEAST, MOST = 100, 200
WAIT_SECONDS = 3600
"""What who is refused is told, whatever the hour."""


class Allowance:
    """`draw` is asked once a district and day."""

    def __init__(self, draw: Callable[[], int] = lambda: LEAST + secrets.randbelow(MOST - LEAST + 1)) -> None:
        self._draw = draw
        self._day: date | None = None
        self._left: dict[str, int] = {}

    def take(self, district: str, day: date) -> bool:
        """Whether there was one left. `day` in UTC, as in the event."""
        if day != self._day:
            self._day, self._left = day, {}
        left = self._left.get(district)
        left = self._draw() if left is None else left
        self._left[district] = max(left - 1, 0)
        return left > 0
