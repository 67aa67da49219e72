"""Programs that check what is deployed. Where one is missing the test skips and says what to install; CI fails."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALL = {
    "nginx": "on Debian, apt-get install nginx-light",
    "promtool": "on Debian, apt-get install prometheus",
    "prometheus-alertmanager": "on Debian, apt-get install prometheus-alertmanager",
    "amtool": "on Debian, apt-get install prometheus-alertmanager",
    "kubectl": "any version since 1.27",
    "go": "any version since 1.24",
}
"""Program -> where it comes from."""
SECONDS = 300


def need(program: str) -> str:
    """Its path. It may lie where only root looks by default."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        line = f"{program} is not installed: {INSTALL[program]}"
        if os.environ.get("REQUIRE_TOOLS") == "1":
            pytest.fail(line, pytrace=False)
        pytest.skip(line)
    return found


def run(program: str, *arguments: str | Path, **environment: str) -> str:
    """What it prints. Fails with what it says when it ends with another code than 0."""
    done = subprocess.run(
        [need(program), *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"{program} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout
