"""`rozana topics` on a real Kafka, by the one whose right it is."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource

from libs.runtime.log_kafka_admin import opened_admin
from libs.runtime.log_kafka_client import Cluster
from libs.runtime.topics import streams_of, topics
from tests.rozana.command import one_line
from tests.rozana.conftest import Command, command  # noqa: F401 -- a fixture
from tests.servers.guarded import ADMIN, GuardedKafka, password_of

pytestmark = pytest.mark.connected
STATES = ("in-mp",)
STREAMS = streams_of(STATES)
REPORTS, ALERTS, *_ = STREAMS
MANY = len(STREAMS)


@pytest.fixture
def job(guarded: GuardedKafka, tmp_path: Path) -> dict[str, str]:
    """The settings of the job that sets up topics; there are none yet."""
    asyncio.run(_as_admin(guarded, _delete))
    password = tmp_path / "password"
    password.write_text(password_of("rozana-topics"))
    return {
        "ROZANA_LOG": guarded.url,
        "ROZANA_STATES": ",".join(STATES),
        "ROZANA_KAFKA_USER": "rozana-topics",
        "ROZANA_KAFKA_PASSWORD_FILE": str(password),
    }


async def _delete(admin: Any) -> None:
    there = [name for name in await admin.list_topics() if name.startswith("rozana.")]
    if there:
        await admin.delete_topics(there)
    async with asyncio.timeout(30):
        while any(name.startswith("rozana.") for name in await admin.list_topics()):
            pass


async def _as_admin(guarded: GuardedKafka, do: Callable[[Any], Awaitable[Any]]) -> None:
    admin = AIOKafkaAdminClient(**guarded.cluster(ADMIN).client())
    await admin.start()
    try:
        await do(admin)
    finally:
        await admin.close()


async def _config(cluster: Cluster, stream: str) -> dict[str, str]:
    async with opened_admin(cluster) as admin:
        return dict((await admin.found([stream]))[stream].config)


def test_topics_are_compared_made_and_left_alone_once_they_are_right(
    job: dict[str, str],
    guarded: GuardedKafka,
    command: Command,  # noqa: F811
) -> None:
    code, out, _ = command("topics", "show", **job)
    assert code == 1
    assert out.count("missing") == len(STREAMS) + 1
    assert out.splitlines()[-1].startswith(f"0 of {len(STREAMS)} topics are there; {len(STREAMS)} are missing")

    code, out, told = command("topics", "apply", **job)
    assert (code, told) == (0, "")
    assert out.splitlines() == [
        *(f"made     {each}" for each in STREAMS),
        f"{MANY} made, 0 set, 0 were right, 0 refused",
    ]
    for wanted in topics(STATES, 1):
        assert asyncio.run(_config(guarded.cluster(ADMIN), wanted.name)) == wanted.config

    assert command("topics", "apply", **job) == (0, f"0 made, 0 set, {MANY} were right, 0 refused\n", "")
    code, out, _ = command("topics", "show", **job)
    assert code == 0
    assert out.count("right") == len(STREAMS)
    assert out.splitlines()[-1] == f"{MANY} of {MANY} topics are there; all is as it should be"


def test_a_setting_that_is_wrong_is_set_and_what_somebody_set_besides_stays(
    job: dict[str, str],
    guarded: GuardedKafka,
    command: Command,  # noqa: F811
) -> None:
    command("topics", "apply", **job)
    theirs = {"retention.ms": "604800000", "segment.ms": "3600000"}
    asyncio.run(_as_admin(guarded, lambda admin: admin.alter_configs([ConfigResource("topic", REPORTS, theirs)])))
    code, out, _ = command("topics", "apply", **job)
    first, last = out.splitlines()
    assert code == 0
    assert first.startswith(f"set      {REPORTS}  cleanup.policy: not set -> delete, ")
    assert "retention.ms: 604800000 -> -1" in first
    assert last == f"0 made, 1 set, {MANY - 1} were right, 0 refused"
    (wanted,) = (each for each in topics(STATES, 1) if each.name == REPORTS)
    assert asyncio.run(_config(guarded.cluster(ADMIN), REPORTS)) == {**wanted.config, "segment.ms": "3600000"}


def test_a_topic_with_two_partitions_is_refused_and_not_touched_and_the_others_are_made(
    job: dict[str, str],
    guarded: GuardedKafka,
    command: Command,  # noqa: F811
) -> None:
    asyncio.run(_as_admin(guarded, lambda admin: admin.create_topics([NewTopic(ALERTS, 2, 1)])))
    for _ in range(2):
        code, out, _ = command("topics", "apply", **job)
        assert code == 1
        refused, last = out.splitlines()[-2:]
        assert refused.startswith(f"REFUSED  {ALERTS}: it has 2 partitions and must have 1")
        assert last.endswith(", 1 refused")
    assert asyncio.run(_config(guarded.cluster(ADMIN), ALERTS)) == {}
    code, out, _ = command("topics", "show", **job)
    assert code == 1
    assert "1, is 2" in out
    assert "1 cannot be mended by settings" in out.replace("\n", " ")


def test_more_brokers_than_there_are_is_one_line(
    job: dict[str, str],
    command: Command,  # noqa: F811
) -> None:
    code, out, told = command("topics", "apply", ROZANA_KAFKA_REPLICATION="3", **job)
    assert (code, out) == (1, "")
    assert "did not do it for rozana.in-mp.reports (InvalidReplicationFactor)" in one_line(told)


def test_whose_right_it_is_not_is_told_so(
    job: dict[str, str],
    tmp_path: Path,
    command: Command,  # noqa: F811
) -> None:
    password = tmp_path / "password"
    password.write_text(password_of("rozana-pcc-in-mp"))
    code, out, told = command("topics", "apply", **job | {"ROZANA_KAFKA_USER": "rozana-pcc-in-mp"})
    assert (code, out) == (1, "")
    assert "(TopicAuthorizationFailed)" in one_line(told)


def test_a_wrong_password_is_one_line(job: dict[str, str], tmp_path: Path, command: Command) -> None:  # noqa: F811
    (tmp_path / "password").write_text("canary-wrong-4711")
    for arguments in (["topics", "show"], ["dead-letters", "list"]):
        code, out, told = command(*arguments, **job)
        assert (code, out) == (1, "")
        assert "does not take this user with this password: see ROZANA_KAFKA_USER" in one_line(told)
        assert "canary" not in told
