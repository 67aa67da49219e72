"""What the days of one tenure came to: how many of each status, and its runs. Pure.

A run is a number of days in a row. What was owed and filed, late or not, goes on with the run of filed days and ends
that of misses; a miss does the opposite. An excused day and one that is still pending neither count nor break. An
unknown day breaks a run of misses (decision 0008), but not one of filed days: nobody knows that it was not filed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from libs.duty.counts import FILED
from libs.duty.transitions import Status


@dataclass(frozen=True, slots=True)
class Score:
    """The statuses of a tenure's days, folded in the order of the days."""

    counts: Mapping[Status, int] = field(default_factory=dict)
    filed: int = 0
    missed: int = 0
    """The runs that end with the last day."""
    longest_filed: int = 0
    longest_missed: int = 0

    def after(self, statuses: Iterable[Status]) -> "Score":
        """With these days more, in their order."""
        counts = dict(self.counts)
        filed, missed = self.filed, self.missed
        longest_filed, longest_missed = self.longest_filed, self.longest_missed
        for status in statuses:
            counts[status] = counts.get(status, 0) + 1
            if status in FILED:
                filed, missed = filed + 1, 0
                longest_filed = max(longest_filed, filed)
            elif status is Status.MISSED:
                filed, missed = 0, missed + 1
                longest_missed = max(longest_missed, missed)
            elif status is Status.UNKNOWN:
                missed = 0
        return Score(counts, filed, missed, longest_filed, longest_missed)
