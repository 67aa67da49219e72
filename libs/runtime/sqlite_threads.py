"""The threads that own the connections of the embedded adapters, so that the event loop never waits for the disk.

Every step of a statement releases the interpreter lock, and getting it back from a busy event loop can take 5 ms
(`sys.getswitchinterval`). So the adapters ask for many rows in one step: rows go in by one INSERT of many VALUES, and
come out concatenated into one row. Beside a busy loop, 64 rows went in 20 times faster that way.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar, cast

import apsw

from libs.runtime.errors import Unavailable
from libs.runtime.gathering import Ticket, own
from libs.runtime.sqlite import one_line

Job = TypeVar("Job")
Result = TypeVar("Result")
T = TypeVar("T")


class Worker(Generic[Job, Result]):
    """One thread. Whatever is queued when it is free becomes one call of `perform`: that is the group commit.

    `perform` answers each job with a result or an error, or raises for all of them. `settled` then hears of both in the
    event loop, `finish` in the thread when it ends.
    """

    def __init__(
        self,
        name: str,
        perform: Callable[[Sequence[Job]], Sequence[Result | Exception]],
        *,
        most: int = 1,
        settled: Callable[[Sequence[Job], Sequence[Result | Exception]], None] = lambda _jobs, _outcomes: None,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        self._perform = perform
        self._most = most
        self._settled = settled
        self._finish = finish
        self._queue: SimpleQueue[Ticket[Job, Result] | None] = SimpleQueue()
        self._open = True
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def do(self, job: Job, *, weight: int = 1) -> Result:
        if not self._open:
            raise Unavailable(f"{self._thread.name} is closed")
        ticket: Ticket[Job, Result] = Ticket(job, weight, asyncio.get_running_loop().create_future())
        self._queue.put(ticket)
        return own(await ticket.outcome)

    async def close(self) -> None:
        """Finish what is queued, end the thread."""
        if self._open:
            self._open = False
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        more = True
        while more:
            group, more = self._take()
            outcome: Sequence[Result | Exception]
            try:
                outcome = self._perform([ticket.asked for ticket in group]) if group else ()
            except apsw.Error as error:
                outcome = [Unavailable(f"{self._thread.name} failed ({one_line(error)})")] * len(group)
            except Exception as error:  # noqa: BLE001 - handed to the callers, who would wait for ever for a dead thread
                outcome = [error] * len(group)
            self._answer(group, outcome)
        self._finish()

    def _take(self) -> tuple[Sequence[Ticket[Job, Result]], bool]:
        """Wait for one job, then take what else is there. Those whose caller has given up are dropped."""
        group = []
        weight = 0
        ticket = self._queue.get()
        while ticket is not None:
            if not ticket.outcome.done():
                group.append(ticket)
                weight += ticket.weight
            if weight >= self._most:
                return group, True
            try:
                ticket = self._queue.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _answer(self, group: Sequence[Ticket[Job, Result]], outcome: Sequence[Result | Exception]) -> None:
        def settle() -> None:
            for ticket, result in zip(group, outcome, strict=True):
                if not ticket.outcome.done():
                    ticket.outcome.set_result(result)
            self._settled([ticket.asked for ticket in group], outcome)

        if group:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                group[0].outcome.get_loop().call_soon_threadsafe(settle)


class Reads:
    """The thread that reads: queries run one after another on its connection."""

    def __init__(self, name: str, connection: apsw.Connection) -> None:
        self._connection = connection
        self._worker: Worker[Callable[[apsw.Connection], object], object] = Worker(name, self._perform)

    async def ask(self, query: Callable[[apsw.Connection], T]) -> T:
        """What `query` answers in the reading thread. Raises Unavailable when the file cannot be read."""
        return cast("T", await self._worker.do(query))

    async def close(self) -> None:
        await self._worker.close()

    def _perform(self, queries: Sequence[Callable[[apsw.Connection], object]]) -> Sequence[object]:
        return [query(self._connection) for query in queries]
