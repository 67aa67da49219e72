"""From batches to documents: what is loaded, what is written, in which order, and how often."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from libs.events.envelope import Event, Recorded
from libs.events.reports import ReportFiled
from libs.runtime.batch import Batch, Checkpoint, Unreadable
from libs.runtime.errors import Reopen, Unavailable
from libs.runtime.patience import PatientStore, in_loop
from libs.runtime.pointer import Lease, open_collection, snapshots_of
from libs.runtime.projection import Body, Documents, Projection, collection_hash
from libs.runtime.projector import AsOf, Projector, as_of
from libs.runtime.store import Document, DocumentStore
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import get_logger
from tests.duty.events import STREAM, clock_reached, filed, recorded
from tests.runtime.streams import NOW

COLLECTION = "counts.v1.0"


def keys(item: Recorded) -> Iterable[str]:
    return (item.event.subject,)


def evolve(snapshot: dict[str, int], documents: Documents, item: Recorded) -> None:
    """A document a district with the offsets of its reports; the snapshot counts all."""
    snapshot["reports"] = snapshot.get("reports", 0) + 1
    known = documents.get(item.event.subject)
    offsets = known["offsets"] if known else []
    assert isinstance(offsets, Sequence)
    documents.put(item.event.subject, {"offsets": [*offsets, item.offset]})


def hold(snapshot: dict[str, int], documents: Documents, item: Unreadable) -> None:
    documents.put(item.key, {"offsets": [], "unreadable": item.offset})


COUNTS: Projection[dict[str, int]] = Projection(
    name="counts",
    version=1,
    kind="reports",
    handles=frozenset({ReportFiled}),
    initial=lambda state: {"of": len(state)},
    dump=dict,
    load=lambda body: {name: int(str(value)) for name, value in body.items()},
    keys=keys,
    evolve=evolve,
    hold=hold,
)


@dataclass
class Watched:
    """A real store, and what is asked of it."""

    store: DocumentStore
    calls: list[tuple[str, str, list[str]]] = field(default_factory=list)

    async def get_many(self, collection: str, ids: Sequence[str]) -> Mapping[str, Document]:
        self.calls.append(("get_many", collection, list(ids)))
        return await self.store.get_many(collection, ids)

    async def put(self, collection: str, documents: Sequence[Document]) -> Sequence[bool]:
        self.calls.append(("put", collection, [each.id for each in documents]))
        return await self.store.put(collection, documents)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Watched]:
    opened = open_store(tmp_path / "store")
    yield Watched(opened)
    await opened.close()


def batch(first: int, *said: Event | str) -> Batch:
    """Events, or the key of a record that nobody can read."""
    items = [
        recorded(each, offset) if isinstance(each, Event) else Unreadable(STREAM, offset, each, NOW)
        for offset, each in enumerate(said, first)
    ]
    return Batch(STREAM, items, Checkpoint(first + len(said) - 1, f"event {first + len(said) - 1}", "the log"))


def report(district: str, number: int) -> Event:
    return filed(district, "2026-11-23", "2026-11-23T20:00", known_as=f"{number}")


async def started(store: Watched, now: list[float] | None = None) -> Projector[dict[str, int]]:
    ticks = now or [0.0]
    projector = Projector(COUNTS, store, COLLECTION, now=lambda: ticks[0])
    await projector.checkpoint(STREAM)
    return projector


async def test_a_batch_loads_what_it_needs_at_once_and_writes_each_document_once(store: Watched) -> None:
    projector = await started(store)
    said: list[Event | str] = [
        report("guna", 0),
        report("bhind", 1),
        report("guna", 2),
        clock_reached("2026-11-23T20:00"),
        "in-mp.dhar",
    ]
    await projector.fold(batch(0, *said))
    assert store.calls == [
        ("get_many", COLLECTION, ["in-mp.bhind", "in-mp.guna"]),
        ("put", COLLECTION, ["in-mp.guna", "in-mp.bhind", "in-mp.dhar"]),
    ]
    found = await store.get_many(COLLECTION, ["in-mp.guna", "in-mp.bhind", "in-mp.dhar"])
    assert {key: (each.version, each.body["offsets"]) for key, each in found.items()} == {
        "in-mp.guna": (2, [0, 2]),
        "in-mp.bhind": (1, [1]),
        "in-mp.dhar": (4, []),
    }


async def test_a_batch_of_nothing_that_is_handled_asks_nothing_of_the_store(store: Watched) -> None:
    projector = await started(store)
    await projector.fold(batch(0, clock_reached("2026-11-23T20:00")))
    assert store.calls == []


async def test_the_snapshot_is_the_checkpoint_and_comes_after_the_documents(store: Watched) -> None:
    projector = await started(store)
    await projector.fold(batch(0, report("guna", 0)))
    await projector.rest()
    assert [call[1] for call in store.calls if call[0] == "put"] == [COLLECTION, snapshots_of(COLLECTION)]
    again = Projector(COUNTS, store, COLLECTION)
    assert await again.checkpoint(STREAM) == Checkpoint(0, "event 0", "the log")
    await again.fold(batch(1, report("guna", 1)))
    await again.keep()
    found = await store.get(snapshots_of(COLLECTION), STREAM)
    assert found is not None
    assert (found.version, found.body["snapshot"]) == (1, {"of": 5, "reports": 2})


async def test_snapshots_are_kept_about_once_a_second_and_only_when_something_came(store: Watched) -> None:
    now = [0.0]
    projector = await started(store, now)
    written: list[int] = []
    for tenth in range(40):
        now[0] = tenth / 10
        if tenth < 30:
            await projector.fold(batch(tenth, report("guna", tenth)))
        store.calls.clear()
        await projector.rest()
        written += [tenth] * len(store.calls)
    assert written == [0, 10, 20, 30]
    await projector.keep()
    assert store.calls == []


async def test_a_slow_store_is_given_time_between_snapshots(store: Watched) -> None:
    now = [0.0]
    projector = await started(store, now)
    slow = replace(COUNTS, dump=lambda snapshot: (now.__setitem__(0, now[0] + 0.5), dict(snapshot))[1])
    projector._projection = slow
    await projector.fold(batch(0, report("guna", 0)))
    await projector.rest()
    await projector.fold(batch(1, report("guna", 1)))
    for later, puts in ((9.9, 0), (10.0, 1)):
        now[0] = later
        store.calls.clear()
        await projector.rest()
        assert len(store.calls) == puts


async def test_one_stall_of_the_store_does_not_put_the_next_snapshot_off_for_long(store: Watched) -> None:
    now = [0.0]
    projector = await started(store, now)
    projector._projection = replace(COUNTS, dump=lambda snapshot: (now.__setitem__(0, now[0] + 5.0), dict(snapshot))[1])
    await projector.fold(batch(0, report("guna", 0)))
    await projector.rest()
    await projector.fold(batch(1, report("guna", 1)))
    for later, puts in ((9.9, 0), (10.0, 1)):
        now[0] = later
        store.calls.clear()
        await projector.rest()
        assert len(store.calls) == puts


async def test_reading_again_from_an_older_snapshot_changes_nothing(store: Watched) -> None:
    projector = await started(store)
    await projector.fold(batch(0, report("guna", 0)))
    await projector.keep()
    await projector.fold(batch(1, report("guna", 1), report("bhind", 2)))
    await projector.fold(batch(3, report("guna", 3)))
    before = await collection_hash(store, COLLECTION)
    again = await started(store)
    await again.fold(batch(1, report("guna", 1)))
    await again.fold(batch(2, report("bhind", 2), report("guna", 3)))
    assert await collection_hash(store, COLLECTION) == before
    await again.fold(batch(4, report("guna", 4)))
    found = await store.get(COLLECTION, "in-mp.guna")
    assert found is not None
    assert found.body["offsets"] == [0, 1, 3, 4]


async def test_how_far_a_collection_is(store: Watched) -> None:
    assert await as_of(store, COLLECTION, [STREAM, "rozana.in-rj.reports"]) == {}
    projector = await started(store)
    await projector.fold(batch(0, "in-mp.guna"))
    await projector.keep()
    assert await as_of(store, COLLECTION, [STREAM]) == {STREAM: AsOf(0, None)}
    await projector.fold(batch(1, report("guna", 1), "in-mp.guna"))
    await projector.keep()
    assert await as_of(store, COLLECTION, [STREAM]) == {STREAM: AsOf(2, "2026-11-23T14:30:00Z")}
    again = await started(store)
    await again.fold(batch(3, "in-mp.guna"))
    await again.keep()
    assert await as_of(store, COLLECTION, [STREAM]) == {STREAM: AsOf(3, "2026-11-23T14:30:00Z")}


async def test_when_an_older_copy_of_the_store_has_come_back_it_says_so_and_writes_no_snapshot_over_it(
    store: Watched, tmp_path: Path
) -> None:
    """Else what was folded since the copy would be missing for ever, and the snapshot would hide it."""
    ticks = [0.0]
    projector = await started(store, ticks)
    await projector.fold(batch(0, report("guna", 0)))
    await projector.keep()
    older = [await store.get(snapshots_of(COLLECTION), each) for each in (STREAM, f"{STREAM}/as_of")]
    ticks[0] = 10.0
    await projector.fold(batch(1, report("guna", 1)))
    await projector.rest()
    await store.drop(snapshots_of(COLLECTION))
    await store.put(snapshots_of(COLLECTION), [each for each in older if each is not None])
    ticks[0] = 100.0
    with pytest.raises(Reopen, match="it is an older copy"):  # though nothing has come
        await projector.rest()
    with pytest.raises(Reopen, match="it is an older copy"):
        await projector.fold(batch(2, report("guna", 2)))
    found = await store.get(snapshots_of(COLLECTION), STREAM)
    assert found is not None
    assert found.version == 0
    again = Projector(COUNTS, store, COLLECTION)
    assert await again.checkpoint(STREAM) == Checkpoint(0, "event 0", "the log")


class Faltering(Watched):
    """Does not answer to the next put, once: what it was to write is done, or else an older copy comes back."""

    older: Mapping[str, Sequence[Document]] | None = None
    falters = False

    async def put(self, collection: str, documents: Sequence[Document]) -> Sequence[bool]:
        if not self.falters:
            return await super().put(collection, documents)
        self.falters = False
        if self.older is None:
            await super().put(collection, documents)
        else:
            for name, kept in self.older.items():
                await self.store.drop(name)
                await self.store.put(name, kept)
        raise Unavailable("no answer within 5 s")

    async def copy(self) -> None:
        both = (COLLECTION, snapshots_of(COLLECTION))
        self.older = {name: await self.store.find(name, {}) for name in both}


async def test_a_store_that_was_only_slow_is_gone_on_with(store: Watched) -> None:
    ticks, slow = [0.0], Faltering(store.store)
    patient = PatientStore(slow, get_logger("test"))
    projector = Projector(COUNTS, patient, COLLECTION, now=lambda: ticks[0])

    async def run() -> None:
        await projector.checkpoint(STREAM)
        for number in range(4):
            ticks[0] += 10.0
            slow.falters = number % 2 == 1
            await projector.fold(batch(number, report("guna", number)))
            slow.falters = number % 2 == 0
            await projector.keep()

    await in_loop(run)()
    found = await store.get(COLLECTION, "in-mp.guna")
    assert found is not None
    assert found.body["offsets"] == [0, 1, 2, 3]
    assert await as_of(store, COLLECTION, [STREAM]) == {STREAM: AsOf(3, "2026-11-23T14:30:00Z")}


@pytest.mark.parametrize("at", ["fold", "keep"])
async def test_what_an_older_copy_lacks_is_missed_though_its_snapshot_is_the_one_last_kept(
    store: Watched, at: str
) -> None:
    """It was copied behind that snapshot, and before the documents that came then: those are folded again."""
    gone = Faltering(store.store)
    projector = Projector(COUNTS, PatientStore(gone, get_logger("test")), COLLECTION, now=lambda: 0.0)

    async def run() -> None:
        await projector.checkpoint(STREAM)
        await projector.fold(batch(0, report("guna", 0)))
        await projector.keep()
        await gone.copy()
        await projector.fold(batch(1, report("bhind", 1)))
        gone.falters = True
        with pytest.raises(Reopen, match="it is an older copy"):
            await (projector.keep() if at == "keep" else projector.fold(batch(2, report("guna", 2))))

    await in_loop(run)()
    again = Projector(COUNTS, store, COLLECTION)
    assert await again.checkpoint(STREAM) == Checkpoint(0, "event 0", "the log")
    assert await store.get(COLLECTION, "in-mp.bhind") is None


async def test_with_a_lease_nothing_is_begun_in_a_collection_that_is_not_the_live_one(store: Watched) -> None:
    collection = await open_collection(store, COUNTS)
    projector = Projector(COUNTS, store, collection, lease=Lease(store, COUNTS))
    await projector.checkpoint(STREAM)
    await projector.fold(batch(0, report("guna", 0)))
    moved = Projector(COUNTS, store, "counts.v1.7", lease=Lease(store, COUNTS))
    await moved.checkpoint(STREAM)
    with pytest.raises(Reopen, match=r"counts.v1.7 is not the live collection any more"):
        await moved.fold(batch(0, report("guna", 0)))
    with pytest.raises(Reopen):
        await moved.rest()
    assert "counts.v1.7" not in await store.collections()


def test_a_body_that_is_made_later_is_made_once_and_can_be_read_before() -> None:
    made: list[int] = []

    def body() -> Body:
        made.append(1)
        return {"is": "made"}

    documents = Documents({"old": Document("old", 7, {"is": "old"})})
    for offset in (3, 4, 5):
        documents.offset = offset
        documents.put("new", body)
        documents.put("old", body)
    assert documents.touched() == [Document("new", 5, {"is": "made"})]
    assert len(made) == 1
    assert (documents.get("new"), documents.get("old"), documents.get("other")) == ({"is": "made"}, {"is": "old"}, None)


async def test_a_hash_tells_ids_versions_and_bodies_apart_but_not_collections(store: Watched) -> None:
    documents = [Document(f"{number:04}", number, {"number": number}) for number in range(1201)]
    await store.put("one", documents)
    await store.put("other", documents[::-1])
    same = await collection_hash(store, "one")
    assert await collection_hash(store, "other") == same
    for number, changed in enumerate(
        (
            documents[:-1],
            [*documents[:-1], replace(documents[-1], version=9999)],
            [*documents[:-1], replace(documents[-1], body={"number": 0})],
            [*documents[:-1], replace(documents[-1], id="x")],
        )
    ):
        await store.put(f"changed {number}", changed)
        assert await collection_hash(store, f"changed {number}") != same
