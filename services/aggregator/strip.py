"""A district's days as a string, one letter a day: so 90 days of 3,000 districts fit into one snapshot. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from libs.duty.days import Entry
from libs.duty.transitions import Reason, Status

LONGEST = 90
"""Days."""
NOT_LISTED = "."
"""The district was not on that day's board."""
_STATUSES: Mapping[Status, str] = {
    Status.ON_TIME: "o",
    Status.IN_GRACE: "g",
    Status.LATE: "l",
    Status.MISSED: "m",
    Status.PENDING: "p",
    Status.UNKNOWN: "u",
}
_REASONS: Mapping[Reason | None, str] = {
    Reason.VACANCY: "V",
    Reason.LEAVE: "L",
    Reason.HOLIDAY: "H",
    Reason.OUTAGE: "O",
    Reason.EXCEPTION: "E",
}
"""Of an excused day, the reason."""
_MEANT: Mapping[str, tuple[Status, Reason | None]] = {each: (status, None) for status, each in _STATUSES.items()} | {
    each: (Status.EXCUSED, reason) for reason, each in _REASONS.items()
}


def letter(entry: Entry | None) -> str:
    if entry is None:
        return NOT_LISTED
    return _REASONS[entry.reason] if entry.status is Status.EXCUSED else _STATUSES[entry.status]


def days(strip: str, last: date) -> Iterator[dict[str, object]]:
    """What a strip that ends with the day `last` says; without the days on which the district was on no board."""
    for ago, each in zip(range(len(strip) - 1, -1, -1), strip, strict=True):
        if each != NOT_LISTED:
            status, reason = _MEANT[each]
            yield {"day": (last - timedelta(days=ago)).isoformat(), "status": status, "reason": reason}
