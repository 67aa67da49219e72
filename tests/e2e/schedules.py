# ruff: noqa: T201 -- it is a command too
"""Seeded schedules: members and servers are killed, restarted, frozen, told to leave, and joined by others, under load;
afterwards what must be true is checked. `make schedules ARGS="--seeds 200"` plays many, `--seed 17` one.

Days are short: the system's clock runs some thousand times faster than ours, so that deadlines pass in each schedule.
"""

import argparse
import asyncio
import contextlib
import io
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from uuid import uuid4

import httpx
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from libs.events.alerts import AlertData, AlertRaised, AlertResolved
from libs.events.codec import decode, encode
from libs.events.envelope import Event
from libs.events.policy import PolicyAdopted
from libs.events.streams import STREAMS, stream_name
from libs.events.values import EventData
from libs.runtime.auth import issue_demo_token
from libs.runtime.clock import ManualClock
from libs.runtime.dead_letters import DeadLetters
from libs.runtime.errors import Unavailable
from libs.runtime.folding import Folding
from libs.runtime.keys import DemoKeys, demo_keys
from libs.runtime.log import EventLog, NewRecord, Record
from libs.runtime.log_kafka import open_log as open_kafka
from libs.runtime.log_kafka_admin import create_topics
from libs.runtime.log_sqlite import open_log
from libs.runtime.pointer import live_collection
from libs.runtime.projection import collection_hash
from libs.runtime.projector import as_of
from libs.runtime.settings import load_settings
from libs.runtime.store_mongo import open_store as open_mongo
from libs.runtime.telemetry import Metrics, configure_logging, get_logger
from rozana.assembly import assemble
from rozana.compose import Adapters, temporary_store
from rozana.demo.cast import STATE, report
from rozana.roster import posted
from rozana.states import state_codes
from rozana.upkeep import PROJECTIONS
from services.notifier.watcher import Watcher
from tests.e2e.members import Fleet, Member, fleet
from tests.e2e.running import DISTRICTS, TENURES, cast
from tests.servers.kafka import Kafka
from tests.servers.mongo import Mongo
from tests.servers.server import Server
from tests.servers.topics import delete_topics

