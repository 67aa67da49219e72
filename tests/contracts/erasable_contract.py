"""What every `ErasableStore` does: one test for each sentence of the port's docstrings (libs/runtime/erasable.py)."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from libs.events.streams import stream_name
from libs.runtime.erasable import ErasableStore
from libs.runtime.errors import Unavailable

STREAM, OTHER = stream_name("grievance-keys", "in-mp"), stream_name("grievance-keys", "in-rj")


class ErasableContract:
    """Subclass it as `Test…` and give the fixture `kept`: a new, empty one, closed afterwards."""

    @pytest.fixture
    def kept(self) -> AsyncIterator[ErasableStore]:
        raise NotImplementedError

    async def test_what_was_put_is_found_in_its_stream_alone(self, kept: ErasableStore) -> None:
        key, value = str(uuid4()), bytes(range(256))
        assert await kept.get(STREAM, key) is None
        await kept.put(STREAM, key, value)
        assert await kept.get(STREAM, key) == value
        assert await kept.get(STREAM, str(uuid4())) is None
        assert await kept.get(OTHER, key) is None

    async def test_putting_the_same_again_changes_nothing(self, kept: ErasableStore) -> None:
        key = str(uuid4())
        for _ in range(2):
            await kept.put(STREAM, key, b"wrapped")
        assert await kept.get(STREAM, key) == b"wrapped"

    async def test_what_was_erased_is_not_found_and_the_rest_is(self, kept: ErasableStore) -> None:
        keys = [str(uuid4()) for _ in range(4)]
        await asyncio.gather(*(kept.put(STREAM, key, key.encode()) for key in keys))
        await kept.put(OTHER, keys[0], b"elsewhere")
        await kept.erase(STREAM, keys[:2])
        await kept.tidy(STREAM)
        assert [await kept.get(STREAM, key) for key in keys] == [None, None, keys[2].encode(), keys[3].encode()]
        assert await kept.get(OTHER, keys[0]) == b"elsewhere"
        assert await kept.all(STREAM) == {key: key.encode() for key in keys[2:]}
        assert await kept.all(OTHER) == {keys[0]: b"elsewhere"}

    async def test_erasing_what_is_not_there_is_done_at_once(self, kept: ErasableStore) -> None:
        await kept.erase(STREAM, [str(uuid4())])
        await kept.erase(STREAM, [])

    async def test_closed_it_answers_nothing(self, kept: ErasableStore) -> None:
        await kept.close()
        await kept.close()
        for call in (
            kept.put(STREAM, "a", b"b"),
            kept.get(STREAM, "a"),
            kept.all(STREAM),
            kept.erase(STREAM, ["a"]),
            kept.tidy(STREAM),
        ):
            with pytest.raises(Unavailable, match="closed"):
                await call
