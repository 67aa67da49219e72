"""Who goes first when all states close at one instant, and that nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from libs.events.alerts import AlertRaised, Rule
from libs.events.clock import ClockReached
from libs.events.envelope import Event
from libs.events.streams import state_of
from libs.runtime.log import EventLog, NewRecord, Record
from services.notifier.records import record_of
from services.notifier.turns import FOLLOWING_AT_ONCE, Turns
from tests.duty.events import added, appointed, instant, policy
from tests.notifier.office import STATES, office
from tests.notifier.world import PATIENCE, AnotherLog

NEVER = 3600.0
AT_ONCE = 0.001
ROSTER = [policy(), *(each for name in ("guna", "datia") for each in (added(name), appointed(name)))]


class Ordered(AnotherLog):
    """Notes in which order clocks and misses have become durable, by stream."""

    def __init__(self, log: EventLog) -> None:
        super().__init__(log)
        self.order: list[tuple[str, str]] = []

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        appended = await super().append(stream, records)
        said = [record.event.data for record in records if record.event is not None]
        if any(isinstance(data, ClockReached) and data.at == instant("2026-11-24T00:00") for data in said):
            self.order.append(("clock", stream))
        if any(isinstance(data, AlertRaised) and data.rule is Rule.MISSED_REPORT for data in said):
            self.order.append(("misses", stream))
        return appended


def elsewhere(event: Event, state: str) -> NewRecord:
    """What is said of one state, said of another."""
    record, old, new = record_of(event), STATES[0].encode(), state.encode()
    headers = tuple((name, value.replace(old, new)) for name, value in record.headers)
    return NewRecord(record.key.replace(STATES[0], state), headers, record.value.replace(old, new))


async def test_states_that_close_at_one_instant_are_judged_one_after_the_other(tmp_path: Path) -> None:
    """The second one's clock is reached behind the first one's misses, and not beside its clock."""
    noted: list[Ordered] = []

    def through(log: EventLog) -> EventLog:
        noted.append(Ordered(log))
        return noted[0]

    async with office(tmp_path, ROSTER, keep_time=True, through=through) as place:
        await place.log.append(f"rozana.{STATES[1]}.reports", [elsewhere(event, STATES[1]) for event in ROSTER])
        place.clock.advance_to(instant("2026-11-23T19:00:05"))
        await place.shows(4, "rule=due-soon")
        place.clock.advance_to(instant("2026-11-24T00:00:05"))
        await place.shows(4, "rule=missed-report")
    whats, streams = zip(*noted[0].order, strict=True)
    assert whats == ("clock", "misses", "clock", "misses")
    states = [state_of(stream) for stream in streams]
    assert states[0] == states[1] != states[2] == states[3]


@asynccontextmanager
async def going_first(turns: Turns) -> AsyncIterator[asyncio.Event]:
    """Another one that goes first, as soon as it may; the event tells that it does."""
    does = asyncio.Event()

    async def go() -> None:
        async with turns.first():
            does.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(go())
    try:
        yield does
    finally:
        task.cancel()
        await asyncio.wait([task])


async def following(turns: Turns, done: list[str]) -> None:
    async with turns.follow(1):
        done.append("follower")


async def test_followers_give_way_until_nobody_goes_first() -> None:
    turns, done = Turns(turn_seconds=NEVER, give_way_seconds=NEVER), list[str]()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group, turns.first(), going_first(turns) as second:
        group.create_task(following(turns, done))
        for _ in range(20):  # it would come in, if it might
            await asyncio.sleep(0)
        assert (second.is_set(), done) == (False, [])
    assert done == ["follower"]


async def test_a_follower_gives_way_for_a_while_only() -> None:
    turns, done = Turns(turn_seconds=NEVER, give_way_seconds=AT_ONCE), list[str]()
    async with asyncio.timeout(PATIENCE), turns.first():
        await following(turns, done)
    assert done == ["follower"]


async def test_who_has_waited_too_long_goes_beside_the_one_whose_turn_it_is() -> None:
    """That one may wait for a log that is away; its turn is not taken from it, and the third waits for it as well."""
    turns = Turns(turn_seconds=AT_ONCE, give_way_seconds=NEVER)
    async with asyncio.timeout(PATIENCE):
        async with turns.first(), going_first(turns) as second, going_first(turns) as third:
            await second.wait()
            await third.wait()
        async with turns.follow(1):
            pass


async def test_whoever_gives_up_his_turn_keeps_it_from_nobody() -> None:
    """As when a state is given to another member: waiting or going, its loops end."""
    turns = Turns(turn_seconds=NEVER, give_way_seconds=NEVER)
    async with asyncio.timeout(PATIENCE):
        async with going_first(turns) as does:
            await does.wait()
            async with going_first(turns) as waits:
                await asyncio.sleep(0)
            assert not waits.is_set()
        async with turns.first():
            pass
        async with turns.follow(1):
            pass


async def test_not_all_followers_fold_at_one_time() -> None:
    turns, folding, most = Turns(), 0, 0

    async def fold() -> None:
        nonlocal folding, most
        async with turns.follow(1):
            folding += 1
            most = max(most, folding)
            for _ in range(20):
                await asyncio.sleep(0)
            folding -= 1

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(fold() for _ in range(3 * FOLLOWING_AT_ONCE)))
    assert most == FOLLOWING_AT_ONCE
