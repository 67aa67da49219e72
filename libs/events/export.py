"""What others read instead of the models: a JSON Schema per event type, and the page docs/events.md. Texts, no files.

`rozana.generated` writes them and holds them to the models. The order of everything is the catalogue's and the models',
so the same models always give the same bytes.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from libs.events.catalogue import CATALOGUE, TYPES, Entry
from libs.events.streams import STREAMS
from libs.events.values import FIRST_DAY, LAST_DAY, RFC_3339_PATTERN, UUID_PATTERN

Schema = Mapping[str, Any]

_DIALECT = GenerateJsonSchema.schema_dialect
_TYPES_OF_PATTERNS = {UUID_PATTERN: "UUID, RFC 9562", RFC_3339_PATTERN: "instant, RFC 3339, kept as written"}
_TYPES_OF_FORMATS = {"date": f"day, {FIRST_DAY} .. {LAST_DAY}", "date-time": "instant, RFC 3339"}

_HEAD = """\
# Events

Generated from the models in `libs/events` by `make generate`; edit those, not this page. What a stream promises is in
[the guarantees](guarantees.md). Every event is a CloudEvent 1.0; the tables below are its `data`. Producers are strict:
an unknown member is refused. Readers are tolerant: they ignore it.

Beside the attributes of the specification an event has `partitionkey`, the record's key, and where they are known
`actor`, who posted it (`role:opaque subject`), `traceparent`, and `sha256`: the hash of the
[canonical body](decisions/0007-canonical-body.md) of what a client posted, as its receipt says it. An event of before
that was written has none; the hash is then that of the body as it stands.
"""


class _Plain(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 -- the base class's signature
        """No titles such as `Name En`: they say nothing that the member's name does not."""
        return False


def example_name(entry: Entry) -> str:
    """`report.filed.v1`: what its golden example, its schema and its section are called."""
    return f"{entry.data.NAME}.v{entry.data.VERSION}"


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema 2020-12 of the data of every event type, as a producer must write it; by `report.filed.v1`."""
    return {
        example_name(entry): {
            "$schema": _DIALECT,
            "$id": f"urn:rozana:schema:{example_name(entry)}",
            **entry.data.model_json_schema(mode="validation", schema_generator=_Plain),
            "title": entry.data.type_name(),
        }
        for entry in TYPES.values()
    }


def events_markdown() -> str:
    """The text of docs/events.md: the streams, then every event type with all its fields."""
    schemas = json_schemas()
    sections = [_HEAD, _streams()]
    sections += [_section(entry, schemas[example_name(entry)]) for entry in TYPES.values()]
    return "\n".join(sections)


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _streams() -> str:
    rows = (
        (
            f"`{stream.name('<state>' if stream.per == 'state' else None)}`",
            f"one per {stream.per}",
            stream.key,
            ", ".join(stream.writers),
            ", ".join(stream.readers),
            stream.retention,
        )
        for stream in STREAMS.values()
    )
    return "## Streams\n\n" + _table(("stream", "there is", "key", "writers", "readers outside", "retention"), rows)


def _section(entry: Entry, schema: Schema) -> str:
    name = example_name(entry)
    latest = CATALOGUE[entry.data.NAME].data
    older = "" if entry.data is latest else f", an older version; today's is `{latest.type_name()}`"
    return "\n".join(
        (
            f"## {name if older else entry.data.NAME}\n",
            f"{schema['description']}\n",
            f"- type: `{entry.data.type_name()}`{older}",
            f"- streams: {', '.join(entry.streams)}",
            f"- written by: {_written_by(entry)}",
            f"- [golden example](../libs/events/examples/{name}.json), [JSON Schema](schemas/{name}.json)\n",
            _table(("field", "type", "required", "meaning"), _rows(schema, schema)),
        )
    )


def _written_by(entry: Entry) -> str:
    return "a client, through ingest" if entry.from_clients else ", ".join(entry.writers)


def _rows(root: Schema, schema: Schema, prefix: str = "") -> Iterator[tuple[str, ...]]:
    for name, field in schema["properties"].items():
        required = "yes" if name in schema.get("required", ()) else f"no: `{json.dumps(field['default'])}`"
        meaning = field.get("description", _resolve(root, field).get("description"))
        yield f"`{prefix}{name}`", _type(root, field), required, meaning
        match field:
            case {"anyOf": [one, {"type": "null"}]} | {"items": one}:
                inner = _resolve(root, one)
            case _:
                inner = _resolve(root, field)
        if "properties" in inner:
            yield from _rows(root, inner, f"{prefix}{name}{'[]' if 'items' in field else ''}.")


def _resolve(root: Schema, schema: Schema) -> Schema:
    reference = schema.get("$ref")
    return root["$defs"][reference.rpartition("/")[2]] if reference else schema


def _type(root: Schema, field: Schema) -> str:
    """Type and bounds in words: `integer, 0 .. 100,000`."""
    schema = _resolve(root, field)
    match schema:
        case {"anyOf": [one, {"type": "null"}]}:
            return f"{_type(root, one)}; or null"
        case {"const": value}:
            return f"`{value}`"
        case {"enum": values}:
            return "one of " + ", ".join(f"`{value}`" for value in values)
        case {"type": "integer", "minimum": low, "maximum": high}:
            return f"integer, {low:,} .. {high:,}"
        case {"type": "array", "prefixItems": items}:
            return f"array of {len(items)}: " + ", ".join(_type(root, item) for item in items)
        case {"type": "array", "items": items}:
            return f"array of {_type(root, items)}{_between(schema, 'Items', ' of them')}"
        case {"format": name}:
            return _TYPES_OF_FORMATS[name]
        case {"pattern": pattern} if pattern in _TYPES_OF_PATTERNS:
            return _TYPES_OF_PATTERNS[pattern]
        case {"type": "string"}:
            pattern = f", `{schema['pattern']}`" if "pattern" in schema else ""
            return f"string{_between(schema, 'Length', ' code points')}{pattern}"
        case _:
            return str(schema["type"])


def _between(schema: Schema, what: str, unit: str) -> str:
    low, high = schema.get(f"min{what}"), schema.get(f"max{what}")
    if high is None:
        return ""
    return f", at most {high:,}{unit}" if low is None else f", {low:,} .. {high:,}{unit}"
