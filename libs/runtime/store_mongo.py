"""`DocumentStore` on MongoDB, by motor or by pymongo's own asynchronous client: only calls that both have (ADR 0004).

A document is stored as `{_id, version, body, by}`. The body is as it came: keys may hold dots, as district codes
do, and dollar signs, since nothing ever asks for a path through them. `by` repeats the searchable members as strings,
"" where one is missing: the port sorts by that, and MongoDB would sort a missing member before "".
"""

import asyncio
import contextlib
import inspect
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote, unquote

import bson
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ASCENDING, DESCENDING, AsyncMongoClient, IndexModel, ReplaceOne
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.uri_parser import parse_uri

from libs.runtime.errors import StartRefused, Unavailable
from libs.runtime.store import INDEXED, INDEXES, Document, Json

Driver = Literal["motor", "pymongo"]
DATABASE = "rozana"
"""Unless the URL names another."""
DEADLINE = 5.0
"""Seconds of real time for a call, with all that the driver tries again in it."""
FIND_SERVER_SECONDS = 3.0
"""How long a call looks for a server that takes it."""
DUPLICATE_KEY = 11000
MOST_RACES = 20
"""Lost in a row against other writers of one document, before the call gives up."""
LONGEST_NAME = 200
"""Bytes of a collection's name, of MongoDB's 255 with the database's name and the indexes'."""
LARGEST = 16 * 1024 * 1024
"""Bytes of a document: MongoDB's limit."""
MIGRATION = [
    IndexModel([*((f"by.{name}", ASCENDING) for name in names), ("_id", ASCENDING)], name=f"by_{'_'.join(names)}")
    for names in INDEXES
]
"""What a collection gets before its first document; making what is there already changes nothing."""


def open_store(url: str, driver: Driver = "motor", *, deadline: float = DEADLINE) -> "MongoDocumentStore":
    """Name the store; the first call connects. Raises StartRefused when the URL cannot be meant.

    What a URL may not change is set here: an acknowledged write is in the journals of a majority, and a read sees
    nothing else.
    """
    connect: Any = AsyncIOMotorClient if driver == "motor" else AsyncMongoClient
    try:
        client = connect(
            url,
            w="majority",
            journal=True,
            readConcernLevel="majority",
            tz_aware=True,
            uuidRepresentation="standard",
            timeoutMS=round(deadline * 1000),
            serverSelectionTimeoutMS=round(min(deadline, FIND_SERVER_SECONDS) * 1000),
            appname="rozana",
        )
        hosts = ", ".join(f"{host}:{port}" for host, port in parse_uri(url)["nodelist"])
    except (PyMongoError, ValueError):
        raise StartRefused(
            "ROZANA_STORE: this mongodb:// URL cannot be read: see its host, options and escapes"
        ) from None
    return MongoDocumentStore(client, hosts)


