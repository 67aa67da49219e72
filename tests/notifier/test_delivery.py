"""The outbox and its courier: at least once, always with the same key, never what is over or old."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from itertools import product
from pathlib import Path
from uuid import uuid4

import pytest

from libs.events.alerts import AlertAcknowledged, AlertRaised, AlertSnoozed, Rule
from libs.events.envelope import Event
from libs.events.streams import Kind, stream_name
from libs.runtime.consumer import replay
from libs.runtime.pointer import collection_name
from libs.runtime.positions import Positions
from libs.runtime.projector import Projector
from libs.runtime.store import Document, DocumentStore
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import get_logger
from services.notifier import delivery, dispatch
from services.notifier.alerts import PROJECTIONS
from services.notifier.channels.channel import Channel, Message, NotNow, Undeliverable
from services.notifier.channels.log import LogChannel
from services.notifier.contacts import Contact, Contacts
from services.notifier.delivery import Courier
from services.notifier.dispatch import (
    FIRST_PAUSE,
    LEASE,
    LONGEST_PAUSE,
    MOST_ATTEMPTS,
    MOST_PAUSE,
    Dispatch,
    Names,
    pause,
)
from services.notifier.filling import Filling
from services.notifier.outbox import OUTBOX, Delivery
from services.notifier.reading import AlertReader
from services.notifier.records import record_of
from services.notifier.routing import Route
from services.notifier.rules.grievance_raised import GRIEVANCE_RAISED
from services.notifier.rules.missed_report import MISSED_REPORT
from services.notifier.rules.rule import said
from tests.duty.events import STATE, added, appointed, clock_reached, code, filed, instant, policy
from tests.notifier.stories import grievance
from tests.notifier.world import ALERTS, World, read, running, until, world, write

EVENING: list[Event] = [
    policy(),
    *(each for name in ("guna", "datia") for each in (added(name), appointed(name))),
    clock_reached("2026-11-24T00:00"),
]
LATE = filed("guna", "2026-11-23", "2026-11-24T00:40")
REAL = datetime(2026, 6, 1, tzinfo=UTC)
AICC = Route(frozenset({"aicc"}))


class Killed(BaseException):
    """The process has died: nobody catches it."""


class Wire:
    """A channel that keeps what it was given, and fails as told: one error for each attempt, None where it works."""

    def __init__(
        self,
        name: str = "wire",
        *,
        fails: Iterable[BaseException | None] = (),
        only: str = "",
        route: Route | None = LogChannel.route,
        gathers: bool = False,
        hears_the_end: bool = False,
    ) -> None:
        self.name = name
        self.route = route
        self.gathers = gathers
        self.hears_the_end = hears_the_end
        self.sent: list[Message] = []
        self._fails = list(fails)
        self._only = only

    async def send(self, message: Message) -> None:
        if message.alert.subject.endswith(self._only):
            error = self._fails.pop(0) if self._fails else None
            if isinstance(error, Killed) and error.args == ("after",):
                self.sent.append(message)
            if error is not None:
                raise error
        self.sent.append(message)


class FrailStore:
    """A store whose process dies around its n-th write from now."""

    def __init__(self, store: DocumentStore, writes: int, *, after: bool) -> None:
        self._store = store
        self._left = writes
        self._after = after

    async def put(self, collection: str, documents: Sequence[Document]) -> Sequence[bool]:
        self._left -= 1
        if self._left == -1 and not self._after:
            raise Killed
        written = await self._store.put(collection, documents)
        if self._left == -1:
            raise Killed
        return written

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


class PostOffice:
    """Log, store, and a courier with its own real time."""

    def __init__(self, state: World, store: DocumentStore, channels: Sequence[Channel]) -> None:
        self.state = state
        self.store = store
        self.channels = channels
        self.now = REAL
        self.names: Names = lambda _state, district: (district.title(), "")
        self.positions: dict[Kind, Positions] = {kind: Positions([stream_name(kind, STATE)]) for kind in PROJECTIONS}
        self.reader = AlertReader(state.log, store, self.positions)

    async def fold(self) -> None:
        """Bring alerts and outbox to the end of their streams, from the beginning, as after a crash."""
        for kind, positions in self.positions.items():
            [stream] = positions.streams
            ends = {stream: await self.state.log.end(stream)}
            projection = PROJECTIONS[kind]
            alerts = Projector(projection, self.store, collection_name(projection, 0))
            outbox = Filling(kind, self.store, self.state.clock, self.channels, self.courier())
            for sink in (alerts, outbox):
                await replay("test", self.state.log, ends, sink, metrics=self.state.metrics)
            positions.move(stream, ends[stream])

    def courier(self, store: DocumentStore | None = None, channels: Sequence[Channel] | None = None) -> Courier:
        dispatch = Dispatch(
            store or self.store,
            self.state.clock,
            self.reader,
            channels or self.channels,
            self.names,
            metrics=self.state.metrics,
            logger=get_logger("notifier"),
            now=lambda: self.now,
        )
        return Courier(store or self.store, self.state.clock, dispatch)

    async def sweep(self, store: DocumentStore | None = None, channels: Sequence[Channel] | None = None) -> None:
        """Every worker of one courier, once."""
        courier = self.courier(store, channels)
        names = [channel.name for channel in channels or self.channels]
        await asyncio.gather(*(courier.sweep(name) for name in names), courier.look_after_left())

    async def say(
        self, happened: type[AlertAcknowledged | AlertSnoozed], district: str, *, until: str | None, fold: bool = True
    ) -> None:
        """What the office does about the alert on a district's silence."""
        alerts = [each.event.data for each in await read(self.state.log, ALERTS)]
        alert = next(each for each in alerts if isinstance(each, AlertRaised) and each.subject == code(district))
        more = {"by": "pcc:office", "note": "", "until": None if until is None else instant(until)}
        data = said(happened, alert, **more)
        await self.state.log.append(ALERTS, [record_of(Event(str(uuid4()), "urn:test", alert.at, data))])
        if fold:
            await self.fold()

    async def happens(self, event: Event) -> None:
        """Something comes in, and the notifier draws its conclusions."""
        self.state.clock.advance_to(event.time)
        await write(self.state.log, event)
        async with self.state.notifier(keep_time=False):
            pass
        await self.fold()

    async def raises(self, district: str, period: str, at: str) -> None:
        """An alert like the first one of the district, about another thing."""
        self.state.clock.advance_to(instant(at))
        alerts = [each.event.data for each in await read(self.state.log, ALERTS)]
        alert = next(each for each in alerts if isinstance(each, AlertRaised) and each.subject_code == code(district))
        data = AlertRaised.model_validate(dict(alert) | {"alert_id": str(uuid4()), "period": period, "at": instant(at)})
        await self.state.log.append(ALERTS, [record_of(Event(str(uuid4()), "urn:test", data.at, data))])
        await self.fold()

    async def outbox(self) -> dict[str, Delivery]:
        documents = await self.store.get_many(OUTBOX, await self.store.ids(OUTBOX))
        return {key: Delivery.model_validate(document.body) for key, document in documents.items()}

    async def statuses(self) -> list[str]:
        return sorted(delivery.status for delivery in (await self.outbox()).values())

    def counted(self, outcome: str, channel: str = "wire") -> float:
        found: float = self.state.metrics.deliveries.labels(channel, outcome)._value.get()
        return found


