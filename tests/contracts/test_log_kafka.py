"""The production log: the contract, and what only a server can do to it."""

import asyncio
import contextlib
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from libs.runtime.clock import ManualClock, SystemClock
from libs.runtime.errors import OutcomeUnknown, ReadStopped, Reopen, StartRefused, Unavailable
from libs.runtime.log_kafka import STALLED_SECONDS, KafkaEventLog, open_log
from libs.runtime.log_kafka_admin import create_topics
from libs.runtime.log_kafka_client import brokers
from libs.runtime.patience import PatientLog, in_loop
from libs.runtime.telemetry import configure_logging, get_logger
from libs.runtime.topics import MOST_BYTES
from tests.contracts.log_contract import SOON, LogContract, record, take, texts
from tests.servers.kafka import Kafka
from tests.servers.topics import ProvisionedLog, delete_topics

pytestmark = pytest.mark.connected


class TestKafkaEventLog(LogContract):
    @pytest.fixture
    async def log(self, kafka: Kafka) -> AsyncIterator[ProvisionedLog]:
        log = ProvisionedLog(kafka.url)
        yield log
        await log.close()
        await log.remove()

    @pytest.fixture
    async def stream(self, log: ProvisionedLog) -> str:
        name = f"rozana.test.{uuid4().hex}"
        await log.provide([name])
        return name


# What topics are like


@pytest.fixture
async def log(kafka: Kafka) -> AsyncIterator[KafkaEventLog]:
    log = open_log(kafka.url, SystemClock())
    yield log
    await log.close()


async def test_a_missing_topic_is_named_and_used_once_it_is_there(kafka: Kafka, log: KafkaEventLog) -> None:
    name = f"rozana.test.{uuid4().hex}"
    for call in (log.append(name, [record()]), log.end(name), log.read(name, 0)):
        with pytest.raises(Unavailable, match=f"^Kafka has no topic {name}: "):
            await call
    async with log.reader({name: 0}) as reader:
        with pytest.raises(Unavailable, match=name):
            await reader.poll(timeout=0)
        await create_topics(kafka.url, [name])
        (stored,) = await log.append(name, [record("first")])
        assert stored.offset == 0
        assert texts((await take(reader, 1))[name]) == ["first"]


async def test_a_topic_with_two_partitions_is_refused(kafka: Kafka, log: KafkaEventLog) -> None:
    name = f"rozana.test.{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers(kafka.url))
    await admin.start()
    await admin.create_topics([NewTopic(name, 2, 1)])
    await admin.close()
    async with asyncio.timeout(SOON):
        while name not in await log._reads.partitions():
            pass
    with pytest.raises(Unavailable, match="must have one partition"):
        await log.append(name, [record()])


async def test_the_broker_s_clock_stamps_all_but_grievances(kafka: Kafka) -> None:
    """Of a grievance the topic itself holds no more than the day: a subscriber of its own sees that, too."""
    streams = ["rozana.in-mp.reports", "rozana.in-mp.grievances"]
    await create_topics(kafka.url, streams)
    log = open_log(kafka.url, ManualClock(datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)))
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    stamped, cut = [(await log.append(stream, [record()]))[0].appended_at for stream in streams]
    assert before <= stamped <= datetime.now(UTC)
    assert cut == datetime(2001, 2, 3, tzinfo=UTC)
    assert [(await log.read(stream, 0))[0].appended_at for stream in streams] == [stamped, cut]
    await log.close()
    consumer = AIOKafkaConsumer(
        "rozana.in-mp.grievances", bootstrap_servers=brokers(kafka.url), auto_offset_reset="earliest"
    )
    await consumer.start()
    assert (await consumer.getone()).timestamp == int(cut.timestamp() * 1000)
    await consumer.stop()
    await delete_topics(kafka.url, streams)


async def test_with_our_own_clock_the_writer_s_time_counts_and_is_not_set_back(kafka: Kafka) -> None:
    name = f"rozana.test.{uuid4().hex}"
    await create_topics(kafka.url, [name], own_clock=True)
    clock = ManualClock(datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC))
    log = open_log(kafka.url, clock)
    (first,) = await log.append(name, [record()])
    clock._now = datetime(2031, 2, 3, tzinfo=UTC)
    (second,) = await log.append(name, [record()])
    assert first.appended_at == second.appended_at == datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert list(await log.read(name, 0)) == [first, second]
    await log.close()


