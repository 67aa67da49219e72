"""One collection on MongoDB: all who read in it at one time are one call of the driver, and so are all who write."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, IndexModel, ReplaceOne
from pymongo.errors import BulkWriteError, PyMongoError

from libs.runtime.errors import Unavailable
from libs.runtime.gathering import Gathering
from libs.runtime.store import INDEXED, INDEXES, Document, Json

DUPLICATE_KEY = 11000
MOST_RACES = 20
"""Lost in a row against other writers of one document, before the call gives up."""
MOST_AT_ONCE = 1000
"""Documents that are read or written by one call for several callers."""
LARGEST = 16 * 1024 * 1024
"""Bytes of a document: MongoDB's limit."""
MIGRATION = [
    IndexModel([*((f"by.{name}", ASCENDING) for name in names), ("_id", ASCENDING)], name=f"by_{'_'.join(names)}")
    for names in INDEXES
]
"""What a collection gets before its first document; making what is there already changes nothing."""


@dataclass(frozen=True, slots=True)
class _Write:
    document: Document
    encoded: RawBSONDocument


class MongoCollection:
    """What is written into it is guarded. `collection`: the driver's; `where`: for errors."""

    def __init__(self, collection: Any, where: str) -> None:
        self._collection = collection
        self._where = where
        self._migrated = False
        self._reads: Gathering[Sequence[str], Mapping[str, Document]] = Gathering(self._read, most=MOST_AT_ONCE)
        self._writes: Gathering[Sequence[_Write], Sequence[bool]] = Gathering(self._write, most=MOST_AT_ONCE)

    async def get_many(self, document_ids: Sequence[str]) -> Mapping[str, Document]:
        return await self._reads.ask(document_ids, weight=len(document_ids))

    async def put(self, documents: Sequence[Document]) -> Sequence[bool]:
        writes = [_Write(document, _replacement(document)) for document in documents]
        return await self._writes.ask(writes, weight=len(writes))

    async def finish(self) -> None:
        """Return when nothing is under way, also of what nobody waits for any more."""
        await self._reads.finish()
        await self._writes.finish()

    async def _read(self, asked: Sequence[Sequence[str]]) -> Sequence[Mapping[str, Document]]:
        with errors_of(self._where):
            ids = list({each: None for some in asked for each in some})
            found = await self._collection.find({"_id": {"$in": ids}}).to_list(None)
        documents = {each["_id"]: document_of(each) for each in found}
        return [{each: documents[each] for each in some if each in documents} for some in asked]

    async def _write(self, asked: Sequence[Sequence[_Write]]) -> Sequence[Sequence[bool] | Exception]:
        written = [[False] * len(some) for some in asked]
        refused: dict[int, Exception] = {}
        left = [(job, at) for job, some in enumerate(asked) for at, _ in enumerate(some)]
        with errors_of(self._where):
            await self._migrate()
            for _ in range(MOST_RACES):
                if not left:
                    break
                done, failed = await self._replace([asked[job][at] for job, at in left])
                for job, at in left[:done]:
                    written[job][at] = True
                left = left[done:]
                if failed is not None:  # it alone is to blame, and takes with it what its caller has put behind it
                    refused[left[0][0]] = Unavailable(f"{self._where} did not do it ({failed}): see whether it runs")
                elif left:
                    lower = await self._lower([asked[job][at].document for job, at in left])
                    first = left[0][0]  # whose turn comes last now: who loses races holds up nobody else
                    left = [each for each, is_lower in zip(left, lower, strict=True) if is_lower]
                    left.sort(key=lambda each: each[0] == first)
                left = [(job, at) for job, at in left if job not in refused]
        lost = {job for job, _ in left}
        races = Unavailable(f"{self._where} has other writers of the same documents: try again")
        return [refused.get(job, races if job in lost else answers) for job, answers in enumerate(written)]

    async def _replace(self, writes: Sequence[_Write]) -> tuple[int, str | None]:
        """Write them in order up to the first that is not to be. Answers how many were written; and why the next one
        was not, unless it was there already.

        The guard: a document of a version at least ours does not match the filter, and MongoDB, told to insert one
        instead, finds that its id is taken. The same answer comes when another writer was faster with a lower version,
        so that the stored version decides.
        """
        guarded: list[ReplaceOne[Any]] = [
            ReplaceOne({"_id": each.document.id, "version": {"$lt": each.document.version}}, each.encoded, upsert=True)
            for each in writes
        ]
        try:
            await self._collection.bulk_write(guarded, ordered=True)
        except BulkWriteError as error:
            if not (failed := error.details["writeErrors"]):
                raise
            first, code = failed[0], failed[0]["code"]
            return first["index"], None if code == DUPLICATE_KEY else f"write error {code}"
        return len(writes), None

    async def _lower(self, documents: Sequence[Document]) -> Sequence[bool]:
        """Of each, whether what is stored is of a lower version, or nothing is."""
        ids = [document.id for document in documents]
        found = await self._collection.find({"_id": {"$in": ids}}, {"version": True}).to_list(None)
        stored = {each["_id"]: each["version"] for each in found}
        return [each.id not in stored or stored[each.id] < each.version for each in documents]

    async def _migrate(self) -> None:
        if not self._migrated:
            await self._collection.create_indexes(MIGRATION)
            self._migrated = True


@contextlib.contextmanager
def errors_of(where: str) -> Iterator[None]:
    """The driver's errors come out as Unavailable, without a payload."""
    try:
        yield
    except PyMongoError as error:
        raise Unavailable(f"{where} did not do it ({_reason(error)}): see whether it runs") from None


def _reason(error: PyMongoError) -> str:
    """What kind of error; its text may hold documents."""
    details = getattr(error, "details", None)
    code = details.get("codeName") if isinstance(details, Mapping) else None
    return f"{type(error).__name__}{f' {code}' if code else ''}"


def _replacement(document: Document) -> RawBSONDocument:
    """Encoded once, before anything is sent: what cannot be stored is refused alone, with ValueError."""
    members = {name: value if isinstance(value := document.body.get(name), str) else "" for name in INDEXED}
    whole = {"_id": document.id, "version": document.version, "body": document.body, "by": members}
    try:
        encoded = bson.encode(whole)
    except (bson.errors.BSONError, OverflowError, UnicodeError) as error:
        raise ValueError(f"a document that MongoDB cannot store ({type(error).__name__})") from None
    if len(encoded) > LARGEST:
        raise ValueError(f"a document of more than {LARGEST} bytes, which is all that MongoDB stores")
    if b"$ref\0" in encoded and bson.decode(encoded)["body"] != document.body:
        raise ValueError("a document that MongoDB's drivers would read as a reference")
    return RawBSONDocument(encoded)


def document_of(found: Mapping[str, Any]) -> Document:
    body: Mapping[str, Json] = found["body"]
    return Document(found["_id"], found["version"], body)
