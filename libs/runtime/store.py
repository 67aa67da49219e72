"""The port `DocumentStore`: JSON documents in collections, each write guarded. These docstrings are the specification.

`tests/contracts/store_contract.py` holds every adapter to them. Adapters: `store_sqlite.py` (embedded),
`store_mongo.py` (production). Only single-document atomicity is promised, because only that is needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Json = str | int | bool | None | Sequence["Json"] | Mapping[str, "Json"]
"""What a body is made of. No floats, so that canonical hashes are exact; rates are worked out when read."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document as stored. Top-level members of `body` named in INDEXED can be searched."""

    id: str
    version: int
    """What the guard compares. A projection uses the offset of the last event that touched the document."""
    body: Mapping[str, Json]


INDEXED = (
    "state",
    "district",
    "day",
    "status",
    "rule",
    "subject",
    "raised_at",
    "queue",
    "due_at",
    "told_from",
    "tenure_id",
)
"""The members of a body that `find` may ask for, in every collection."""
INDEXES = (
    ("state", "day"),
    ("state", "raised_at"),
    ("district", "day"),
    ("day",),
    ("status", "raised_at"),
    ("rule", "raised_at"),
    ("subject", "raised_at"),
    ("raised_at",),
    ("queue", "due_at"),
)
"""Each serves documents by its first member, in the order of its second. What stands in none of them narrows down what
another member has found."""


class DocumentStore(Protocol):
    """Collections that are made by their first write."""

    async def get(self, collection: str, document_id: str) -> Document | None: ...

    async def get_many(self, collection: str, document_ids: Sequence[str]) -> Mapping[str, Document]:
        """Those that exist, by id."""
        ...

    async def put(self, collection: str, documents: Sequence[Document]) -> Sequence[bool]:
        """Write each document if none is stored under its id or the stored version is lower; else leave it.

        Answers, in order, whether each was written: False means "a version at least as high is already there",
        never an error. Each document is written atomically and is durable on return; the sequence is written in
        order, so that when a later document is found after a crash, the earlier ones are there too.
        A claim is a put of `version + 1`: of two claimers one is told False. Raises Unavailable.
        """
        ...

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
        """Documents whose members equal `where` (or are one of several values); an empty `where` matches all.

        Ordered by the string member `order_by` ("" where it is missing), then by id, both in code-point order; by id
        alone without it. `after` = (that member's value or "", id) of the last one seen: only what comes behind it in
        the asked order. `where` and `order_by` may name members of INDEXED only (ValueError otherwise).
        """
        ...

    async def ids(self, collection: str) -> Sequence[str]:
        """All ids of a collection, in order; empty when it does not exist."""
        ...

    async def drop(self, collection: str) -> None:
        """Remove a collection and all in it. Nothing happens when there is none."""
        ...

    async def collections(self) -> Sequence[str]:
        """The names of those that hold a document, in order."""
        ...

    async def close(self) -> None:
        """Finish what was accepted, then let go. Later calls raise Unavailable. Closing twice is allowed."""
        ...
