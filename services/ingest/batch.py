"""A batch of events, one after the other: each is decided after those before it, and each has an answer of its own."""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict

from libs.events.envelope import Event
from libs.events.values import UUID_PATTERN
from libs.runtime.errors import Unavailable
from libs.runtime.principal import Principal
from libs.runtime.problems import Problem, problem_of
from services.ingest.intake import Intake

NOT_TRIED = "not tried, because an item of the same state before it was not taken; retry with the same id"

Result = dict[str, object]
"""`id` and `status`, and the members of a receipt or of a problem."""


async def take_each(
    items: Sequence[object], read: Callable[[object], Event], intake: Intake, principal: Principal
) -> Sequence[Result]:
    """The results in the order of `items`. `read` makes an event of an item, or raises Problem.

    Once a state's log has not answered, the rest of that state's items are not tried (guarantee 1).
    """
    results: list[Result] = []
    down: set[str] = set()
    for item in items:
        try:
            event = read(item)
            state = event.data.state
            if state in down:
                raise Problem(503, NOT_TRIED)  # noqa: TRY301 -- answered as every other refusal is
            try:
                status, receipt = await intake.accept(event, principal, at="/data")
            except Unavailable:
                down.add(state)
                raise
        except (Problem, Unavailable) as error:
            problem = problem_of(error)
            assert problem is not None  # noqa: S101 -- it knows both
            results.append({"id": _id(item)} | problem.document())
        else:
            results.append({"id": receipt.id, "status": status} | asdict(receipt))
    return results


def _id(item: object) -> str | None:
    """The id of an item, if it has one: nothing else of what is refused is repeated."""
    found = item.get("id") if isinstance(item, dict) else None
    return found.lower() if isinstance(found, str) and re.fullmatch(UUID_PATTERN, found) else None