@contextlib.asynccontextmanager
async def post_office(
    folder: Path, *channels: Channel, events: Sequence[Event] = EVENING, people: Mapping[str, Contact] | None = None
) -> AsyncIterator[PostOffice]:
    """After an evening with two silent districts, whose alerts nobody has delivered yet."""
    async with world(folder) as state:
        state.rules = (MISSED_REPORT, GRIEVANCE_RAISED)
        for event in events:
            state.clock.advance_to(event.time)
            await write(state.log, event)
        async with state.notifier(keep_time=False):
            pass
        store = open_store(folder / "store.db")
        try:
            office = PostOffice(state, store, channels)
            for contact_id, contact in (people or {}).items():
                await Contacts(store).put(STATE, contact_id, contact)
            await office.fold()
            yield office
        finally:
            await store.close()


async def test_each_raised_alert_goes_out_once_on_each_channel(tmp_path: Path) -> None:
    one, other = Wire(), Wire("other")
    async with post_office(tmp_path, one, other) as office:
        for _ in range(2):
            await office.sweep()
            await office.fold()
        raised = [each.event for each in await read(office.state.log, ALERTS)]
        assert sorted(each.key for each in one.sent) == sorted(f"{event.id}/wire" for event in raised)
        assert sorted(each.key for each in other.sent) == sorted(f"{event.id}/other" for event in raised)
        message = next(each for each in one.sent if each.alert.subject == code("guna")).alert
        assert (message.rule, message.state, message.period, message.level) == (
            Rule.MISSED_REPORT,
            STATE,
            "2026-11-23",
            1,
        )
        assert (message.audience, message.raised_at) == (("president", "pcc"), "2026-11-23T18:30:00Z")
        assert await office.statuses() == ["sent"] * 4
        assert office.counted("sent") == office.counted("sent", "other") == 2