STATES = ("in-mp", "in-rj", "in-up")
IST = timezone(timedelta(hours=5, minutes=30))
START, SPEED = "2026-11-23T18:00:00+05:30", 8000.0
SESSION = 2
LONGEST_FREEZE = 3.5
"""Seconds: long enough to be thrown out of the group, with what was given away meanwhile still remembered."""
PATIENCE = 120.0
"""Of real time: a Kafka that was killed comes back slowly on a machine that does other things."""
SEED_SECONDS = 400.0
UNAVAILABLE = 503
WHAT = ("kill", "restart", "freeze", "leave", "join", "ingest", "kafka", "mongo")
WEIGHTS = (3, 3, 4, 2, 2, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Act:
    """After `pause` seconds, something happens to one of those that it can happen to; `lasts` seconds, if it ends."""

    pause: float
    what: str
    pick: int
    lasts: float


def drawn(seed: int) -> Sequence[Act]:
    random = Random(seed)
    return [
        Act(
            round(random.uniform(0.1, 1.2), 2),
            random.choices(WHAT, WEIGHTS)[0],
            random.randrange(1000),
            round(random.uniform(0.2, LONGEST_FREEZE), 2),
        )
        for _ in range(random.randint(3, 6))
    ]


@dataclass
class Servers:
    """For many schedules, each with streams and documents of its own."""

    folder: Path
    kafka: Kafka
    mongo: Mongo
    hands: ThreadPoolExecutor
    """Its one thread starts the servers: a child dies with the thread that made it, as tests/servers asks for."""

    async def again(self, server: Server) -> None:
        """Kill it, and start it."""

        def work() -> None:
            server.kill()
            server.start()

        await asyncio.get_running_loop().run_in_executor(self.hands, work)

    async def heal(self) -> None:
        """Whatever the schedule before has left."""
        for server in (self.kafka, self.mongo):
            if server.running:
                server.thaw()
            else:
                await self.again(server)

    @contextlib.asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        """New topics, and the URL of an empty store."""
        names = [
            each.name(state) for each in STREAMS.values() for state in (STATES if each.per == "state" else (None,))
        ]

        async def made() -> bool:
            with contextlib.suppress(Unavailable, TimeoutError):
                await create_topics(self.kafka.url, names, own_clock=True)
                return True
            return False

        await until(made)
        database = uuid4().hex
        try:
            yield f"{self.mongo.url}/{database}"
        finally:
            await delete_topics(self.kafka.url, names)
            with contextlib.suppress(PyMongoError):  # the next schedule has one of its own; a restart reads them all
                client: AsyncMongoClient[dict[str, object]]
                async with AsyncMongoClient(self.mongo.url) as client:
                    await client.drop_database(database)


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    kafka, mongo = Kafka(folder / "kafka"), Mongo(folder / "mongo")
    try:
        with ThreadPoolExecutor(1) as hands:
            hands.submit(kafka.start).result()
            hands.submit(mongo.start).result()
            yield Servers(folder, kafka, mongo, hands)
    finally:
        kafka.stop()
        mongo.stop()


# What happens


@dataclass
class Play:
    """One schedule as it is played: who runs, what was acknowledged, what was seen."""

    seed: int
    servers: Servers
    fleet: Fleet
    keys: DemoKeys
    http: httpx.AsyncClient
    acked: set[str] = field(default_factory=set)
    reached: dict[str, int] = field(default_factory=dict)
    looks: int = 0
    born: Counter[str] = field(default_factory=Counter)

    def join(self, service: str) -> Member:
        self.born[service] += 1
        return self.fleet.start(service, f"{service}-{self.born[service]}")

    async def do(self, act: Act) -> None:
        members = [*self.fleet.of("aggregator"), *self.fleet.of("notifier")]
        member = members[act.pick % len(members)]
        several = len(self.fleet.of(member.service)) > 1
        match act.what:
            case "kill" if several:
                await self.fleet.kill(member)
            case "kill" | "restart":
                await self.fleet.kill(member)
                self.fleet.start(member.service, member.name, member.port)
            case "freeze":
                member.freeze()
                await asyncio.sleep(act.lasts)
                if member in self.fleet.members:
                    member.thaw()
            case "leave" if several:
                await self.fleet.leave(member)
            case "leave" | "join":
                if len(self.fleet.of(member.service)) < 3:
                    self.join(member.service)
            case "ingest":
                [ingest] = self.fleet.of("ingest")
                await self.fleet.kill(ingest)
                self.fleet.start("ingest", ingest.name, ingest.port)
            case _:
                server = self.servers.kafka if act.what == "kafka" else self.servers.mongo
                if act.pick % 2:
                    server.freeze()
                    await asyncio.sleep(act.lasts)
                    server.thaw()
                else:
                    await self.servers.again(server)

    async def act(self, acts: Sequence[Act]) -> None:
        """One after the other; a freeze goes on while the next ones happen."""
        async with asyncio.TaskGroup() as group:
            for act in acts:
                await asyncio.sleep(act.pause)
                doing = group.create_task(self.do(act))
                if act.what != "freeze":
                    await doing

    # The load

    async def file(self, random: Random, number: int) -> None:
        state, district = random.choice(STATES), random.choice(DISTRICTS)
        tenure = TENURES[district]
        district = district.replace(STATE, state)
        now = datetime.fromisoformat((await self._ask("GET", "/live")).json()["now"])
        body = report(district, now.astimezone(IST).date(), tenure, f"{self.seed} {number}")
        token = issue_demo_token(self.keys, "president", district, tenure)
        await self._post("/v1/reports", body, {"Authorization": f"Bearer {token}"})

    async def grieve(self, random: Random) -> None:
        state, district = random.choice(STATES), random.choice(DISTRICTS)
        body = {
            "id": str(uuid4()),
            "district": district.replace(STATE, state),
            "category": "conduct",
            "severity": "high",
        }
        await self._post("/v1/grievances", body, {})

    async def _post(self, path: str, body: Mapping[str, object], headers: Mapping[str, str]) -> None:
        """Until there is an answer; what was acknowledged must stand in the log."""
        answer = await self._ask("POST", path, json=body, headers=headers)
        if answer.status_code in {200, 202}:
            self.acked.add(str(answer.json()["id"]))
        else:
            assert answer.status_code in {409, 422}, answer.text  # midnight has come between

    async def _ask(self, method: str, path: str, **more: object) -> httpx.Response:
        async with asyncio.timeout(PATIENCE):
            while True:
                for ingest in self.fleet.of("ingest"):
                    with contextlib.suppress(httpx.TransportError):
                        answer = await self.http.request(method, f"{ingest.url}{path}", **more)  # type: ignore[arg-type]
                        if answer.status_code != UNAVAILABLE:
                            return answer
                await asyncio.sleep(0.1)

    async def load(self, over: asyncio.Event) -> None:
        random = Random(f"load {self.seed}")
        number = 0
        while not over.is_set():
            number += 1
            await (self.grieve(random) if number % 8 == 0 else self.file(random, number))

    async def look(self, over: asyncio.Event) -> None:
        """What any aggregator answers never falls behind what another has answered."""
        random = Random(f"look {self.seed}")
        token = issue_demo_token(self.keys, "aicc", "in", None)
        while not over.is_set():
            await asyncio.sleep(0.05)
            awake = [each for each in self.fleet.of("aggregator") if not each.frozen]
            if not awake:
                continue
            with contextlib.suppress(httpx.TransportError):
                url = f"{random.choice(awake).url}/v1/states"
                answer = await self.http.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=2.0)
                if answer.is_success:
                    self.looks += 1
                    for item in answer.json()["items"]:
                        state, offset = item["state"], item["as_of"]["offset"]
                        before = self.reached.get(state, -1)
                        assert offset >= before, f"{state} was shown as of {before}, and then as of {offset}"
                        self.reached[state] = offset


