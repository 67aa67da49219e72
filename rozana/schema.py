"""The contract as files, for those who read events without this program: schemas, examples, and the page about them."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from libs.events.export import events_markdown, json_schemas
from libs.runtime.errors import RozanaError


def exported() -> Mapping[str, str]:
    """Path below the folder -> text."""
    schemas = {
        f"schemas/{name}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in json_schemas().items()
    }
    examples = {
        f"examples/{path.name}": path.read_text(encoding="utf-8")
        for path in files("libs.events").joinpath("examples").iterdir()
        if path.name.endswith(".json")
    }
    return dict(sorted({"events.md": events_markdown(), **schemas, **examples}.items()))


def export(folder: Path) -> int:
    """Write them into a folder: a new one, an empty one, or one that holds nothing but an export. How many files.

    Raises RozanaError; nothing is written then.
    """
    texts = exported()
    try:
        if folder.exists() and not folder.is_dir():
            raise RozanaError(f"{folder} is not a folder: name another one")
        for found in sorted(folder.rglob("*")):
            name = found.relative_to(folder).as_posix()
            if name not in texts and not any(each.startswith(f"{name}/") for each in texts):
                raise RozanaError(f"{folder} holds {name}, which is none of ours: name a new or an empty folder")
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RozanaError(f"{folder} cannot be written ({error.strerror}): name another folder") from None
    return len(texts)
