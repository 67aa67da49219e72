"""Every principal at every stream of a real Kafka with its authorizer on: it may what this table says, and no more."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    for_code,
)

from libs.runtime.access import Access
from libs.runtime.clock import SystemClock
from libs.runtime.errors import OutcomeUnknown, StartRefused, Unavailable
from libs.runtime.kafka_security import KafkaSecurity
from libs.runtime.log import NewRecord
from libs.runtime.log_kafka import open_log
from libs.runtime.log_kafka_appends import _abandon
from libs.runtime.log_kafka_client import Cluster, introduce, new_producer
from tests.servers.certificates import Authority
from tests.servers.guarded import HERE, GuardedKafka, password_of

pytestmark = pytest.mark.connected
SOON = 30.0

STREAMS = (
    *("in-mp.reports", "in-mp.alerts", "in-mp.grievances"),
    *("in-up.reports", "in-up.alerts", "in-up.grievances"),
    *("system", "dead-letters"),
)
MAY = {
    # read, write, both, or neither; written down by hand, so that it does not follow from what it holds to account
    "rozana-ingest": "rw -  rw  rw -  rw  rw rw",
    "rozana-aggregator": "r  r  r   r  r  r   r  rw",
    "rozana-notifier": "rw rw rw  rw rw rw  r  rw",
    "rozana-topics": "-  -  -   -  -  -   -  -",
    "rozana-pcc-in-mp": "r  -  -   -  -  -   -  -",
    "rozana-pcc-in-up": "-  -  -   r  -  -   -  -",
    "rozana-aicc-boards": "r  -  -   -  r  -   -  -",
    "rozana-aicc-grievance-cell": "-  -  r   -  -  -   -  -",
}
CASES = [
    (principal, f"rozana.{stream}", operation, operation in may)
    for principal, row in MAY.items()
    for stream, may in zip(STREAMS, row.split(), strict=True)
    for operation in "rw"
]


@pytest.mark.parametrize(
    ("principal", "stream", "operation", "may"), CASES, ids=lambda each: str(each) if isinstance(each, str) else ""
)
async def test_each_may_what_the_table_says(
    principal: str, stream: str, operation: str, may: bool, filled: GuardedKafka
) -> None:
    attempt = _read if operation == "r" else _write
    async with asyncio.timeout(SOON):
        if may:
            await attempt(filled.cluster(principal), principal, stream)
        else:
            with pytest.raises(TopicAuthorizationFailedError):
                await attempt(filled.cluster(principal), principal, stream)


def test_the_table_is_of_everybody(everybody: list[Access]) -> None:
    assert list(MAY) == [each.principal for each in everybody]


async def _read(cluster: Cluster, principal: str, stream: str) -> None:
    """As a subscriber would: in the group of its own name, unless it has none."""
    group = None if principal == "rozana-topics" else principal
    consumer = AIOKafkaConsumer(stream, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False,
                                **cluster.client())  # fmt: skip
    try:
        await consumer.start()
        assert (await consumer.getone()).topic == stream
    finally:
        await consumer.stop()


async def _write(cluster: Cluster, _: str, stream: str) -> None:
    producer = AIOKafkaProducer(acks="all", **cluster.client())
    try:
        await producer.start()
        await producer.send_and_wait(stream, b"another", partition=0)
    finally:
        await producer.stop()


# What is besides the table


async def test_who_may_write_nothing_gets_no_idempotent_producer_either(filled: GuardedKafka) -> None:
    producer = new_producer(filled.cluster("rozana-aicc-boards"))
    with pytest.raises(ClusterAuthorizationFailedError):
        await producer.start()
    await _abandon(producer)


@pytest.mark.parametrize("kind", ["alerts", "grievances"])
async def test_an_office_is_not_told_that_there_are_other_streams(kind: str, filled: GuardedKafka) -> None:
    """The end of the grievances would tell when one came, that of the alerts when AICC is told of the office."""
    admin = AIOKafkaAdminClient(**filled.cluster("rozana-pcc-in-mp").client())
    await admin.start()
    seen = await admin.list_topics()
    asked = await admin.describe_topics([f"rozana.in-mp.{kind}"])
    await admin.close()
    assert set(seen) == {"rozana.in-mp.reports"}
    assert [for_code(each["error_code"]) for each in asked] == [TopicAuthorizationFailedError]
    assert [each["partitions"] for each in asked] == [[]]


async def test_nobody_uses_the_group_of_another(filled: GuardedKafka) -> None:
    consumer = AIOKafkaConsumer(
        "rozana.in-mp.reports", group_id="rozana-aggregator", **filled.cluster("rozana-pcc-in-mp").client()
    )
    with pytest.raises(GroupAuthorizationFailedError):
        await asyncio.wait_for(consumer.start(), SOON)
    await consumer.stop()


async def test_the_job_adds_no_partition_and_deletes_nothing(filled: GuardedKafka) -> None:
    admin = AIOKafkaAdminClient(**filled.cluster("rozana-topics").client())
    await admin.start()
    with pytest.raises(TopicAuthorizationFailedError):
        await admin.create_partitions({"rozana.in-mp.reports": NewPartitions(2)})
    deleted = await admin.delete_topics(["rozana.in-mp.reports"])
    await admin.close()
    assert [for_code(code) for _, code in deleted.topic_error_codes] == [TopicAuthorizationFailedError]


# The services' own log


@pytest.mark.parametrize("principal", ["rozana-ingest", "rozana-aggregator", "rozana-notifier"])
async def test_a_service_s_log_works_with_its_rights(
    principal: str, everybody: list[Access], filled: GuardedKafka
) -> None:
    (access,) = (each for each in everybody if each.principal == principal)
    log = open_log(filled.url, SystemClock(), security=filled.cluster(principal).security)
    try:
        for stream in access.writes:
            (stored,) = await log.append(stream, [NewRecord("in-mp", (), b"by its own service")])
            assert (await log.read(stream, stored.offset))[0].value == b"by its own service"
        async with log.reader(dict.fromkeys(access.reads, 0)) as reader, asyncio.timeout(SOON):
            found: set[str] = set()
            while found != set(access.reads):
                found |= set(await reader.poll(timeout=1.0))
        assert await log.last_time() is not None
        assert (await log.identity()).startswith("kafka:")
    finally:
        await log.close()


async def test_a_service_without_the_right_is_told_so_and_nothing_is_unknown(filled: GuardedKafka) -> None:
    log = open_log(filled.url, SystemClock(), security=filled.cluster("rozana-aggregator").security)
    with pytest.raises(Unavailable, match=r"refused an append .*TopicAuthorizationFailed.* its rights") as refused:
        await log.append("rozana.in-mp.reports", [NewRecord("in-mp", (), b"")])
    assert not isinstance(refused.value, OutcomeUnknown)
    (stored,) = await log.append("rozana.dead-letters", [NewRecord("in-mp", (), b"")])
    assert stored.offset > 0
    await log.close()
    log = open_log(filled.url, SystemClock(), security=filled.cluster("rozana-ingest").security)
    with pytest.raises(Unavailable, match=r"no topic rozana.in-mp.alerts: .*rights"):
        await log.end("rozana.in-mp.alerts")
    await log.close()


# Who one is


@pytest.mark.parametrize("principal", ["rozana-ingest", "nobody"])
async def test_a_wrong_password_is_one_line_without_it(principal: str, filled: GuardedKafka) -> None:
    wrong = "canary-wrong-4711"
    with pytest.raises(StartRefused) as refused:
        await introduce(filled.cluster(principal, wrong))
    line = str(refused.value)
    assert line.startswith(
        f"Kafka at {HERE}:{filled.port} does not take this user with this password: see ROZANA_KAFKA"
    )
    assert wrong not in line
    assert "\n" not in line


async def test_a_broker_that_is_not_there_is_no_reason_to_refuse(filled: GuardedKafka) -> None:
    there = filled.cluster("rozana-ingest")
    await introduce(Cluster([f"{HERE}:9"], there.security))
    with pytest.raises(StartRefused):
        await introduce(Cluster([f"{HERE}:9", *there.addresses], KafkaSecurity("rozana-ingest", "wrong")))


async def test_a_password_over_tls(filled: GuardedKafka) -> None:
    security = KafkaSecurity("rozana-ingest", password_of("rozana-ingest"), filled.tls())
    await _write(Cluster([f"{HERE}:{filled.sasl_ssl}"], security), "rozana-ingest", "rozana.in-mp.reports")


async def test_a_certificate_is_a_name_with_the_same_rights(filled: GuardedKafka) -> None:
    pair = filled.authority.issue("rozana-pcc-in-mp")
    cluster = Cluster([f"{HERE}:{filled.mtls}"], KafkaSecurity(tls=filled.tls(pair)))
    await introduce(cluster)
    await _read(cluster, "rozana-pcc-in-mp", "rozana.in-mp.reports")
    with pytest.raises(TopicAuthorizationFailedError):
        await _read(cluster, "rozana-pcc-in-mp", "rozana.in-mp.grievances")


async def test_no_certificate_or_a_stranger_s_is_not_taken(filled: GuardedKafka) -> None:
    strangers = Authority(filled.folder / "strangers")
    for pair in (None, strangers.issue("rozana-ingest")):
        security = KafkaSecurity(tls=filled.tls(pair))
        log = open_log(f"kafka://{HERE}:{filled.mtls}", SystemClock(), security=security, deadline=5.0)
        with pytest.raises(Unavailable, match="and whom it takes"):
            await log.end("rozana.in-mp.reports")
        await log.close()


async def test_a_broker_whom_our_authority_does_not_know_is_refused(filled: GuardedKafka) -> None:
    strangers = Authority(filled.folder / "others")
    with pytest.raises(StartRefused, match=r"^the certificate of Kafka at .* is not good .*ROZANA_KAFKA_CA_FILE"):
        await introduce(Cluster([f"{HERE}:{filled.mtls}"], KafkaSecurity(tls=strangers.context())))
