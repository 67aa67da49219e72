"""Made anew from the log: the same hash, nothing raised, nothing half-built to be seen."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from libs.events.envelope import Event
from libs.events.streams import STREAMS
from libs.events.upcasters import lift
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.errors import LogMismatch, StartRefused, Unavailable
from libs.runtime.pointer import POINTERS, collection_name, live_collection, snapshots_of
from libs.runtime.projection import Projection, collection_hash, state_of_document
from libs.runtime.store import Document
from libs.runtime.telemetry import get_logger
from services.aggregator.projections.state_days import STATE_DAYS
from services.aggregator.projector import PROJECTIONS
from services.aggregator.rebuild import Rebuilding, Rebuilt
from tests.aggregator.folding import FailingStore
from tests.aggregator.world import RAJASTHAN, STATES, UNREADABLE, World, world
from tests.duty.events import STREAM, added, appointed, clock_reached, corrected, filed, policy

ON = "2026-11-23"
FIRST = filed("guna", ON, f"{ON}T20:00")
BEGINNING = (policy(), added("guna"), appointed("guna"), added("bhind"), appointed("bhind"), FIRST)
MORE = (
    corrected("guna", ON, f"{ON}T20:10", of=FIRST.id),
    FIRST,
    UNREADABLE,
    clock_reached("2026-11-24T00:00"),
    filed("bhind", ON, "2026-11-24T00:40"),
)
OF_A_STATE = [stream for stream in STREAMS.values() if stream.per == "state"]
each_projection = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda each: each.name)


@pytest.fixture
async def stopped(tmp_path: Path) -> AsyncIterator[World]:
    """A state after a day's work, its process stopped a little before the end of the log."""
    async with world(tmp_path) as made:
        async with made.running():
            await made.told(*BEGINNING)
        await made.write(*MORE)
        yield made


async def rebuilt(made: World, projection: Projection[Any], **more: Any) -> Rebuilt:
    letters = DeadLetters(made.log, made.clock, made.metrics, get_logger("rebuild"))
    return await Rebuilding(projection, made.log, more.pop("store", made.store), letters).rebuild(STATES, **more)


async def ends(made: World) -> dict[str, int]:
    return {stream.name("in-mp"): await made.log.end(stream.name("in-mp")) for stream in OF_A_STATE}


@each_projection
async def test_a_rebuilt_projection_has_the_hash_of_the_live_one(stopped: World, projection: Projection[Any]) -> None:
    async with stopped.running():
        await stopped.folded()
    before = await ends(stopped)
    seen: list[tuple[int, int]] = []
    live = await collection_hash(stopped.store, collection_name(projection, 0))
    done = await rebuilt(stopped, projection, progress=lambda *counts: seen.append(counts))
    assert done == Rebuilt(collection_name(projection, 1), live, live, len(BEGINNING) + len(MORE))
    assert seen[-1] == (done.events, done.events)
    assert await ends(stopped) == before
    assert await live_collection(stopped.store, projection) == done.collection
    again = await rebuilt(stopped, projection)  # the one before is kept, and no other
    assert (again.hash, await live_collection(stopped.store, projection)) == (live, again.collection)
    ours = [each for each in await stopped.store.collections() if each.startswith(f"{projection.name}.v")]
    kept = {each for one in (done, again) for each in (one.collection, snapshots_of(one.collection))}
    assert set(ours) == kept


@each_projection
async def test_a_process_that_stopped_short_of_the_end_is_no_difference(
    stopped: World, projection: Projection[Any]
) -> None:
    done = await rebuilt(stopped, projection)
    assert done.hash == done.live_hash
    again = await rebuilt(stopped, projection)
    assert (again.collection, again.hash) == (collection_name(projection, 3), done.hash)
    assert await stopped.log.end(DeadLetters.STREAM) == 1


@each_projection
async def test_so_does_deleting_the_whole_store(stopped: World, projection: Projection[Any]) -> None:
    done = await rebuilt(stopped, projection)
    for collection in await stopped.store.collections():
        await stopped.store.drop(collection)
    async with stopped.running():
        await stopped.folded()
    assert await collection_hash(stopped.store, collection_name(projection, 0)) == done.hash
    assert await stopped.log.end(DeadLetters.STREAM) == 1


async def test_what_was_rebuilt_goes_on_where_it_ended(stopped: World, tmp_path: Path) -> None:
    for projection in PROJECTIONS:
        await rebuilt(stopped, projection)
    async with stopped.running():
        await stopped.told(filed("guna", "2026-11-24", "2026-11-24T20:00"))
        assert (await stopped.get("/v1/states/in-mp/days/2026-11-23")).json()["counts"]["late"] == 1
        assert (await stopped.get("/v1/states/in-mp/days/2026-11-24")).json()["counts"]["on_time"] == 1
    done = await rebuilt(stopped, STATE_DAYS)
    assert done.hash == done.live_hash


