"""The command in this process, for what is refused before anything runs: a process of its own costs half a second."""

import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rozana.cli import main
from tests.rozana.day import a_days_work

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """`command("up", ROZANA_PORT="0")` -> exit code, standard output, standard error."""
    handlers = logging.root.handlers[:]

    def run(*arguments: str, **settings: str) -> tuple[int, str, str]:
        for name in [name for name in os.environ if name.startswith("ROZANA_")]:
            monkeypatch.delenv(name)
        for name, text in settings.items():
            monkeypatch.setenv(name, text)
        monkeypatch.setattr(sys, "argv", ["rozana", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        out, told = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, out, told

    yield run
    logging.root.handlers[:] = handlers  # the command's own write to a stream that is closed by now


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work") / "data"
    asyncio.run(a_days_work(folder))
    return folder


@pytest.fixture
def data(work: Path, tmp_path: Path) -> Path:
    """A copy of it, to be tampered with."""
    copy = tmp_path / "data"
    shutil.copytree(work, copy)
    return copy
