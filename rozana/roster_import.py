"""`rozana roster import`: reads the whole file first, then posts it, with progress."""

import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.progress import Progress

from rozana.client import Client


async def post_roster(client: Client, events: Sequence[Mapping[str, object]]) -> int:
    """Post them in order and say what became of them, the refused ones one by one. How many were refused.

    Raises Refused, Unreachable: then it can be said again, what is known already is not taken twice.
    """
    async with client:
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("events", total=len(events))
            answers = await client.post_events(events, progress=lambda done: bar.update(task, completed=done))
    new = known = 0
    for event, answer in zip(events, answers, strict=True):
        match answer.status:
            case 202:
                new += 1
            case 200:
                known += 1
            case _:
                detail = answer.body.get("detail", "")
                print(f"rozana: {event['type']} of {event['subject']}: {answer.status} {detail}", file=sys.stderr)
    refused = len(events) - new - known
    print(f"{new} new, {known} known already, {refused} refused")
    return refused
