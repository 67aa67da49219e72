"""The outbox and its courier: at least once, always with the same key, never what is over or old."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import product
from pathlib import Path

import pytest

from libs.events.alerts import Rule
from libs.events.envelope import Event
from libs.events.streams import Kind, stream_name
from libs.runtime.consumer import replay
from libs.runtime.positions import Positions
from libs.runtime.projector import Projector, collection_name
from libs.runtime.store import Document, DocumentStore
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import get_logger
from services.notifier.alerts import PROJECTIONS
from services.notifier.channels.channel import Channel, Message, NotNow, Undeliverable
from services.notifier.channels.log import LogChannel
from services.notifier.delivery import FIRST_PAUSE, LEASE, LONGEST_PAUSE, MOST_ATTEMPTS, Courier, pause
from services.notifier.outbox import OUTBOX, Delivery, filling
from services.notifier.reading import AlertReader
from services.notifier.records import record_of
from services.notifier.routing import EVERYTHING, Route
from services.notifier.rules.grievance_raised import GRIEVANCE_RAISED
from services.notifier.rules.missed_report import MISSED_REPORT
from tests.duty.events import STATE, added, appointed, clock_reached, code, filed, instant, policy
from tests.notifier.stories import grievance
from tests.notifier.world import ALERTS, World, read, world, write

EVENING: list[Event] = [
    policy(),
    *(each for name in ("guna", "datia") for each in (added(name), appointed(name))),
    clock_reached("2026-11-24T00:00"),
]
LATE = filed("guna", "2026-11-23", "2026-11-24T00:40")
REAL = datetime(2026, 6, 1, tzinfo=UTC)


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
        route: Route = EVERYTHING,
    ) -> None:
        self.name = name
        self.route = route
        self.sent: list[Message] = []
        self._fails = list(fails)
        self._only = only

    async def send(self, message: Message) -> None:
        if message.subject.endswith(self._only):
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
        self.positions: dict[Kind, Positions] = {kind: Positions([stream_name(kind, STATE)]) for kind in PROJECTIONS}
        self.reader = AlertReader(state.log, store, self.positions)

    async def fold(self) -> None:
        """Bring alerts and outbox to the end of their streams, from the beginning, as after a crash."""
        for kind, positions in self.positions.items():
            [stream] = positions.streams
            ends = {stream: await self.state.log.end(stream)}
            projection = PROJECTIONS[kind]
            alerts = Projector(projection, self.store, collection_name(projection, 0))
            outbox = Projector(filling(kind, {each.name: each.route for each in self.channels}), self.store, OUTBOX)
            for sink in (alerts, outbox):
                await replay("test", self.state.log, ends, sink, metrics=self.state.metrics)
            positions.move(stream, ends[stream])

    def courier(self, store: DocumentStore | None = None, channels: Sequence[Channel] | None = None) -> Courier:
        return Courier(
            store or self.store,
            self.state.clock,
            self.reader,
            channels or self.channels,
            metrics=self.state.metrics,
            logger=get_logger("notifier"),
            now=lambda: self.now,
        )

    async def sweep(self, store: DocumentStore | None = None, channels: Sequence[Channel] | None = None) -> None:
        """Every worker of one courier, once."""
        courier = self.courier(store, channels)
        names = [channel.name for channel in channels or self.channels]
        await asyncio.gather(*(courier.sweep(name) for name in (*names, None)))

    async def outbox(self) -> dict[str, Delivery]:
        documents = await self.store.get_many(OUTBOX, await self.store.ids(OUTBOX))
        return {key: Delivery.model_validate(document.body) for key, document in documents.items()}

    async def statuses(self) -> list[str]:
        return sorted(delivery.status for delivery in (await self.outbox()).values())

    def counted(self, outcome: str, channel: str = "wire") -> float:
        found: float = self.state.metrics.deliveries.labels(channel, outcome)._value.get()
        return found


@contextlib.asynccontextmanager
async def post_office(folder: Path, *channels: Channel, events: Sequence[Event] = EVENING) -> AsyncIterator[PostOffice]:
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
        message = next(each for each in one.sent if each.subject == code("guna"))
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
        assert [each.outcome for delivery in (await office.outbox()).values() for each in delivery.attempts] == [
            None,
            "sent",
        ]
        assert len({each.key for each in wire.sent}) == 1


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
        assert [each.subject for each in wire.sent] == [code("datia")]
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


async def test_what_is_resolved_already_is_not_sent(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire, events=[*EVENING, LATE]) as office:
        await office.sweep()
        assert [each.subject for each in wire.sent] == [code("datia")]
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
        assert [each.subject for each in wire.sent] == [code("datia")]


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
    wire = Wire()
    events = [*EVENING, *(grievance(f"number {n}", "guna", "2026-11-24") for n in range(5))]
    async with post_office(tmp_path, wire, events=events) as office:
        opens = datetime(2026, 11, 25, 1, tzinfo=UTC)
        office.state.clock.advance_to(opens - timedelta(microseconds=1))
        await office.sweep()
        assert all(each.rule is not Rule.GRIEVANCE_RAISED for each in wire.sent)
        assert office.counted("postponed") == 0  # looked at, not claimed
        office.state.clock.advance_to(opens)
        await office.sweep()
        sent = [each for each in wire.sent if each.rule is Rule.GRIEVANCE_RAISED]
        assert [each.key for each in sent] == sorted(each.key for each in sent)
        assert len(sent) == 5
        assert {each.raised_at for each in sent} == {"2026-11-24T00:00:00Z"}
    async with post_office(tmp_path / "late", wire, events=events) as office:
        office.state.clock.advance_to(opens + timedelta(hours=24, microseconds=1))
        await office.sweep()
        assert await office.statuses() == ["expired"] * 7


async def test_an_empty_store_sends_nothing_that_is_over_or_old(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire, events=[*EVENING, LATE]) as office:
        office.state.clock.advance_to(instant("2026-11-26T00:00"))
        await office.sweep()
        assert wire.sent == []
        assert await office.statuses() == ["expired", "expired"]


async def test_a_channel_that_is_gone_leaves_its_messages(tmp_path: Path) -> None:
    wire = Wire()
    async with post_office(tmp_path, wire) as office:
        await office.sweep(channels=[Wire("other")])
        assert await office.statuses() == ["due", "due"]


async def test_many_pages_go_out_in_one_sweep(tmp_path: Path) -> None:
    names = [f"district-{number}" for number in range(45)]
    events = [policy(), *(each for name in names for each in (added(name), appointed(name))), EVENING[-1]]
    wire = Wire()
    async with post_office(tmp_path, wire, events=events) as office:
        await office.sweep()
        assert len({each.key for each in wire.sent}) == len(wire.sent) == 45


async def test_the_log_channel_tells_ids_and_no_names(tmp_path: Path) -> None:
    """Of a grievance not even the district: operators read logs, and a line has a time."""
    channel = LogChannel(get_logger("notifier"))
    async with post_office(tmp_path, channel, events=[*EVENING, grievance("one", "guna", "2026-11-24")]) as office:
        office.state.clock.advance_to(instant("2026-11-24T12:00"))
        await office.sweep()
        office.state.clock.advance_to(datetime(2026, 11, 25, 1, tzinfo=UTC))
        await office.sweep()
        lines = [line for line in office.state.lines.getvalue().splitlines() if "alert delivered" in line]
        assert len(lines) == 3
        assert all("dropped" not in line for line in lines)
        [about_grievance] = [line for line in lines if "grievance-raised" in line]
        assert sum('"delivery": ' in line and '"alert_id": ' in line for line in lines) == 2
        assert '"audience": ["aicc"]' in about_grievance
        assert not any(word in about_grievance for word in ("guna", "in-mp", "alert_id", "delivery"))
        assert "2026-11-24" not in about_grievance.split('"timestamp"')[0]
        [kept] = [each for each in (await office.outbox()).values() if each.kind == "grievances"]
        assert [each.at.time() for each in kept.attempts] == [time()]
        assert sum('"district": "in-mp.guna"' in line for line in lines) == 1
