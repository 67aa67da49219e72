"""Another log's records in a file of the embedded log: offsets, times, keys, headers and bytes as they are there."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from apsw import SQLITE_OPEN_READONLY

from libs.runtime.errors import ReadStopped
from libs.runtime.log import EventLog, NewRecord, Record
from libs.runtime.log_sqlite_rows import EPOCH, MILLISECOND, SCHEMA, pack, place, tails
from libs.runtime.sqlite import Cell, connect, insert_rows, open_file, opening, transaction

AT_ONCE = 1000


def ends_in(path: Path) -> Mapping[str, int]:
    """The streams of a file of the embedded log that nobody writes, and the next offset of each."""
    reader = connect(path, SQLITE_OPEN_READONLY)
    try:
        return {stream: tail.end for stream, tail in tails(reader).items()}
    finally:
        reader.close()


async def export_log(log: EventLog, ends: Mapping[str, int], path: Path) -> int:
    """Copy each stream up to its end in `ends` into a new file. How many records.

    Raises ReadStopped when one is missing, and what the log raises; and WrongDatabase when the file cannot be made.
    """
    copied = 0
    with opening(path, SCHEMA) as undo:
        file = open_file(path, SCHEMA, read_only=False)
        undo.callback(file.close)
        writer = file.writer
        assert writer is not None  # noqa: S101 -- opened for writing
        writer.pragma("synchronous", "OFF")  # the copy is made durable as a whole
        for number, (stream, end) in enumerate(sorted((name, end) for name, end in ends.items() if end), 1):
            with transaction(writer):
                insert_rows(writer, "streams", [(number, stream)])
                position = 0
                while position < end:
                    records = await log.read(stream, position, max_records=min(AT_ONCE, end - position))
                    if not records or any(each.offset != at for at, each in enumerate(records, position)):
                        raise ReadStopped(f"{stream}: a gap at offset {position} or behind it: run `rozana verify`")
                    insert_rows(writer, "records", [_row(number, each) for each in records])
                    position += len(records)
            copied += end
        file.close()
    return copied


def _row(number: int, record: Record) -> Sequence[Cell]:
    time = (record.appended_at - EPOCH) // MILLISECOND
    return place(number, record.offset), time, pack(NewRecord(record.key, record.headers, record.value)), record.value
