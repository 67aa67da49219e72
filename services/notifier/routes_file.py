"""The routes file (ROZANA_ROUTES): which channels there are, what each is for, and where messages may go at all.

Read once, at start. A refusal names every fault at once by its place and by what is allowed, never by what was written.
"""

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from libs.runtime.errors import StartRefused
from services.notifier.routes_entries import KINDS, Around, Made

VARIABLE = "ROZANA_ROUTES"
LARGEST_FILE = 1024 * 1024
TAKEN = frozenset({"log"})
"""Names of channels that are always there."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    allow_hosts: list[Annotated[str, Field(min_length=1, max_length=253)]] = Field(
        [], description="a list of host names, in small letters"
    )
    allow_private: bool = Field(default=False, description="true or false")
    webhook: list[dict[str, Any]] = Field([], description="one [[webhook]] or more")
    mail: list[dict[str, Any]] = Field([], description="one [[mail]] or more")
    alertmanager: list[dict[str, Any]] = Field([], description="one [[alertmanager]] or more")
    apprise: list[dict[str, Any]] = Field([], description="one [[apprise]] or more")


def read_routes(path: Path, environ: Mapping[str, str], known_states: Collection[str]) -> list[Made]:
    """What the file names, its secrets read. Raises StartRefused, one line with every fault."""
    try:
        file = _File.model_validate(_toml(path))
    except ValidationError as error:
        raise _refused(path, _shape(error, _File)) from None
    faults: list[str] = []
    made: list[Made] = []
    names: set[str] = {*TAKEN}
    for model in KINDS:
        written: list[dict[str, Any]] = getattr(file, model.kind)
        for number, members in enumerate(written, start=1):
            try:
                entry = model.model_validate(members)
            except ValidationError as error:
                faults += [f"{model.kind} {number}: {fault}" for fault in _shape(error, model)]
                continue
            around = Around(file.allow_hosts, file.allow_private, path.parent, environ, known_states)
            made.append(entry.made(around))
            found = [*around.faults, *([_allowed("name", model)] if entry.name in names else []), *entry.wrong(around)]
            faults += [f"{model.kind} {number} ({entry.name}): {fault}" for fault in found]
            names.add(entry.name)
    if faults:
        raise _refused(path, faults)
    return made


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _refused(path, [f"cannot be read: {error.strerror}"]) from None
    if len(content) > LARGEST_FILE:
        raise _refused(path, ["is larger than 1 MiB"])
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise _refused(path, ["is not UTF-8"]) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
        raise _refused(path, [f"is not TOML{f', at {place[1]}' if place else ''}"]) from None


def _refused(path: Path, faults: list[str]) -> StartRefused:
    return StartRefused(f"{VARIABLE}: {path}: {'; '.join(dict.fromkeys(faults))} (docs/webhooks.md)")


def _shape(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """What does not fit the model, member by member, in words of ours."""
    members = [str(item["loc"][0]) for item in error.errors(include_input=False, include_context=False)]
    return [_allowed(member, model) for member in dict.fromkeys(members)]


def _allowed(member: str, model: type[BaseModel]) -> str:
    known = {field.alias or name: field.description for name, field in model.model_fields.items()}
    if member in known:
        return f"{member}: allowed is {known[member]}"
    near = difflib.get_close_matches(member, known, n=1)
    return f"unknown member, did you mean {near[0]}?" if near else f"unknown member; there are {', '.join(known)}"