async def test_a_raise_that_replicas_wrote_twice_goes_out_once(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire) as office:
        await office.sweep()
        repeated = await office.state.log.read(ALERTS, 0)
        await office.state.log.append(ALERTS, [record_of(each.event) for each in await read(office.state.log, ALERTS)])
        assert len(await office.state.log.read(ALERTS, 0)) == 2 * len(repeated)
        await office.fold()
        await office.sweep()
        assert len(wire.sent) == 2


@pytest.mark.parametrize(("write_number", "after"), list(product((0, 1), (False, True))))
async def test_killed_around_a_write_it_goes_out_with_the_same_key(
    tmp_path: Path, write_number: int, after: bool
) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        frail: DocumentStore = FrailStore(office.store, write_number, after=after)  # type: ignore[assignment]
        with pytest.raises(Killed):
            await office.sweep(frail)
        await office.fold()
        await office.sweep()
        claimed = (write_number, after) in {(0, True), (1, False)}
        assert await office.statuses() == ["claimed" if claimed else "sent"]  # leased to the dead: nobody else may
        office.now += LEASE
        await office.sweep()
        assert await office.statuses() == ["sent"]
        assert len({each.key for each in wire.sent}) == 1
        assert len(wire.sent) == (2 if (write_number, after) == (1, False) else 1)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_while_sending_it_goes_out_with_the_same_key(tmp_path: Path, when: str) -> None:
    wire = Wire(fails=[Killed(when)])
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        with pytest.raises(Killed):
            await office.sweep()
        await office.sweep()
        assert await office.statuses() == ["claimed"]
        office.now += LEASE
        await office.sweep()
        assert await office.statuses() == ["sent"]
        [kept] = (await office.outbox()).values()
        assert [(each.outcome, each.reason) for each in kept.attempts] == [(None, None), ("sent", None)]
        assert len({each.key for each in wire.sent}) == 1


@pytest.mark.parametrize("gathers", [False, True])
async def test_a_repeat_says_what_the_first_one_said_whoever_sends_it(tmp_path: Path, gathers: bool) -> None:
    """Whoever has just started knows no district's name yet, and another time it may have been given a new one."""
    wire = Wire(fails=[Killed("after")], gathers=gathers)
    events = EVENING if gathers else [*EVENING[:3], EVENING[-1]]
    async with post_office(tmp_path, wire, events=events) as office:
        with pytest.raises(Killed):
            await office.sweep()
        office.now += LEASE
        office.names = lambda _state, _district: ("", "")
        await office.sweep()
        first, again = wire.sent
        assert again == first
        assert len(again.about) == (2 if gathers else 1)
        assert all(each.name_en for each in again.about)


async def test_what_never_left_is_told_with_the_names_of_then(tmp_path: Path) -> None:
    wire = Wire(fails=[NotNow("unreachable")])
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        office.names = lambda _state, _district: ("", "")
        await office.sweep()
        office.names = lambda _state, _district: ("Guna", "गुना")
        office.now += FIRST_PAUSE
        await office.sweep()
        assert [(each.alert.name_en, each.alert.name_hi) for each in wire.sent] == [("Guna", "गुना")]


async def test_of_two_couriers_one_claims(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire) as office:
        await asyncio.gather(*(office.sweep() for _ in range(4)))
        assert len(wire.sent) == 2


async def test_what_fails_is_tried_again_later_and_holds_nobody_up(tmp_path: Path) -> None:
    """A channel that breaks on one message, in whatever way, still takes the others."""
    wire = Wire(fails=[NotNow("unreachable"), TimeoutError(), KeyError("a bug"), None], only="guna")
    async with post_office(tmp_path, wire) as office:
        await office.sweep()
        assert [each.alert.subject for each in wire.sent] == [code("datia")]
        await office.sweep()
        assert office.counted("failed") == 1
        for attempts in (1, 2, 3):
            office.now += pause(attempts) - timedelta(microseconds=1)
            await office.sweep()
            assert await office.statuses() == ["due", "sent"]
            assert office.counted("failed") == attempts
            office.now += timedelta(microseconds=1)
            await office.sweep()
        assert await office.statuses() == ["sent", "sent"]
        assert office.counted("failed") == 3
        tried = next(each for each in (await office.outbox()).values() if each.subject == code("guna"))
        assert [(each.outcome, each.reason) for each in tried.attempts] == [
            ("failed", "unreachable"),
            ("failed", "too-slow"),
            ("failed", "channel-broke"),
            ("sent", None),
        ]
        assert "a channel failed" in office.state.lines.getvalue()
        assert "a bug" not in office.state.lines.getvalue()


