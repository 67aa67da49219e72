"""Backups, in files of the embedded log. The log is all that matters: the store is made again from it."""

import contextlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from libs.runtime.errors import StartRefused
from libs.runtime.log_sqlite_export import export_log
from libs.runtime.settings import Settings
from libs.runtime.sqlite_copy import copy_database, nobody_writes, refuse_to_overwrite
from libs.runtime.topics import streams_of
from rozana.compose import DATABASES, opened_log, path_of


def back_up(settings: Settings, files: dict[str, Path]) -> None:
    """Copy log and, where it is asked for, store to these files, a line each. Works beside `rozana up`.

    The log comes last, so that it holds whatever the store was folded from. Raises WrongDatabase, StartRefused.
    """
    for file in files.values():
        refuse_to_overwrite(file)
    for name in sorted(files, reverse=True):
        size = copy_database(path_of(settings, name), files[name], DATABASES[name])
        print(f"{name:<6} {files[name]}  {size} bytes, whole and checked", flush=True)


async def export(settings: Settings, file: Path) -> None:
    """Copy every stream of Kafka into a file of the embedded log, beside the services. Raises StartRefused,
    WrongDatabase, ReadStopped, Unavailable; then there is no file.

    The alerts are copied as far as they reach before it is asked how far the reports do: so whatever an alert was
    raised of is in the copy.
    """
    refuse_to_overwrite(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(prefix=f"{file.name}.", dir=file.parent)
    except OSError as error:
        raise StartRefused(f"{file} cannot be written ({error.strerror}): choose another folder") from None
    with folder as own:
        async with opened_log(settings) as log:
            causes_last = sorted(streams_of(settings.states), key=lambda stream: stream.endswith(".reports"))
            ends = {stream: await log.end(stream) for stream in causes_last}
            await export_log(log, ends, Path(own) / "log.db")
        size = copy_database(Path(own) / "log.db", file, DATABASES["log"])
    print(f"log    {file}  {size} bytes of {len(settings.states)} states, whole and checked", flush=True)


def restore(settings: Settings, files: dict[str, Path]) -> None:
    """Put such copies where the settings say. Wants `rozana up` stopped, and nothing in their place.

    Raises WrongDatabase, StartRefused; then nothing was put there.
    """
    with contextlib.ExitStack() as locks, contextlib.ExitStack() as undo:
        for name in DATABASES:
            locks.enter_context(nobody_writes(path_of(settings, name)))
        for name in files:
            refuse_to_overwrite(path_of(settings, name))
        for name in sorted(files):
            size = copy_database(files[name], path_of(settings, name), DATABASES[name])
            undo.callback(path_of(settings, name).unlink)
            print(f"{name:<6} {path_of(settings, name)}  {size} bytes, whole and checked", flush=True)
        undo.pop_all()
    if "store" not in files and settings.store_path.exists():
        print(
            f"rozana: {settings.store_path} stays as it is. If it holds more than this log, `rozana up` will say so:"
            " then remove it, it is made again from the log (but for the contacts: docs/delivery.md)",
            file=sys.stderr,
        )
