"""What the two embedded adapters share: a database file, opened with care and written in transactions."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from libs.runtime.errors import OutcomeUnknown, WrongDatabase

BUSY_MS = 10_000
"""How long a statement waits for another program that locks the file, such as a backup tool."""
ROWS_PER_INSERT = 128
"""Keeps the statements few and small enough for apsw's statement cache."""
WAL_PAGES = 4000
"""The write-ahead log is put into the file every 16 MB: the pages at the streams' ends are written again and again."""
CACHE_KIB = 16_384

Cell = str | int | bytes | None


@dataclass(frozen=True, slots=True)
class Schema:
    """One kind of database file. `user_version` of the file is its `version`."""

    what: str
    application_id: int
    version: int
    script: str
    """Makes an empty file into one of this kind."""
    indexes: str = ""
    """Made where they are missing, so that a file gets those that came after it. `IF NOT EXISTS`, all of them."""


@dataclass(frozen=True, slots=True)
class DatabaseFile:
    """An open file: a connection for each thread. `writer` is None when it was opened read-only."""

    path: Path
    reader: apsw.Connection
    writer: apsw.Connection | None
    held: contextlib.ExitStack
    """The connections and the lock."""

    def checkpoint(self) -> None:
        """Put the write-ahead log into the file. What cannot be put there now is read from the -wal file later."""
        if self.writer is not None:
            with contextlib.suppress(apsw.Error):
                self.writer.set_busy_timeout(1000)
                self.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of the file and the lock. Nothing happens the second time."""
        self.held.close()


@contextlib.contextmanager
def opening(path: Path, schema: Schema) -> Iterator[contextlib.ExitStack]:
    """SQLite may find fault at any statement: each becomes WrongDatabase, and what is on the stack is undone."""
    with contextlib.ExitStack() as undo:
        try:
            yield undo
        except (OSError, apsw.Error, OutcomeUnknown) as error:
            raise WrongDatabase(_why_not(path, schema, error)) from error
        undo.pop_all()


def open_file(path: str | Path, schema: Schema, *, read_only: bool) -> DatabaseFile:
    """Open `path`, making it when it is missing or empty. Raises WrongDatabase, in one line, for all that is wrong."""
    path = Path(path).resolve()  # one file has one lock, whatever links lead to it
    writer = None
    with opening(path, schema) as undo:
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            undo.callback(os.close, lock_file(path))
            writer = connect(path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
            undo.callback(writer.close)
            _prepare(writer, path, schema)
        reader = connect(path, apsw.SQLITE_OPEN_READONLY)
        undo.callback(reader.close)
        check_kind(reader, path, schema)
        return DatabaseFile(path, reader, writer, undo.pop_all())


def lock_file(path: Path) -> int:
    """A second process, or a second open in this one, would give the same offset twice."""
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode(errors="replace") or "unknown"
        os.close(lock)
        raise WrongDatabase(f"{path} is in use by process {holder}: stop it, or open another file") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def connect(path: Path, flags: int) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(BUSY_MS)
    return connection


def _prepare(writer: apsw.Connection, path: Path, schema: Schema) -> None:
    with transaction(writer):
        # The schema goes in before WAL is switched on: a crash in between must not leave a file that looks foreign.
        if path.stat().st_size == 0:
            writer.execute(schema.script)
            writer.pragma("application_id", schema.application_id)
            writer.pragma("user_version", schema.version)
    check_kind(writer, path, schema)
    writer.execute(schema.indexes)
    if writer.pragma("journal_mode", "wal") != "wal":
        raise WrongDatabase(f"{path} is on a file system that cannot share memory: choose a local folder")
    writer.pragma("synchronous", "FULL")
    writer.pragma("wal_autocheckpoint", WAL_PAGES)
    writer.pragma("cache_size", -CACHE_KIB)
    if (found := writer.pragma("quick_check", 1)) != "ok":
        raise apsw.CorruptError(str(found))


def check_kind(connection: apsw.Connection, path: Path, schema: Schema) -> None:
    if connection.pragma("application_id") != schema.application_id:
        raise WrongDatabase(f"{path} is not a Rozana {schema.what}: move it away, or choose another file")
    if (version := int(connection.pragma("user_version"))) > schema.version:
        raise WrongDatabase(
            f"{path} has schema {version}, this Rozana knows {schema.version}: install the newer version that made it"
        )


def _why_not(path: Path, schema: Schema, error: Exception) -> str:
    match error:
        case apsw.NotADBError():
            return f"{path} is not an SQLite database: move it away, or choose another file"
        case apsw.CorruptError():
            return f"{path} is damaged ({one_line(error)}): move it away and restore a backup"
        case apsw.CantOpenError() if not path.exists() and _could_be_made(path.parent):
            return f"{path} does not exist: start the program that writes the {schema.what} first"
        case apsw.CantOpenError() | apsw.ReadOnlyError() | apsw.PermissionsError() | OSError():
            return f"{path} cannot be opened for the {schema.what} ({one_line(error)}): check the folder and its owner"
        case apsw.FullError():
            return f"{path} cannot be opened, the disk is full: make room"
        case apsw.BusyError():
            return f"{path} is locked by another program: stop it"
        case _:
            return f"{path} cannot be opened ({one_line(error)}): check the disk, or restore a backup"


def _could_be_made(folder: Path) -> bool:
    """A folder that is not there is made with the file; one that is there must let us."""
    return not folder.exists() or (folder.is_dir() and os.access(folder, os.W_OK))


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextlib.contextmanager
def transaction(writer: apsw.Connection) -> Iterator[None]:
    """All of it or nothing; an error of COMMIT itself, whose outcome nobody knows, raises OutcomeUnknown."""
    writer.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        _roll_back(writer)
        raise
    try:
        writer.execute("COMMIT")
    except apsw.Error as error:
        _roll_back(writer)
        raise OutcomeUnknown(f"{writer.filename} failed to commit ({one_line(error)}): retry") from error


def _roll_back(writer: apsw.Connection) -> None:
    if writer.in_transaction:  # some errors, a full disk among them, have rolled back already
        with contextlib.suppress(apsw.Error):
            writer.execute("ROLLBACK")


def insert_rows(writer: apsw.Connection, into: str, rows: Sequence[Sequence[Cell]], *, then: str = "") -> None:
    """`INSERT INTO {into} VALUES … {then}`, many rows a step (see sqlite_threads.py for why)."""
    for first in range(0, len(rows), ROWS_PER_INSERT):
        part = rows[first : first + ROWS_PER_INSERT]
        row = f"({','.join('?' * len(part[0]))})"
        statement = f"INSERT INTO {into} VALUES {','.join([row] * len(part))} {then}"  # noqa: S608 - names of ours
        writer.execute(statement, [cell for cells in part for cell in cells])
