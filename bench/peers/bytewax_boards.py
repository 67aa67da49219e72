"""The peer that is a library for this work: bytewax. Its Kafka source with its defaults, a stateful step a topic that
takes batches, and a sink that writes each batch in one bulk. One worker, without recovery (its snapshots of state).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main
from pymongo import MongoClient

from bench.peers.plain_boards import State, guarded
from libs.runtime.log_kafka_client import brokers

Written = tuple[str, int, Mapping[str, Any]]
Message = KafkaSourceMessage[bytes, bytes]


class Boards(op.StatefulBatchLogic[Message, Written, None]):
    """The state of one topic, which its first message names."""

    def __init__(self) -> None:
        self._state: State | None = None

    def on_batch(self, values: Sequence[Message]) -> tuple[Iterable[Written], bool]:
        state = self._state
        if state is None:
            state = self._state = State(_topic(values[0]).split(".")[1])
        for message in values:
            assert message.offset is not None
            state.fold(message.offset, message.headers, message.value)
        return list(state.documents()), op.StatefulBatchLogic.RETAIN

    def snapshot(self) -> None:
        return None


class _Partition(StatelessSinkPartition[tuple[str, Written]]):
    def __init__(self, mongo: str, collection: str) -> None:
        self._client: MongoClient[Any] = MongoClient(mongo, w="majority", journal=True)
        self._documents = self._client["rozana"][collection]

    def write_batch(self, items: Sequence[tuple[str, Written]]) -> None:
        self._documents.bulk_write(list(guarded(written for _, written in items)))  # in order: an id may come twice

    def close(self) -> None:
        self._client.close()


class _Sink(DynamicSink[tuple[str, Written]]):
    def __init__(self, mongo: str, collection: str) -> None:
        self._where = mongo, collection

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> _Partition:
        return _Partition(*self._where)


def run(kafka: str, mongo: str, collection: str, topics: Sequence[str], *, tail: bool) -> None:
    """To the end of the topics; with `tail`, for ever."""
    flow = Dataflow("boards")
    source: Any = KafkaSource(brokers(kafka), topics, tail=tail)
    messages: Any = op.input("messages", flow, source)
    keyed = op.key_on("topic", messages, _topic)
    documents = op.stateful_batch("fold", keyed, lambda _kept: Boards())
    op.output("documents", documents, _Sink(mongo, collection))
    cli_main(flow)


def _topic(message: Message) -> str:
    assert message.topic is not None
    return message.topic
