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

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ASCENDING, DESCENDING, AsyncMongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from libs.runtime.errors import StartRefused, Unavailable
from libs.runtime.store import INDEXED, Document
from libs.runtime.store_mongo_collection import MIGRATION, MongoCollection, document_of, errors_of

Driver = Literal["motor", "pymongo"]
DATABASE = "rozana"
"""Unless the URL names another."""
DEADLINE = 5.0
"""Seconds of real time for a call, with all that the driver tries again in it."""
FIND_SERVER_SECONDS = 3.0
"""How long a call looks for a server that takes it."""
LONGEST_NAME = 200
"""Bytes of a collection's name, of MongoDB's 255 with the database's name and the indexes'."""


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
        self._known: dict[str, MongoCollection] = {}
        self._open = True
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def get(self, collection: str, document_id: str) -> Document | None:
        return (await self.get_many(collection, [document_id])).get(document_id)

    async def get_many(self, collection: str, document_ids: Sequence[str]) -> Mapping[str, Document]:
        async with self._call():
            return await self._of(collection).get_many(document_ids)

    async def put(self, collection: str, documents: Sequence[Document]) -> Sequence[bool]:
        async with self._call():
            return await self._of(collection).put(documents)

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
            return [document_of(each) for each in await found.sort(order).limit(limit).to_list(None)]

    async def ids(self, collection: str) -> Sequence[str]:
        async with self._call():
            found = self._collection(collection).find({}, {"_id": True}).sort([("_id", ASCENDING)])
            return [each["_id"] for each in await found.to_list(None)]

    async def drop(self, collection: str) -> None:
        async with self._call():
            self._known.pop(collection, None)  # its indexes are gone, too
            await self._collection(collection).drop()

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
        for each in self._known.values():
            await each.finish()
        if inspect.isawaitable(closing := self._client.close()):  # motor's does not wait
            await closing

    def _collection(self, name: str) -> Any:
        return self._database[_stored_name(name)]

    def _of(self, name: str) -> MongoCollection:
        if name not in self._known:
            self._known[name] = MongoCollection(self._collection(name), self._where)
        return self._known[name]

    @contextlib.asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        """A call under way, which `close` waits for."""
        if not self._open:
            raise Unavailable(f"{self._where} is closed")
        self._under_way += 1
        self._idle.clear()
        try:
            with errors_of(self._where):
                yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()


def _stored_name(collection: str) -> str:
    """The collection's name as MongoDB takes it: `unquote` gives it back."""
    name = _FORBIDDEN.sub(lambda found: f"%{ord(found[0][0]):02X}{found[0][1:]}", quote(collection, safe="/ :@,+="))
    if not 0 < len(name) <= LONGEST_NAME:
        raise ValueError(f"a collection's name has from 1 to {LONGEST_NAME} bytes")
    return name


_FORBIDDEN = re.compile(r"^system\.|^\.|\.$|\.(?=\.)")
"""What `quote` lets stand, and MongoDB does not."""
