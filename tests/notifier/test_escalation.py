"""What nobody takes care of goes up, what was put off comes back, and what the office left lying AICC hears of."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from libs.events.alerts import (
    AlertAcknowledged,
    AlertData,
    AlertEscalated,
    AlertRaised,
    AlertResolved,
    AlertSnoozed,
    Rule,
)
from libs.events.clock import ClockReached
from libs.events.envelope import Event
from services.notifier.records import record_of
from services.notifier.rules.escalation import ESCALATION, Timers
from services.notifier.rules.left_unacknowledged import LEFT_UNACKNOWLEDGED, MOST_PERIODS, Lying
from services.notifier.rules.rule import Seen, said
from tests.duty.events import STATE, added, appointed, code, filed, instant, policy
from tests.notifier.world import ALERTS, World, read, world

DAY = "2026-11-23"
GRACE = instant("2026-11-24T00:00")
NOTICED = GRACE + timedelta(seconds=5)
"""When the miss is said: escalation counts from there."""
EVENING = [
    policy(remind=0, escalate=(60, 180)),
    *(each for name in ("guna", "datia") for each in (added(name), appointed(name))),
]
HISTORY = [*EVENING, filed("datia", DAY, "2026-11-23T20:00")]

Line = tuple[str, str, int, datetime]
"""What an alert's event says: its name, its rule, its level, its instant."""


async def lines(state: World, *rules: Rule) -> list[Line]:
    """What the alerts' stream says of misses and of what was left lying, or of the rules that are named."""
    wanted = rules or (Rule.MISSED_REPORT, Rule.LEFT_UNACKNOWLEDGED)
    return [
        (data.NAME, data.rule.value, data.level, data.at)
        for item in await read(state.log, ALERTS)
        if isinstance(data := item.event.data, AlertData) and data.rule in wanted
    ]


async def alert_of(state: World, district: str = "guna") -> AlertRaised:
    events = [each.event.data for each in await read(state.log, ALERTS)]
    missed = (each for each in events if isinstance(each, AlertRaised) and each.rule is Rule.MISSED_REPORT)
    return next(each for each in missed if each.subject == code(district))


async def act(state: World, happened: type[AlertAcknowledged | AlertSnoozed], until: str | None) -> None:
    """What the office does about the alert on Guna, now."""
    now = state.clock.now()
    more = {"at": now, "by": "pcc:office", "note": "", "until": None if until is None else instant(until)}
    data = said(happened, await alert_of(state), **more)
    await state.log.append(ALERTS, [record_of(Event(str(uuid4()), "urn:test", now, data))])
    await state.quiet()


RAISED: Line = ("alert.raised", "missed-report", 1, GRACE)
UP: Line = ("alert.escalated", "missed-report", 2, NOTICED + timedelta(hours=1))
TOP: Line = ("alert.escalated", "missed-report", 3, NOTICED + timedelta(hours=3))
LEFT: Line = ("alert.raised", "left-unacknowledged", 1, NOTICED + timedelta(hours=1))


