"""`Membership` in a group of Kafka's. Only who works for which state is settled there: positions come from the store,
and no stream is fetched by the group (ADR 0018).

What a member owns is its own for a session's length from when its last good heartbeat was sent: so long, Kafka gives it
to nobody else. Real time goes on while a process is frozen, so the first that one does when it wakes up is to doubt.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Never

from libs.runtime.errors import Unavailable
from libs.runtime.log_kafka_client import Cluster
from libs.runtime.log_kafka_group import Forgotten, Group, JoinAgain, Joined, opened_group
from libs.runtime.sharing_out import Member
from libs.runtime.telemetry import Logger

HEARTBEATS = 10
"""Of a session: so soon each member hears that the group is sharing out anew."""
AGAIN_SECONDS = 0.2


class KafkaMembership:
    """`group` is named after the service; `name` is the member's, the same after a restart, or None: then it is another
    each time, and after a kill the others wait for the session to end. `session`: seconds of real time."""

    def __init__(
        self, cluster: Cluster, group: str, name: str | None, states: Collection[str], session: float, logger: Logger
    ) -> None:
        self._cluster = cluster
        self._group = group
        self._name = name
        self._wants = frozenset(states)
        self._session = session
        self._logger = logger
        self.owned: frozenset[str] = frozenset()
        self._joined: Joined | None = None
        self._member_id = ""
        self._claim = Member(self._wants)
        self._settled = False
        """Not while the states are being shared out."""
        self._sure_until = 0.0
        """By time.monotonic: the end of the session, as far as we know."""
        self._appending = 0
        self._moved = asyncio.Event()
        """Set and made anew when something here has changed."""
        self._trouble: str | None = f"has not joined the group {group} yet"

    # -- the port ----------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        self._taking_part: asyncio.Task[Never] = asyncio.create_task(self._take_part())
        try:
            while self._joined is None:
                await self._move()
            yield
        finally:
            self._taking_part.cancel()
            await asyncio.wait([self._taking_part])
            if self._member_id:
                await self._leave()

    async def changed(self, seen: frozenset[str]) -> None:
        while self.owned == seen:
            await self._move()

    @contextlib.contextmanager
    def sure(self, state: str) -> Iterator[None]:
        if not self._settled or state not in self.owned or time.monotonic() >= self._sure_until:
            raise Unavailable(f"whether {state} is still worked for here is not certain")
        self._appending += 1
        try:
            yield
        finally:
            self._appending -= 1
            self._tell()

    def trouble(self) -> str | None:
        if self._trouble is None and self._sure_until <= time.monotonic():
            return f"has lost touch with the group {self._group}"
        return self._trouble

    # -- taking part -------------------------------------------------------------------------------------------------

    async def _take_part(self) -> Never:
        """For ever. Raises StartRefused."""
        while True:
            try:
                async with self._opened() as group:
                    await self._stay(group)
            except Unavailable as error:
                if self._joined is None:
                    self._trouble = f"has not joined the group {self._group}: {error}"
            await asyncio.sleep(AGAIN_SECONDS)

    def _opened(self) -> AbstractAsyncContextManager[Group]:
        return opened_group(self._cluster, self._group, self._name, self._session)

    async def _leave(self) -> None:
        """Over a connection of its own: a broker answers one after the other, and a join waits for all members."""
        with contextlib.suppress(Unavailable):
            async with self._opened() as group:
                await group.leave(self._member_id)

    async def _stay(self, group: Group) -> Never:
        while True:
            try:
                if self._joined is None or not self._settled:
                    await self._join(group)
                else:
                    await asyncio.sleep(self._session / HEARTBEATS)
                    await self._beat(group, self._joined)
            except JoinAgain:
                self._settled = False

    async def _beat(self, group: Group, joined: Joined) -> None:
        sent = time.monotonic()
        await group.beat(joined)
        self._sure_until = sent + self._session

    async def _join(self, group: Group) -> None:
        """No append is begun from here on, and those under way have ended, before anybody else may be given a state."""
        self._settled = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._session / 2):
                while self._appending:
                    await self._move()
        try:
            joined = await group.join(self._member_id, self._claim)
        except Forgotten:  # remembered, since the answer to the next try may get lost
            self._member_id = ""
            raise
        self._member_id = joined.member_id
        sent = time.monotonic()
        owned = await group.sync(joined, self._wants)
        self._joined, self._settled, self._trouble = joined, True, None
        self._sure_until = sent + self._session
        self._claim = Member(self._wants, owned, joined.generation)
        if owned != self.owned:
            self._logger.info("the states are shared out", count=len(owned))
        self.owned = owned
        self._tell()

    def _tell(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def _move(self) -> None:
        """Wait for a change, or for the end of taking part, which raises."""
        moving = asyncio.ensure_future(self._moved.wait())
        try:
            await asyncio.wait([moving, self._taking_part], return_when=asyncio.FIRST_COMPLETED)
        finally:
            moving.cancel()
        if self._taking_part.done():
            self._taking_part.result()
