"""From the small documents of many states' days to what is answered about the nation: summed when read. Pure."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import cast

from libs.runtime.projection import Body
from libs.runtime.projector import AsOf
from services.aggregator import board


def answer(day: date, states: Mapping[str, Body], as_of: Mapping[str, AsOf]) -> dict[str, object]:
    """`GET /v1/nation/days/{day}`. states: of those whose day has begun, its small document; at least one."""
    total: Counter[str] = Counter()
    for body in states.values():
        total.update(cast("Mapping[str, int]", body["counts"]))
    closed = all(body["closed"] for body in states.values())
    return {
        "day": day.isoformat(),
        **board.in_short({"closed": closed, "counts": total}),
        "states": [{"state": state, **board.in_short(body)} for state, body in states.items()],
        "as_of": {state: board.as_of_answer(as_of[state]) for state in states},
    }
