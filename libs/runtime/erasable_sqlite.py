"""`ErasableStore` on one SQLite file of its own: the log's file is never rewritten, this one forgets."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import apsw

from libs.runtime.errors import Unavailable
from libs.runtime.sqlite import DatabaseFile, Schema, one_line, open_file, opening, transaction
from libs.runtime.sqlite_threads import Reads

SCHEMA = Schema(
    what="file of erasable keys",
    application_id=0x527A4B79,  # "RzKy"
    version=1,
    script="""
        CREATE TABLE kept (stream TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (stream, key))
        WITHOUT ROWID;
    """,
)


def path_beside(log: Path) -> Path:
    """Where the file lies: `log.db` -> `log-keys.db`."""
    return log.with_name(f"{log.stem}-keys{log.suffix}")


def open_erasable(path: str | Path) -> "SqliteErasableStore":
    """Open or make the file at `path`. Raises WrongDatabase."""
    file = open_file(path, SCHEMA, read_only=False)
    with opening(file.path, SCHEMA) as undo:
        undo.callback(file.close)
        assert file.writer is not None  # noqa: S101 -- not read-only
        file.writer.pragma("secure_delete", 1)  # what is deleted is overwritten in its page
        return SqliteErasableStore(file, file.writer)


class SqliteErasableStore:
    """Use it from one event loop. Its one thread does all: there is little to do."""

    def __init__(self, file: DatabaseFile, connection: apsw.Connection) -> None:
        self._file = file
        self._open = True
        self._thread = Reads(f"the keys {file.path}", connection)

    async def put(self, stream: str, key: str, value: bytes) -> None:
        await self._write("INSERT OR IGNORE INTO kept VALUES (?, ?, ?)", [(stream, key, value)])

    async def get(self, stream: str, key: str) -> bytes | None:
        self._check_open()

        def query(connection: apsw.Connection) -> bytes | None:
            found: bytes | None = connection.execute(
                "SELECT value FROM kept WHERE stream = ? AND key = ?", (stream, key)
            ).get
            return found

        return await self._thread.ask(query)

    async def all(self, stream: str) -> Mapping[str, bytes]:
        self._check_open()

        def query(connection: apsw.Connection) -> Mapping[str, bytes]:
            rows: list[tuple[str, bytes]] = connection.execute(
                "SELECT key, value FROM kept WHERE stream = ?", (stream,)
            ).fetchall()  # type: ignore[assignment]
            return dict(rows)

        return await self._thread.ask(query)

    async def erase(self, stream: str, keys: Sequence[str]) -> None:
        if not keys:
            return
        await self._write("DELETE FROM kept WHERE stream = ? AND key = ?", [(stream, key) for key in keys])
        await self.tidy(stream)

    async def tidy(self, stream: str) -> None:  # noqa: ARG002 -- the port's: here all streams lie in one file
        """The write-ahead log holds pages as they were: it is put into the file and cut to nothing."""
        self._check_open()

        def cut(connection: apsw.Connection) -> None:
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
            if busy:
                raise Unavailable(f"{self._file.path} is being read by another program: erase again when it is done")

        await self._thread.ask(cut)

    async def close(self) -> None:
        self._open = False
        await self._thread.close()
        self._file.checkpoint()
        self._file.close()

    async def _write(self, statement: str, rows: Sequence[tuple[str | bytes, ...]]) -> None:
        self._check_open()

        def write(connection: apsw.Connection) -> None:
            try:
                with transaction(connection):
                    connection.executemany(statement, rows)
            except apsw.Error as error:
                raise Unavailable(f"{self._file.path} took no write ({one_line(error)}): retry") from error

        await self._thread.ask(write)

    def _check_open(self) -> None:
        if not self._open:
            raise Unavailable(f"the keys {self._file.path} are closed")
