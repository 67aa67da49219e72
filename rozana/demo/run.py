"""`rozana demo`, around the play: a fresh folder, a server on a fast clock, the result, then life at normal speed."""

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from libs.events.envelope import format_instant
from libs.events.streams import stream_name
from libs.runtime.errors import RozanaError
from libs.runtime.keys import demo_keys
from libs.runtime.settings import load_settings
from rozana.client import Client
from rozana.compose import opened
from rozana.demo.cast import LAST_DAY, STATE
from rozana.demo.farewell import how_to_try
from rozana.demo.play import NotAsPromised, Player, TooSlow, by_rule, still_open
from rozana.demo.screen import Lines, Picture, Screen
from rozana.demo.script import Script, write_script
from rozana.process import LOG_FILE, start_up
from rozana.states import state_codes
from rozana.upkeep import projections_hash, stream_ends

SLOWEST = 300.0
"""Below this speed the demo gives up: a day would take five minutes."""


def run_demo(*, days: int, data: Path | None, port: int, speed: float, leave: bool) -> int:
    """Play, then print the result (`leave`) or go on serving until a signal. The exit code; raises RozanaError."""
    if data is not None and data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise RozanaError(f"{data} is not an empty folder: the demo plays in a fresh one")
    made = data is None or not data.exists()
    folder = data or Path(tempfile.mkdtemp(prefix="rozana-demo-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RozanaError(f"{folder} cannot be made: {error.strerror}") from None
    try:
        code = asyncio.run(_until_signal(folder, days=days, port=port, speed=speed, leave=leave))
    except RozanaError as error:
        raise RozanaError(f"{error}{_left_behind(folder, made=made)}") from error
    if code != 0:
        print(f"rozana: the demo was stopped{_left_behind(folder, made=made)}", file=sys.stderr)
    elif leave and data is None:
        shutil.rmtree(folder, ignore_errors=True)
    return code


def _left_behind(folder: Path, *, made: bool) -> str:
    """After a failure the folder is kept, its log may say why; where nothing was served there is nothing to keep."""
    if load_settings({"ROZANA_DATA": str(folder)}, state_codes()).log_path.exists():
        return f"; its data is left in {folder}"
    if made:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        (folder / LOG_FILE).unlink(missing_ok=True)
    return ""


async def _until_signal(folder: Path, *, days: int, port: int, speed: float, leave: bool) -> int:
    """A signal stops the server in order. While it only goes on serving, that is the way it should end."""
    serving = asyncio.Event()
    work = asyncio.ensure_future(_demo(folder, serving, days=days, port=port, speed=speed, leave=leave))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work
        return 0
    return 0 if serving.is_set() else 130


async def _demo(folder: Path, serving: asyncio.Event, *, days: int, port: int, speed: float, leave: bool) -> None:
    script = write_script(days)
    screen: Screen = Picture(Console()) if sys.stdout.isatty() and not leave else Lines()
    last, result = await _play_in_time(script, folder, port, speed, screen)
    if leave:
        print(json.dumps(result, sort_keys=True), flush=True)
    else:
        await _go_on(script, folder, port, last, serving)


async def _play_in_time(
    script: Script, folder: Path, port: int, speed: float, screen: Screen
) -> tuple[datetime, dict[str, Any]]:
    """Play; on a machine that cannot keep up, again from the start on a slower clock. The last instant, the result."""
    while True:
        try:
            return await _play(script, folder, port, speed, screen)
        except TooSlow as error:
            speed /= 2
            if speed < SLOWEST:
                raise NotAsPromised(f"this machine is too slow for the demo: {error}") from None
            screen.say(None, f"this machine is too slow for this clock ({error}): again, at half the speed")
            for file in folder.iterdir():  # noqa: ASYNC240 -- all of them ours: the folder was empty
                file.unlink()


async def _play(
    script: Script, folder: Path, port: int, speed: float, screen: Screen
) -> tuple[datetime, dict[str, Any]]:
    settings = {"ROZANA_CLOCK_START": format_instant(script.start), "ROZANA_CLOCK_SPEED": f"{speed:.6f}"}
    up = await start_up(folder, port=port, settings=settings)
    try:
        async with Client(up.url) as client:
            player = Player(script, client, demo_keys(folder), speed, screen)
            with screen:
                screen.say(script.start, f"`rozana up` at {up.url}, {speed:g} times faster than real; data in {folder}")
                await player.play()
            counts = (await player.day(LAST_DAY))["counts"]
            alerts = await player.last_alerts()
            last = await player.now()
    finally:
        code = await up.stop()
    if code != 0:
        raise NotAsPromised(f"`rozana up` ended with {code} instead of 0")
    async with opened(load_settings({"ROZANA_DATA": str(folder)}, state_codes()), read_only=True) as adapters:
        ends = await stream_ends(adapters, [STATE])
        offsets = {
            stream: end for stream, end in ends.items() if stream != stream_name("system")
        }  # heartbeats tell how long it took
        digest = await projections_hash(adapters.store)
    return last, {
        "counts": counts,
        "alerts": by_rule(alerts),
        "open": by_rule(still_open(alerts)),
        "offsets": offsets,
        "hash": digest,
    }


async def _go_on(script: Script, folder: Path, port: int, start: datetime, serving: asyncio.Event) -> None:
    """The same folder, from where the clock stood, at normal speed."""
    up = await start_up(folder, port=port, settings={"ROZANA_CLOCK_START": format_instant(start)})
    try:
        print(how_to_try(script, demo_keys(folder), folder, up.url), flush=True)
        serving.set()
        code = await up.process.wait()
        raise RozanaError(f"`rozana up` ended by itself with {code}")
    finally:
        await up.stop()