def test_pauses_double_up_to_a_bound() -> None:
    assert [pause(number) for number in (1, 2, 3)] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pause(MOST_ATTEMPTS) == LONGEST_PAUSE


async def test_what_goes_on_failing_is_parked(tmp_path: Path) -> None:
    wire = Wire(fails=[NotNow("unreachable")] * 100, only="guna")
    async with post_office(tmp_path, wire) as office:
        for _ in range(MOST_ATTEMPTS + 3):
            await office.sweep()
            office.now += LONGEST_PAUSE
        assert await office.statuses() == ["parked", "sent"]
        assert office.counted("failed") == MOST_ATTEMPTS - 1
        assert office.counted("parked") == 1
        assert "an alert cannot be delivered" in office.state.lines.getvalue()


async def test_what_can_never_be_delivered_is_parked_at_once(tmp_path: Path) -> None:
    wire = Wire(fails=[Undeliverable("gone")], only="guna")
    async with post_office(tmp_path, wire) as office:
        await office.sweep()
        assert await office.statuses() == ["parked", "sent"]


async def test_what_kills_each_time_is_parked(tmp_path: Path) -> None:
    wire = Wire(fails=[Killed("before")] * 100, only="guna")
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        for _ in range(MOST_ATTEMPTS):
            with pytest.raises(Killed):
                await office.sweep()
            office.now += LEASE
        await office.sweep()
        assert await office.statuses() == ["parked"]
        [kept] = (await office.outbox()).values()
        assert (kept.attempts[-1].outcome, kept.attempts[-1].reason) == ("parked", "died")


async def test_what_is_resolved_already_is_not_sent(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire, events=[*EVENING, LATE]) as office:
        await office.sweep()
        assert [each.alert.subject for each in wire.sent] == [code("datia")]
        assert await office.statuses() == ["dropped", "sent"]
        assert office.counted("dropped") == 1


async def test_it_reads_to_the_end_before_it_sends(tmp_path: Path) -> None:
    """The resolution is in the log and not yet in the documents: the courier waits for it."""
    wire = Wire()
    async with post_office(tmp_path, wire) as office:
        state = office.state
        state.clock.advance_to(instant("2026-11-24T00:40"))
        await write(state.log, LATE)
        async with state.notifier(keep_time=False):
            pass
        sweeping = asyncio.ensure_future(office.sweep())
        await asyncio.wait([sweeping], timeout=0.1)
        assert wire.sent == []
        await office.fold()
        await sweeping
        assert [each.alert.subject for each in wire.sent] == [code("datia")]


async def test_what_is_older_than_a_day_by_the_systems_clock_is_not_sent(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire) as office:
        office.state.clock.advance_to(instant("2026-11-25T00:00:01"))
        await office.sweep()
        assert office.counted("expired") == 2
        assert wire.sent == []
        assert await office.statuses() == ["expired", "expired"]


async def test_grievances_leave_when_their_day_is_over_and_within_a_day_of_it(tmp_path: Path) -> None:
    """Neither the hour of a delivery nor the order tells when somebody complained."""
    wire = Wire(route=AICC)
    events = [*EVENING, *(grievance(f"number {n}", "guna", "2026-11-24") for n in range(5))]
    async with post_office(tmp_path, wire, events=events) as office:
        opens = datetime(2026, 11, 25, 1, tzinfo=UTC)
        office.state.clock.advance_to(opens - timedelta(microseconds=1))
        await office.sweep()
        assert wire.sent == []
        assert office.counted("postponed") == 0  # looked at, not claimed
        office.state.clock.advance_to(opens)
        await office.sweep()
        assert [each.key for each in wire.sent] == sorted(each.key for each in wire.sent)
        assert [each.alert.rule for each in wire.sent] == [Rule.GRIEVANCE_RAISED] * 5
        assert {each.alert.raised_at for each in wire.sent} == {"2026-11-24T00:00:00Z"}
    async with post_office(tmp_path / "late", wire, events=events) as office:
        office.state.clock.advance_to(opens + timedelta(hours=24, microseconds=1))
        await office.sweep()
        assert await office.statuses() == ["expired"] * 5


async def test_an_empty_store_sends_nothing_that_is_over_or_old(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire, events=[*EVENING, LATE]) as office:
        office.state.clock.advance_to(instant("2026-11-26T00:00"))
        await office.sweep()
        assert wire.sent == []
        assert await office.statuses() == ["expired", "expired"]


