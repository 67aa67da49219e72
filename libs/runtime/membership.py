"""The port `Membership`: which of the states this process works for, when several run the same service (ADR 0018).

A state's streams all go to one member. The embedded system is a group of one. `shares.py` starts and stops a state's
loops as they come and go; adapters are `Alone` and `membership_kafka.py`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import ContextVar
from typing import Protocol

Fence = Callable[[], AbstractContextManager[None]]
fence: ContextVar[Fence | None] = ContextVar("fence", default=None)
"""In the loops of a state, what their appends go through: the `sure` of that state."""


class Membership(Protocol):
    """One member of a service's group. Used from one event loop."""

    def joined(self) -> AbstractAsyncContextManager[None]:
        """Be a member: entered when the states are first shared out; at the end they are given up at once."""
        ...

    @property
    def owned(self) -> frozenset[str]:
        """The states as last shared out. A member that was frozen, or cut off, may not know better yet."""
        ...

    async def changed(self, seen: frozenset[str]) -> None:
        """Return when `owned` is no longer what was seen. Raises what makes it impossible to be a member."""
        ...

    def sure(self, state: str) -> AbstractContextManager[None]:
        """Around an append: nobody else works for the state, and it is not shared out anew meanwhile.

        Raises Unavailable when that is not certain. A process that is frozen within may still wake up too late: what it
        then appends is what its successor has appended as well, under the same event ids.
        """
        ...

    def trouble(self) -> str | None:
        """For readiness: None, or in one line why it is no member now."""
        ...


class Alone:
    """The only member: it owns all states."""

    def __init__(self, states: Collection[str]) -> None:
        self.owned = frozenset(states)

    @contextlib.asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        yield

    async def changed(self, seen: frozenset[str]) -> None:
        if seen == self.owned:
            await asyncio.Event().wait()

    def sure(self, state: str) -> AbstractContextManager[None]:  # noqa: ARG002 -- the port's
        return contextlib.nullcontext()

    def trouble(self) -> str | None:
        return None
