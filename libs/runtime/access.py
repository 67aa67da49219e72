"""Who may do what on Kafka, as data: the one table behind the ACLs, worked out from STREAMS. Pure.

Every right is to a stream by its whole name: one to a prefix would hold for streams that nobody thought of. Kafka
lets whoever may read or write a topic also describe it, and whoever may write one use an idempotent producer: neither
is granted besides. Nobody may delete a topic, or add a partition to one.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from libs.events.streams import STREAMS, Reader, Service, Stream, erasable, state_of
from libs.runtime.topics import streams_of

PREFIX = "rozana-"
"""Of every principal, so that they stand apart in a Kafka that others use too."""
READS_ALL: Mapping[Service, bool] = {"ingest": False, "aggregator": True, "notifier": True}
"""Whether a service reads every stream of events; if not, what it writes."""
Operation = Literal["Read", "Write", "Create", "Describe", "DescribeConfigs", "AlterConfigs"]
PROVISIONING: tuple[Operation, ...] = ("Create", "Describe", "DescribeConfigs", "AlterConfigs")
"""Not Alter, which would raise the partition count."""


@dataclass(frozen=True, slots=True)
class Right:
    resource: Literal["topic", "group"]
    name: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Access:
    """One principal, and the streams that it reads, writes, or sets up."""

    principal: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    provisions: tuple[str, ...] = ()

    def rights(self) -> list[Right]:
        """In one order for ever. A reader may also use the one consumer group that has the principal's name."""
        operations: dict[str, tuple[Operation, ...]] = {}
        for streams, what in ((self.reads, ("Read",)), (self.writes, ("Write",)), (self.provisions, PROVISIONING)):
            for stream in streams:
                operations[stream] = operations.get(stream, ()) + what
        rights = [Right("topic", stream, what) for stream, what in operations.items()]
        return [*rights, Right("group", self.principal, ("Read",))] if self.reads else rights


def accesses(states: Collection[str], consumers: Iterable[Access] = ()) -> list[Access]:
    """The three services, the job that sets up topics, each state's office; then these `consumers` of AICC's."""
    services = [_service(name, states) for name in get_args(Service)]
    offices = [Access(f"{PREFIX}pcc-{state}", reads=granted("pcc", [state])) for state in states]
    return [*services, Access(f"{PREFIX}topics", provisions=tuple(streams_of(states))), *offices, *consumers]


def granted(reader: Reader, states: Iterable[str]) -> tuple[str, ...]:
    """The streams of these states that somebody outside may read at most."""
    return tuple(each for each in streams_of(states) if state_of(each) and reader in _table(each).readers)


def _service(name: Service, states: Iterable[str]) -> Access:
    streams = streams_of(states)
    writes = tuple(each for each in streams if name in _table(each).writers)
    reads = tuple(each for each in streams if not erasable(each)) if READS_ALL[name] else writes
    return Access(f"{PREFIX}{name}", reads=reads, writes=writes)


def _table(stream: str) -> Stream:
    return next(each for each in STREAMS.values() if stream.endswith(f".{each.kind}"))
