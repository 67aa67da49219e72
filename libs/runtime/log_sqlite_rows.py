"""How records lie in the embedded log's file, and how they come back, many in one step (sqlite_threads.py: why).

A record's place is one integer, `stream id << 40 | offset`: the rowid, so that a stream is one run of the B-tree. Key
and headers share a cell, told apart by ASCII's own separators, which can be split in C; the value is stored as it came.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import apsw

from libs.runtime.errors import ReadStopped
from libs.runtime.log import NewRecord, Record
from libs.runtime.sqlite import Schema

SCHEMA = Schema(
    what="log",
    application_id=0x527A4C67,  # "RzLg"
    version=1,
    script="""
        CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        INSERT INTO meta VALUES ('identity', lower(hex(randomblob(16))));
        CREATE TABLE streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
        CREATE TABLE records (
            place INTEGER PRIMARY KEY, -- stream id << 40 | offset
            appended_at INTEGER NOT NULL, -- milliseconds since 1970
            head BLOB NOT NULL, -- key GS (US header name)* GS header value (US header value)*
            value BLOB NOT NULL
        );
    """,
)
ROWS_PER_READ = 250
"""A column of all of them is one blob, of which SQLite's limit is 1 GB: room for records of 4 MB. More is no faster."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

_ESCAPE, _GROUP, _RECORD, _UNIT = b"\x1b", b"\x1d", b"\x1e", b"\x1f"
_SPECIAL = re.compile(rb"[\x1b\x1d-\x1f]")
_ESCAPED = re.compile(rb"\x1b(.)")

_TAILS = """
    SELECT name, id, place, appended_at FROM streams JOIN records
    ON place = (SELECT max(place) FROM records WHERE place BETWEEN id << 40 AND (id << 40) + (1 << 40) - 1)
"""
_FETCH = """
    SELECT min(place), max(place), group_concat(appended_at), group_concat(length(value)),
        CAST(group_concat(head, char(30)) AS BLOB), CAST(group_concat(value, '') AS BLOB)
    FROM (SELECT * FROM records WHERE place BETWEEN ? AND ? ORDER BY place LIMIT ?)
"""


class Tail(NamedTuple):
    """Where a stream ends."""

    stream_id: int
    end: int
    """The next offset."""
    time: int
    """The last record's appended_at, in milliseconds since 1970."""


def place(stream_id: int, offset: int) -> int:
    return stream_id << 40 | offset


def tails(connection: apsw.Connection) -> Mapping[str, Tail]:
    """All streams of the file."""
    return {
        str(name): Tail(stream_id, last - place(stream_id, 0) + 1, time)
        for name, stream_id, last, time in connection.execute(_TAILS)
    }


def fetch(connection: apsw.Connection, stream: str, stream_id: int, offset: int, count: int) -> Sequence[Record]:
    """Up to `count` records from `offset` on. Raises ReadStopped when the file has lost one in between."""
    records: list[Record] = []
    while len(records) < count:
        asked = min(count - len(records), ROWS_PER_READ)
        start = place(stream_id, offset + len(records))
        first, last, *cells = connection.execute(_FETCH, (start, place(stream_id + 1, 0) - 1, asked)).get
        if first is None:
            break
        records += _records(stream, offset + len(records), *cells)
        if first != start or last != place(stream_id, offset + len(records) - 1):
            raise ReadStopped(f"{connection.filename} has a gap in {stream} at offset {offset}: restore a backup")
        if last - first + 1 < asked:
            break
    return records


def _records(stream: str, offset: int, times: str, sizes: str, heads: bytes, values: bytes) -> Sequence[Record]:
    """Hot: a rebuild does this a million times."""
    escaped = _ESCAPE in heads
    instants: dict[str, datetime] = {}  # a group commit gives all its records one instant
    records = []
    begin = 0
    for time, size, head in zip(times.split(","), sizes.split(","), heads.split(_RECORD), strict=True):
        instant = instants.get(time) or instants.setdefault(time, EPOCH + int(time) * MILLISECOND)
        end = begin + int(size)
        key, names, joined = head.split(_GROUP)
        parts = joined.split(_UNIT)
        if escaped:
            key, *parts = [_ESCAPED.sub(_unescape, part) for part in (key, *parts)]
        headers = tuple(zip(_decoded(names), parts))  # noqa: B905 - no header: no name and one empty part
        records.append(Record(stream, offset, instant, _text(key), headers, values[begin:end]))
        offset += 1
        begin = end
    return records


def pack(record: NewRecord) -> bytes:
    """Key and headers as one cell. Raises ValueError when a string has no UTF-8 form."""
    key = record.key.encode()
    names = _encoded(tuple([name for name, _ in record.headers]))
    values = [value for _, value in record.headers]
    if _SPECIAL.search(b"".join((key, *values))):
        key, *values = [_SPECIAL.sub(_escape, part) for part in (key, *values)]
    return b"".join((key, _GROUP, names, _GROUP, _UNIT.join(values)))


@lru_cache(maxsize=1024)  # a handful of sets of names, a few hundred keys
def _encoded(names: tuple[str, ...]) -> bytes:
    return b"".join(_UNIT + _SPECIAL.sub(_escape, name.encode()) for name in names)


@lru_cache(maxsize=1024)
def _decoded(names: bytes) -> tuple[str, ...]:
    return tuple(_ESCAPED.sub(_unescape, name).decode() for name in names.split(_UNIT)[1:])


@lru_cache(maxsize=4096)
def _text(key: bytes) -> str:
    return key.decode()


def _escape(special: re.Match[bytes]) -> bytes:
    return _ESCAPE + bytes([special[0][0] ^ 0x40])


def _unescape(escaped: re.Match[bytes]) -> bytes:
    return bytes([escaped[1][0] ^ 0x40])
