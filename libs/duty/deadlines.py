"""When a day opens, is due, is judged and locks: civil time of a zone turned into instants (design.md, section 1)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from libs.events.policy import PolicyAdopted
from libs.events.policy_v1 import minutes


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The instants (UTC) of one day under one policy, in order: opens <= due_at <= grace_until <= lock_at."""

    opens: datetime
    """Local midnight that begins the day: from here on it can be filed."""
    remind_at: datetime
    due_at: datetime
    grace_until: datetime
    lock_at: datetime
    """Local midnight that ends day + lock_after_days: from here on it cannot be filed. Never before grace_until."""


def at_local(day: date, minute: int, tz: str) -> datetime:
    """The instant at which the clocks of `tz` show `minute` of `day`.

    Where they show it twice, the first time; where they skip it, as much later as they skip (PEP 495, fold=0).
    """
    local = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=ZoneInfo(tz))
    return local.astimezone(UTC)


def deadlines(day: date, policy: PolicyAdopted) -> Deadlines:
    """The deadlines of `day` under `policy`. Grace and reminder are elapsed minutes, not clock faces."""
    return _deadlines(
        day, policy.tz, minutes(policy.due), policy.grace_minutes, policy.lock_after_days, policy.remind_minutes_before
    )


@lru_cache(maxsize=4096)  # a pure function of small values, asked for the same few days by every report
def _deadlines(day: date, tz: str, due: int, grace: int, lock_after: int, remind: int) -> Deadlines:
    due_at = at_local(day, due, tz)
    grace_until = due_at + timedelta(minutes=grace)
    last_midnight = at_local(day + timedelta(days=lock_after + 1), 0, tz)
    return Deadlines(
        opens=at_local(day, 0, tz),
        remind_at=due_at - timedelta(minutes=remind),
        due_at=due_at,
        grace_until=grace_until,
        lock_at=max(last_midnight, grace_until),  # grace may span an hour that the clocks skip
    )
