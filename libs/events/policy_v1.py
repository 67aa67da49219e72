"""Version 1 of a state's dated rules: no credit for an outage, no held judgement, no escalation. Never edited again.

`policy` has today's version, made of this one; `upcasters` lead from here to there.
"""

from typing import Annotated, ClassVar, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from libs.events.values import ZONE_PATTERN, Day, EventData, LocalTime, broken

MINUTES_A_DAY = 24 * 60
MOST_LOCK_DAYS = 31
"""Below the 45 days that ingest remembers report ids for, so that a retry within the lock is always recognised."""


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise broken("must be a time zone of the IANA database, such as Asia/Kolkata") from None
    return value


def minutes(local_time: str) -> int:
    """Minutes since local midnight: `21:00` -> 1260."""
    hours, _, rest = local_time.partition(":")
    return int(hours) * 60 + int(rest)


class Policy(EventData):
    """From `effective_from` on, days are due, judged and locked like this. Never retroactive (guarantee 5)."""

    version: Annotated[int, Field(ge=1, le=100_000)]
    """The policy's number in its state."""
    effective_from: Day
    """The first day that it governs."""
    tz: Annotated[str, StringConstraints(pattern=ZONE_PATTERN, max_length=64), AfterValidator(_known_zone)]
    """The time zone, by its name in the IANA database: `Asia/Kolkata`."""
    due: LocalTime
    """When the day's report is due, in local time."""
    grace_minutes: Annotated[int, Field(ge=0, le=MINUTES_A_DAY)]
    """Minutes after the due time in which a report is still in time; then the day is judged."""
    lock_after_days: Annotated[int, Field(ge=0, le=MOST_LOCK_DAYS)]
    """Whole days after the day in which a report is still accepted."""
    remind_minutes_before: Annotated[int, Field(ge=0, le=MINUTES_A_DAY)]
    """Minutes before the due time at which a silent president is reminded."""
    ladder: Annotated[tuple[Annotated[int, Field(ge=1, le=365)], ...], Field(min_length=1, max_length=5)]
    """The consecutive miss at which each level is reached; level 1 is every miss, so it starts with 1."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ladder[0] != 1 or any(low >= high for low, high in zip(self.ladder, self.ladder[1:], strict=False)):
            raise broken("the ladder must start with 1 and rise, such as 1, 3, 7")
        if minutes(self.due) == 0:
            raise broken("a day is due after it has begun")
        if minutes(self.due) + self.grace_minutes > MINUTES_A_DAY * (1 + self.lock_after_days):
            raise broken("the grace must end before the day locks")
        return self


class PolicyAdopted(Policy):
    """From `effective_from` on, days are due, judged and locked like this. Never retroactive (guarantee 5)."""

    NAME: ClassVar[str] = "policy.adopted"
