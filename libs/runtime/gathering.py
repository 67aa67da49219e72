"""What is asked for while a call is under way is asked for together in the next one: the group commit of those who are
asked over a network, where one call costs about as much as ten.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from libs.runtime.errors import RozanaError

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Ticket(Generic[Asked, Answer]):
    """What somebody asks for, together with others, and what comes of it."""

    asked: Asked
    weight: int
    outcome: "asyncio.Future[Answer | Exception]"


class Gathering(Generic[Asked, Answer]):
    """`perform` answers each of those who ask with an answer or an error, or raises for all of them. It is never called
    twice at one time, and with what weighs at most `most`, or with one alone. Use it from one event loop.

    Who is cancelled may still get what was asked for: done, and answered to nobody.
    """

    def __init__(
        self, perform: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer | Exception]]], *, most: int
    ) -> None:
        self._perform = perform
        self._most = most
        self._waiting: deque[Ticket[Asked, Answer]] = deque()
        self._working: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked, *, weight: int = 1) -> Answer:
        ticket: Ticket[Asked, Answer] = Ticket(asked, weight, asyncio.get_running_loop().create_future())
        self._waiting.append(ticket)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return own(await ticket.outcome)

    async def finish(self) -> None:
        """Return when nothing is under way or waits."""
        if self._working is not None:
            await asyncio.wait([self._working])

    async def _work(self) -> None:
        group: Sequence[Ticket[Asked, Answer]] = ()
        try:
            while group := self._take():
                outcomes: Sequence[Answer | Exception]
                try:
                    outcomes = await self._perform([ticket.asked for ticket in group])
                except Exception as error:  # noqa: BLE001 -- handed to those who asked
                    outcomes = [error] * len(group)
                for ticket, outcome in zip(group, outcomes, strict=True):
                    if not ticket.outcome.done():
                        ticket.outcome.set_result(outcome)
        finally:
            self._working = None
            for ticket in (*group, *self._waiting):  # there are some only where the event loop is being closed
                ticket.outcome.cancel()
            self._waiting.clear()

    def _take(self) -> Sequence[Ticket[Asked, Answer]]:
        """Those who wait, the longest first. Who has given up before it was begun is dropped."""
        group: list[Ticket[Asked, Answer]] = []
        weight = 0
        while self._waiting and (not group or weight + self._waiting[0].weight <= self._most):
            ticket = self._waiting.popleft()
            if not ticket.outcome.done():
                group.append(ticket)
                weight += ticket.weight
        return group


def own(outcome: Answer | Exception) -> Answer:
    """An outcome that travelled as a future's result: no exception is left that nobody retrieved. Raises it, if it is
    an error: to each caller one of his own, since those of a group share `outcome`.
    """
    if isinstance(outcome, RozanaError):
        raise type(outcome)(*outcome.args) from outcome
    if isinstance(outcome, Exception):
        raise RuntimeError("a bug was stumbled over") from outcome  # noqa: TRY004
    return outcome