@dataclass(frozen=True, slots=True)
class Outcome:
    acts: int
    acked: int
    events: int
    alerts: int
    repeated: int
    """Events that stand twice: appends of unknown outcome that were repeated, or a second member's."""
    looks: int
    phases: Sequence[float]
    """Seconds until all was begun, played, ended, settled, and checked."""

    def __str__(self) -> str:
        return (
            f"{self.acts} acts, {self.acked} acknowledged, {self.events} events, {self.alerts} alerts,"
            f" {self.repeated} repeated, {self.looks} looks, {' '.join(f'{each:.1f}' for each in self.phases)} s"
        )


async def play(seed: int, where: Servers) -> Outcome:
    """Raises AssertionError, or a group of them, when something that must be true is not."""
    marks = [time.monotonic()]

    def mark() -> None:
        marks.append(time.monotonic())

    acts = drawn(seed)
    configure_logging(io.StringIO())
    folder = where.folder / f"seed-{seed}"
    await where.heal()
    async with asyncio.timeout(SEED_SECONDS), where.fresh() as store_url:
        keys = demo_keys(folder / "data")
        settings = {
            "ROZANA_DATA": str(folder / "data"), "ROZANA_STATES": ",".join(STATES), "ROZANA_SESSION": str(SESSION),
            "ROZANA_LOG": where.kafka.url, "ROZANA_STORE": store_url, "ROZANA_RATE": "1000000/1000000",
            "ROZANA_CLOCK_START": START, "ROZANA_CLOCK_SPEED": str(SPEED),
        }  # fmt: skip
        async with fleet(folder, settings) as members, httpx.AsyncClient(timeout=8.0, trust_env=False) as http:
            playing = Play(seed, where, members, keys, http)
            playing.join("ingest")
            for service in ("aggregator", "notifier") * 2:
                playing.join(service)
            await _import(playing)
            mark()
            over = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(members.supervise(over))
                group.create_task(playing.load(over))
                group.create_task(playing.look(over))
                await playing.act(acts)
                await asyncio.sleep(0.3)
                over.set()
            mark()
            await members.all_leave()
            mark()
        log = open_kafka(where.kafka.url, ManualClock(datetime.fromisoformat(START)))
        clock = ManualClock((await log.last_time() or datetime.fromisoformat(START)) + timedelta(seconds=30))
        await log.close()
        adapters = Adapters(open_kafka(where.kafka.url, clock), open_mongo(store_url), clock)
        try:
            await _settle(folder, settings, adapters)
            mark()
            events, alerts, repeated = await _check(playing.acked, adapters, folder)
        finally:
            await adapters.close()
    shutil.rmtree(folder)
    return Outcome(
        len(acts),
        len(playing.acked),
        events,
        alerts,
        repeated,
        playing.looks,
        [later - before for before, later in pairwise((*marks, time.monotonic()))],
    )


