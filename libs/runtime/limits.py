"""Rate limits: a token bucket a subject, on the real clock (design section 6, limits)."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

MOST = 1_000_000
ROUNDING_SECONDS = 1e-9
"""What adding up floats may be off by."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` requests a second, and up to `burst` at once after a rest."""

    per_second: int
    burst: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `50/500`: requests a second, a slash, the burst; whole numbers from 1 to 1,000,000. Else ValueError."""
        if not (found := re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", text)):
            raise ValueError("not of the form 50/500")
        per_second, burst = int(found[1]), int(found[2])
        if not (1 <= per_second <= MOST and 1 <= burst <= MOST):
            raise ValueError("out of range")
        return cls(per_second, burst)


class RateLimits:
    """The buckets of all subjects.

    Kept as one number a subject (the instant at which its bucket is full again; "GCRA"), because a moving window gives
    nothing for whole seconds after a burst, where a bucket goes on giving `per_second`. Bounded: of more than
    `subjects`, the one longest unseen is forgotten, which can only favour it.
    """

    def __init__(self, rate: Rate, *, now: Callable[[], float] = time.monotonic, subjects: int = 10_000) -> None:
        self._interval = 1 / rate.per_second
        self._slack = (rate.burst - 1) / rate.per_second
        self._now = now
        self._subjects = subjects
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, subject: str) -> float:
        """Take one: 0.0 when there was one, else the seconds until there will be (and nothing is taken)."""
        now = self._now()
        full_at = max(self._full_at.get(subject, now), now)
        if (wait := full_at - now - self._slack) > ROUNDING_SECONDS:
            return wait
        self._full_at[subject] = full_at + self._interval
        self._full_at.move_to_end(subject)
        if len(self._full_at) > self._subjects:
            self._full_at.popitem(last=False)
        return 0.0
