"""`rozana schema export`: what a subscriber without Python takes home."""

import json
from pathlib import Path

from rozana.generated import ROOT
from tests.events.golden import TEXTS
from tests.rozana.command import one_line
from tests.rozana.conftest import Command


def test_it_writes_what_is_in_the_repository(tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "a" / "new"
    names = command("schema", "export")[1].splitlines()
    for _ in range(2):  # over its own files, too
        code, out, told = command("schema", "export", str(folder))
        assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == names
        assert (code, out, told) == (0, f"{len(names)} files in {folder}\n", "")
    assert (folder / "events.md").read_text() == (ROOT / "docs" / "events.md").read_text()
    for schema in (ROOT / "docs" / "schemas").glob("*.json"):
        assert (folder / "schemas" / schema.name).read_bytes() == schema.read_bytes()
    examples = {path.stem: path.read_bytes() for path in (folder / "examples").iterdir()}
    assert examples == TEXTS
    assert all(json.loads(text)["type"].startswith("rozana.") for text in examples.values())


def test_it_never_writes_into_what_is_somebody_elses(tmp_path: Path, command: Command) -> None:
    (tmp_path / "notes.txt").write_text("precious")
    code, out, told = command("schema", "export", str(tmp_path))
    assert (code, out) == (1, "")
    assert one_line(told) == f"{tmp_path} holds notes.txt, which is none of ours: name a new or an empty folder"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert "is not a folder" in one_line(command("schema", "export", str(tmp_path / "notes.txt"))[2])
    assert "/proc/none cannot be written" in one_line(command("schema", "export", "/proc/none")[2])