async def _import(playing: Play) -> None:
    for state in STATES:
        events = [posted(moved(data, state)) for data in cast()]
        token = issue_demo_token(playing.keys, "pcc", state, None)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/cloudevents-batch+json"}
        answer = await playing._ask("POST", "/v1/events", json=events, headers=headers)
        statuses = {each["status"] for each in answer.json()["results"]}
        assert statuses <= {200, 202}, answer.text
        playing.acked.update(str(event["id"]) for event in events)


def moved(data: EventData, state: str) -> EventData:
    """What is said of one state, said of another; its policy from today on."""
    body = data.model_dump_json().replace(STATE, state)
    if isinstance(data, PolicyAdopted):
        body = body.replace(data.effective_from.isoformat(), START[:10])
    return type(data).model_validate_json(body)


# What must be true


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 -- log and store tell nobody
            await asyncio.sleep(0.1)


async def _ends(log: EventLog) -> dict[str, int]:
    return {stream: await log.end(stream) for state in STATES for stream in _streams(state)}


def _streams(state: str) -> list[str]:
    return [stream_name(kind, state) for kind in ("reports", "alerts", "grievances")]


async def _settle(folder: Path, settings: dict[str, str], adapters: Adapters) -> None:
    """One member of each, whose clock stands still, says what is left to say and folds all there is."""
    now = {name: text for name, text in settings.items() if "CLOCK" not in name}
    assembled = assemble(load_settings({**now, "ROZANA_PORT": "0"}, state_codes()), adapters, logger=get_logger("test"))
    loops = [asyncio.ensure_future(loop()) for loop in assembled.background]

    async def folded() -> bool:
        for loop in loops:
            if loop.done():
                loop.result()
        ends = await _ends(adapters.log)
        for projection in PROJECTIONS.values():
            collection = await live_collection(adapters.store, projection)
            streams = [stream_name(projection.kind, state) for state in STATES]
            reached = await as_of(adapters.store, collection, streams)
            if any(
                ends[stream] and (stream not in reached or reached[stream].offset + 1 < ends[stream])
                for stream in streams
            ):
                return False
        return not await assembled.health.failing() and ends == await _ends(adapters.log)

    try:
        await until(folded)
        ends: dict[str, int] = {}
        while ends != (ends := await _ends(adapters.log)):
            await until(folded)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops)


