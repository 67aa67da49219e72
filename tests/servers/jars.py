"""Where the servers' jars come from: Maven, once, into a cache beside the work tree. Asked of no registry twice."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rozana"
FETCH_SECONDS = 300


def need(command: str, package: str = "Java 17 (a JDK) and Maven") -> None:
    """Skip the test that asks where `command` is not installed; with REQUIRE_TOOLS=1 that is a failure."""
    if shutil.which(command) is None:
        line = f"the connected tests run real servers, which need {package}: {command} is not installed"
        if os.environ.get("REQUIRE_TOOLS") == "1":
            pytest.fail(line, pytrace=False)
        pytest.skip(line)


def jars(name: str, *sources: str) -> Path:
    """A folder with what `<name>.xml` names, and the classes of these Java `sources`."""
    for command in ("java", "javac", "mvn"):
        need(command)
    made_of = [HERE / f"{name}.xml", *(HERE / source for source in sources)]
    folder = CACHE / f"{name}-{hashlib.sha256(b''.join(path.read_bytes() for path in made_of)).hexdigest()[:12]}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=f".{name}-") as fresh:
        copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
        _run("mvn", "-q", "-B", "-f", str(made_of[0]), *copy)
        if sources:
            _run("javac", "-cp", f"{fresh}/*", "-d", fresh, *map(str, made_of[1:]))
        try:
            Path(fresh).rename(folder)  # whole, or not there
        except OSError:
            assert folder.exists(), f"cannot make {folder}"  # another test run was faster
        else:
            Path(fresh).mkdir()  # for the context manager to remove
    return folder


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS)
    assert done.returncode == 0, (
        f"{command[0]} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    )
