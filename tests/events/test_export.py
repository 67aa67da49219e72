"""The generated files: the same bytes every time, every member explained, drift named."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libs.events.catalogue import CATALOGUE, TYPES
from libs.events.export import events_markdown, example_name, json_schemas
from libs.events.streams import STREAMS
from rozana import generated
from tests.events import golden


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for inner in schema.values():
            yield from _objects(inner)


def test_the_texts_are_the_same_in_another_process() -> None:
    """Whatever the seed of hashes there: nothing may depend on the order of a set."""
    script = "import json, rozana.generated as g; print(json.dumps(g.generated()))"
    for seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            check=True,
            cwd=generated.ROOT,
            env={"PYTHONHASHSEED": seed},
        )
        assert json.loads(found.stdout) == generated.generated()


@pytest.mark.parametrize("name", list(json_schemas()))
def test_every_member_of_a_schema_says_what_it_means(name: str) -> None:
    schema = json_schemas()[name]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for found in _objects(schema):
        assert found["description"]
        assert found["additionalProperties"] is False
        for member in found["properties"].values():
            meant = member if "$ref" not in member else {**schema["$defs"][member["$ref"].split("/")[-1]], **member}
            assert meant["description"]


def test_the_page_names_every_stream_event_and_member() -> None:
    page = events_markdown()
    for stream in STREAMS.values():
        assert f".{stream.kind}` |" in page
    sections = dict(section.split("\n", 1) for section in page.split("\n## ")[1:])
    for entry in TYPES.values():
        latest = CATALOGUE[entry.data.NAME] is entry
        section = sections[entry.data.NAME if latest else example_name(entry)]
        assert f"`{entry.data.type_name()}`" in section
        assert ("an older version" in section) != latest
        for member in golden.data(example_name(entry)):
            assert f"| `{member}` |" in section
    assert "| `activities.meetings` | integer, 0 .. 100,000 | yes |" in sections["report.filed"]
    assert "| `digital` | object; or null | no: `null` |" in sections["report.filed"]
    assert "| `digital.posts` | integer, 0 .. 100,000 | yes |" in sections["report.filed"]
    assert "| `form` | `daily.v1` | yes |" in sections["report.filed.v1"]
    assert "| `evidence[].taken_at` |" in sections["report.filed"]


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    """A pattern may hold a bar, which would otherwise cut its cell in two."""
    width = 0
    for line in events_markdown().splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line))
        assert cells in {0, width} or width == 0
        width = cells


def test_the_links_of_the_page_lead_somewhere() -> None:
    folder = generated.ROOT / "docs"
    links = re.findall(r"\]\(([^)]+)\)", events_markdown())
    assert len(links) == 2 + 2 * len(TYPES)  # the guarantees, the canonical body, and an example and a schema each
    assert all((folder / link).is_file() for link in links)


def test_the_files_in_the_repository_match_the_models() -> None:
    assert generated.drift(generated.ROOT) == []
    assert generated.main(["--check"]) == 0


def test_drift_is_named_file_by_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generated.main([], tmp_path) == 0
    assert generated.main(["--check"], tmp_path) == 0
    (tmp_path / "docs" / "events.md").write_text("edited by hand", encoding="utf-8")
    (tmp_path / "docs" / "schemas" / "report.filed.v1.json").unlink()
    assert generated.main(["--check"], tmp_path) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[:-1] == ["docs/schemas/report.filed.v1.json is missing", "docs/events.md does not match the models"]
    assert "make generate" in said[-1]
    assert generated.main([], tmp_path) == 0
    assert generated.main(["--check"], tmp_path) == 0


def test_a_release_freezes_the_schemas_once_and_every_check_is_held_to_the_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def version(number: str) -> None:
        (tmp_path / "pyproject.toml").write_text(f'[project]\nversion = "{number}"\n', encoding="utf-8")

    assert generated.main([], tmp_path) == 0
    for number in ("0.9.0", "0.10.0"):
        version(number)
        assert generated.main(["--release"], tmp_path) == 0
        assert capsys.readouterr().out == f"docs/schemas/released/{number}: commit it\n"
    frozen = tmp_path / "docs" / "schemas" / "released" / "0.10.0"
    assert {path.stem for path in frozen.iterdir()} == set(json_schemas())
    assert generated.main(["--release"], tmp_path) == 1
    assert capsys.readouterr().err == (
        "docs/schemas/released/0.10.0 is there: raise the version in pyproject.toml first\n"
    )
    assert generated.main(["--check"], tmp_path) == 0
    was = json.loads((frozen / "district.closed.v1.json").read_text(encoding="utf-8"))
    was["properties"]["reason"]["maxLength"] = 600
    (frozen / "district.closed.v1.json").write_text(json.dumps(was), encoding="utf-8")
    told = "district.closed.v1 /reason: maxLength was 600, is 500; add district.closed.v2 and an upcaster instead\n"
    version("0.11.0")
    for argument in ("--check", "--release"):
        assert generated.main([argument], tmp_path) == 1
        assert capsys.readouterr().err == told
    assert not (frozen.parent / "0.11.0").exists()


def test_what_was_released_stands_in_the_repository() -> None:
    assert generated.broken(generated.ROOT) == []
    released = {path.stem for path in (generated.ROOT / generated.RELEASED / "0.1.0").iterdir()}
    assert "report.filed.v1" in released <= {example_name(entry) for entry in TYPES.values()}


def test_a_wrong_argument_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generated.main(["--chekc"], tmp_path) == 2
    assert "usage" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