async def test_the_identity_is_the_cluster_s(kafka: Kafka, log: KafkaEventLog) -> None:
    other = open_log(kafka.url, SystemClock())
    assert await log.identity() == await other.identity() != "kafka:None"
    await other.close()


@pytest.mark.parametrize("url", ["kafka://", "kafka://host", "kafka://host:port", "kafka://a:1,,b:2", "http://a:1"])
def test_a_url_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(StartRefused, match=r"^ROZANA_LOG: a kafka URL is"):
        open_log(url, SystemClock())


# Too much at once


async def test_an_append_larger_than_a_batch_is_refused_before_anything_is_sent(
    kafka: Kafka, log: KafkaEventLog
) -> None:
    name = f"rozana.test.{uuid4().hex}"
    letters = "rozana.dead-letters"
    await create_topics(kafka.url, [name, letters])
    half = record("x" * (MOST_BYTES // 4))  # in a header and in the value
    with pytest.raises(ValueError, match=f"{name} takes {MOST_BYTES} at once"):
        await log.append(name, [half, half])
    assert await log.end(name) == 0
    assert len(await log.append(name, [half])) == 1
    assert len(await log.append(letters, [record("x" * (MOST_BYTES // 4))] * 7)) == 7
    assert [len(one.value) for one in await log.read(letters, 0)] == [MOST_BYTES // 4] * 7
    await delete_topics(kafka.url, [letters])


async def test_large_appends_at_once_are_cut_into_batches_and_stay_whole(kafka: Kafka, log: KafkaEventLog) -> None:
    name = f"rozana.test.{uuid4().hex}"
    await create_topics(kafka.url, [name])
    large = [[record(str(number) * 40_000)] * 3 for number in range(9)]
    stored = await asyncio.gather(*(log.append(name, each) for each in large))
    assert [[one.offset for one in call] for call in stored] == [[3 * n, 3 * n + 1, 3 * n + 2] for n in range(9)]


async def test_a_topic_that_takes_less_than_we_send_refuses_and_the_next_append_is_taken(
    kafka: Kafka, log: KafkaEventLog
) -> None:
    """The broker's answer is certain, and the producer that got it is thrown away with its gap in the sequence."""
    name = f"rozana.test.{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers(kafka.url))
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs={"max.message.bytes": "1000"})])
    await admin.close()
    async with asyncio.timeout(SOON):
        while name not in await log._reads.partitions():
            pass
    with pytest.raises(Unavailable, match="refused") as refused:
        await log.append(name, [record("x" * 2000)])
    assert not isinstance(refused.value, OutcomeUnknown)
    assert [one.offset for one in await log.append(name, [record("a"), record("b")])] == [0, 1]


async def test_a_producer_whose_numbers_have_a_gap_is_thrown_away_and_the_next_append_is_taken(
    kafka: Kafka, log: KafkaEventLog
) -> None:
    """What a lost batch leaves behind, as after an outage that was too long: the broker takes none of its batches."""
    name = f"rozana.test.{uuid4().hex}"
    await create_topics(kafka.url, [name])
    await log.append(name, [record("first")])
    poisoned = log._appends._producer
    assert poisoned is not None
    poisoned.client._txn_manager.increment_sequence_number(TopicPartition(name, 0), 5)
    with pytest.raises(OutcomeUnknown, match="has not confirmed an append"):
        await log.append(name, [record("lost")])
    (stored,) = await log.append(name, [record("second")])
    assert (stored.offset, texts(await log.read(name, 0))) == (1, ["first", "second"])
    assert log._appends._producer is not poisoned


# A reader that falls silent


async def test_a_reader_that_hears_nothing_while_there_is_more_starts_again_where_it_was(
    kafka: Kafka, log: KafkaEventLog
) -> None:
    """aiokafka's fetching can stop without an error. Here it is told to."""
    quiet, name = (f"rozana.test.{uuid4().hex}" for _ in range(2))
    await create_topics(kafka.url, [quiet, name])
    await log.append(name, [record("first")])
    async with log.reader({quiet: 0, name: 0}) as reader:
        assert texts((await take(reader, 1))[name]) == ["first"]
        (own,) = log._readers
        silent = own._consumer
        silent.pause(TopicPartition(name, 0))
        await log.append(name, [record("second")])
        assert await reader.poll(timeout=0.5) == {}
        async with asyncio.timeout(STALLED_SECONDS + SOON):
            while not (found := await reader.poll(timeout=1)):
                pass
        assert texts(found[name]) == ["second"]
        assert own._consumer is not silent


# A log that is cut


async def test_a_reader_stops_when_its_topic_was_made_anew(kafka: Kafka, log: KafkaEventLog) -> None:
    name = f"rozana.test.{uuid4().hex}"
    await create_topics(kafka.url, [name])
    await log.append(name, [record(str(number)) for number in range(5)])
    async with log.reader({name: 0}) as reader:
        await take(reader, 5)
        await delete_topics(kafka.url, [name])
        async with asyncio.timeout(SOON):
            while name in await log._reads.partitions():
                pass
        await create_topics(kafka.url, [name])
        with pytest.raises(ReadStopped, match=r"ends at offset 0, and was read to 5: it was cut, or made anew"):
            await take(reader, 1)


async def test_records_that_were_deleted_stop_a_reader_and_a_read(kafka: Kafka, log: KafkaEventLog) -> None:
    name = f"rozana.test.{uuid4().hex}"
    await create_topics(kafka.url, [name])
    await log.append(name, [record(str(number)) for number in range(5)])
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers(kafka.url))
    await admin.start()
    await admin.delete_records({TopicPartition(name, 0): RecordsToDelete(before_offset=3)})
    await admin.close()
    with pytest.raises(ReadStopped, match=r"begins at offset 3, and 1 was to be read: records were deleted"):
        await log.read(name, 1)
    assert texts(await log.read(name, 3)) == ["3", "4"]
    async with log.reader({name: 0}) as reader:
        with pytest.raises(ReadStopped, match="begins at offset 3"):
            await take(reader, 1)


# Faults


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Kafka]:
    server = Kafka(tmp_path / "kafka")
    server.start()
    yield server
    server.stop()


async def test_without_a_broker_every_call_is_unavailable_and_nothing_unknown() -> None:
    log = open_log("kafka://127.0.0.1:1", SystemClock(), deadline=1.0)
    for call in (log.append("s", [record()]), log.end("s"), log.read("s", 0), log.identity(), log.last_time()):
        with pytest.raises(Unavailable, match=r"^the log at 127.0.0.1:1 did not do it") as refused:
            await call
        assert not isinstance(refused.value, OutcomeUnknown)
    async with log.reader({"s": 0}) as reader:
        with pytest.raises(Unavailable):
            await reader.poll(timeout=0)
    await log.close()


@pytest.mark.parametrize("hard", [True, False])
async def test_through_restarts_nothing_acknowledged_is_lost_and_both_sides_go_on_by_themselves(
    own_kafka: Kafka, hard: bool
) -> None:
    name = "rozana.in-mp.reports"
    await create_topics(own_kafka.url, [name])
    log = open_log(own_kafka.url, SystemClock(), deadline=2.0)
    acknowledged: dict[str, int] = {}
    stopping, written = asyncio.Event(), asyncio.Event()

    async def write(writer: int) -> None:
        number = 0
        while not stopping.is_set():
            text = f"{writer}-{number}"
            try:
                (stored,) = await log.append(name, [record(text)])
            except Unavailable:
                continue  # the same event again, as a phone would
            acknowledged[text] = stored.offset
            number += 1

    async def follow() -> list[str]:
        found: list[str] = []
        async with log.reader({name: 0}) as reader:
            while not written.is_set() or len(found) <= max(acknowledged.values()):
                try:
                    polled = (await reader.poll(timeout=0.2)).get(name, ())
                except Unavailable:
                    continue
                assert [one.offset for one in polled] == list(range(len(found), len(found) + len(polled)))
                found += texts(polled)
        return found

    writers = [asyncio.create_task(write(writer)) for writer in range(4)]
    following = asyncio.create_task(follow())
    for _ in range(5):
        before = len(acknowledged)
        await asyncio.to_thread(own_kafka.kill if hard else own_kafka.stop)
        await asyncio.to_thread(own_kafka.start)
        async with asyncio.timeout(SOON):
            while len(acknowledged) < before + 50:
                await asyncio.wait(writers, timeout=0.02)
    stopping.set()
    async with asyncio.timeout(SOON):
        await asyncio.gather(*writers)
        written.set()
        found = await following
    assert {text: found[offset] for text, offset in acknowledged.items()} == {text: text for text in acknowledged}
    await log.close()


@pytest.mark.parametrize("turns", range(8))
async def test_who_is_cancelled_while_it_closes_its_reader_does_not_begin_again(
    kafka: Kafka, log: KafkaEventLog, turns: int
) -> None:
    """aiokafka's stop() would keep the cancellation to itself: a loop that was just opening its store anew went on."""
    name = f"rozana.test.{uuid4().hex}"
    await create_topics(kafka.url, [name])
    await log.append(name, [record()])
    closing = asyncio.Event()

    async def loop() -> None:
        while True:
            with contextlib.suppress(Reopen):
                async with log.reader({name: 0}) as reader:
                    await take(reader, 1)
                    closing.set()
                    raise Reopen("as when the store was away")

    looping = asyncio.create_task(loop())
    await closing.wait()
    for _ in range(turns):
        await asyncio.sleep(0)
    looping.cancel()
    await asyncio.wait([looping], timeout=SOON)
    assert looping.cancelled()


async def test_readers_that_end_while_kafka_is_away_leave_nothing_running(own_kafka: Kafka) -> None:
    """As where a state is given away, or a service is stopped, during an outage."""
    name = "rozana.in-mp.reports"
    await create_topics(own_kafka.url, [name])
    log = open_log(own_kafka.url, SystemClock(), deadline=1.0)
    await log.append(name, [record()])
    async with contextlib.AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(log.reader({name: 0})) for _ in range(8)]
        for reader in readers:
            await take(reader, 1)
        await asyncio.to_thread(own_kafka.kill)
        for reader in readers:
            assert await reader.poll(timeout=0.2) == {}
    await log.close()
    running = [each.get_coro() for each in asyncio.all_tasks()]
    assert not [each for each in running if "aiokafka" in str(getattr(each, "cr_code", ""))]


async def test_a_quiet_reader_hears_of_the_end_of_an_outage_though_no_record_comes(own_kafka: Kafka) -> None:
    """It waits as long as it likes for a record, but not for one that tells it that Kafka is back."""
    name = "rozana.in-mp.reports"
    await create_topics(own_kafka.url, [name])
    configure_logging(lines := io.StringIO())
    log = PatientLog(open_log(own_kafka.url, SystemClock(), deadline=1.0), get_logger("test"))
    begun = asyncio.Event()
    await log.append(name, [record()])

    async def loop() -> None:
        async with log.reader({name: 0}) as reader:
            await take(reader, 1)
            begun.set()
            await reader.poll(timeout=STALLED_SECONDS)  # as quiet as ever
            await reader.poll(timeout=600)

    async def says(line: str) -> None:
        async with asyncio.timeout(STALLED_SECONDS + SOON):
            while line not in lines.getvalue():  # noqa: ASYNC110 -- a log line wakes nobody
                await asyncio.sleep(0.05)

    looping = asyncio.create_task(in_loop(loop)())
    await begun.wait()
    await asyncio.to_thread(own_kafka.kill)
    await says("waiting for the log")
    await asyncio.to_thread(own_kafka.start)
    await says("the log answers again")
    looping.cancel()
    await asyncio.wait([looping])
    await log.close()


async def test_a_frozen_broker_leaves_the_outcome_unknown_within_the_deadline_and_is_used_again(
    own_kafka: Kafka,
) -> None:
    name = "rozana.in-mp.reports"
    await create_topics(own_kafka.url, [name])
    log = open_log(own_kafka.url, SystemClock(), deadline=1.0)
    await log.append(name, [record("before")])
    own_kafka.freeze()
    started = time.monotonic()
    outcomes = await asyncio.gather(*(log.append(name, [record("unknown")]) for _ in range(5)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {OutcomeUnknown}
    assert time.monotonic() - started < 1.5
    with pytest.raises(Unavailable):
        await log.end(name)
    own_kafka.thaw()
    async with asyncio.timeout(SOON):
        while True:
            try:
                (stored,) = await log.append(name, [record("after")])
                break
            except Unavailable:
                continue
    counts = Counter(texts(await log.read(name, 0)))
    assert counts["before"] == 1
    assert counts["unknown"] in {0, 5}  # one batch: whole or not at all
    assert texts(await log.read(name, stored.offset)) == ["after"]
    await log.close()
