"""One Kafka that takes nobody without a name, with the rights of two states, and a record in every stream."""

from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer

from libs.runtime.access import Access, accesses
from libs.runtime.log_kafka_admin import opened_admin
from libs.runtime.topics import differences, topics
from rozana.acls import as_commands
from rozana.consumers import read_consumers
from tests.servers.guarded import ADMIN, GuardedKafka

STATES = ("in-mp", "in-up")
CONSUMERS = """
[[consumer]]
name = "boards"
streams = ["rozana.in-mp.reports", "rozana.in-up.alerts"]

[[consumer]]
name = "grievance-cell"
streams = ["rozana.in-mp.grievances"]
"""


@pytest.fixture(scope="session")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> list[Access]:
    file = tmp_path_factory.mktemp("consumers") / "consumers.toml"
    file.write_text(CONSUMERS)
    return accesses(STATES, read_consumers(file, STATES))


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory, everybody: list[Access]) -> Iterator[GuardedKafka]:
    server = GuardedKafka(tmp_path_factory.mktemp("guarded") / "kafka", [each.principal for each in everybody])
    server.start()
    server.run_acls(as_commands(everybody))
    yield server
    server.stop()


@pytest.fixture
async def filled(guarded: GuardedKafka) -> GuardedKafka:
    """With its topics made, by the job whose right that is, and at least a record in each."""
    wanted = topics(STATES, 1)
    async with opened_admin(guarded.cluster("rozana-topics")) as admin:
        found = await admin.found([each.name for each in wanted])
        if missing := differences(wanted, found).create:
            await admin.create(missing)
            producer = AIOKafkaProducer(**guarded.cluster(ADMIN).client())
            await producer.start()
            for each in missing:
                await producer.send_and_wait(each.name, b"first", key=b"first", partition=0)
            await producer.stop()
    return guarded
