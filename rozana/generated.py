"""The files that are written from the models: `python -m rozana.generated` writes them, `--check` finds drift.

They are kept in git, so that a reader of the repository and a consumer without Python have them, and so that a change
of the contract is seen in review.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from libs.events.export import events_markdown, json_schemas
from libs.runtime.settings import load_settings
from libs.runtime.telemetry import get_logger
from rozana.compose import SERVICES, assemble, opened
from rozana.states import state_codes

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[str, str]:
    """Path below the root -> text, of every generated file."""
    documents = {f"docs/schemas/{name}.json": schema for name, schema in json_schemas().items()}
    documents |= {f"docs/api/{name}.openapi.json": api for name, api in asyncio.run(_apis()).items()}
    texts = {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in documents.items()}
    return {**texts, "docs/events.md": events_markdown()}


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


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """The exit code: 0, or 1 with what drifts and what to run, or 2 for a wrong argument."""
    match list(arguments):
        case []:
            write(root)
            return 0
        case ["--check"]:
            found = drift(root)
            for line in found:
                print(line, file=sys.stderr)
            if found:
                print("Run `make generate` (python -m rozana.generated) and commit what it writes.", file=sys.stderr)
            return 1 if found else 0
        case _:
            print("usage: python -m rozana.generated [--check]", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
