"""What the demo says at its end can be pasted."""

import asyncio
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from libs.runtime.keys import demo_keys
from rozana.demo.farewell import how_to_try, running_command
from rozana.demo.script import write_script


def test_each_line_can_be_pasted_as_it_is(tmp_path: Path) -> None:
    text = how_to_try(write_script(1), demo_keys(tmp_path), tmp_path, "http://127.0.0.1:1")
    curls = [line for line in text.splitlines() if line.startswith("  curl ")]
    assert [line.endswith(" | python3 -m json.tool --no-ensure-ascii") for line in curls] == [False, True, True]
    assert all(shlex.split(line) for line in curls)
    assert f"The data is in {tmp_path}; remove it when you are done." in text
    assert "Times are the demo's own clock: today is 2026-11-24." in text
    assert f"ROZANA_DATA={tmp_path} {running_command()} tail in-mp" in text


def test_the_command_is_named_by_a_path_that_leads_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "bin" / "rozana"
    command.parent.mkdir()
    monkeypatch.setattr(sys, "executable", str(command.with_name("python")))
    monkeypatch.chdir(tmp_path)
    assert running_command() == f"{command.with_name('python')} -m rozana"
    command.touch()
    assert running_command() == "bin/rozana"
    monkeypatch.chdir(command.parent)
    assert running_command() == "./rozana"
    monkeypatch.chdir("/")
    assert running_command() == str(command.relative_to("/"))


async def test_stopped_while_it_plays_it_says_where_its_data_is(tmp_path: Path) -> None:
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rozana", "demo", "--exit", "--days", "1"),
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stderr=asyncio.subprocess.PIPE,
    )
    assert demo.stderr is not None
    try:
        async with asyncio.timeout(60):
            assert b"`rozana up` at" in await demo.stderr.readline()
            demo.send_signal(signal.SIGINT)
            *_, last = (await demo.stderr.read()).decode().splitlines()
            assert await demo.wait() == 130
    finally:
        if demo.returncode is None:
            demo.kill()
            await demo.wait()
    (folder,) = tmp_path.iterdir()  # noqa: ASYNC240 -- nothing else runs
    assert last == f"rozana: the demo was stopped; its data is left in {folder}"
