"""`rozana tail`: a state's events as they happen, one readable line each."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx

from rozana.client import Client, Refused, Unreachable

AGAIN_SECONDS = 1.0
MOST_SILENT_TRIES = 30
"""After so many tries in a row without an answer it gives up."""


async def follow(client: Client, state: str, begun: Callable[[], None] = lambda: None) -> AsyncIterator[str]:
    """Lines, for ever. When the connection breaks off, it goes on behind the last event it has seen.

    `begun` is called each time the server has answered: from then on no event is missed.
    Raises Refused, and Unreachable: at once when nobody has answered yet, later after MOST_SILENT_TRIES.
    """
    last_id: str | None = None
    failed = MOST_SILENT_TRIES
    while True:
        try:
            async for event_id, event in _events(client, state, last_id, begun):
                failed, last_id = 0, event_id
                yield line_of(event_id, event)
            failed = 0
        except httpx.TransportError as error:
            failed += 1
            if failed > MOST_SILENT_TRIES:
                raise client.unreachable(error) from None
        await asyncio.sleep(AGAIN_SECONDS)


async def _events(
    client: Client, state: str, last_id: str | None, begun: Callable[[], None]
) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
    """Events with their ids, until the server ends the answer (server-sent events, HTML living standard 9.2)."""
    headers = client.headers() | {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
    path = f"/v1/states/{state}/changes"
    async with client.http.stream("GET", path, headers=headers, timeout=httpx.Timeout(10.0, read=60.0)) as response:
        kind = response.headers.get("content-type", "")
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return
        if response.status_code != httpx.codes.OK:
            await response.aread()
            raise Refused(response.status_code, f"GET {path}", response.json() if "json" in kind else {})
        if not kind.startswith("text/event-stream"):
            raise Unreachable(f"what answers at {client.url} is not Rozana: see ROZANA_URL")
        begun()
        event_id, data = "", ""
        async for line in response.aiter_lines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                event_id = value
            elif name == "data":
                data += value
            elif not line and data:
                yield event_id, json.loads(data)
                data = ""


async def print_changes(client: Client, state: str) -> None:
    """To standard output, for ever; that it has begun, once, to standard error. Raises as `follow` does."""
    said = False

    def begun() -> None:
        nonlocal said
        if not said:
            said = True
            print(f"following {state} from now on (no grievances); Ctrl-C ends it", file=sys.stderr, flush=True)

    async with client:
        async for line in follow(client, state, begun):
            print(line, flush=True)


def line_of(event_id: str, event: Mapping[str, Any]) -> str:
    """`   17  2026-11-23T14:41:05Z  report.filed         in-mp.guna  day 2026-11-23`."""
    name = str(event["type"]).removeprefix("rozana.").rpartition(".v")[0]
    told = [f"{key} {event['data'][key]}" for key in ("day", "at", "name", "verdict", "until") if key in event["data"]]
    time = str(event["time"]).partition(".")[0].removesuffix("Z") + "Z"
    return f"{event_id:>6}  {time}  {name:<20} {event['subject']:<24} {'  '.join(told)}".rstrip()
