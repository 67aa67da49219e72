"""The session's servers are there for whoever asks."""

import pytest

from tests.servers.kafka import Kafka

pytestmark = pytest.mark.connected


def test_the_fixture_runs(kafka: Kafka) -> None:
    assert Kafka.READY in kafka.said()
