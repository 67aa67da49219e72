"""How often each status, and the two rates that follow from it. Worked out from entries, never added up. Pure."""

from collections.abc import Mapping

from libs.duty.transitions import Status

IN_TIME = (Status.ON_TIME, Status.IN_GRACE)
FILED = (*IN_TIME, Status.LATE)
COUNTED = (*FILED, Status.MISSED, Status.EXCUSED, Status.PENDING, Status.UNKNOWN)


def counts(found: Mapping[str, int]) -> dict[str, int]:
    """All statuses in their order, from those that were found; behind `expected`: all of them less the excused."""
    counted = {status.value: found.get(status, 0) for status in COUNTED}
    return {"expected": sum(counted.values()) - counted[Status.EXCUSED]} | counted


def rates(counted: Mapping[str, int]) -> dict[str, dict[str, object]]:
    """completeness and timeliness of what `counts` made."""
    return {
        "completeness": rate(sum(counted[status] for status in FILED), counted["expected"]),
        "timeliness": rate(sum(counted[status] for status in IN_TIME), counted["expected"]),
    }


def rate(numerator: int, denominator: int) -> dict[str, object]:
    """Both are always shown; of nothing expected there is no rate."""
    quotient = numerator / denominator if denominator else None
    return {"numerator": numerator, "denominator": denominator, "rate": quotient}
