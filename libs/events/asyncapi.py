"""The AsyncAPI 3.0 document of the streams, for who subscribes with a Kafka client: docs/asyncapi.yaml. No files.

Made of STREAMS, the catalogue and the schemas; the order of everything is theirs. The application that it describes is
Rozana, so its operations are what Rozana's services append.
"""

from collections.abc import Mapping
from typing import Any

from libs.events.catalogue import CATALOGUE, TYPES, Entry
from libs.events.export import Schema, example_name, json_schemas
from libs.events.streams import STREAMS, Kind, Stream
from libs.events.values import RFC_3339_PATTERN, STATE_PATTERN, UUID_PATTERN

BINDING = "0.5.0"
TOPIC = {"cleanup.policy": ["delete"], "retention.ms": -1, "retention.bytes": -1}
"""Nothing is ever deleted or compacted."""

_HEAD = """\
Every state has three topics of one partition each: reports, alerts, and grievances, which the national office alone may
read. A topic has a total order; an offset is a version of the state. Each record is a CloudEvent 1.0 in binary mode:
its attributes are headers, its value is the data. A record may be repeated: the ids (ce_id) tell. Pass over members and
types that you do not know. How to begin: docs/subscribers.md."""

_HEADERS: Mapping[str, Mapping[str, str]] = {
    "ce_specversion": {"const": "1.0"},
    "ce_id": {"pattern": UUID_PATTERN, "description": "The event's identity: a second record with it is a repeat."},
    "ce_source": {"format": "uri-reference", "description": "Who says so."},
    "ce_type": {"pattern": r"^rozana\.[a-z_.]+\.v[1-9][0-9]*$", "description": "What was said, and in which version."},
    "ce_subject": {"description": "The district or state that it is about."},
    "ce_time": {"pattern": RFC_3339_PATTERN, "description": "When it was received; of grievances the day alone."},
    "ce_partitionkey": {"description": "The record's key: the subject."},
    "content-type": {"const": "application/json"},
    "ce_actor": {"description": "Who posted it: `role:opaque subject`."},
    "ce_traceparent": {"description": "W3C Trace Context of the request."},
    "ce_sha256": {"pattern": "^[0-9a-f]{64}$", "description": "Of the canonical body of what a client posted."},
}
_OPTIONAL = ("ce_actor", "ce_traceparent", "ce_sha256")


def asyncapi(version: str, examples: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """version: the distribution's. examples: a structured CloudEvent by `report.filed.v1`."""
    schemas = json_schemas()
    messages = {name: _message(entry, examples[name]) for entry in TYPES.values() if (name := example_name(entry))}
    parts: dict[str, Any] = {"CloudEventHeaders": _headers()}
    for name, schema in schemas.items():
        parts |= _payload(name, schema)
    return {
        "asyncapi": "3.0.0",
        "id": "urn:rozana:streams",
        "info": {
            "title": "Rozana streams",
            "version": version,
            "description": _HEAD,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{broker}",
                "protocol": "kafka-secure",
                "description": "Apache Kafka. Reading needs a principal that has been granted the topic, by its name.",
                "variables": {"broker": {"description": "Host and port, from who runs it.", "default": "kafka:9093"}},
                "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY],
            }
        },
        "channels": {kind: _channel(stream) for kind, stream in STREAMS.items() if not stream.erasable},
        "operations": {
            f"{writer}.{kind}": _operation(writer, stream)
            for kind, stream in STREAMS.items()
            for writer in stream.writers
            if _of(kind, writer)
        },
        "components": {"messages": messages, "schemas": parts, "securitySchemes": _SECURITY},
    }


_SECURITY = {
    "scram": {"type": "scramSha512", "description": "SASL/SCRAM-SHA-512 over TLS: a user for each consumer."},
    "certificate": {"type": "X509", "description": "Mutual TLS: the certificate's subject is the principal."},
}


def _of(kind: Kind, writer: str | None = None) -> list[str]:
    """The names of the messages that may stand in a stream, of one writer or of all."""
    return [
        example_name(entry)
        for entry in TYPES.values()
        if kind in entry.streams and (writer is None or writer in entry.writers)
    ]


def _channel(stream: Stream) -> dict[str, Any]:
    of_a_state = stream.per == "state"
    readers = ", ".join(stream.readers)
    found: dict[str, Any] = {
        "address": stream.name("{state}" if of_a_state else None),
        "description": f"One per {stream.per}. Readers outside: {readers}. Key: {stream.key}. Kept {stream.retention}.",
    }
    if of_a_state:
        found["parameters"] = {
            "state": {"description": f"ISO 3166-2 in lower case, {STATE_PATTERN}", "examples": ["in-mp"]}
        }
    found["messages"] = {name: {"$ref": f"#/components/messages/{name}"} for name in _of(stream.kind)}
    found["bindings"] = {"kafka": {"partitions": 1, "topicConfiguration": TOPIC, "bindingVersion": BINDING}}
    return found


def _operation(writer: str, stream: Stream) -> dict[str, Any]:
    return {
        "action": "send",
        "summary": f"What {writer} appends to {stream.kind}.",
        "channel": {"$ref": f"#/channels/{stream.kind}"},
        "messages": [{"$ref": f"#/channels/{stream.kind}/messages/{name}"} for name in _of(stream.kind, writer)],
    }


def _message(entry: Entry, example: Mapping[str, Any]) -> dict[str, Any]:
    name = example_name(entry)
    latest = CATALOGUE[entry.data.NAME].data
    title = entry.data.type_name()
    return {
        "name": title,
        "title": title if latest is entry.data else f"{title}, an older version; today's is {latest.type_name()}",
        "summary": (entry.data.__doc__ or "").partition("\n")[0],
        "contentType": "application/json",
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/CloudEventHeaders"},
                {"type": "object", "properties": {"ce_type": {"const": title}}},
            ]
        },
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": "The event's subject."}, "bindingVersion": BINDING}
        },
        "examples": [{"headers": _headers_of(example), "payload": example["data"]}],
    }


def _headers() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "CloudEvents 1.0, Kafka protocol binding, binary mode. Header values are UTF-8.",
        "required": [name for name in _HEADERS if name not in _OPTIONAL],
        "properties": {name: {"type": "string"} | dict(schema) for name, schema in _HEADERS.items()},
    }


def _headers_of(example: Mapping[str, Any]) -> dict[str, str]:
    attributes = {f"ce_{name}": value for name, value in example.items() if name not in {"data", "datacontenttype"}}
    return {**attributes, "content-type": example["datacontenttype"]}


def _payload(name: str, schema: Schema) -> dict[str, Any]:
    """The schema of an event's data, and those that it refers to, each under a name of its own."""
    local = {f"#/$defs/{each}": f"#/components/schemas/{name}.{each}" for each in schema.get("$defs", {})}
    found = {name: {key: value for key, value in schema.items() if key not in {"$schema", "$id", "$defs"}}}
    found |= {f"{name}.{each}": part for each, part in schema.get("$defs", {}).items()}
    return {key: _referring(part, local) for key, part in found.items()}


def _referring(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: names[each] if key == "$ref" else _referring(each, names) for key, each in value.items()}
    return [_referring(each, names) for each in value] if isinstance(value, list) else value