async def _check(acked: set[str], adapters: Adapters, folder: Path) -> tuple[int, int, int]:
    """How many events there are, how many alerts, and how many of the events stand twice."""
    log, metrics = adapters.log, Metrics()
    found: dict[str, list[Event]] = {}
    ends = await _ends(log)
    for stream, end in ends.items():
        records: list[Record] = []
        while more := await log.read(stream, len(records)):
            records += more
        assert [record.offset for record in records] == list(range(end)), f"{stream} has a gap"
        found[stream] = [decode(record.headers, record.value) for record in records]
    events = [event for each in found.values() for event in each]
    first: dict[str, Event] = {}
    for event in events:
        known = first.setdefault(event.id, event)
        assert known.data == event.data, f"two events have the id {event.id}: {known.data!r}, {event.data!r}"
    assert acked <= first.keys(), f"acknowledged, and not in the log: {sorted(acked - first.keys())}"
    raised = [event for event in first.values() if isinstance(event.data, AlertRaised)]
    twice = [id_ for id_, times in Counter(event.data.alert_id for event in raised).items() if times > 1]  # type: ignore[attr-defined]
    assert not twice, f"raised twice, by two events: {twice}"
    assert await log.end(DeadLetters.STREAM) == 0, "there are dead letters"
    async with temporary_store() as fresh:
        letters = DeadLetters(log, adapters.clock, metrics, get_logger("test"))
        for name, projection in PROJECTIONS.items():
            replay = Folding(projection, log, fresh, name, dead_letters=letters)
            await replay.to({stream: ends[stream] for stream in ends if stream.endswith(f".{projection.kind}")})
            live = await collection_hash(adapters.store, await live_collection(adapters.store, projection))
            assert live == await collection_hash(fresh, name), (
                f"{name}: the documents are not what a fresh replay makes"
            )
    said = {_said(event.data) for event in first.values() if _by_rule(event)}
    undisturbed = await _undisturbed(found, folder)
    assert said == undisturbed, f"not said {sorted(undisturbed - said)}, said besides {sorted(said - undisturbed)}"
    return len(events), len(raised), len(events) - len(first)


def _by_rule(event: Event) -> bool:
    """Whether it follows from the reports and grievances alone, and not from when other alerts stood in the log."""
    data = event.data
    return isinstance(data, AlertRaised | AlertResolved) and not data.cause.stream.endswith(".alerts")


def _said(data: EventData) -> tuple[str, str]:
    assert isinstance(data, AlertData)
    return data.alert_id, data.NAME


async def _undisturbed(found: dict[str, list[Event]], folder: Path) -> set[tuple[str, str]]:
    """The alerts that one notifier would have said of the same streams, had nothing ever happened to it."""

    clock = ManualClock(datetime.fromisoformat(START))
    log = open_log(folder / "undisturbed.db", clock)
    try:
        for stream, events in found.items():
            told = [event for event in events if not isinstance(event.data, AlertData)]
            for event in told:
                clock.advance_to(max(clock.now(), event.time))
                await log.append(stream, [NewRecord(event.subject, *encode(event))])
        clock.advance_to(clock.now() + timedelta(days=1))
        watcher = Watcher(log, clock, STATES, metrics=Metrics(), logger=get_logger("test"))
        watching = asyncio.ensure_future(watcher.run())
        try:
            async with asyncio.timeout(PATIENCE):
                settled = False
                while not settled:
                    ends = {stream: await log.end(stream) for stream in watcher.positions.streams}
                    for stream, end in ends.items():
                        await watcher.positions.reached(stream, end - 1)
                    settled = ends == {stream: await log.end(stream) for stream in ends}
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        said = set()
        for stream in found:
            for record in await log.read(stream, 0, max_records=1_000_000):
                event = decode(record.headers, record.value)
                if _by_rule(event):
                    said.add(_said(event.data))
        return said
    finally:
        await log.close()


# The command


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="one alone")
    asked = parser.parse_args()
    seeds = [asked.seed] if asked.seed is not None else range(asked.first, asked.first + asked.seeds)
    folder = Path(mkdtemp(prefix="rozana-schedules-"))
    failed = []
    with servers(folder) as where:
        for seed in seeds:
            try:
                print(f"seed {seed}: {asyncio.run(play(seed, where))}", flush=True)
            except Exception:  # noqa: BLE001 -- the next seed is played all the same
                failed.append(seed)
                print(f"seed {seed}: FAILED, {drawn(seed)}", flush=True)
                traceback.print_exc()
                sys.stderr.flush()
    print(f"{len(seeds) - len(failed)} of {len(seeds)} schedules held; failed: {failed or 'none'}", flush=True)
    if not failed:
        shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
