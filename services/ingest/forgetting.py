"""What is sealed is kept as long as the policy says, and no longer (ADR 0022).

That a case has outlived its days is decided once and said in the log, as `grievance.erased` without an actor; what the
log says is erased is destroyed after that. And again at each start: neither a crash in between nor a copy of the keys
from before brings anything back.
"""

import asyncio
from datetime import timedelta
from typing import Never
from uuid import NAMESPACE_URL, uuid5

from libs.events.grievances import GrievanceErased
from libs.events.streams import stream_name
from libs.runtime.erasable import ErasableStore
from libs.runtime.errors import Unavailable
from services.ingest.grievance_bodies import the_day
from services.ingest.grievance_desk import Desk, about

AGAIN_SECONDS = 60.0
"""Of real time: so long after log or keys took nothing it is tried again."""


async def forget(desk: Desk) -> Never:
    """At the start, and when a day has begun, in UTC: every state, one after the other."""
    destroyed: set[str] = set()
    """Texts whose keys this process has seen go."""
    while True:
        today = the_day(desk.clock.now())
        if desk.sealing.kept is not None:
            for state in desk.intake.index.cases:
                while not await _forgotten(desk, desk.sealing.kept, state, destroyed):  # noqa: ASYNC110 -- nobody tells
                    await asyncio.sleep(AGAIN_SECONDS)
        await desk.clock.sleep_until(today + timedelta(days=1))


async def _forgotten(desk: Desk, kept: ErasableStore, state: str, destroyed: set[str]) -> bool:
    """Whether all is gone that should be; False where log or keys are away."""
    cases, grievances = desk.intake.index.cases[state], stream_name("grievances", state)
    try:
        # Without a deadline: at the start there may be years to fold.
        await desk.intake.index.positions.reached(grievances, await desk.log.end(grievances) - 1)
        for case in cases.outlived(desk.today()):
            event_id = str(uuid5(NAMESPACE_URL, f"urn:rozana:grievance-outlived:{case.grievance_id}"))
            await desk.intake.accept(desk.event(GrievanceErased(**about(case)), event_id), None)
        await desk.intake.catch_up(state)
        texts = [each.id for case in cases.by_id.values() if case.erased for each in case.letters]
        left = [each for each in texts if each not in destroyed]
        await kept.erase(stream_name("grievance-keys", state), left)
    except Unavailable:
        return False
    destroyed.update(left)
    return True
