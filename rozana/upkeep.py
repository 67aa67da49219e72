"""What is done to the projections from outside: rebuilt from the log, and compared by hash."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID

from libs.events.canonical import canonical_hash
from libs.events.streams import STREAMS
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.errors import RozanaError, StartRefused
from libs.runtime.pointer import live_collection
from libs.runtime.projection import Projection, collection_hash
from libs.runtime.settings import Settings
from libs.runtime.store import DocumentStore
from libs.runtime.telemetry import Logger, Metrics
from rozana.compose import Adapters, on_servers, opened
from services.aggregator.projector import PROJECTIONS as AGGREGATOR_PROJECTIONS
from services.aggregator.rebuild import Rebuilding, Rebuilt
from services.notifier.alerts import PROJECTIONS as ALERT_PROJECTIONS

PROJECTIONS: Mapping[str, Projection[Any]] = {
    projection.name: projection for projection in (*AGGREGATOR_PROJECTIONS, *ALERT_PROJECTIONS.values())
}
"""Everything that is folded into documents, by name."""


async def rebuild(
    settings: Settings,
    names: Sequence[str],
    *,
    only: Collection[str] | None = None,
    even_if_different: bool = False,
    logger: Logger,
) -> None:
    """Rebuild these projections, one after the other: a progress bar on stderr, a line with the hashes on stdout, and
    one for each document that differs.

    With `only`, these states are replayed and the others taken over as they are. Embedded, raises StartRefused while
    `rozana up` runs; and what a reader raises. Raises RozanaError at the end when one was not changed over to.
    """
    refused = []
    async with opened_for(settings, names, logger) as rebuildings:
        with Progress(console=Console(stderr=True)) as bar:
            for name, each in rebuildings.items():
                task = bar.add_task(name, total=None)
                rebuilt = await each.rebuild(
                    settings.states,
                    only=only,
                    even_if_different=even_if_different,
                    progress=partial(_advance, bar, task),
                )
                bar.update(task, completed=rebuilt.events, total=rebuilt.events)
                print(f"{name:<18} {rebuilt.events:>9} events  {_verdict(rebuilt)}", flush=True)
                if not rebuilt.live:
                    refused.append(name)
                    for difference in rebuilt.differences:
                        print(f"{name:<18} {difference}", flush=True)
    if refused:
        raise RozanaError(
            f"{', '.join(refused)}: what the log makes is not what is live, which stays as it is. Keep what is printed"
            " above, and then `rozana rebuild NAME --even-if-different`: what the log makes is right"
        )


async def go_back(settings: Settings, names: Sequence[str], *, logger: Logger) -> None:
    """Make live again what was before the last rebuild, once it has caught up. Raises as `rebuild` does."""
    async with opened_for(settings, names, logger) as rebuildings:
        for name, each in rebuildings.items():
            print(f"{name:<18} {await each.go_back()} is live again", flush=True)


@asynccontextmanager
async def opened_for(
    settings: Settings, names: Sequence[str], logger: Logger
) -> AsyncIterator[Mapping[str, Rebuilding]]:
    """Log and store, opened to rebuild these projections. Raises StartRefused."""
    if settings.log.startswith("sqlite:") and not settings.log_path.exists():
        raise StartRefused(
            f"{settings.log_path} does not exist: nothing to rebuild from (ROZANA_DATA says where it is)"
        )
    async with opened(settings) as adapters:
        letters = DeadLetters(adapters.log, adapters.clock, Metrics(), logger)
        shared = on_servers(settings)
        yield {
            name: Rebuilding(PROJECTIONS[name], adapters.log, adapters.store, letters, shared=shared) for name in names
        }


def _advance(bar: Progress, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)


def _verdict(rebuilt: Rebuilt) -> str:
    if rebuilt.live_hash is None:
        return f"rebuilt {rebuilt.hash}  there was none before"
    same = "the same"
    if rebuilt.different:
        what = "the rebuilt one is live now" if rebuilt.live else "the old one stays live"
        same = f"DIFFERENT in {rebuilt.different} documents: {what}"
    return f"live {rebuilt.live_hash}  rebuilt {rebuilt.hash}  {same}"


async def stream_ends(adapters: Adapters, states: Sequence[str]) -> Mapping[str, int]:
    """The end of each stream of events of these states and of the nation: the offset that its next record will get."""
    names = [
        stream.name(state)
        for stream in STREAMS.values()
        if not stream.erasable
        for state in (states if stream.per == "state" else (None,))
    ]
    return {name: await adapters.log.end(name) for name in sorted(names)}


async def projections_hash(store: DocumentStore) -> str:
    """One canonical hash over the live documents of all projections. Snapshots and the outbox take no part."""
    return canonical_hash(
        {
            name: await collection_hash(store, await live_collection(store, projection))
            for name, projection in PROJECTIONS.items()
        }
    )
