"""The index: what it remembers, for how long, and what it makes of records that it cannot read."""

import pytest

from libs.duty.transitions import Status
from libs.events.envelope import Event, Recorded
from libs.runtime.batch import Batch, Checkpoint, Item, Unreadable
from services.ingest.index import Index
from services.ingest.known import Known
from tests.duty.events import (
    STATE,
    STREAM,
    clock_reached,
    code,
    day,
    filed,
    holiday,
    instant,
    recorded,
    reviewed,
)
from tests.ingest.desk import GRIEVANCES, NOW, ROSTER, TODAY
from tests.ingest.test_decide import grievance

REPORT = filed("guna", TODAY, NOW)
PLACE = len(ROSTER)


async def index_of(*events: Event | Item, stream: str = STREAM) -> Index:
    index = Index([STATE])
    await fold(index, *events, stream=stream)
    return index


async def fold(index: Index, *events: Event | Item, first: int = 0, stream: str = STREAM) -> None:
    items = [
        Recorded(item, stream, offset, item.time) if isinstance(item, Event) else item
        for offset, item in enumerate(events, first)
    ]
    await index.fold(Batch(stream, items, Checkpoint(first + len(items) - 1, "", "a log")))
    await index.rest()


async def test_it_begins_at_the_start_of_each_stream_of_its_states() -> None:
    index = Index([STATE, "in-rj"])
    assert index.positions.streams == (
        "rozana.in-mp.reports",
        "rozana.in-mp.grievances",
        "rozana.in-rj.reports",
        "rozana.in-rj.grievances",
    )
    assert [await index.checkpoint(stream) for stream in index.positions.streams] == [None] * 4


async def test_it_knows_what_clients_have_sent_and_nothing_else() -> None:
    index = await index_of(*ROSTER, REPORT, clock_reached(NOW))
    assert set(index.known) == {event.id for event in (*ROSTER, REPORT)}
    assert index.known[REPORT.id] == Known.at(REPORT, STREAM, PLACE)
    assert index.duties[STATE].roster.get(code("guna")) is not None
    await fold(index, grievance(), stream=GRIEVANCES)
    assert index.known[grievance().id].stream == GRIEVANCES


@pytest.mark.parametrize("event", [REPORT, reviewed("guna", REPORT.id, at=NOW)])
async def test_what_there_is_ever_more_of_is_remembered_for_45_days(event: Event) -> None:
    index = await index_of(*ROSTER, event)
    await fold(index, filed("guna", "2027-01-07", "2027-01-07T20:00"), first=6)
    assert event.id in index.known
    await fold(index, filed("guna", "2027-01-07", "2027-01-07T20:01"), first=7)
    assert event.id not in index.known
    assert {each.id for each in ROSTER} <= set(index.known)


async def test_a_grievance_is_remembered_by_the_time_of_its_own_stream() -> None:
    index = await index_of(grievance(), stream=GRIEVANCES)
    await fold(index, *ROSTER, filed("guna", "2027-03-01", "2027-03-01T20:00"))
    assert grievance().id in index.known


async def test_of_copies_in_the_log_the_first_has_the_receipt() -> None:
    index = await index_of(*ROSTER, REPORT, REPORT)
    assert index.known[REPORT.id].offset == PLACE


async def test_another_replica_that_was_first_has_the_receipt() -> None:
    index = await index_of(*ROSTER)
    ours = Known.at(REPORT, STREAM, PLACE + 1)
    index.remember(ours)
    assert index.known[REPORT.id] == ours
    await fold(index, REPORT, REPORT, first=PLACE)
    assert index.known[REPORT.id].offset == PLACE
    index.remember(ours)
    assert index.known[REPORT.id].offset == PLACE


async def test_a_record_that_cannot_be_read_accuses_nobody() -> None:
    unreadable = Unreadable(STREAM, PLACE, code("guna"), instant(NOW))
    index = await index_of(*ROSTER, unreadable)
    assert index.duties[STATE].view(day(TODAY)).entries[code("guna")].status is Status.UNKNOWN
    index = await index_of(Unreadable(GRIEVANCES, 0, code("guna"), instant(NOW)), stream=GRIEVANCES)
    assert index.known == {}


async def test_it_folds_as_duty_does() -> None:
    said = (*ROSTER, holiday("2026-11-25"), REPORT, clock_reached("2026-11-24T00:00"))
    index = await index_of(*said)
    other = Index([STATE]).duties[STATE]
    for offset, event in enumerate(said):
        other.evolve(recorded(event, offset))
    assert index.duties[STATE].dump() == other.dump()
