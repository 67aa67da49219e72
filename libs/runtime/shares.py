"""Runs a service's loops for the states that this member owns: a state's are started together and stopped together."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Never

from libs.events.streams import state_of
from libs.runtime.component import Background
from libs.runtime.errors import LogMismatch, ReadStopped
from libs.runtime.membership import Alone, Membership, fence
from libs.runtime.positions import Positions
from libs.runtime.service import BackgroundEnded
from libs.runtime.telemetry import Logger, Metrics

Work = Callable[[str], Sequence[Background]]
"""The loops of a state. It is called when the state comes, and adds the state's streams to the positions."""
ABOUT_A_STREAM = (ReadStopped, LogMismatch)
"""What is wrong with a state's streams, and would be with any other member's reading of them."""


class Shares:
    """`positions` are those of all that the loops read: a state's streams are taken out of them when it goes.

    Where this member is not alone, a state whose streams cannot be read is stopped by itself, and is not ready: the
    others go on, and it is not handed from member to member, ending each. All other errors end the process.
    """

    def __init__(
        self,
        service: str,
        membership: Membership,
        work: Work,
        positions: Iterable[Positions],
        *,
        metrics: Metrics,
        logger: Logger,
    ) -> None:
        self._service = service
        self._membership = membership
        self._work = work
        self._positions = tuple(positions)
        self._metrics = metrics
        self._logger = logger
        self._running: dict[str, asyncio.Task[Never]] = {}
        self._stopped: dict[str, str] = {}
        self._begun = False

    @property
    def states(self) -> frozenset[str]:
        """Whose loops run here."""
        return frozenset(self._running)

    def trouble(self) -> str | None:
        """For readiness: why this member does not do its share."""
        if not self._begun:
            return "has not been given its states"
        return next(iter(self._stopped.values()), None) or self._membership.trouble()

    async def run(self) -> Never:
        """Work for the states that come, until they go. Raises what their loops raise, and what the membership does."""
        try:
            async with self._membership.joined():
                try:
                    while True:
                        owned = self._membership.owned
                        await self._give_up(self._running.keys() - owned)
                        for state in sorted(owned - self._running.keys()):
                            self._take(state)
                        self._begun = True
                        await self._next_change(owned)
                finally:
                    await self._give_up(tuple(self._running))
        finally:
            self._begun = False

    async def _next_change(self, owned: frozenset[str]) -> None:
        changed = asyncio.ensure_future(self._membership.changed(owned))
        try:
            working = [task for state, task in self._running.items() if state not in self._stopped]
            await asyncio.wait([changed, *working], return_when=asyncio.FIRST_COMPLETED)
            if changed.done():
                changed.result()
        finally:
            changed.cancel()
        for state, task in self._running.items():
            if task.done() and state not in self._stopped:
                self._ended(state, task)

    def _ended(self, state: str, task: "asyncio.Task[Never]") -> None:
        error = task.exception()
        if isinstance(self._membership, Alone) or not isinstance(error, ABOUT_A_STREAM):
            task.result()
        self._stopped[state] = f"{state} is stopped: {error}"
        self._metrics.state_stopped.labels(service=self._service, state=state).set(1)
        self._logger.exception("a state is stopped; the others go on", state=state, exc_info=error)

    def _take(self, state: str) -> None:
        loops = self._work(state)
        token = fence.set(lambda: self._membership.sure(state))
        try:
            self._running[state] = asyncio.create_task(side_by_side(loops), name=f"{self._service} {state}")
        finally:
            fence.reset(token)
        self._metrics.state_owned.labels(service=self._service, state=state).set(1)
        self._metrics.state_stopped.labels(service=self._service, state=state).set(0)

    async def _give_up(self, states: Iterable[str]) -> None:
        """Return when nothing of these states runs any more."""
        going = {state: self._running[state] for state in states}
        for task in going.values():
            task.cancel()
        if going:
            await asyncio.wait(going.values())
        for state in going:
            del self._running[state]
            self._metrics.state_owned.remove(self._service, state)
            self._metrics.state_stopped.remove(self._service, state)
            self._stopped.pop(state, None)
            for positions in self._positions:
                gone = [stream for stream in positions.streams if state_of(stream) == state]
                positions.remove(gone)
                for stream in gone:
                    self._forget(stream)

    def _forget(self, stream: str) -> None:
        """Whoever reads it now shows how far."""
        metrics = self._metrics
        for gauge in (
            metrics.consumer_position,
            metrics.consumer_lag,
            metrics.consumer_last_progress_timestamp_seconds,
        ):
            gauge.remove_by_labels({"stream": stream})


async def side_by_side(loops: Sequence[Background]) -> Never:
    """Run these loops until one of them fails or returns, then end the others. Raises its error, or BackgroundEnded."""
    tasks = [asyncio.ensure_future(loop()) for loop in loops]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    errors = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
    raise errors[0] if errors else BackgroundEnded("a loop of a state ended")
