"""Copies of database files: taken beside the process that writes, put back where nothing stands in the way."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import apsw

from libs.runtime.errors import StartRefused
from libs.runtime.sqlite import Schema, check_kind, connect, lock_file, one_line, opening


def copy_database(source: Path, target: Path, schema: Schema) -> int:
    """A whole copy of `source` as it is at one instant, checked for integrity and durable. Its size in bytes.

    The copy is one file, readable by its owner alone. A copy that fails leaves nothing behind. Raises WrongDatabase
    when the source is not what `schema` says or is damaged, StartRefused when the target exists or cannot be written.
    """
    refuse_to_overwrite(target)
    partial = Path(f"{target}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    except OSError as error:
        raise StartRefused(f"{target} cannot be written ({error.strerror}): choose another folder") from None
    try:
        with opening(source, schema):
            _copy(source, partial, schema)
        _make_durable(partial)
        partial.rename(target)
        _make_durable(target.parent)
    except (apsw.FullError, OSError) as error:
        raise StartRefused(f"{target} cannot be written ({one_line(error)}): make room") from None
    finally:
        for left in (partial, Path(f"{partial}-journal")):
            left.unlink(missing_ok=True)
    return target.stat().st_size


def refuse_to_overwrite(target: Path) -> None:
    """Raises StartRefused. A write-ahead log without its database counts: it would be put into the new one."""
    for there in (target, Path(f"{target}-wal")):
        if there.exists():
            raise StartRefused(f"{there} exists, and is not written over: move it away first")


@contextlib.contextmanager
def nobody_writes(path: Path) -> Iterator[None]:
    """Holds the lock of a database file, which need not exist. Raises WrongDatabase while a process writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = lock_file(path)
    try:
        yield
    finally:
        os.close(held)


def _copy(source: Path, partial: Path, schema: Schema) -> None:
    with contextlib.ExitStack() as held:
        reader = connect(source, apsw.SQLITE_OPEN_READONLY)
        held.callback(reader.close)
        check_kind(reader, source, schema)
        writer = connect(partial, apsw.SQLITE_OPEN_READWRITE)
        held.callback(writer.close)
        with writer.backup("main", reader, "main") as backup:
            backup.step(-1)  # in one step: a writer beside it neither waits nor makes it begin anew
        writer.pragma("journal_mode", "delete")  # or a second file would belong to it
        if (found := writer.pragma("integrity_check", 1)) != "ok":
            raise apsw.CorruptError(str(found))


def _make_durable(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
