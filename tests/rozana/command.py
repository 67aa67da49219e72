"""The command `rozana` as a stranger meets it: a process, its exit code, what it prints."""

import asyncio
import os
import sys


async def rozana(*arguments: str, **settings: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error. No ROZANA_ variable but those of `settings` is set."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ROZANA_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rozana", *arguments),
        env=kept | settings,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), told.decode()


def one_line(told: str) -> str:
    """What an operator is told: one line of `rozana:`, besides the JSON lines of the log. Never a traceback."""
    lines = [line for line in told.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, told
    assert lines[0].startswith("rozana: "), told
    return lines[0].removeprefix("rozana: ")
