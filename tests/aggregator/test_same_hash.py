"""However the log is cut into batches, from whichever snapshot it is read again, and between whichever two writes the
process dies: the documents come out the same, with the same versions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.envelope import Event
from libs.events.reports import Report
from libs.runtime.batch import Item, Unreadable
from libs.runtime.errors import Unavailable
from libs.runtime.pointer import collection_name
from libs.runtime.projection import Projection, collection_hash
from libs.runtime.store import DocumentStore
from libs.runtime.store_sqlite import open_store
from services.aggregator.projector import PROJECTIONS
from tests.aggregator.folding import FailingStore, documents, fold, items, unreadable
from tests.duty.events import (
    added,
    appointed,
    clock_reached,
    corrected,
    excused,
    filed,
    holiday,
    instant,
    on_leave,
    policy,
    relieved,
    reviewed,
    saying,
)

DISTRICTS = ("bhind", "guna", "morena")
BEGINNING = (policy(lock=1), *(each for name in DISTRICTS for each in (added(name), appointed(name))))


@dataclass
class Telling:
    """Turns three small numbers at a time into something that happens."""

    hours: int = 0

    def next(self, said: Sequence[Event | Unreadable], what: int, which: int, hours: int) -> Event | Unreadable:
        self.hours += hours
        at = instant("2026-11-23T06:00") + timedelta(hours=self.hours)
        district = DISTRICTS[which % 3]
        day = (at + timedelta(hours=5.5)).date() - timedelta(days=which // 3 % 3)
        reports = [each for each in said if isinstance(each, Event) and isinstance(each.data, Report)]
        of = reports[which % len(reports)] if reports else filed(district, day, at)
        assert isinstance(of.data, Report)
        name = of.data.district.removeprefix("in-mp.")
        match what:
            case 0:
                return clock_reached(at)
            case 1:
                return filed(district, day, at, known_as=f"{len(said)}")
            case 2:
                return corrected(name, of.data.day, at, of=of.id)
            case 3:
                return replace(of, time=at - timedelta(hours=which % 5))
            case 4:
                return replace(saying(of, summary="another"), time=at)
            case 5:
                return reviewed(name, of.id, at=at)
            case 6:
                return unreadable(district, at.isoformat())
            case 7:
                return on_leave(district, day, day + timedelta(days=1), at=at)
            case 8:
                return holiday(day, at=at)
            case 9:
                return excused(district, day, at=at)
            case 10:
                return relieved(district, until=day, at=at)
            case _:
                return appointed(district, f"holder {len(said)}", since=day, at=at)


def told(numbers: Sequence[tuple[int, int, int]]) -> list[Item]:
    said: list[Event | Unreadable] = list(BEGINNING)
    telling = Telling()
    for what, which, hours in numbers:
        said.append(telling.next(said, what, which, hours))
    return items(said)


stories = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 8), st.integers(0, 20)), max_size=30).map(told)
cuts = st.lists(st.integers(1, 8), max_size=12)
each_projection = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda each: each.name)


async def hash_of(projection: Projection[Any], store: DocumentStore) -> str:
    return await collection_hash(store, collection_name(projection, 0))


async def fold_dying(
    projection: Projection[Any], store: DocumentStore, story: list[Item], sizes: list[int], keep: int, lives: list[int]
) -> None:
    for writes in lives:
        try:
            await fold(projection, FailingStore(store, writes), story, sizes=sizes, keep_every=keep)
        except Unavailable:
            continue
        return
    await fold(projection, store, story)


@each_projection
@given(story=stories, sizes=cuts, keep=st.integers(0, 3), lives=st.lists(st.integers(0, 12), max_size=4))
@settings(max_examples=60)
async def test_cuts_snapshots_and_crashes_change_nothing(
    projection: Projection[Any], story: list[Item], sizes: list[int], keep: int, lives: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        plain, dying = open_store(Path(folder) / "plain"), open_store(Path(folder) / "dying")
        try:
            await fold(projection, plain, story)
            await fold_dying(projection, dying, story, sizes, keep, lives)
            assert await documents(projection, dying) == await documents(projection, plain)
            assert await hash_of(projection, dying) == await hash_of(projection, plain)
        finally:
            await plain.close()
            await dying.close()


@each_projection
async def test_dying_between_any_two_writes_of_one_story(projection: Projection[Any], store: DocumentStore) -> None:
    numbers = [(what, which, 3) for what in (1, 2, 3, 5, 3, 4, 0, 3, 4, 1, 0, 6, 3, 1) for which in (0, 4)]
    story = told(numbers)
    await fold(projection, store, story)
    expected = await hash_of(projection, store)
    for writes in range(60):
        for collection in await store.collections():
            await store.drop(collection)
        await fold_dying(projection, store, story, [4] * 10, 2, [writes])
        assert await hash_of(projection, store) == expected, f"after {writes} writes"
