"""What the days of one tenure came to: how many of each status, and its runs. Pure.

A run is a number of days in a row. What was owed and filed, late or not, goes on with the run of filed days and ends
that of misses; a miss does the opposite. An excused day and one that is still pending neither count nor break. An
unknown day breaks a run of misses (decision 0008), but not one of filed days: nobody knows that it was not filed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from libs.duty.transitions import Status
from services.aggregator.counts import FILED


@dataclass(frozen=True, slots=True)
class Score:
    """The statuses of a tenure's days, folded in the order of the days."""

    counts: Mapping[Status, int] = field(default_factory=dict)
    filed: int = 0
    missed: int = 0
    """The runs that end with the last day."""
    longest_filed: int = 0
    longest_missed: int = 0

    def after(self, status: Status) -> "Score":
        """One day more."""
        counted = replace(self, counts={**self.counts, status: self.counts.get(status, 0) + 1})
        if status in FILED:
            run = self.filed + 1
            return replace(counted, filed=run, missed=0, longest_filed=max(run, self.longest_filed))
        if status is Status.MISSED:
            run = self.missed + 1
            return replace(counted, filed=0, missed=run, longest_missed=max(run, self.longest_missed))
        return replace(counted, missed=0) if status is Status.UNKNOWN else counted
