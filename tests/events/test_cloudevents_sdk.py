"""The official CloudEvents SDK reads what we write, and we read what it writes.

It has no batch mode; a batch is then an array of what it reads and writes one by one.
"""

import json
from typing import Any

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from libs.events.codec import attributes, decode, decode_batch, decode_structured, encode, encode_batch
from libs.events.codec import encode_structured as encode_one
from libs.events.envelope import Event
from tests.events import golden

EVERY_EXAMPLE = pytest.mark.parametrize("name", list(golden.TEXTS))


def _of_the_sdk(event: Event) -> CloudEvent:
    """The event as somebody who uses the SDK would make it."""
    ours: dict[str, Any] = {**attributes(event), "time": event.time}
    return CloudEvent(attributes=ours, data=event.as_written.model_dump(mode="json"))


def _same(theirs: BaseCloudEvent, event: Event) -> None:
    assert theirs.get_id() == event.id
    assert theirs.get_source() == event.source
    assert theirs.get_type() == event.type
    assert theirs.get_specversion() == "1.0"
    assert theirs.get_subject() == event.subject
    assert theirs.get_time() == event.time
    assert theirs.get_datacontenttype() == "application/json"
    assert theirs.get_extension("partitionkey") == event.subject
    assert theirs.get_extension("actor") == event.actor
    assert theirs.get_extension("traceparent") == event.traceparent
    assert theirs.get_data() == event.as_written.model_dump(mode="json")


@EVERY_EXAMPLE
def test_the_sdk_reads_our_kafka_messages(name: str) -> None:
    event = golden.event(name)
    headers, value = golden.message(name)
    message = kafka.KafkaMessage(headers=headers, key=event.subject.encode(), value=value)
    _same(kafka.from_binary_event(message), event)
    _same(kafka.from_kafka_event(message), event)


@EVERY_EXAMPLE
def test_the_sdk_reads_our_structured_events(name: str) -> None:
    _same(JSONFormat().read(None, encode_one(golden.event(name))), golden.event(name))
    _same(JSONFormat().read(None, golden.TEXTS[name]), golden.event(name))


def test_the_sdk_reads_the_items_of_our_batches() -> None:
    events = [golden.event(name) for name in golden.TEXTS]
    items = json.loads(encode_batch(events))
    for item, event in zip(items, events, strict=True):
        _same(JSONFormat().read(CloudEvent, json.dumps(item)), event)


@EVERY_EXAMPLE
def test_we_read_the_sdks_kafka_messages(name: str) -> None:
    event = golden.event(name)
    message = kafka.to_binary_event(_of_the_sdk(event))
    assert decode(message.headers.items(), message.value) == event
    assert message.key == event.subject
    # The same headers, too, if not in the same order: a consumer sees no difference.
    assert message.headers.keys() == dict(encode(event)[0]).keys()


@EVERY_EXAMPLE
def test_we_read_the_sdks_structured_events(name: str) -> None:
    event = golden.event(name)
    assert decode_structured(JSONFormat().write(_of_the_sdk(event))) == event


def test_we_read_an_array_of_the_sdks_structured_events() -> None:
    events = [golden.event(name) for name in golden.TEXTS]
    texts = [JSONFormat().write(_of_the_sdk(event)) for event in events]
    assert decode_batch(b"[" + b",".join(texts) + b"]") == events