async def test_a_difference_is_told_and_nothing_is_changed_over_unless_it_is_asked_for(stopped: World) -> None:
    """What the log makes is right. But who has not seen what differs may be about to hide a fault, or a forgery."""
    async with stopped.running():
        await stopped.folded()
    (document,) = (await stopped.store.get_many(collection_name(STATE_DAYS, 0), [f"in-mp/{ON}"])).values()
    wrong = Document(document.id, document.version + 1, {**document.body, "closed": False})
    await stopped.store.put(collection_name(STATE_DAYS, 0), [wrong])
    refused = await rebuilt(stopped, STATE_DAYS)
    assert not refused.live
    assert refused.hash != refused.live_hash
    assert refused.different == 1
    told = f"in-mp/{ON} /(version): live {wrong.version}, replayed {document.version}"
    assert refused.differences == (told,)
    assert await live_collection(stopped.store, STATE_DAYS) == collection_name(STATE_DAYS, 0)
    assert refused.collection not in await stopped.store.collections()
    done = await rebuilt(stopped, STATE_DAYS, even_if_different=True)
    assert (done.live, done.hash) == (True, refused.hash)
    assert await live_collection(stopped.store, STATE_DAYS) == done.collection
    found = await stopped.store.get(done.collection, f"in-mp/{ON}")
    assert found is not None
    assert found.body["closed"] is True


async def test_there_is_a_way_back_and_it_has_caught_up(stopped: World) -> None:
    letters = DeadLetters(stopped.log, stopped.clock, stopped.metrics, get_logger("rebuild"))
    rebuilding = Rebuilding(STATE_DAYS, stopped.log, stopped.store, letters)
    with pytest.raises(StartRefused, match="no collection of state_days to go back to"):
        await rebuilding.go_back()
    async with stopped.running():
        await stopped.folded()
    done = await rebuilding.rebuild(STATES)
    async with stopped.running():
        await stopped.told(filed("guna", "2026-11-24", "2026-11-24T20:00"))
    assert await rebuilding.go_back() == collection_name(STATE_DAYS, 0)
    assert await live_collection(stopped.store, STATE_DAYS) == collection_name(STATE_DAYS, 0)
    assert (await stopped.get("/v1/states/in-mp/days/2026-11-24")).json()["counts"]["on_time"] == 1
    assert await rebuilding.go_back() == done.collection


async def test_readers_see_the_old_one_until_the_new_one_is_whole(stopped: World) -> None:
    async with stopped.running():
        await stopped.folded()
    for writes in range(6):
        with pytest.raises(Unavailable):
            await rebuilt(stopped, STATE_DAYS, store=FailingStore(stopped.store, writes))
        assert await live_collection(stopped.store, STATE_DAYS) == collection_name(STATE_DAYS, 0)
        assert (await stopped.get(f"/v1/states/in-mp/days/{ON}")).json()["counts"]["late"] == 1
    done = await rebuilt(stopped, STATE_DAYS)
    assert done.hash == done.live_hash


async def test_the_first_time_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.write(*BEGINNING)
        await made.write(policy(), stream=RAJASTHAN)
        done = await rebuilt(made, STATE_DAYS)
        assert (done.collection, done.live_hash, done.events) == (
            collection_name(STATE_DAYS, 0),
            None,
            len(BEGINNING) + 1,
        )
        async with made.running():
            await made.folded()
        assert (await made.get(f"/v1/states/in-mp/days/{ON}")).status_code == 200


async def test_a_new_version_wants_a_rebuild_and_gets_it(stopped: World) -> None:
    async with stopped.running():
        await stopped.folded()
    this, next_one = STATE_DAYS.version, STATE_DAYS.version + 1
    newer = replace(STATE_DAYS, version=next_one)
    told = f"state_days are of version {this}, this program's of {next_one}: run `rozana rebuild`"
    with pytest.raises(StartRefused, match=told):
        await live_collection(stopped.store, newer)
    done = await rebuilt(stopped, newer)
    assert (done.collection, done.live_hash) == (f"state_days.v{next_one}.0", None)
    assert await live_collection(stopped.store, newer) == done.collection
    # Members of the release before go on in their own, and are the way back.
    assert await live_collection(stopped.store, STATE_DAYS) == collection_name(STATE_DAYS, 0)
    async with stopped.running():
        await stopped.told(filed("guna", "2026-11-24", "2026-11-24T20:00"))
    assert (await stopped.get("/v1/states/in-mp/days/2026-11-24")).json()["counts"]["on_time"] == 1
    assert await collection_hash(stopped.store, done.collection) == done.hash
    with pytest.raises(StartRefused, match=f"of version {next_one}, this program's of 0: a newer Rozana"):
        await live_collection(stopped.store, replace(STATE_DAYS, version=0))


