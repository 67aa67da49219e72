"""Every topic as data: what Kafka is asked for, and in what that which it has differs. Pure; `log_kafka_admin` asks.

Every setting stands on the topic itself, so that no broker's default can shorten what is kept. What somebody has set on
a topic beside these stays.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from libs.events.streams import STREAMS, erasable, keeps_hours

PARTITIONS = 1
"""ADR 0002: never more."""
IN_SYNC: Mapping[int, int] = {1: 1, 3: 2}
"""Replicas of a topic -> how many of them must have a record before it is acknowledged."""
MOST_BYTES = 1_000_000
"""Of an append: one batch, because Kafka writes a batch whole or not at all. A report has at most 64 KiB."""
MOST_BYTES_OF_A_LETTER = 4_000_000
"""A dead letter holds another record whole, in base64."""
BATCH_OVERHEAD = 100_000
"""Room for what Kafka adds to a batch."""
FOREVER = str(2**63 - 1)
ERASED_WITHIN_MS = 12 * 60 * 60 * 1000
"""By the records' own times, which are days: what was erased yesterday is thrown away once something is written today,
at the broker's cleaner's next turn."""


@dataclass(frozen=True, slots=True)
class Topic:
    """As it should be, or as it is; `config` is what is set on the topic itself."""

    name: str
    partitions: int
    replicas: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Alteration:
    topic: Topic
    """As it should be."""
    was: Mapping[str, str | None]
    """Each setting that differs, as it is; None: it is not set on the topic."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A topic that is not touched, because what differs is not a setting."""

    topic: Topic
    why: str


@dataclass(frozen=True, slots=True)
class Differences:
    create: tuple[Topic, ...] = ()
    alter: tuple[Alteration, ...] = ()
    refused: tuple[Refusal, ...] = ()


def most_bytes(stream: str) -> int:
    """Of one append to this stream."""
    return MOST_BYTES_OF_A_LETTER if stream.endswith(".dead-letters") else MOST_BYTES


def topic(stream: str, replicas: int, *, own_clock: bool = False) -> Topic:
    """The topic of a stream. `replicas` is a key of IN_SYNC.

    The broker stamps a record when it appends it; in a stream that keeps no hours the writer does, with the day alone.
    With `own_clock` the writer's clock counts everywhere: for tests and demos, which run on a shifted one.
    """
    by_writer = own_clock or not keeps_hours(stream)
    policy = (
        {
            "cleanup.policy": "compact",
            "delete.retention.ms": str(ERASED_WITHIN_MS),
            "max.compaction.lag.ms": str(ERASED_WITHIN_MS),
            "segment.ms": str(ERASED_WITHIN_MS),
        }
        if erasable(stream)
        else {"cleanup.policy": "delete"}
    )
    config = {
        **policy,
        "max.message.bytes": str(most_bytes(stream) + BATCH_OVERHEAD),
        "message.timestamp.after.max.ms": FOREVER,
        "message.timestamp.type": "CreateTime" if by_writer else "LogAppendTime",
        "min.insync.replicas": str(IN_SYNC[replicas]),
        "retention.bytes": "-1",
        "retention.ms": "-1",
        "unclean.leader.election.enable": "false",
    }
    return Topic(stream, PARTITIONS, replicas, config)


def streams_of(states: Iterable[str]) -> list[str]:
    """All streams of these states, then those of the nation."""
    tables = STREAMS.values()
    of_states = [each.name(state) for state in states for each in tables if each.per == "state"]
    return of_states + [each.name() for each in tables if each.per == "nation"]


def topics(states: Iterable[str], replicas: int, *, own_clock: bool = False) -> list[Topic]:
    return [topic(stream, replicas, own_clock=own_clock) for stream in streams_of(states)]


def differences(wanted: Collection[Topic], found: Mapping[str, Topic]) -> Differences:
    """`found`, by name, may hold topics that are nobody's business."""
    create, alter, refused = [], [], []
    for each in wanted:
        there = found.get(each.name)
        if there is None:
            create.append(each)
        elif why := _untouchable(each, there):
            refused.append(Refusal(each, why))
        elif was := {
            name: there.config.get(name) for name, value in each.config.items() if _differs(there, name, value)
        }:
            alter.append(Alteration(each, was))
    return Differences(tuple(create), tuple(alter), tuple(refused))


def _differs(there: Topic, name: str, value: str) -> bool:
    return there.config.get(name) != value


def _untouchable(wanted: Topic, there: Topic) -> str | None:
    if there.partitions != wanted.partitions:
        return (
            f"it has {there.partitions} partitions and must have {wanted.partitions}: its order is not the one that was"
            " judged by (ADR 0002). Make it anew, and restore what was in it"
        )
    if there.replicas != wanted.replicas:
        return (
            f"each of its records is kept by {there.replicas} brokers and should be by {wanted.replicas}: move it with"
            " kafka-reassign-partitions, or set ROZANA_KAFKA_REPLICATION"
        )
    return None
