"""What tests of several rooms share: the real servers, one of each for a whole test run."""

from collections.abc import Iterator

import pytest

from tests.servers.kafka import Kafka
from tests.servers.mongo import Mongo


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """For tests that leave it running; those that stop or kill one start their own."""
    server = Kafka(tmp_path_factory.mktemp("kafka"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongo]:
    """As `kafka`."""
    server = Mongo(tmp_path_factory.mktemp("mongo"))
    server.start()
    yield server
    server.stop()