async def test_a_channel_that_is_gone_leaves_its_messages_until_they_are_too_old(tmp_path: Path) -> None:
    wire, national = Wire(), Wire("aicc", route=AICC)
    events = [*EVENING, grievance("one", "guna", "2026-11-24")]
    async with post_office(tmp_path, wire, national, events=events) as office:
        await office.sweep(channels=[Wire("other")])
        assert await office.statuses() == ["due"] * 3
        office.state.clock.advance_to(instant("2026-11-25T00:00:01"))
        await office.sweep(channels=[Wire("other")])
        await office.sweep(channels=[Wire("other")])
        assert await office.statuses() == ["due", "expired", "expired"]  # of the grievance the day counts
        assert office.counted("expired") == 2
        for kept in (await office.outbox()).values():
            if kept.status == "expired":
                assert [(each.outcome, each.reason) for each in kept.attempts] == [("expired", "channel-removed")]
        office.state.clock.advance_to(datetime(2026, 11, 25, 1, tzinfo=UTC))
        await office.sweep()
        assert [each.alert.rule for each in (*wire.sent, *national.sent)] == [Rule.GRIEVANCE_RAISED]


async def test_a_channel_that_comes_back_takes_up_what_waits(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire) as office:
        await office.sweep(channels=[Wire("other")])
        await office.sweep()
        assert await office.statuses() == ["sent", "sent"]


@pytest.mark.parametrize(
    "now", [Route(frozenset({"pcc"})), Route(frozenset({"pcc", "aicc"})), Route(frozenset({"aicc"}), scopes=("in-cg",))]
)
async def test_a_channel_that_others_read_now_is_not_told_what_waits_for_it(tmp_path: Path, now: Route) -> None:
    """The routes file has changed between two starts, the name has not."""
    events = [*EVENING, grievance("one", "guna", "2026-11-24")]
    changed = Wire("delhi", route=now)
    async with post_office(tmp_path, Wire("delhi", route=AICC), events=events) as office:
        office.state.clock.advance_to(datetime(2026, 11, 25, 1, tzinfo=UTC))
        await office.sweep(channels=[changed])
        assert changed.sent == []
        [kept] = (await office.outbox()).values()
        assert [(each.outcome, each.reason) for each in kept.attempts] == [("dropped", "not-routed")]


async def test_a_message_goes_where_its_route_leads(tmp_path: Path) -> None:
    office_of_state = Wire("pcc", route=Route(frozenset({"pcc"})))
    national = Wire("aicc", route=Route(frozenset({"aicc"})))
    mixed = Wire("mixed", route=Route(frozenset({"pcc", "aicc"})))
    elsewhere = Wire("cg", route=Route(frozenset({"pcc"}), scopes=("in-cg",)))
    channels = (office_of_state, national, mixed, elsewhere)
    async with post_office(tmp_path, *channels, events=[*EVENING, grievance("one", "guna", "2026-11-24")]) as office:
        office.state.clock.advance_to(instant("2026-11-24T12:00"))
        await office.sweep()
        office.state.clock.advance_to(datetime(2026, 11, 25, 1, tzinfo=UTC))
        await office.sweep()
        assert [[each.alert.rule.value for each in wire.sent] for wire in channels] == [
            ["missed-report"] * 2,
            ["grievance-raised"],
            ["missed-report"] * 2,
            [],
        ]
        assert len(await office.outbox()) == 5


async def test_a_channel_that_hangs_holds_up_none_but_itself(tmp_path: Path) -> None:
    """As many as are sent at once hang, and then some: the other channel has all of its own out all the same."""
    names = [f"district-{number}" for number in range(45)]
    events = [policy(), *(each for name in names for each in (added(name), appointed(name))), EVENING[-1]]
    stuck = asyncio.Event()

    class Hanging(Wire):
        async def send(self, message: Message) -> None:
            stuck.set()
            await asyncio.Event().wait()

    hanging, other = Hanging("a-hanging"), Wire("other")
    async with post_office(tmp_path, hanging, other, events=events) as office:
        courier = office.courier()
        async with running(partial(courier.work, "a-hanging"), partial(courier.work, "other")):
            await stuck.wait()

            async def all_out() -> bool:
                return len(other.sent) == 45

            await until(all_out)
        assert hanging.sent == []


async def test_a_worker_is_woken_by_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire) as office:
        courier = office.courier()

        monkeypatch.setattr(delivery, "LOOK_SECONDS", 3600.0)  # nobody but `wake` will do
        async with running(partial(courier.work, "wire"), partial(courier.work, None)):
            await until(lambda: _is(len(wire.sent) == 2))
            office.state.clock.advance_to(instant("2026-11-25T00:00"))
            await write(office.state.log, clock_reached("2026-11-25T00:00"))
            async with office.state.notifier(keep_time=False):
                pass
            await office.fold()
            courier.wake()
            await until(lambda: _is(len(wire.sent) == 4))


