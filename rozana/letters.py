"""The dead letters in the terminal: listed, shown whole, replayed."""

import json
import sys
from base64 import b64encode
from collections.abc import Iterator

from libs.events.streams import keeps_hours
from libs.runtime.errors import RozanaError
from libs.runtime.letters import Letter, Stranger, find_letter, letters, states_with_letters
from libs.runtime.settings import Settings
from libs.runtime.telemetry import Logger
from rozana.compose import opened_log
from rozana.upkeep import PROJECTIONS, rebuild


def printable(text: str) -> str:
    """Text that strangers chose, so that a terminal takes no orders from it."""
    return text if text.isprintable() else ascii(text)


async def print_letters(settings: Settings, state: str | None) -> None:
    """A line a letter as it is read, and a last line on stderr that sums up. Works beside `rozana up`."""
    count, readable, strangers = 0, 0, []
    async with opened_log(settings) as log:
        async for each in letters(log):
            if isinstance(each, Stranger):
                strangers.append(each.offset)
            elif state in {None, each.state}:
                fault = each.fault()
                count, readable = count + 1, readable + (fault is None)
                print(line_of(each, fault), flush=True)
    print(f"{count} dead letters; {readable} of them can be read now{_what_then(readable)}", file=sys.stderr)
    if strangers:
        first = ", ".join(map(str, strangers[:5]))
        print(f"{len(strangers)} records of the stream are no dead letters (offset {first})", file=sys.stderr)


def _what_then(readable: int) -> str:
    return ": `rozana dead-letters replay` folds it, if that is not done yet" if readable else ""


def line_of(letter: Letter, fault: str | None) -> str:
    """`rozana.in-mp.reports 17  in-mp.guna  2026-11-23T15:00:00Z  unreadable  not a CloudEvent of version 1.0`.

    A list is for whoever looks in: of a grievance it does not tell the district.
    """
    key = printable(letter.key) if keeps_hours(letter.stream) else "-"
    verdict = f"unreadable  {printable(letter.reason)}" if fault else f"readable    it was: {printable(letter.reason)}"
    return f"{printable(letter.stream):<24} {letter.offset:>7}  {key:<24} {letter.met:<24}  {verdict}"


async def print_letter(settings: Settings, stream: str, offset: int, *, as_json: bool) -> None:
    """One letter whole. Raises RozanaError when there is none of this place."""
    async with opened_log(settings) as log:
        letter = await find_letter(log, stream, offset)
    if letter is None:
        raise RozanaError(f"{printable(stream)} has no dead letter at offset {offset}: see `rozana dead-letters list`")
    if as_json:
        print(json.dumps(members(letter), indent=2, ensure_ascii=False))
    else:
        print("\n".join(_whole(letter)))


def members(letter: Letter) -> dict[str, object]:
    """For programs: header values and the value in Base64; null where they are not shown."""
    shown = keeps_hours(letter.stream)
    return {
        "stream": letter.stream,
        "offset": letter.offset,
        "key": letter.key if shown else None,
        "time": letter.met,
        "reason": letter.reason,
        "fault_now": letter.fault(),
        "headers": [[name, b64encode(value).decode()] for name, value in letter.headers] if shown else None,
        "value": b64encode(letter.value).decode() if shown else None,
    }


def _whole(letter: Letter) -> Iterator[str]:
    """For people: bytes as Python writes them, so that none is lost and none does harm.

    Of a grievance neither the district nor a byte: whoever looks after a machine is not AICC.
    """
    shown = keeps_hours(letter.stream)
    yield f"stream   {printable(letter.stream)}"
    yield f"offset   {letter.offset}"
    yield f"key      {printable(letter.key) if shown else '-'}"
    yield f"time     {letter.met}"
    yield f"reason   {printable(letter.reason)}"
    yield f"now      {letter.fault() or 'can be read'}"
    if not shown:
        yield "value    kept whole, and not shown: it is about a grievance"
        return
    for name, value in letter.headers:
        yield f"header   {printable(name)} {value!r}"
    yield f"value    {len(letter.value)} bytes"
    yield repr(letter.value)


async def replay(settings: Settings, state: str | None, *, logger: Logger) -> None:
    """Rebuild all projections of this state, or of every state with a dead letter, with today's decoder.

    Embedded, raises StartRefused while `rozana up` runs; and what a reader raises.
    """
    async with opened_log(settings) as log:
        states = [state] if state else [each for each in await states_with_letters(log) if each in settings.states]
    if not states:
        print("no dead letters: nothing to replay")
        return
    print(f"replaying {' '.join(states)}", flush=True)
    await rebuild(settings, list(PROJECTIONS), only=states, even_if_different=True, logger=logger)