async def test_of_two_rebuilds_at_once_one_is_told(stopped: World) -> None:
    class Raced(FailingStore):
        """Another process moves the pointer just before."""

        async def put(self, collection: str, documents: Any) -> Any:
            if collection == POINTERS:
                await stopped.store.put(POINTERS, documents)
            return await super().put(collection, documents)

    with pytest.raises(StartRefused, match="rebuilt by another process"):
        await rebuilt(stopped, STATE_DAYS, store=Raced(stopped.store, 1000))


async def test_another_log_is_not_rebuilt_over(stopped: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    async with stopped.running():
        await stopped.kept()
    async with world(tmp_path_factory.mktemp("other")) as other:
        await other.write(*BEGINNING)
        with pytest.raises(LogMismatch):
            await rebuilt(other, STATE_DAYS, store=stopped.store)
    assert await live_collection(stopped.store, STATE_DAYS) == collection_name(STATE_DAYS, 0)
    assert await stopped.log.end(STREAM) == len(BEGINNING) + len(MORE)


@each_projection
async def test_one_state_alone_leaves_the_others_as_they_are(stopped: World, projection: Projection[Any]) -> None:
    await stopped.write(*(_elsewhere(each) for each in BEGINNING), stream=RAJASTHAN)
    async with stopped.running():
        await stopped.folded()
        await stopped.folded(RAJASTHAN)
    before = await ends(stopped)
    # Something that a replay would put right: it tells whether Rajasthan was folded anew.
    theirs = next(each for each in await _of_state(stopped, projection, "in-rj"))
    odd = Document(theirs.id, theirs.version + 1, {**theirs.body, "event_time": "odd"})
    await stopped.store.put(await live_collection(stopped.store, projection), [odd])

    old = await _of_state(stopped, projection, "in-rj")
    done = await rebuilt(stopped, projection, only=["in-mp"])
    assert (done.hash, done.events) == (done.live_hash, before[STREAM])
    assert await _of_state(stopped, projection, "in-rj") == old
    assert odd in old
    assert {each.version for each in await _snapshots(stopped, projection, "in-rj")} == {len(BEGINNING) - 1}
    assert await ends(stopped) == before

    async with stopped.running():  # and it goes on from there
        await stopped.told(_elsewhere(filed("bhind", ON, f"{ON}T20:30")), stream=RAJASTHAN)
    assert len(await _of_state(stopped, projection, "in-rj")) >= len(old)


@each_projection
async def test_one_state_alone_is_replayed_right(stopped: World, projection: Projection[Any]) -> None:
    async with stopped.running():
        await stopped.folded()
    ours = (await _of_state(stopped, projection, "in-mp"))[-1]
    await stopped.store.put(
        await live_collection(stopped.store, projection),
        [Document(ours.id, ours.version + 1, {**ours.body, "event_time": "odd"})],
    )
    done = await rebuilt(stopped, projection, only=["in-mp"], even_if_different=True)
    assert done.hash != done.live_hash
    assert ours in await _of_state(stopped, projection, "in-mp")


async def test_where_there_is_nothing_to_take_over_all_states_are_replayed(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.write(*BEGINNING)
        await made.write(policy(), stream=RAJASTHAN)
        done = await rebuilt(made, STATE_DAYS, only=["in-mp"])
        assert (done.live_hash, done.events) == (None, len(BEGINNING) + 1)


async def test_every_document_tells_whose_it_is(stopped: World) -> None:
    await stopped.write(*(_elsewhere(each) for each in BEGINNING), stream=RAJASTHAN)
    async with stopped.running():
        await stopped.folded()
        await stopped.folded(RAJASTHAN)
    for projection in PROJECTIONS:
        collection = await live_collection(stopped.store, projection)
        found = await stopped.store.get_many(collection, await stopped.store.ids(collection))
        assert {state_of_document(each) for each in found.values()} == set(STATES)


def _elsewhere(event: Event) -> Event:
    """The same, said of Rajasthan."""
    said = event.as_written
    moved = said.model_dump_json(by_alias=True).replace("in-mp", "in-rj")
    return lift(replace(event, data=type(said).model_validate_json(moved), written=None))


async def _of_state(made: World, projection: Projection[Any], state: str) -> list[Document]:
    collection = await live_collection(made.store, projection)
    found = await made.store.get_many(collection, await made.store.ids(collection))
    return sorted((each for each in found.values() if state_of_document(each) == state), key=lambda each: each.id)


async def _snapshots(made: World, projection: Projection[Any], state: str) -> list[Document]:
    collection = snapshots_of(await live_collection(made.store, projection))
    found = await made.store.get_many(collection, await made.store.ids(collection))
    return sorted((each for each in found.values() if state in each.id), key=lambda each: each.id)
