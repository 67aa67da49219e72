"""Backups, in files of the embedded log. The log is all that matters: the store is made again from it."""

import contextlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from libs.events.streams import erasable, stream_name
from libs.runtime.clock import SystemClock
from libs.runtime.erasable_sqlite import open_erasable
from libs.runtime.errors import StartRefused
from libs.runtime.log_sqlite_export import export_log
from libs.runtime.settings import Settings
from libs.runtime.sqlite_copy import copy_database, nobody_writes, refuse_to_overwrite
from libs.runtime.topics import streams_of
from rozana.compose import DATABASES, kept, opened_log, path_of


def back_up(settings: Settings, files: dict[str, Path]) -> None:
    """Copy log and, where it is asked for, store and keys to these files, a line each. Works beside `rozana up`.

    The log comes after the store, so that it holds whatever that was folded from; the keys come last: so each text in
    the copy has its own, unless it was erased. Raises WrongDatabase, StartRefused.
    """
    for file in files.values():
        refuse_to_overwrite(file)
    for name in ORDER:
        if name in files:
            size = copy_database(path_of(settings, name), files[name], DATABASES[name])
            print(f"{name:<6} {files[name]}  {size} bytes, whole and checked", flush=True)
    if "keys" not in files and path_of(settings, "keys").exists():
        print(
            "rozana: the keys of sealed grievances are not in it, so nobody could open their texts:"
            " --keys FILE copies them, into a file of their own",
            file=sys.stderr,
        )


ORDER = ("store", "log", "keys")


async def export(settings: Settings, file: Path, keys: Path | None = None) -> None:
    """Copy every stream of Kafka into a file of the embedded log, beside the services; and what sealed texts are
    opened with to `keys`, if it is asked for. Raises StartRefused, WrongDatabase, ReadStopped, Unavailable; then there
    is no file.

    The alerts are copied as far as they reach before it is asked how far the reports do: so whatever an alert was
    raised of is in the copy.
    """
    for each in (file, keys):
        if each is not None:
            refuse_to_overwrite(each)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(prefix=f"{file.name}.", dir=file.parent)
    except OSError as error:
        raise StartRefused(f"{file} cannot be written ({error.strerror}): choose another folder") from None
    with folder as own:
        async with opened_log(settings) as log:
            events = [stream for stream in streams_of(settings.states) if not erasable(stream)]
            causes_last = sorted(events, key=lambda stream: stream.endswith(".reports"))
            ends = {stream: await log.end(stream) for stream in causes_last}
            await export_log(log, ends, Path(own) / "log.db")
        if keys is not None:
            await _export_keys(settings, Path(own) / "log-keys.db")
        size = copy_database(Path(own) / "log.db", file, DATABASES["log"])
        print(f"log    {file}  {size} bytes of {len(settings.states)} states, whole and checked", flush=True)
        if keys is not None:
            size = copy_database(Path(own) / "log-keys.db", keys, DATABASES["keys"])
            print(f"keys   {keys}  {size} bytes of {len(settings.states)} states, whole and checked", flush=True)


async def _export_keys(settings: Settings, path: Path) -> None:
    there, here = kept(settings, SystemClock()), open_erasable(path)
    try:
        for stream in (stream_name("grievance-keys", state) for state in settings.states):
            for key, value in (await there.all(stream)).items():
                await here.put(stream, key, value)
    finally:
        await there.close()
        await here.close()


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
    if "log" in files and "store" not in files and settings.store_path.exists():
        print(
            f"rozana: {settings.store_path} stays as it is. If it holds more than this log, `rozana up` will say so:"
            " then remove it, it is made again from the log (but for the contacts: docs/delivery.md)",
            file=sys.stderr,
        )
