"""Events to and from bytes: CloudEvents 1.0 in binary mode (Kafka binding), structured JSON and batch JSON.

Writers are strict, readers tolerant: an unknown member of the data is ignored, an unknown type is `UnknownType` (skip
and count), a version of a known type that is newer than this code is `UnknownVersion` (stop: skipping would lose it),
and anything else that cannot be read is `InvalidEvent` (dead letter). An older version is read by its own model and
then lifted (`upcasters`); it is written again as it was.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn

from pydantic import ValidationError

from libs.events.canonical import body_hash
from libs.events.catalogue import TYPES, Entry
from libs.events.envelope import Event, format_instant, parse_instant
from libs.events.upcasters import UPCASTERS, Upcasters, latest
from libs.events.values import UUID_PATTERN, EventData

Headers = tuple[tuple[str, bytes], ...]

_ID = re.compile(UUID_PATTERN)
_SHA256 = re.compile("[0-9a-f]{64}")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What CloudEvents 1.0, section 2.3, forbids in a string, and what cannot be written as UTF-8 again."""
_TYPE = re.compile(r"rozana\.([a-z_.]+)\.v([1-9][0-9]{0,5})\Z")
_PREFIX = "ce_"


class _Attributes(dict[str, str]):
    """By header, the attribute that it holds; "" for a header that holds none. Those that we write are looked up."""

    def __missing__(self, header: str) -> str:
        return header[len(_PREFIX) :] if header.startswith(_PREFIX) else ""


_ATTRIBUTE = _Attributes(
    {"content-type": ""}
    | {
        _PREFIX + name: name
        for name in ("specversion", "id", "source", "type", "subject", "time", "partitionkey", "actor", "sha256")
    }
)
_AS_WE_WRITE = b"application/json"
_NEEDED = ("id", "source", "type", "time")


class UndecodableEvent(Exception):
    """A record that gives no event; see its three kinds. Messages hold nothing of the record's content."""


class InvalidEvent(UndecodableEvent):
    """A deterministic fault of the data: it will fail again however often it is read."""


class UnknownType(UndecodableEvent):
    """A well-formed event of a type that this code has never heard of."""


class UnknownVersion(UndecodableEvent):
    """A version of a known type that this code does not know: newer than it."""


def attributes(event: Event) -> dict[str, str]:
    """The CloudEvents context attributes, in the order in which they are written."""
    found = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": format_instant(event.time),
        "datacontenttype": "application/json",
        "partitionkey": event.subject,
    }
    if event.actor is not None:
        found["actor"] = event.actor
    if event.traceparent is not None:
        found["traceparent"] = event.traceparent
    if event.sha256 is not None:
        found["sha256"] = event.sha256
    return found


def encode(event: Event) -> tuple[Headers, bytes]:
    """Binary mode: attributes as `ce_` headers, `datacontenttype` as `content-type`, the value is the data alone."""
    found = attributes(event)
    content_type = found.pop("datacontenttype")
    headers = tuple((_PREFIX + name, value.encode()) for name, value in found.items())
    return (*headers, ("content-type", content_type.encode())), event.as_written.model_dump_json().encode()


def decode(
    headers: Iterable[tuple[str, bytes]],
    value: bytes,
    *,
    types: Mapping[str, Entry] = TYPES,
    upcasters: Upcasters = UPCASTERS,
) -> Event:
    """Read a binary-mode message. Raises UnknownType, UnknownVersion or InvalidEvent."""
    found: dict[str, str] = {}
    try:
        for name, raw in headers:
            if attribute := _ATTRIBUTE[name]:
                found[attribute] = raw.decode()
            elif name == "content-type" and raw != _AS_WE_WRITE:
                _check_json(raw.decode())
    except UnicodeDecodeError:
        raise InvalidEvent("a header is not UTF-8") from None
    return _event(found, value, types, upcasters)