async def test_what_nobody_takes_care_of_goes_up_step_by_step_and_aicc_hears_of_the_office(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier():
        await state.play(HISTORY)
        await state.pass_to("2026-11-24T12:00")
        assert await lines(state) == [RAISED, UP, LEFT, TOP]
        events = [each.event.data for each in await read(state.log, ALERTS)]
        up = [each for each in events if isinstance(each, AlertEscalated)]
        assert [each.audience for each in up] == [("president", "pcc"), ("president", "pcc", "aicc")]
        assert {each.alert_id for each in up} == {(await alert_of(state)).alert_id}
        [left] = [each for each in events if isinstance(each, AlertRaised) and each.rule is Rule.LEFT_UNACKNOWLEDGED]
        assert (left.subject, left.period, left.audience, left.escalate_minutes) == (STATE, DAY, ("aicc",), ())


async def test_what_is_acknowledged_for_good_goes_up_no_more_and_ends_what_aicc_was_told(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier():
        await state.play(HISTORY)
        await state.pass_to("2026-11-24T02:00")
        await act(state, AlertAcknowledged, None)
        await state.pass_to("2026-11-25T00:00")
        assert (await lines(state))[3:] == [
            ("alert.acknowledged", "missed-report", 1, instant("2026-11-24T02:00")),
            ("alert.resolved", "left-unacknowledged", 1, instant("2026-11-24T02:00")),
        ]


async def test_while_it_is_put_off_its_time_stands_still(tmp_path: Path) -> None:
    for happened in (AlertAcknowledged, AlertSnoozed):
        async with world(tmp_path / happened.NAME) as state, state.notifier():
            await state.play(HISTORY)
            await state.pass_to("2026-11-24T00:30:05")
            await act(state, happened, "2026-11-24T06:00:05")
            await state.pass_to("2026-11-24T07:00")
            assert await lines(state, Rule.MISSED_REPORT) == [
                RAISED,
                (happened.NAME, "missed-report", 1, instant("2026-11-24T00:30:05")),
                ("alert.reopened", "missed-report", 1, instant("2026-11-24T06:00:05")),
                ("alert.escalated", "missed-report", 2, instant("2026-11-24T06:30:05")),
            ]


async def test_what_is_put_off_for_longer_comes_back_at_the_last_word(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier():
        await state.play(HISTORY)
        await state.pass_to("2026-11-24T00:30:05")
        await act(state, AlertSnoozed, "2026-11-24T06:00:05")
        await act(state, AlertSnoozed, "2026-11-24T03:00:05")
        await state.pass_to("2026-11-24T07:00")
        assert (await lines(state, Rule.MISSED_REPORT))[3:5] == [
            ("alert.reopened", "missed-report", 1, instant("2026-11-24T03:00:05")),
            ("alert.escalated", "missed-report", 2, instant("2026-11-24T03:30:05")),
        ]


async def test_a_report_ends_it_before_it_goes_up_and_what_aicc_was_told(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier():
        await state.play([*HISTORY, filed("guna", DAY, "2026-11-24T01:30")])
        await state.pass_to("2026-11-25T00:00")
        assert (await lines(state))[3:] == [
            ("alert.resolved", "missed-report", 1, instant("2026-11-24T01:30")),
            ("alert.resolved", "left-unacknowledged", 1, instant("2026-11-24T01:30")),
        ]


async def test_a_notifier_that_starts_again_reads_what_was_decided_and_says_nothing_twice(tmp_path: Path) -> None:
    async with world(tmp_path) as state:
        async with state.notifier():
            await state.play(HISTORY)
            await state.pass_to("2026-11-24T02:00")
        before = await read(state.log, ALERTS)
        for _ in range(2):
            async with state.notifier():
                pass
        assert await read(state.log, ALERTS) == before
        async with state.notifier():
            await state.pass_to("2026-11-24T12:00")
        assert await lines(state) == [RAISED, UP, LEFT, TOP]


async def test_nobody_is_blamed_for_what_was_not_said_while_we_were_down(tmp_path: Path) -> None:
    """Noticed ten hours late, the hour in which the office may act begins then."""
    async with world(tmp_path) as state:
        async with state.notifier():
            await state.play(HISTORY)
        state.clock.advance_to(instant("2026-11-24T10:00"))
        async with state.notifier():
            assert await lines(state) == [RAISED]
            await state.pass_to("2026-11-24T11:30")
            assert (await lines(state))[1] == ("alert.escalated", "missed-report", 2, instant("2026-11-24T11:00"))


async def test_by_a_policy_without_escalation_nothing_goes_up_and_what_was_snoozed_comes_back(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier():
        await state.play([policy(), *HISTORY[1:]])
        await state.pass_to("2026-11-24T01:00")
        await act(state, AlertSnoozed, "2026-11-24T02:00")
        await state.pass_to("2026-11-24T20:00")
        names = [name for name, *_ in await lines(state)]
        assert names == ["alert.raised", "alert.snoozed", "alert.reopened"]


async def test_a_clock_ahead_of_the_log_makes_nothing_due(tmp_path: Path) -> None:
    async with world(tmp_path) as state, state.notifier():
        await state.play(HISTORY)
        await state.pass_to("2026-11-24T00:10")
        ahead = ClockReached(state=STATE, at=instant("2026-11-24T05:00"))
        event = Event(str(uuid4()), "urn:test", state.clock.now(), ahead)
        await state.log.append(ALERTS, [record_of(event)])
        await state.quiet()
        assert await lines(state) == [RAISED]
        assert "a clock ahead of the log was ignored" in state.lines.getvalue()


# As pure functions: what a raw topic may repeat, and bounds


def raised_on(day: str = DAY, district: str = "guna") -> AlertRaised:
    return AlertRaised.model_validate(
        {
            "state": STATE,
            "subject": code(district),
            "alert_id": str(uuid4()),
            "rule": Rule.MISSED_REPORT,
            "tenure_id": None,
            "period": day,
            "level": 1,
            "audience": ("president", "pcc"),
            "at": GRACE,
            "evidence": (),
            "cause": {"stream": "rozana.in-mp.reports", "offset": 7},
            "escalate_minutes": (60, 180),
        }
    )


def seen(data: AlertData | ClockReached, at: datetime = GRACE) -> Seen:
    return Seen(STATE, ALERTS, 9, Event(str(uuid4()), "urn:test", at, data))


def reach(memory: Timers, at: datetime) -> Sequence[AlertData]:
    return list(ESCALATION.watch(memory, seen(ClockReached(state=STATE, at=at), at)))


def test_an_alert_that_is_repeated_after_its_end_runs_no_more_and_is_forgotten_after_weeks() -> None:
    memory, alert = Timers(), raised_on()
    over = {"how": "late", "cause": {"stream": ALERTS, "offset": 3}}
    for data in (alert, said(AlertEscalated, alert, level=2)):
        assert list(ESCALATION.watch(memory, seen(data))) == []
    assert list(ESCALATION.watch(memory, seen(said(AlertResolved, alert, **over)))) == []
    assert list(ESCALATION.watch(memory, seen(alert))) == []
    assert ESCALATION.next_due(memory) is None
    assert reach(memory, GRACE + timedelta(days=1)) == []
    assert len(memory.over) == 1
    reach(memory, GRACE + timedelta(days=60))
    assert memory == Timers()


def test_an_event_of_an_alert_that_nobody_raised_changes_nothing() -> None:
    memory = Timers()
    assert list(ESCALATION.watch(memory, seen(said(AlertEscalated, raised_on(), level=2)))) == []
    assert list(ESCALATION.watch(memory, Seen(STATE, ALERTS, 9, None))) == []
    assert memory == Timers()


def test_several_that_fall_due_together_go_up_in_their_order() -> None:
    memory = Timers()
    first, second = raised_on(), raised_on(district="datia")
    list(ESCALATION.watch(memory, seen(first, GRACE + timedelta(minutes=1))))
    list(ESCALATION.watch(memory, seen(second)))
    up = reach(memory, GRACE + timedelta(hours=4))
    assert [(each.subject, each.level) for each in up] == [
        (code("datia"), 2),
        (code("guna"), 2),
        (code("datia"), 3),
        (code("guna"), 3),
    ]
    assert len({each.event_id() for each in up[:2]}) == 2


def test_of_what_was_left_lying_a_bounded_number_of_days_is_remembered() -> None:
    memory = Lying()
    for number in range(MOST_PERIODS + 10):
        alert = raised_on(str(instant(f"{DAY}T12:00").date() + timedelta(days=number)))
        up = said(AlertEscalated, alert, level=2)
        assert [each.period for each in LEFT_UNACKNOWLEDGED.watch(memory, seen(up))] == [alert.period]
        assert list(LEFT_UNACKNOWLEDGED.watch(memory, seen(up))) == []
    assert len(memory.by_period) == MOST_PERIODS
