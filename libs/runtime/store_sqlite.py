"""`DocumentStore` on one SQLite file: one writing thread with group commit, one reading thread.

Documents come back as one JSON text made by SQLite, whatever their number (sqlite_threads.py says why).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from libs.runtime.errors import Unavailable
from libs.runtime.sqlite import DatabaseFile, Schema, insert_rows, open_file, transaction
from libs.runtime.sqlite_threads import Reads, Worker
from libs.runtime.store import INDEXED, INDEXES, Document, Json

DOCUMENTS_PER_COMMIT = 1000

# JSON paths of our own names; a missing member sorts as "", as the port says.
_MEMBER = {name: f"json_extract(body, '$.{name}')" for name in INDEXED}
_SORTED = {name: f"coalesce({member}, '')" for name, member in _MEMBER.items()}
SCHEMA = Schema(
    what="store",
    application_id=0x527A5374,  # "RzSt"
    version=1,
    script="""
        CREATE TABLE documents (
            number INTEGER PRIMARY KEY, -- a rowid table, because bodies are large
            collection TEXT NOT NULL,
            id TEXT NOT NULL,
            version INTEGER NOT NULL,
            body TEXT NOT NULL,
            UNIQUE (collection, id)
        );
    """,
    indexes="".join(
        f"CREATE INDEX IF NOT EXISTS by_{'_'.join(names)} ON documents"
        f" ({', '.join(('collection', _MEMBER[names[0]], *(_SORTED[name] for name in names[1:]), 'id'))})"
        f" WHERE {_MEMBER[names[0]]} IS NOT NULL;"
        for names in INDEXES
    ),
)
_AS_JSON = "SELECT '[' || group_concat('[' || json_quote(id) || ',' || version || ',' || body || ']') || ']' FROM "
_GUARD = "ON CONFLICT (collection, id) DO UPDATE SET version = excluded.version, body = excluded.body"
_AMONG = "documents WHERE collection = ? AND id IN (SELECT value FROM json_each(?))"
_VERSIONS = f"SELECT json_group_object(id, version) FROM {_AMONG}"  # noqa: S608 - names of ours only, here and below
_IDS = "SELECT json_group_array(id) FROM (SELECT id FROM documents WHERE collection = ? ORDER BY id LIMIT -1)"
_COLLECTIONS = """
    WITH RECURSIVE found (name) AS (
        SELECT min(collection) FROM documents
        UNION ALL SELECT (SELECT min(collection) FROM documents WHERE collection > name) FROM found WHERE name NOTNULL
    ) SELECT json_group_array(name) FROM found WHERE name NOTNULL
