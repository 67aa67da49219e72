"""The port `ErasableStore`: values by key that can be destroyed, beside a log that is for ever. These docstrings are
the specification; `tests/contracts/erasable_contract.py` holds every adapter to them.

Adapters: `erasable_sqlite.py` (embedded), `erasable_kafka.py` (production: a compacted topic). It holds what a sealed
text is opened with, and nothing that anybody could read by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol


class ErasableStore(Protocol):
    """Streams of STREAMS that are erasable, such as `rozana.in-mp.grievance-keys`. Keys are ids: they say nothing."""

    async def put(self, stream: str, key: str, value: bytes) -> None:
        """Keep `value`, which is not empty. A key is put once; of two values, which one stays is not said.

        Durable on return. Raises Unavailable, and OutcomeUnknown, which are both answered by calling again.
        """
        ...

    async def get(self, stream: str, key: str) -> bytes | None:
        """None: there never was one, or it was erased. Raises Unavailable."""
        ...

    async def all(self, stream: str) -> Mapping[str, bytes]:
        """Every value that `get` would answer, by key: for a copy. Raises Unavailable."""
        ...

    async def erase(self, stream: str, keys: Sequence[str]) -> None:
        """From now on `get` answers None, durably. Erasing what is not there is done at once. Raises Unavailable.

        SQLite: on return the bytes are in no file any more, the write-ahead log included. Kafka: the brokers throw
        them away within two days (libs/runtime/topics.py), as long as somebody calls `tidy`.
        """
        ...

    async def tidy(self, stream: str) -> None:
        """Called now and then: lets what was erased disappear where that takes a further write. Raises Unavailable."""
        ...

    async def close(self) -> None:
        """Later calls raise Unavailable. Closing twice is allowed."""
        ...
