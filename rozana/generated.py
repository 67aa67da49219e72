"""The files that are written from the models: `python -m rozana.generated` writes them, `--check` finds drift.

They are kept in git, so that a reader of the repository and a consumer without Python have them, and so that a change
of the contract is seen in review.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from libs.events.export import events_markdown, json_schemas

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[str, str]:
    """Path below the root -> text, of every generated file."""
    schemas = {
        f"docs/schemas/{name}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in json_schemas().items()
    }
    return {**schemas, "docs/events.md": events_markdown()}


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
