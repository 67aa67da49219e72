"""A membership whose states are given by the test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from libs.runtime.errors import Unavailable


class Given:
    """`give` shares out anew."""

    def __init__(self, *states: str) -> None:
        self.owned = frozenset(states)
        self.told = asyncio.Event()
        self.left = False

    def give(self, *states: str) -> None:
        self.owned = frozenset(states)
        told, self.told = self.told, asyncio.Event()
        told.set()

    @contextlib.asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self.left = True

    async def changed(self, seen: frozenset[str]) -> None:
        while self.owned == seen:
            await self.told.wait()

    @contextlib.contextmanager
    def sure(self, state: str) -> Iterator[None]:
        if state not in self.owned:
            raise Unavailable(f"not sure of {state}")
        yield

    def trouble(self) -> str | None:
        return None
