"""The impure edge of ingest: decide, append, answer. The log and the index are asked here, and nowhere else.

Order of checks (guarantee 2), after the shape: what the sender may do, the replay of an id, the domain's rules.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from weakref import WeakValueDictionary

from libs.events.catalogue import CATALOGUE
from libs.events.codec import encode
from libs.events.envelope import Event
from libs.events.grievances import GrievanceRaised
from libs.events.reports import ReportFiled, ReportReviewed
from libs.events.streams import stream_name
from libs.runtime.erasable import ErasableStore
from libs.runtime.errors import OutcomeUnknown, Unavailable
from libs.runtime.http import require
from libs.runtime.log import EventLog, NewRecord
from libs.runtime.permissions import allowed
from libs.runtime.principal import Principal, contains
from libs.runtime.problems import FieldError, Problem
from libs.runtime.telemetry import Metrics
from services.ingest.decide import Accept, Answer, Refuse, Replay, decide
from services.ingest.index import KINDS, Index
from services.ingest.known import Known, Receipt

DEADLINE_SECONDS = 5.0
"""Of real time: how long the index is waited for. The log keeps the same one for an append (guarantee 1)."""
COMMUTING = frozenset({ReportFiled, ReportReviewed, GrievanceRaised})
"""Of these no two make each other invalid, so any number is under way at once."""
_WORDS = {403: "forbidden", 404: "not-found"}
_NOT_HERE = "there is no such resource here"


class Intake:
    """Takes events into the log, each id once, however many copies come and whoever hangs up (guarantees 1 and 2)."""

    def __init__(
        self,
        log: EventLog,
        index: Index,
        metrics: Metrics,
        *,
        kept: ErasableStore | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        """kept: where wrapped keys go; None where nothing sealed is taken."""
        self._log = log
        self._kept = kept
        self.index = index
        self._metrics = metrics
        self._received = cache(metrics.events_received.labels)
        self._deadline = deadline_seconds
        self._under_way: dict[str, asyncio.Task[Known]] = {}
        """Appends by event id. A copy that comes meanwhile waits for it and appends nothing."""
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._current: set[str] = set()
        """States whose events in the log are all in the index, or known here. Not so after a start, nor after an append
        of unknown outcome: then the index has to catch up before anything is decided."""

    async def accept(
        self,
        event: Event,
        principal: Principal | None,
        *,
        at: str = "",
        wrapped: bytes | None = None,
        action: str | None = None,
        before: Callable[[], None] = lambda: None,
    ) -> tuple[int, Receipt]:
        """Append `event` (202) or recognise it (200); a grievance comes without a principal.

        Answers when it is durable. `at` is the pointer to the event's data in what was sent. `wrapped` is kept before
        the event is appended. `action` is what must be allowed, if not the event's type. `before` is called before a
        new event is appended, and may raise. Raises Problem 403, 404, 409 and 422, and Unavailable.
        """
        outcome = "failed"
        async with self._turn(event):
            try:
                status, known, outcome = await self._take(event, principal, at, wrapped, action, before)
            except Refused as refusal:
                outcome = refusal.outcome
                raise
            except Unavailable:
                outcome = "unavailable"
                raise
            finally:
                self._count(event, outcome)
        return status, known.receipt()

    def _count(self, event: Event, outcome: str) -> None:
        if _quiet(event):
            self._metrics.later(self._metrics.events_received, event.type, outcome)
        else:
            self._received(event.type, outcome).inc()

    def _turn(self, event: Event) -> contextlib.AbstractAsyncContextManager[None]:
        """Events about one subject that can make each other invalid are decided one after the other; copies at once."""
        if type(event.data) in COMMUTING or event.id in self._under_way:
            return contextlib.nullcontext()
        return self._turns.setdefault(event.subject, asyncio.Lock())

    async def find(self, event_id: str, principal: Principal) -> Receipt:
        """The receipt of an event that the principal may know of. Raises Problem 404, and Unavailable.

        Reports, reviews and grievances are found for 45 days.
        """
        if event_id not in self.index.known:
            for state in self.index.duties:
                if contains(principal.scope, state) or contains(state, principal.scope):
                    await self.catch_up(state)
        known = self.index.known.get(event_id)
        if (
            known is None
            or not contains(principal.scope, known.subject)
            or not allowed(principal, f"stream:{known.stream.rpartition('.')[2]}")
        ):
            raise Problem(404, _NOT_HERE)
        return known.receipt()

    async def _take(
        self,
        event: Event,
        principal: Principal | None,
        at: str,
        wrapped: bytes | None,
        action: str | None,
        before: Callable[[], None],
    ) -> tuple[int, Known, str]:
        """Status, place in the log, and a word for the metrics."""
        self._check_sender(event, principal, action)
        state, tenure_id = event.data.state, principal.tenure_id if principal else None
        caught_up = False
        if event.id not in self.index.known and (type(event.data) not in COMMUTING or state not in self._current):
            # What does not commute is decided by all that stands before it, or two that exclude each other would both
            # be acknowledged. Of the rest, a copy is recognised by what `_append` remembers.
            await self.catch_up(state)
            caught_up = True
        while True:
            if copy := self._under_way.get(event.id):
                # The same id, be it a retry or not: what becomes of it decides. A failure is shared.
                await asyncio.shield(copy)
            index = self.index
            match decide(event, index.duties[state], index.known, tenure_id, index.cases[state]):
                case Accept(stream=stream):
                    before()
                    return 202, await asyncio.shield(self._append_once(event, stream, wrapped)), "accepted"
                case Replay(known=known):
                    return 200, known, "replayed"
                case Refuse(reason=reason, answer=answer) if caught_up:
                    raise Refused(answer.status, answer.detail, reason, _where(event, answer, at))
                case Refuse():
                    await self.catch_up(state)
                    caught_up = True

    def _check_sender(self, event: Event, principal: Principal | None, action: str | None) -> None:
        if event.data.state not in self.index.duties:
            raise Refused(404, _NOT_HERE, "not-found")
        try:
            require(principal, action or (event.type if principal else "POST /v1/grievances"), event.subject)
        except Problem as problem:
            raise Refused(problem.status, problem.detail, _WORDS[problem.status]) from None

    async def catch_up(self, state: str) -> None:
        """Return when the index holds all that stands in the state's streams by now. Raises Unavailable."""
        try:
            async with asyncio.timeout(self._deadline):
                for stream in (stream_name(kind, state) for kind in KINDS):
                    await self.index.positions.reached(stream, await self._log.end(stream) - 1)
        except TimeoutError:
            raise Unavailable(
                f"the index of ingest has not caught up with the log within {self._deadline:g} s"
            ) from None
        self._current.add(state)

    def _append_once(self, event: Event, stream: str, wrapped: bytes | None) -> asyncio.Task[Known]:
        """The append as a task of its own: a client that hangs up must not break it for the copies that wait."""
        task = asyncio.create_task(self._append(event, stream, wrapped))
        self._under_way[event.id] = task

        def landed(task: asyncio.Task[Known]) -> None:
            del self._under_way[event.id]
            if task.cancelled() or isinstance(task.exception(), OutcomeUnknown):
                self._current.discard(event.data.state)

        task.add_done_callback(landed)
        return task

    async def _append(self, event: Event, stream: str, wrapped: bytes | None) -> Known:
        if wrapped is not None and self._kept is not None:
            # First: a text whose key was lost could never be read. A key without its text does no harm.
            await self._kept.put(stream_name("grievance-keys", event.data.state), event.id, wrapped)
        # What a retry is recognised by is written down: it must not change when this code learns a new version.
        event = replace(event, sha256=event.body_hash())
        headers, value = encode(event)
        # How long a grievance took is not kept: it would tell when it came.
        watched = contextlib.nullcontext() if _quiet(event) else self._metrics.append_seconds.time()
        with watched:
            (record,) = await self._log.append(stream, [NewRecord(event.subject, headers, value, event)])
        known = Known.at(event, stream, record.offset)
        self.index.remember(known)
        return known


def _quiet(event: Event) -> bool:
    """Whether it has to do with a grievance: nothing then tells an hour."""
    return CATALOGUE[event.data.NAME].streams == ("grievances",)


class Refused(Problem):
    """A refusal of an event, and its word for the metrics."""

    def __init__(self, status: int, detail: str, outcome: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(status, detail, errors)
        self.outcome = outcome


def _where(event: Event, answer: Answer, at: str) -> Sequence[FieldError]:
    known = answer.member in type(event.as_written).model_fields
    return [FieldError(f"{at}/{answer.member}", answer.detail)] if known else ()