"""


def open_store(path: str | Path, *, read_only: bool = False) -> "SqliteDocumentStore":
    """Open or make the store at `path`; `read_only`, beside the process that writes. Raises WrongDatabase."""
    return SqliteDocumentStore(open_file(path, SCHEMA, read_only=read_only))


@dataclass(frozen=True, slots=True)
class _Put:
    collection: str
    rows: Sequence[tuple[str, int, str]]
    """id, version, body as JSON"""


@dataclass(frozen=True, slots=True)
class _Drop:
    collection: str


class SqliteDocumentStore:
    """Use it from one event loop."""

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file
        name = f"the store {file.path}"
        self._reads = Reads(f"{name} (reading)", file.reader)
        self._writes: Worker[_Put | _Drop, Sequence[bool]] | None = None
        if file.writer is not None:
            self._writes = Worker(
                f"{name} (writing)",
                partial(self._commit, file.writer),
                most=DOCUMENTS_PER_COMMIT,
                finish=file.checkpoint,
            )

    async def get(self, collection: str, document_id: str) -> Document | None:
        return (await self.get_many(collection, [document_id])).get(document_id)

    async def get_many(self, collection: str, document_ids: Sequence[str]) -> Mapping[str, Document]:
        found = await self._documents(_AMONG, (collection, json.dumps(list(document_ids))))
        return {document.id: document for document in found}

    async def put(self, collection: str, documents: Sequence[Document]) -> Sequence[bool]:
        rows = [(document.id, document.version, _dump(document.body)) for document in documents]
        for text in (collection, *(cell for name, _, body in rows for cell in (name, body))):
            text.encode()  # what has no UTF-8 form is refused here, not in the middle of other callers' transaction
        return await self._write(_Put(collection, rows), weight=len(rows))

    async def find(
        self,
        collection: str,
        where: Mapping[str, str | Sequence[str]],
        *,
        order_by: str | None = None,
        descending: bool = False,
        after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> Sequence[Document]:
        for name in (*where, *([order_by] if order_by else [])):
            if name not in _MEMBER:
                raise ValueError(f"{name} is not one of {', '.join(INDEXED)}")
        conditions, values = ["collection = ?"], [collection]
        for name, asked in where.items():
            among = [asked] if isinstance(asked, str) else list(asked)
            conditions.append(f"{_MEMBER[name]} IN ({','.join('?' * len(among))})")
            values += among
        # The plus keeps SQLite from walking through the whole collection by id, when a member's index finds less.
        keys = [_SORTED[order_by], "id"] if order_by else ["+id" if where else "id"]
        if after is not None:
            conditions.append(f"({', '.join(keys)}) {'<' if descending else '>'} ({','.join('?' * len(keys))})")
            values += after[-len(keys) :]
        order = ", ".join(f"{key} {'DESC' if descending else 'ASC'}" for key in keys)
        return await self._documents(
            f"documents WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ?", (*values, max(limit, 0))
        )

    async def ids(self, collection: str) -> Sequence[str]:
        return await self._names(_IDS, (collection,))

    async def drop(self, collection: str) -> None:
        await self._write(_Drop(collection))

    async def collections(self) -> Sequence[str]:
        return await self._names(_COLLECTIONS, ())

    async def close(self) -> None:
        if self._writes is not None:
            await self._writes.close()
        await self._reads.close()
        self._file.close()

    async def _write(self, job: _Put | _Drop, *, weight: int = 1) -> Sequence[bool]:
        if self._writes is None:
            raise Unavailable(f"the store {self._file.path} is open for reading only: write where it is written")
        return await self._writes.do(job, weight=weight)

    async def _documents(self, source: str, values: tuple[str | int, ...]) -> Sequence[Document]:
        statement = f"{_AS_JSON} (SELECT id, version, body FROM {source})"  # noqa: S608
        found = await self._reads.ask(partial(_loads, statement, values))
        return [Document(name, version, body) for name, version, body in found]

    async def _names(self, statement: str, values: tuple[str, ...]) -> Sequence[str]:
        return await self._reads.ask(partial(_loads, statement, values))

    def _commit(self, writer: apsw.Connection, jobs: Sequence[_Put | _Drop]) -> Sequence[Sequence[bool]]:
        with transaction(writer):
            return [self._perform(writer, job) for job in jobs]

    def _perform(self, writer: apsw.Connection, job: _Put | _Drop) -> Sequence[bool]:
        if isinstance(job, _Drop):
            writer.execute("DELETE FROM documents WHERE collection = ?", (job.collection,))
            return ()
        asked = json.dumps([name for name, _, _ in job.rows])
        # One process writes and holds the file's lock: what is read here is still so when the rows go in.
        versions: dict[str, int] = _loads(_VERSIONS, (job.collection, asked), writer)
        written = []
        for name, version, _ in job.rows:
            written.append(name not in versions or versions[name] < version)
            versions[name] = max(version, versions.get(name, version))
        rows = [(job.collection, *row) for row, new in zip(job.rows, written, strict=True) if new]
        insert_rows(writer, "documents (collection, id, version, body)", rows, then=_GUARD)
        return written


def _dump(body: Mapping[str, Json]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _loads(statement: str, values: tuple[str | int, ...], connection: apsw.Connection) -> Any:
    """The JSON that a statement's only cell holds; nothing found is an empty list."""
    return json.loads(connection.execute(statement, values).get or "[]")
