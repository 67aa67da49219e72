"""docs/asyncapi.yaml: every stream and event is in it, no reference leads nowhere, and AsyncAPI's parser agrees."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema_rs import Draft7Validator

from libs.events.catalogue import TYPES
from libs.events.export import example_name
from libs.events.streams import STREAMS
from libs.runtime.topics import topic
from rozana.generated import ROOT
from tests.events import golden
from tests.servers.jars import CACHE, need

PAGE = ROOT / "docs" / "asyncapi.yaml"
CHECK = ROOT / "tests" / "asyncapi"
CHANNELS = [kind for kind, stream in STREAMS.items() if not stream.erasable]
"""Those that hold events."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(PAGE.read_text(encoding="utf-8"))
    return found


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from [each] if key == "$ref" else references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert len(found) > len(TYPES)
    for reference in found:
        there: Any = document
        for step in reference.removeprefix("#/").split("/"):
            there = there[step]


def test_every_stream_is_a_channel_with_its_messages(document: dict[str, Any]) -> None:
    assert list(document["channels"]) == CHANNELS
    for kind, channel in document["channels"].items():
        assert list(channel["messages"]) == [example_name(entry) for entry in TYPES.values() if kind in entry.streams]
        assert channel["address"] == STREAMS[kind].name("{state}" if STREAMS[kind].per == "state" else None)
        assert ("parameters" in channel) == (STREAMS[kind].per == "state")
        promised = channel["bindings"]["kafka"]["topicConfiguration"]
        kept = topic(STREAMS[kind].name("in-mp" if STREAMS[kind].per == "state" else None), 3).config
        for name, value in promised.items():
            assert kept[name] == (",".join(value) if isinstance(value, list) else str(value))


def test_who_sends_what(document: dict[str, Any]) -> None:
    operations = document["operations"]
    assert {"ingest.reports", "notifier.reports", "notifier.alerts", "ingest.grievances"} <= operations.keys()
    sent = [each["$ref"].rpartition("/")[2] for each in operations["notifier.reports"]["messages"]]
    assert sent == ["clock.reached.v1", "outage.credited.v1", "state.day_closed.v1"]


@pytest.mark.parametrize("name", list(golden.TEXTS))
def test_examples_are_what_the_schemas_say(name: str, document: dict[str, Any]) -> None:
    """By a validator that is not ours; the schemas' own dialect says the same in what they use."""
    kind = ".".join(name.split(".")[:3])
    Draft7Validator({"$ref": f"#/components/schemas/{kind}", "components": document["components"]}).validate(
        golden.data(name)
    )


@pytest.mark.connected
def test_asyncapis_own_parser_finds_nothing_wrong(tmp_path: Path) -> None:
    need("npm", "Node.js and npm")
    folder = CACHE / "asyncapi"
    if not (folder / "node_modules").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(CHECK / name, folder)
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=280
        )
    shutil.copy(CHECK / "check.mjs", folder)
    good = run(folder, PAGE)
    assert good.returncode == 0, good.stdout + good.stderr
    assert f"{len(CHANNELS)} channels, {len(TYPES)} messages" in good.stdout
    bad = tmp_path / "bad.yaml"
    bad.write_text(PAGE.read_text(encoding="utf-8").replace("action: send", "action: shout", 1), encoding="utf-8")
    assert run(folder, bad).returncode == 1


def run(folder: Path, page: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["node", "check.mjs", str(page)], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
