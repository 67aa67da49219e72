"""The files that are written from the models: `python -m rozana.generated` writes them, `--check` finds drift, and
what would break those who read the schemas of the last release; `--release` freezes those of today.

They are kept in git, so that a reader of the repository and a consumer without Python have them, and so that a change
of the contract is seen in review.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from libs.events.asyncapi import asyncapi
from libs.events.catalogue import TYPES
from libs.events.compatibility import faults
from libs.events.export import events_markdown, example_name, json_schemas
from libs.runtime.access import accesses
from libs.runtime.settings import load_settings
from libs.runtime.telemetry import get_logger
from libs.runtime.topics import topics
from rozana.acls import topics_yaml, users_yaml
from rozana.assembly import SERVICES, assemble
from rozana.compose import opened
from rozana.metrics_page import metrics_markdown
from rozana.settings_page import settings_markdown
from rozana.states import state_codes
from rozana.yaml_text import yaml_text

ROOT = Path(__file__).resolve().parents[1]
BASE = "deploy/kustomize/base"
REPLICAS = 3
"""In production."""
RELEASED = "docs/schemas/released"
"""A folder a release; what stands in it is never written again."""


def generated() -> dict[str, str]:
    """Path below the root -> text, of every generated file."""
    documents = {f"docs/schemas/{name}.json": schema for name, schema in json_schemas().items()}
    documents |= {f"docs/api/{name}.openapi.json": api for name, api in asyncio.run(_apis()).items()}
    texts = {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in documents.items()}
    pages = {"events": events_markdown(), "metrics": metrics_markdown(), "settings": settings_markdown()}
    strimzi = {"topics": topics_yaml(topics(state_codes(), REPLICAS)), "users": users_yaml(accesses(state_codes()))}
    texts |= {f"docs/{name}.md": page for name, page in pages.items()}
    texts["docs/asyncapi.yaml"] = yaml_text(asyncapi(_version(ROOT), _examples(ROOT)))
    return texts | {f"{BASE}/{name}.yaml": resources for name, resources in strimzi.items()}


def _version(root: Path) -> str:
    found: str = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return found


def _examples(root: Path) -> Mapping[str, Any]:
    """The golden example of each type, by its name."""
    folder = root / "libs" / "events" / "examples"
    names = [example_name(entry) for entry in TYPES.values()]
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in names}


async def _apis() -> Mapping[str, dict[str, Any]]:
    """The OpenAPI document of each service, as it would serve it. Nothing runs; nothing of the settings is in it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings({"ROZANA_DATA": folder}, state_codes())
        async with opened(settings) as adapters:
            logger = get_logger("generated")
            return {
                name: assemble(settings, adapters, logger=logger, services=[name]).app.openapi() for name in SERVICES
            }


def drift(root: Path) -> list[str]:
    """What is wrong with the files below `root`, one line a file."""
    return [
        f"{name} {'does not match the models' if (root / name).is_file() else 'is missing'}"
        for name, text in generated().items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text
    ]


def write(root: Path) -> None:
    for name, text in generated().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def broken(root: Path) -> list[str]:
    """What of the last release's schemas those of today break, one line a fault."""
    latest = max((root / RELEASED).glob("*"), key=lambda folder: _numbers(folder.name), default=root / RELEASED)
    files = sorted(latest.glob("*.json"))
    released = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
    posted = [example_name(entry) for entry in TYPES.values() if entry.from_clients]
    return faults(released, json_schemas(), posted)


def release(root: Path) -> str:
    """Freeze today's schemas under the version of pyproject.toml. Raises FileExistsError: that is released already."""
    version = _version(root)
    (root / RELEASED / version).mkdir(parents=True)
    for name in json_schemas():
        shutil.copy(root / "docs" / "schemas" / f"{name}.json", root / RELEASED / version)
    return version


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """The exit code: 0, or 1 with what is wrong and what to do, or 2 for a wrong argument."""
    match list(arguments):
        case []:
            write(root)
            return 0
        case ["--check"]:
            drifting, breaking = drift(root), broken(root)
            for line in (*drifting, *breaking):
                print(line, file=sys.stderr)
            if drifting:
                print("Run `make generate` (python -m rozana.generated) and commit what it writes.", file=sys.stderr)
            return 1 if drifting or breaking else 0
        case ["--release"]:
            if found := drift(root) + broken(root):
                print("\n".join(found), file=sys.stderr)
                return 1
            try:
                print(f"{RELEASED}/{release(root)}: commit it")
            except FileExistsError as error:
                print(
                    f"{RELEASED}/{Path(error.filename).name} is there: raise the version in pyproject.toml first",
                    file=sys.stderr,
                )
                return 1
            return 0
        case _:
            print("usage: python -m rozana.generated [--check | --release]", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
