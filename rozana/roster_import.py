"""`rozana roster import`: reads the whole file first, then posts it, with progress."""

import sys
from collections.abc import Mapping, Sequence

import httpx
from rich.console import Console
from rich.progress import Progress

from libs.events.policy import PolicyAdopted
from rozana.client import Client


async def post_roster(client: Client, state: str, events: Sequence[Mapping[str, object]]) -> int:
    """Post a state's events in order and say what became of them, the refused ones one by one. How many were refused.

    Raises Refused, Unreachable: then it can be said again, what is known already is not taken twice.
    """
    async with client:
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("events", total=len(events))
            answers = await client.post_events(events, progress=lambda done: bar.update(task, completed=done))
        sent_policy = any(event["type"] == PolicyAdopted.type_name() for event in events)
        without_policy = not sent_policy and await _has_no_policy(client, state)
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
    if without_policy:
        print(
            f"{state} has no policy yet, so nobody owes a report: see `rozana roster import --help` (--policy)",
            file=sys.stderr,
        )
    return refused


async def _has_no_policy(client: Client, state: str) -> bool:
    """Only a hint hangs on it: where the token may not ask, it is not known."""
    answer = await client.send("GET", "/v1/states")
    return answer.status == httpx.codes.OK and all(item["state"] != state for item in answer.body["items"])