def _check_json(content_type: str) -> None:
    """Media types are compared without case and without their parameters (RFC 9110, section 8.3.1)."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise InvalidEvent("the content type is not JSON")


def _event(found: Mapping[str, str], value: bytes, types: Mapping[str, Entry], upcasters: Upcasters) -> Event:
    """Hot: whoever starts or rebuilds does this with all of the log."""
    if found.get("specversion") != "1.0":
        raise InvalidEvent("not a CloudEvent of version 1.0")
    event_id, source, type_name, time = map(found.get, _NEEDED)
    if not (event_id and source and type_name and time):
        raise InvalidEvent(f"attributes are missing: {', '.join(name for name in _NEEDED if not found.get(name))}")
    written = _data(type_name, value, types)
    if not _ID.fullmatch(event_id):
        raise InvalidEvent("id is not a UUID")
    actor, traceparent, sha256 = found.get("actor"), found.get("traceparent"), found.get("sha256")
    if not (_can_be_shown(source) and _can_be_shown(actor) and _can_be_shown(traceparent)):
        raise InvalidEvent("an attribute holds control characters or lone surrogates")
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise InvalidEvent("sha256 is not a hash in lower-case hex")
    at, data = _time(time), _lifted(written, upcasters)
    return Event(
        event_id.lower(), source, at, data, actor, traceparent, sha256, written=None if data is written else written
    )


def _can_be_shown(text: str | None) -> bool:
    return text is None or text.isprintable() or not _UNPRINTABLE.search(text)


def _lifted(data: EventData, upcasters: Upcasters) -> EventData:
    try:
        return latest(data, upcasters)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # An upcaster met what it cannot lift: a fault of the data, and the same at every try.
        raise InvalidEvent(f"{data.NAME}: version {data.VERSION} cannot be lifted ({type(error).__name__})") from None


def _time(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError:
        raise InvalidEvent("time is not an instant") from None


def _data(type_name: str, value: bytes, types: Mapping[str, Entry]) -> EventData:
    """The data as written: of the version that its type says."""
    entry = types.get(type_name)
    if entry is None:
        raise _unknown(type_name, types)
    try:
        return entry.data.model_validate_json(value, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise InvalidEvent(f"{entry.data.NAME}: {_pointer(first['loc'])} {first['type']}") from None


def _unknown(type_name: str, types: Mapping[str, Entry]) -> UndecodableEvent:
    match = _TYPE.match(type_name)
    known = [entry.data.VERSION for entry in types.values() if match and match[1] == entry.data.NAME]
    if match is None or not known:
        return UnknownType("a type that this version does not know")
    return UnknownVersion(f"{match[1]} is known up to version {max(known)}, not {match[2]}: update this service")


def hash_as_written(event: Event, value: bytes) -> str:
    """The canonical body's hash, worked out from the bytes of the record that gave `event`: what its attribute `sha256`
    must be, and need not be in a log that somebody has changed."""
    return body_hash(event.id, json.loads(value), event.as_written.SET_BY_INGEST)


def _pointer(location: Sequence[str | int]) -> str:
    return "/" + "/".join(str(part) for part in location)


def to_structured(event: Event) -> dict[str, object]:
    """Structured mode, as a JSON object (`application/cloudevents+json`)."""
    return {**attributes(event), "data": event.as_written.model_dump(mode="json")}


def encode_structured(event: Event) -> bytes:
    return json.dumps(to_structured(event), ensure_ascii=False, separators=(",", ":")).encode()


def encode_batch(events: Iterable[Event]) -> bytes:
    """Batch mode (`application/cloudevents-batch+json`)."""
    return b"[" + b",".join(encode_structured(event) for event in events) + b"]"


def decode_structured(body: bytes) -> Event:
    """Read one structured event. Raises as `decode` does."""
    return _from_structured(_loads(body))


def decode_batch(body: bytes) -> list[Event]:
    """Read a batch. Raises as `decode` does, for the first that cannot be read."""
    items = _loads(body)
    if not isinstance(items, list):
        raise InvalidEvent("a batch is a JSON array")
    return [_from_structured(item) for item in items]


def _loads(body: bytes) -> object:
    with _faults_of_json():
        # As text: given bytes, `json` would also take UTF-16, UTF-32 and encoded surrogates (RFC 8259, section 8.1).
        return json.loads(body.decode(), parse_constant=_no_constant)


@contextmanager
def _faults_of_json() -> Iterator[None]:
    try:
        yield
    except (ValueError, RecursionError):
        raise InvalidEvent("not JSON") from None


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and infinities are not JSON")


def _from_structured(item: object) -> Event:
    if not isinstance(item, dict):
        raise InvalidEvent("an event is a JSON object")
    found = {name: value for name, value in item.items() if isinstance(value, str)}
    _check_json(found.get("datacontenttype", "application/json"))
    with _faults_of_json():
        data = json.dumps(item.get("data")).encode()
    return _event(found, data, TYPES, UPCASTERS)
