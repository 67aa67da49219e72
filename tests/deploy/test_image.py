"""The image, as far as it can be proven without an engine: the file is linted, and its build is played in a folder."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rozana.process import READY
from tests.deploy.tools import ROOT
from tests.servers.server import DIE_WITH_US

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
PACKAGES = ("libs", "services", "rozana")
BUILD_TOOLS = {"pip", "setuptools", "wheel", "hatchling", "editables"}


def _instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.M).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1].strip()) for line in text.splitlines() if line.strip()]


def _stages() -> list[list[tuple[str, str]]]:
    stages: list[list[tuple[str, str]]] = []
    for instruction in _instructions():
        if instruction[0] == "FROM":
            stages.append([])
        stages[-1].append(instruction)
    return stages


def health_check() -> list[str]:
    """The command by which the image asks whether it is well."""
    checked = dict(_stages()[-1])["HEALTHCHECK"]
    command: list[str] = json.loads(checked[checked.index("[") :])
    return command


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), "--failure-threshold", "style", DOCKERFILE],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


def test_the_last_stage_runs_as_nobody_in_particular_and_holds_no_tools() -> None:
    build, last = _stages()
    assert dict(last)["USER"] == "10001:10001"
    (copied,) = [argument for name, argument in last if name == "COPY"]
    assert copied == "--from=build /opt/rozana /opt/rozana"
    removed = [
        set(re.findall(r"[a-z]+", command))
        for name, command in (*build, *last)
        if name == "RUN" and "uninstall" in command
    ]
    assert set().union(*removed) >= BUILD_TOOLS
    assert dict(last)["STOPSIGNAL"] == "SIGTERM"
    assert json.loads(dict(last)["ENTRYPOINT"]) == ["rozana"]


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    seen = {line[1:] for line in lines if line.startswith("!")}
    copied = {word for name, argument in _stages()[0] if name == "COPY" for word in argument.split()[:-1]}
    assert copied == seen
    assert all((ROOT / name).exists() for name in seen)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_has_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    """Data too: the states, the districts, the examples. And no test, no benchmark."""
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True)
    tracked = set(listed.stdout.split())
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert {"rozana/data/states.csv", "rozana/data/in-mp-districts.csv"} <= tracked
    assert tracked <= held
    assert {name.split("/")[0] for name in held} == set(PACKAGES)


@pytest.mark.long
def test_the_build_s_own_commands_make_what_serves(tmp_path: Path) -> None:
    """Every RUN of the build stage, with its folder in ours; then the command, from an empty folder of its own."""
    target = tmp_path / "rozana"
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("ROZANA_", "PYTHON"))}
    for name, command in _stages()[0]:
        if name == "RUN":
            said = command.replace("/opt/rozana", str(target)).replace("python -m venv", f"{sys.executable} -m venv")
            subprocess.run(["sh", "-euc", said], cwd=ROOT, env=environment, check=True, capture_output=True)
    python = target / "bin" / "python"
    installed = subprocess.run(
        [python, "-c", "import importlib.metadata as m; print(*{d.name.lower() for d in m.distributions()})"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "rozana" in installed.stdout.split()
    assert BUILD_TOOLS.isdisjoint(installed.stdout.split())
    data = tmp_path / "data"
    data.mkdir()
    process = subprocess.Popen(
        [*DIE_WITH_US, target / "bin" / "rozana", "up", "--port", "0"],
        cwd=data,
        env=environment | {"ROZANA_DATA": str(data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith(READY)
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(30) == 0
