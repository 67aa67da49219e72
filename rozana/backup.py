"""Backups of the embedded files. The log is all that matters: the store is made again from it."""

import contextlib
import sys
from pathlib import Path

from libs.runtime.settings import Settings
from libs.runtime.sqlite_copy import copy_database, nobody_writes, refuse_to_overwrite
from rozana.compose import DATABASES, path_of


def back_up(settings: Settings, files: dict[str, Path]) -> None:
    """Copy log and, where it is asked for, store to these files, a line each. Works beside `rozana up`.

    The log comes last, so that it holds whatever the store was folded from. Raises WrongDatabase, StartRefused.
    """
    for file in files.values():
        refuse_to_overwrite(file)
    for name in sorted(files, reverse=True):
        size = copy_database(path_of(settings, name), files[name], DATABASES[name])
        print(f"{name:<6} {files[name]}  {size} bytes, whole and checked", flush=True)


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
            " then remove it, it is made again from the log",
            file=sys.stderr,
        )
