"""grievance-overdue: AICC hears that nobody has answered, once a due day, and no longer than nobody does."""

from datetime import UTC, datetime
from pathlib import Path

from libs.events.alerts import Rule
from libs.events.clock import ClockReached
from libs.events.envelope import Event
from libs.events.grievances import (
    CaseData,
    GrievanceAnswered,
    GrievanceAssigned,
    GrievanceClosed,
    GrievancePolicyAdopted,
)
from libs.events.values import EventData
from services.notifier.rules.grievance_overdue import GRIEVANCE_OVERDUE
from tests.duty.events import STATE, instant, named
from tests.notifier.stories import GRIEVANCES, given, grievance, raised, resolved
from tests.notifier.world import read, until, world, write

OVERDUE = Rule.GRIEVANCE_OVERDUE
RULES = GrievancePolicyAdopted(state=STATE, version=1, due_days=(7, 15), silence_days=30)
FIRST = grievance("first", "guna", "2026-11-01")
ABOUT = {"state": STATE, "district": "in-mp.guna", "grievance_id": FIRST.id}
DUE = f"{FIRST.id}.2026-11-08"


def said(data: EventData, on: str) -> Event:
    """In the stream of grievances, on a day."""
    return Event(named(f"{data.NAME} {on}"), GRIEVANCES, datetime.fromisoformat(f"{on}T00:00:00+00:00"), data)


def day(on: str) -> Event:
    return said(ClockReached(state=STATE, at=datetime.fromisoformat(f"{on}T00:00:00+00:00")), on)


def of_case(model: type[CaseData], on: str, **more: object) -> Event:
    return said(model.model_validate({**ABOUT, **more}, strict=False), on)


def test_a_due_day_that_passes_is_heard_of_once_and_over_with_an_answer() -> None:
    story = given(said(RULES, "2026-11-01"), FIRST, rules=[GRIEVANCE_OVERDUE])
    story.when(day("2026-11-08")).then()
    story.when(day("2026-11-09")).then(raised(OVERDUE, "guna", DUE, "2026-11-09T00:00+00:00"))
    assert story.alerts[0].audience == ("aicc",)
    assert story.alerts[0].tenure_id is None
    story.when(day("2026-11-10")).then()
    handler = "5d6c2a4e-8f1b-4c60-9b1d-2f4f0a3d9c11"
    story.when(of_case(GrievanceAssigned, "2026-11-10", handler=handler, due="2026-11-20")).then()
    story.when(of_case(GrievanceAnswered, "2026-11-11", due="2026-11-25")).then(
        resolved(OVERDUE, "guna", DUE, "2026-11-11T00:00+00:00", how="answered")
    )
    again = f"{FIRST.id}.2026-11-25"
    story.when(day("2026-11-26")).then(raised(OVERDUE, "guna", again, "2026-11-26T00:00+00:00"))
    story.when(of_case(GrievanceClosed, "2026-11-27", reason="done")).then(
        resolved(OVERDUE, "guna", again, "2026-11-27T00:00+00:00", how="closed")
    )


def test_while_aicc_has_adopted_no_rules_nothing_is_overdue() -> None:
    given(FIRST, rules=[GRIEVANCE_OVERDUE]).when(day("2027-11-09")).then()


async def test_the_clock_of_grievances_tells_no_hour(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier():
        await write(state.log, said(RULES, "2026-11-23"), grievance("first", "guna", "2026-11-23"))
        await state.quiet()
        state.clock.advance_to(datetime(2026, 12, 1, tzinfo=UTC))
        await state.quiet()
        assert len(await read(state.log, GRIEVANCES)) == 3  # both, and the alert that it was raised

        async def told() -> bool:
            return len(await read(state.log, GRIEVANCES)) == 5

        state.clock.advance_to(datetime(2026, 12, 1, 0, 0, 5, tzinfo=UTC))
        await until(told)
        clock, alert = (await read(state.log, GRIEVANCES))[3:]
        assert clock.event.data == ClockReached(state=STATE, at=instant("2026-12-01T05:30"))
        assert {clock.event.time, clock.appended_at, alert.event.time} == {instant("2026-12-01T05:30")}