async def test_a_worker_looks_by_itself_when_a_pause_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(fails=[NotNow("busy")])
    monkeypatch.setattr(delivery, "LOOK_SECONDS", 0.01)
    async with (
        post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office,
        running(partial(office.courier().work, "wire")),
    ):
        await until(lambda: _is(office.counted("failed") == 1))
        office.now += FIRST_PAUSE
        await until(lambda: _is(len(wire.sent) == 1))


async def _is(what: bool) -> bool:
    return what


# -- what people did about the alert


async def test_a_snoozed_alert_is_sent_when_the_snooze_is_over(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire) as office:
        await office.say(AlertSnoozed, "guna", until="2026-11-24T08:00")
        await office.sweep()
        assert [each.alert.subject for each in wire.sent] == [code("datia")]
        assert office.counted("postponed") == 1
        office.now += timedelta(days=1)
        await office.sweep()  # real time does not count
        office.state.clock.advance_to(instant("2026-11-24T07:59:59"))
        await office.sweep()
        [kept] = [each for each in (await office.outbox()).values() if each.subject == code("guna")]
        assert (kept.status, kept.held_until) == ("due", instant("2026-11-24T08:00"))
        assert [(each.outcome, each.reason) for each in kept.attempts] == [("postponed", "snoozed")]
        office.state.clock.advance_to(instant("2026-11-24T08:00"))
        await office.sweep()
        assert [each.alert.subject for each in wire.sent] == [code("datia"), code("guna")]
        assert len({each.key for each in wire.sent}) == 2