class MongoDocumentStore:
    """Use it from the event loop that it was opened in."""

    def __init__(self, client: Any, hosts: str) -> None:
        self._client = client
        self._database = client.get_default_database(default=DATABASE)
        self._where = f"the store at {hosts}"
        self._migrated: set[str] = set()
        self._open = True
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def get(self, collection: str, document_id: str) -> Document | None:
        return (await self.get_many(collection, [document_id])).get(document_id)

    async def get_many(self, collection: str, document_ids: Sequence[str]) -> Mapping[str, Document]:
        async with self._call():
            found = await self._collection(collection).find({"_id": {"$in": list(document_ids)}}).to_list(None)
        return {each["_id"]: _document(each) for each in found}

    async def put(self, collection: str, documents: Sequence[Document]) -> Sequence[bool]:
        replacements = [_replacement(document) for document in documents]
        written = [False] * len(documents)
        left = list(range(len(documents)))
        async with self._call():
            await self._migrate(collection)
            for _ in range(MOST_RACES):
                left = await self._put(self._collection(collection), documents, replacements, left, written)
                if not left:
                    return written
        raise Unavailable(f"{self._where} has other writers of the same documents: try again")

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
            if name not in INDEXED:
                raise ValueError(f"{name} is not one of {', '.join(INDEXED)}")
        conditions: list[Mapping[str, Any]] = []
        for name, asked in where.items():
            among = [asked] if isinstance(asked, str) else list(asked)
            conditions.append({f"by.{name}": {"$in": among}})
            if "" in among:  # which also stands for a missing member
                conditions.append({f"body.{name}": {"$in": among}})
        keys = [f"by.{order_by}", "_id"] if order_by else ["_id"]
        if after is not None:
            behind = "$lt" if descending else "$gt"
            first, *second = zip(keys, after[-len(keys) :], strict=True)
            further: list[Mapping[str, Any]] = [{first[0]: {behind: first[1]}}]
            further += [{first[0]: first[1], key: {behind: value}} for key, value in second]
            conditions.append({"$or": further})
        if limit <= 0:
            return []
        async with self._call():
            found = self._collection(collection).find({"$and": conditions} if conditions else {})
            order = [(key, DESCENDING if descending else ASCENDING) for key in keys]
            return [_document(each) for each in await found.sort(order).limit(limit).to_list(None)]

    async def ids(self, collection: str) -> Sequence[str]:
        async with self._call():
            found = self._collection(collection).find({}, {"_id": True}).sort([("_id", ASCENDING)])
            return [each["_id"] for each in await found.to_list(None)]

    async def drop(self, collection: str) -> None:
        async with self._call():
            self._migrated.discard(collection)
            await self._database.drop_collection(_stored_name(collection))

    async def collections(self) -> Sequence[str]:
        async with self._call():
            names = [name for name in await self._database.list_collection_names() if not name.startswith("system.")]
            held = [name for name in names if await self._database[name].find_one({}, {"_id": True}) is not None]
        return sorted(map(unquote, held))

    async def missing_indexes(self) -> Mapping[str, Sequence[str]]:
        """By collection, the names of those of MIGRATION that it does not have. Not of the port."""
        missing = {}
        async with self._call():
            for name in await self._database.list_collection_names():
                there = await self._database[name].index_information()
                wanted = [index.document["name"] for index in MIGRATION]
                if lost := [each for each in wanted if each not in there]:
                    missing[unquote(name)] = lost
        return missing

    async def close(self) -> None:
        self._open = False
        await self._idle.wait()
        if inspect.isawaitable(closing := self._client.close()):  # motor's does not wait
            await closing

    async def _put(
        self,
        collection: Any,
        documents: Sequence[Document],
        replacements: Sequence[RawBSONDocument],
        left: Sequence[int],
        written: list[bool],
    ) -> list[int]:
        """Write `left` in order, up to the first that is there already. Answers what is then left, less all that are.

        The guard: a document of a version at least ours does not match the filter, and MongoDB, told to insert one
        instead, finds that its id is taken. The same answer comes when another writer was faster with a lower version,
        so that the stored version decides.
        """
        guarded: list[ReplaceOne[Any]] = [
            ReplaceOne(
                {"_id": documents[at].id, "version": {"$lt": documents[at].version}}, replacements[at], upsert=True
            )
            for at in left
        ]
        try:
            if guarded:
                await collection.bulk_write(guarded, ordered=True)
        except BulkWriteError as error:
            failed = error.details["writeErrors"]
            if not failed or failed[0]["code"] != DUPLICATE_KEY:
                raise
            done, undone = left[: failed[0]["index"]], left[failed[0]["index"] :]
        else:
            done, undone = left, []
        for at in done:
            written[at] = True
        if not undone:
            return []
        found = await collection.find({"_id": {"$in": [documents[at].id for at in undone]}}, {"version": True}).to_list(
            None
        )
        stored = {each["_id"]: each["version"] for each in found}
        return [
            at for at in undone if stored.get(name := documents[at].id) is None or stored[name] < documents[at].version
        ]

    async def _migrate(self, collection: str) -> None:
        if collection not in self._migrated:
            await self._collection(collection).create_indexes(MIGRATION)
            self._migrated.add(collection)

    def _collection(self, name: str) -> Any:
        return self._database[_stored_name(name)]

    @contextlib.asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        """A call under way, which `close` waits for. The driver's errors come out as Unavailable, without a payload."""
        if not self._open:
            raise Unavailable(f"{self._where} is closed")
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        except PyMongoError as error:
            raise Unavailable(f"{self._where} did not do it ({_reason(error)}): see whether it runs") from None
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()


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


def _document(found: Mapping[str, Any]) -> Document:
    body: Mapping[str, Json] = found["body"]
    return Document(found["_id"], found["version"], body)


def _stored_name(collection: str) -> str:
    """The collection's name as MongoDB takes it: `unquote` gives it back."""
    name = _FORBIDDEN.sub(lambda found: f"%{ord(found[0][0]):02X}{found[0][1:]}", quote(collection, safe="/ :@,+="))
    if not 0 < len(name) <= LONGEST_NAME:
        raise ValueError(f"a collection's name has from 1 to {LONGEST_NAME} bytes")
    return name


_FORBIDDEN = re.compile(r"^system\.|^\.|\.$|\.(?=\.)")
"""What `quote` lets stand, and MongoDB does not."""
