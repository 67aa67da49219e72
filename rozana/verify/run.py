"""All checks, one after the other: progress on stderr, a line a check on stdout."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

from libs.runtime.settings import Settings
from rozana.compose import opened, temporary_store
from rozana.upkeep import PROJECTIONS, stream_ends
from rozana.verify.checks import Check
from rozana.verify.projections import check_projection, folded_to
from rozana.verify.streams import check_streams

ADVICE = "what to do: docs/runbook.md#verify"


async def verify(settings: Settings, state: str | None) -> int:
    """The exit code: 0 when all is as it should be, else 1. Works beside `rozana up`, and where it is stopped.

    Raises WrongDatabase and Unavailable where a file cannot be read at all.
    """
    states = [state] if state else list(settings.states)
    done: list[Check] = []

    def tell(check: Check) -> None:
        print(check.line(), flush=True)
        done.append(check)

    async with opened(settings, read_only=True) as adapters, temporary_store() as fresh:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            log, store = adapters.log, adapters.store
            folded = await folded_to(store, list(PROJECTIONS.values()), states)
            ends = await stream_ends(adapters, states)
            if state:
                ends = {stream: end for stream, end in ends.items() if f".{state}." in stream}
            with _task(bar, "streams", sum(ends.values())) as progress:
                for check in await check_streams(log, ends, folded, progress):
                    tell(check)
            for name, projection in PROJECTIONS.items():
                total = sum(end for stream, end in ends.items() if stream.endswith(f".{projection.kind}"))
                with _task(bar, name, total) as progress:
                    tell(await check_projection(projection, log, store, fresh, states, progress))
    if any(check.different for check in done):
        print(ADVICE, file=sys.stderr)
        return 1
    return 0


@contextmanager
def _task(bar: Progress, name: str, total: int) -> Iterator[Callable[[int], None]]:
    task = bar.add_task(name, total=total)
    yield lambda count: bar.advance(task, count)
    bar.remove_task(task)