async def test_the_last_word_counts_also_when_it_comes_sooner(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        await office.say(AlertSnoozed, "guna", until="2026-12-24T08:00")
        await office.sweep()
        assert await office.statuses() == ["due"]
        await office.say(AlertSnoozed, "guna", until="2026-11-24T06:00")
        office.state.clock.advance_to(instant("2026-11-24T06:00"))
        await office.sweep()
        assert await office.statuses() == ["sent"]


async def test_a_snooze_that_is_prolonged_is_waited_for(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        await office.say(AlertSnoozed, "guna", until="2026-11-24T06:00")
        await office.sweep()
        await office.say(AlertSnoozed, "guna", until="2026-11-28T06:00")
        office.state.clock.advance_to(instant("2026-11-24T06:00"))
        await office.sweep()
        office.state.clock.advance_to(instant("2026-11-28T06:00"))
        await office.sweep()
        assert len(wire.sent) == 1  # four days old, and sent: somebody asked for it
        [kept] = (await office.outbox()).values()
        assert [each.outcome for each in kept.attempts] == ["postponed", "postponed", "sent"]


@pytest.mark.parametrize("resolved", [True, False])
async def test_an_alert_acknowledged_until_an_instant(tmp_path: Path, resolved: bool) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        await office.say(AlertAcknowledged, "guna", until="2026-11-24T08:00")
        await office.sweep()
        if resolved:
            office.state.clock.advance_to(LATE.time)
            await write(office.state.log, LATE)
            async with office.state.notifier(keep_time=False):
                pass
            await office.fold()
        office.state.clock.advance_to(instant("2026-11-24T08:00"))
        await office.sweep()
        assert await office.statuses() == ["dropped" if resolved else "sent"]
        assert len(wire.sent) == (0 if resolved else 1)


async def test_an_acknowledged_alert_is_not_sent(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire) as office:
        await office.say(AlertAcknowledged, "guna", until=None)
        await office.sweep()
        assert [each.alert.subject for each in wire.sent] == [code("datia")]
        [kept] = [each for each in (await office.outbox()).values() if each.subject == code("guna")]
        assert [(each.outcome, each.reason) for each in kept.attempts] == [("dropped", "acknowledged")]


async def test_that_somebody_takes_care_of_a_grievance_shows_when_its_day_is_over(tmp_path: Path) -> None:
    """Dropped at once, its delivery would be counted at once: a grievance, before that hour of that day."""
    wire = Wire(route=AICC)
    async with post_office(tmp_path, wire, events=[*EVENING, grievance("one", "guna", "2026-11-24")]) as office:
        stream = stream_name("grievances", STATE)
        alert = next(
            data for each in await read(office.state.log, stream) if type(data := each.event.data) is AlertRaised
        )
        data = said(AlertAcknowledged, alert, by="aicc:office", note="", until=None)
        await office.state.log.append(stream, [record_of(Event(str(uuid4()), "urn:test", alert.at, data))])
        await office.fold()
        await office.sweep()
        assert office.counted("dropped") == 0
        assert await office.statuses() == ["due"]
        office.state.clock.advance_to(datetime(2026, 11, 25, 1, tzinfo=UTC))
        await office.sweep()
        assert office.counted("dropped") == 1
        assert wire.sent == []


async def test_what_is_acknowledged_in_the_log_and_not_yet_in_the_documents_counts(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        await office.say(AlertAcknowledged, "guna", until=None, fold=False)
        sweeping = asyncio.ensure_future(office.sweep())
        await asyncio.wait([sweeping], timeout=0.1)
        await office.fold()
        await sweeping
        assert (wire.sent, await office.statuses()) == ([], ["dropped"])


async def test_being_put_off_does_not_count_towards_giving_up(tmp_path: Path) -> None:
    wire = Wire(fails=[NotNow("busy")] * (MOST_ATTEMPTS - 1))
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        for _ in range(MOST_ATTEMPTS - 1):
            await office.sweep()
            office.now += LONGEST_PAUSE
        await office.say(AlertSnoozed, "guna", until="2026-11-24T08:00")
        await office.sweep()
        office.state.clock.advance_to(instant("2026-11-24T08:00"))
        await office.sweep()
        assert await office.statuses() == ["sent"]


@pytest.mark.parametrize(
    ("asked", "waits"),
    [(None, FIRST_PAUSE), (0, FIRST_PAUSE), (600, timedelta(minutes=10)), (10**6, MOST_PAUSE)],
)
async def test_the_other_side_says_when_within_bounds(tmp_path: Path, asked: int | None, waits: timedelta) -> None:
    after = None if asked is None else timedelta(seconds=asked)
    wire = Wire(fails=[NotNow("busy", after)])
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        await office.sweep()
        office.now += waits - timedelta(microseconds=1)
        await office.sweep()
        assert wire.sent == []
        office.now += timedelta(microseconds=1)
        await office.sweep()
        assert len(wire.sent) == 1


async def test_many_pages_go_out_in_one_sweep(tmp_path: Path) -> None:
    names = [f"district-{number}" for number in range(45)]
    events = [policy(), *(each for name in names for each in (added(name), appointed(name))), EVENING[-1]]
    wire = Wire()
    async with post_office(tmp_path, wire, events=events) as office:
        await office.sweep()
        assert len({each.key for each in wire.sent}) == len(wire.sent) == 45


async def test_the_log_channel_tells_ids_and_no_names_and_of_grievances_nothing(tmp_path: Path) -> None:
    """Operators read logs, and a line has a time."""
    channel, national = LogChannel(get_logger("notifier")), Wire("aicc", route=AICC)
    events = [*EVENING, grievance("one", "guna", "2026-11-24")]
    async with post_office(tmp_path, channel, national, events=events) as office:
        office.state.clock.advance_to(instant("2026-11-24T12:00"))
        await office.sweep()
        office.state.clock.advance_to(datetime(2026, 11, 25, 1, tzinfo=UTC))
        await office.sweep()
        lines = [line for line in office.state.lines.getvalue().splitlines() if "alert delivered" in line]
        assert len(lines) == 2
        assert all('"delivery": ' in line and '"alert_id": ' in line and "dropped" not in line for line in lines)
        assert sum('"district": "in-mp.guna"' in line for line in lines) == 1
        assert "grievance" not in office.state.lines.getvalue()
        [kept] = [each for each in (await office.outbox()).values() if each.kind == "grievances"]
        assert (kept.channel, kept.status) == ("aicc", "sent")
        assert [each.at.time() for each in kept.attempts] == [time()]


async def test_what_holds_open_alerts_hears_of_their_end_and_nobody_else_does(tmp_path: Path) -> None:
    wire, machine = Wire(), Wire("machine", hears_the_end=True)
    async with post_office(tmp_path, wire, machine, events=[*EVENING[:3], EVENING[-1]]) as office:
        await office.sweep()
        await office.happens(LATE)
        for _ in range(2):
            await office.sweep()
            await office.fold()
        assert [each.alert.over_at for each in wire.sent] == [None]
        assert [each.alert.over_at for each in machine.sent] == [None, "2026-11-23T19:10:00Z"]
        assert machine.sent[0].alert.alert_id == machine.sent[1].alert.alert_id
        assert len({each.key for each in machine.sent}) == 2


async def test_the_end_of_an_alert_never_overtakes_the_word_that_it_holds(tmp_path: Path) -> None:
    """Else the last word that is heard were that it holds, though it is over."""
    under_way, answered = asyncio.Event(), asyncio.Event()

    class Slow(Wire):
        async def send(self, message: Message) -> None:
            if message.alert.over_at is None:
                under_way.set()
                await answered.wait()
            self.sent.append(message)

    machine = Slow("machine", hears_the_end=True)
    async with post_office(tmp_path, machine, events=[*EVENING[:3], EVENING[-1]]) as office:
        first = asyncio.ensure_future(office.sweep())
        await under_way.wait()
        await office.happens(LATE)
        await office.sweep()
        assert machine.sent == []
        answered.set()
        await first
        await office.sweep()
        assert [each.alert.over_at is None for each in machine.sent] == [True, False]
        assert await office.statuses() == ["sent", "sent"]


async def test_that_an_alert_is_over_is_told_for_a_day(tmp_path: Path) -> None:
    machine = Wire("machine", hears_the_end=True)
    async with post_office(tmp_path, machine, events=[*EVENING[:3], EVENING[-1]]) as office:
        await office.happens(LATE)
        office.state.clock.advance_to(LATE.time + timedelta(hours=24, seconds=1))
        await office.sweep()
        assert (machine.sent, await office.statuses()) == ([], ["expired", "expired"])


async def test_of_two_that_claim_one_is_told_no_and_sends_nothing(tmp_path: Path) -> None:
    """Both have read it before either has claimed it."""
    wire = Wire()
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        [key] = await office.store.ids(OUTBOX)
        first = list((await office.store.get_many(OUTBOX, [key])).values())

        class Stale:
            """A store that goes on answering what it found first."""

            async def find(self, _collection: str, where: dict[str, str], **more: object) -> Sequence[Document]:
                return [] if more["after"] or where.get("queue", "").startswith("other ") else first

            def __getattr__(self, name: str) -> object:
                return getattr(office.store, name)

        stale: DocumentStore = Stale()  # type: ignore[assignment]
        for _ in range(2):
            await office.sweep(stale)
        assert len(wire.sent) == 1
        gone: Sequence[Channel] = [Wire("other")]
        office.state.clock.advance_to(instant("2026-11-26T00:00"))
        await office.sweep(stale, gone)
        assert await office.statuses() == ["sent"]
        assert office.counted("expired") == 0


async def test_what_an_earlier_rozana_left_waiting_is_put_into_its_queue(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        [key] = await office.store.ids(OUTBOX)
        document = await office.store.get(OUTBOX, key)
        assert document is not None
        older = {name: value for name, value in document.body.items() if name not in {"queue", "due_at"}}
        await office.store.put(OUTBOX, [Document(key, document.version + 1, older)])
        await office.courier().sweep("wire")
        assert wire.sent == []
        await office.courier().look_after_left()
        await office.courier().sweep("wire")
        assert len(wire.sent) == 1


async def test_nobody_waits_for_ever_for_documents_that_are_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the log says of the alert is not known: it is not sent, no attempt is counted, and the lease is let go."""
    monkeypatch.setattr(dispatch, "CATCH_UP_SECONDS", 0.01)
    wire = Wire()
    async with post_office(tmp_path, wire, events=[*EVENING[:3], EVENING[-1]]) as office:
        await office.say(AlertAcknowledged, "guna", until=None, fold=False)
        for _ in range(MOST_ATTEMPTS + 1):
            await office.sweep()
        [kept] = (await office.outbox()).values()
        assert (kept.status, kept.attempts, wire.sent) == ("due", (), [])
        await office.fold()
        monkeypatch.setattr(dispatch, "CATCH_UP_SECONDS", 30.0)
        await office.sweep()
        assert await office.statuses() == ["dropped"]


async def test_a_long_queue_is_on_disk_and_not_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pages wait for a channel that is down: no more than some page of them is ever held."""
    monkeypatch.setattr(delivery, "PAGE", 20)
    tried = most = 0

    class Down(Wire):
        async def send(self, message: Message) -> None:
            nonlocal tried, most
            tried += 1
            if tried % 50 == 0:
                gc.collect()
                most = max(most, sum(type(each) is Delivery for each in gc.get_objects()))
            raise NotNow("unreachable")

    names = [f"district-{number}" for number in range(2)]
    events = [policy(), *(each for name in names for each in (added(name), appointed(name))), EVENING[-1]]
    async with post_office(tmp_path, Down(), events=events) as office:
        [key, *_] = await office.store.ids(OUTBOX)
        one = await office.store.get(OUTBOX, key)
        assert one is not None
        copies = [Document(str(uuid4()) + "/wire", 0, one.body) for _ in range(200)]
        await office.store.put(OUTBOX, copies)
        del copies
        gc.collect()
        others = sum(type(each) is Delivery for each in gc.get_objects())  # of earlier tests in this process
        await office.courier(channels=[Down()]).sweep("wire")
        assert 0 < most - others <= 4 * delivery.PAGE
        assert tried == 202
