"""Four people spend their day with the README's lines alone, pasted one after the other into one shell."""

import asyncio
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.servers.server import free_port

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
LINES = "\n".join(re.findall(r"^```bash\n(.*?)^```", README, re.M | re.S))
START = re.search(r"^make (demo) ARGS=\"--data (\S+) --port (\d+)\"$", README, re.M)
PATIENCE = 600.0


async def _demo_serves(folder: Path, port: int) -> asyncio.subprocess.Process:
    """The README's own start, in a folder and on a port of the test's; returns when it goes on serving."""
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rozana", "demo", "--data", str(folder), "--port", str(port)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert demo.stdout is not None
    while b"Rozana goes on at normal speed" not in (line := await demo.stdout.readline()):
        assert line, "the demo ended by itself"
    return demo


async def _pasted(folder: Path, port: int) -> tuple[int, str, str]:
    """Exit code, output and errors of a shell that is given all lines, and stops at the first that fails."""
    assert START is not None
    lines = LINES.replace(f"ROZANA_DATA={START[2]}", f"ROZANA_DATA={folder}").replace(f":{START[3]}", f":{port}")
    bash = shutil.which("bash")
    assert bash
    shell = await asyncio.create_subprocess_exec(
        *(bash, "-eu", "-o", "pipefail", "-c", lines),
        cwd=ROOT,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await shell.communicate()
    assert shell.returncode is not None
    return shell.returncode, out.decode(), errors.decode()


@pytest.mark.long
async def test_each_completes_the_day_from_the_readmes_lines_alone(tmp_path: Path) -> None:
    folder, port = tmp_path / "demo", free_port()
    async with asyncio.timeout(PATIENCE):
        demo = await _demo_serves(folder, port)
    try:
        async with asyncio.timeout(PATIENCE):
            code, out, errors = await _pasted(folder, port)
    finally:
        demo.send_signal(signal.SIGTERM)
        await demo.wait()
    assert code == 0, errors + out[-2000:]
    assert out.count('"status": "acknowledged"') == 1
    assert '"comment": "1200 people, at two meetings?"' in out, "the president sees why it came back"
    assert '"pointer": "/activities/attendance"' in out, "the office sees what changed"
    assert '"rule": "grievance-raised"' in out, "Delhi hears of the worker"
    assert re.search(r'^rozana_district_days\{.*status="missed"\} 4\.0$', out, re.M), (
        "the operator's numbers are the board's"
    )
    assert "DIFFERENT" not in out
