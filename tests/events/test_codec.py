"""Bytes to events and back: golden examples, tolerant reading, the three errors, upcasters."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar, get_type_hints

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.events.canonical import body_hash
from libs.events.catalogue import CATALOGUE, TYPES, Entry
from libs.events.codec import (
    InvalidEvent,
    UndecodableEvent,
    UnknownType,
    UnknownVersion,
    attributes,
    decode,
    decode_batch,
    decode_structured,
    encode,
    encode_batch,
    encode_structured,
    hash_as_written,
    to_structured,
)
from libs.events.envelope import Event
from libs.events.upcasters import UPCASTERS, Upcasters
from libs.events.values import EventData
from tests.events import golden

EVERY_EXAMPLE = pytest.mark.parametrize("name", list(golden.TEXTS))
CANARY = "CANARY-7f3a"


# What was written is read again


@EVERY_EXAMPLE
def test_a_golden_example_survives_binary_mode(name: str) -> None:
    event = golden.event(name)
    headers, value = encode(event)
    assert decode(headers, value) == event
    assert json.loads(value) == golden.data(name)
    assert headers[-1] == ("content-type", b"application/json")
    assert all(header.startswith("ce_") for header, _ in headers[:-1])


@EVERY_EXAMPLE
def test_a_golden_example_survives_structured_mode(name: str) -> None:
    event = golden.event(name)
    assert to_structured(event) == golden.item(name)
    assert decode_structured(encode_structured(event)) == event


def test_all_golden_examples_survive_batch_mode() -> None:
    events = [golden.event(name) for name in golden.TEXTS]
    assert decode_batch(encode_batch(events)) == events
    assert decode_batch(b"[]") == []


@EVERY_EXAMPLE
def test_the_envelope_agrees_with_the_data(name: str) -> None:
    event, item = golden.event(name), golden.item(name)
    assert (event.type, event.subject, event.subject) == (item["type"], item["subject"], item["partitionkey"])
    assert event.data.NAME in name


def test_optional_attributes_are_left_out_rather_than_empty() -> None:
    assert not {"actor", "traceparent"} & attributes(golden.event("grievance.raised.v1")).keys()
    assert {"actor", "traceparent"} <= attributes(golden.event("report.filed.v1")).keys()


def test_an_id_is_kept_in_lower_case() -> None:
    item = golden.item("report.filed.v1")
    upper = {**item, "id": item["id"].upper()}
    assert decode_structured(json.dumps(upper).encode()) == golden.event("report.filed.v1")


# Readers are tolerant, producers are strict


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in a value, at any depth."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from _objects(member)
    elif isinstance(value, list):
        for member in value:
            yield from _objects(member)


@EVERY_EXAMPLE
def test_unknown_members_are_ignored_at_every_level_by_readers_and_refused_by_producers(name: str) -> None:
    headers, _ = encode(golden.event(name))
    levels = len(list(_objects(golden.data(name))))
    assert levels >= 1
    for level in range(levels):
        data = golden.data(name)
        list(_objects(data))[level]["a_later_idea"] = {"of": ["ours", None, 1.5]}
        value = json.dumps(data).encode()
        assert decode(headers, value) == golden.event(name)
        with pytest.raises(ValidationError) as refused:
            TYPES[golden.item(name)["type"]].data.model_validate_json(value)
        assert {error["type"] for error in refused.value.errors()} == {"extra_forbidden"}


def test_unknown_attributes_and_headers_are_ignored() -> None:
    headers, value = golden.message("clock.reached.v1")
    headers |= {"ce_sampledrate": b"7", "x-forwarded-by": b"\xff\xfe", "ce_a\n": b"\x00"}
    assert decode(golden.as_headers(headers), value) == golden.event("clock.reached.v1")
    item = {**golden.item("clock.reached.v1"), "sampledrate": 7, "dataschema": None, "datacontenttype": None}
    assert decode_structured(json.dumps(item).encode()) == golden.event("clock.reached.v1")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", " application/json ;x"])
def test_a_json_content_type_in_any_spelling(media_type: str) -> None:
    headers, value = golden.message("clock.reached.v1")
    headers["content-type"] = media_type.encode()
    assert decode(golden.as_headers(headers), value) == golden.event("clock.reached.v1")
    item = {**golden.item("clock.reached.v1"), "datacontenttype": media_type}
    assert decode_structured(json.dumps(item).encode()) == golden.event("clock.reached.v1")


def test_a_message_without_content_type_is_json() -> None:
    headers, value = golden.message("clock.reached.v1")
    del headers["content-type"]
    assert decode(golden.as_headers(headers), value) == golden.event("clock.reached.v1")


# The three errors


@pytest.mark.parametrize(
    "type_name",
    ["rozana.report.burnt.v1", "com.example.thing", "rozana.report.filed", "rozana.report.filed.v0", "x\nrozana.y.v1"],
)
def test_a_type_nobody_knows_is_an_unknown_type_whatever_it_holds(type_name: str) -> None:
    headers, _ = golden.message("report.filed.v1")
    headers["ce_type"] = type_name.encode()
    with pytest.raises(UnknownType) as raised:
        decode(golden.as_headers(headers), b"\xff not JSON")
    assert type_name not in str(raised.value)


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_a_newer_version_of_a_known_type_stops_the_reader_whatever_it_holds(name: str) -> None:
    headers, _ = golden.message("report.filed.v1")
    headers["ce_type"] = f"rozana.{name}.v{CATALOGUE[name].data.VERSION + 1}".encode()
    with pytest.raises(UnknownVersion, match="update this service"):
        decode(golden.as_headers(headers), b"\xff not JSON")


@pytest.mark.parametrize("attribute", ["specversion", "id", "source", "type", "time"])
@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_missing_attribute_is_invalid(attribute: str, how: str) -> None:
    headers, value = golden.message("report.filed.v1")
    item = golden.item("report.filed.v1")
    if how == "gone":
        del headers[f"ce_{attribute}"], item[attribute]
    else:
        headers[f"ce_{attribute}"], item[attribute] = b"", ""
    with pytest.raises(InvalidEvent):
        decode(golden.as_headers(headers), value)
    with pytest.raises(InvalidEvent):
        decode_structured(json.dumps(item).encode())


@pytest.mark.parametrize(
    ("header", "raw", "reason"),
    [
        ("ce_specversion", b"0.3", "version 1.0"),
        ("ce_id", b"42", "UUID"),
        ("ce_id", b"0193a5c0-0001-7000-8000-000000000001\n", "UUID"),
        ("ce_id", "0193a5c0-0001-7000-8000-00000000000१".encode(), "UUID"),
        ("ce_source", b"\xff", "UTF-8"),
        ("ce_source", b"\xed\xa0\x80", "UTF-8"),  # a surrogate, encoded as if it were a character
        ("ce_anything", b"\xff", "UTF-8"),
        ("content-type", b"\xff", "UTF-8"),
        ("ce_source", b"a\x00b", "control characters"),
        ("ce_actor", b"pcc:\x1b[2J", "control characters"),
        ("ce_traceparent", "\x85".encode(), "control characters"),
        ("ce_time", b"yesterday", "instant"),
        ("ce_time", b"2026-11-23T14:41:09", "instant"),
        ("ce_time", b"1700000000", "instant"),
        ("ce_time", b"0001-01-01T00:00:00+05:30", "instant"),
        ("ce_time", b"9999-12-31T23:59:59-05:30", "instant"),
        ("content-type", b"text/plain", "content type"),
        ("content-type", b"application/json5", "content type"),
        ("content-type", b"application/cloudevents+json", "content type"),
        ("content-type", b"", "content type"),
    ],
)
def test_an_invalid_header(header: str, raw: bytes, reason: str) -> None:
    headers, value = golden.message("report.filed.v1")
    headers[header] = raw
    with pytest.raises(InvalidEvent, match=reason):
        decode(golden.as_headers(headers), value)


NO_DATA = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b"\xff",
    b"\xef\xbb\xbf{}",
    b'{"state": "in-mp", "at": NaN}',
    b'{"state": "in-mp", "at": Infinity}',
    b'{"state": "in-mp", "at": 1e999}',
    b'{"state": "in-mp", "at": "\\ud800"}',
    b'{"state": "in-mp", "at": "2026-01-01T00:00:00Z", "later": "\\udfff"}',
    b'{"state": "in-mp", "at": "2026-01-01T00:00:00Z", "later": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"state": "in-mp", "at": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    b'{"state": "in-mp", "at": "2026-01-01T00:00:00Z"} {}',
    b'{"state": "in-mp", "at": ' + b"9" * 5_000 + b"}",
    '{"state": "in-mp", "at": "2026-01-01T00:00:00Z"}'.encode("utf-16"),
    b'{"state": "in-mp", "at": "0001-01-01T00:00:00+05:30"}',
]


@pytest.mark.parametrize("value", NO_DATA, ids=range(len(NO_DATA)))
def test_data_that_cannot_be_read_is_invalid(value: bytes) -> None:
    headers, _ = golden.message("clock.reached.v1")
    with pytest.raises(InvalidEvent, match=r"clock\.reached: /"):
        decode(golden.as_headers(headers), value)
    envelope = json.dumps({**golden.item("clock.reached.v1"), "data": "HERE"}).encode()
    with pytest.raises(InvalidEvent):
        decode_structured(envelope.replace(b'"HERE"', value))


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"1", b"{", b"\xff", b'{"specversion": NaN}', b"[" * 100_000, "{}".encode("utf-32")],
)
def test_a_structured_event_is_a_json_object(body: bytes) -> None:
    with pytest.raises(InvalidEvent):
        decode_structured(body)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_structured_event_is_in_utf_8_and_nothing_else(encoding: str) -> None:
    """Python's own reader would take all of these; other readers of the same bytes would not (RFC 8259, 8.1)."""
    text = golden.TEXTS["report.filed.v1"].decode()
    with pytest.raises(InvalidEvent, match="not JSON"):
        decode_structured(text.encode(encoding))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_have_is_refused_even_where_nobody_reads_it(number: str) -> None:
    body = golden.TEXTS["report.filed.v1"].replace(b"{", b'{"later": ' + number.encode() + b", ", 1)
    with pytest.raises(InvalidEvent, match="not JSON"):
        decode_structured(body)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[1]", b"[{}]", b"[NaN]", b"[[]]", b"[" * 100_000])
def test_a_batch_is_a_json_array_of_events(body: bytes) -> None:
    with pytest.raises(InvalidEvent):
        decode_batch(body)


@pytest.mark.parametrize("depth", [200, 900, 980, 990, 1_000, 10_000])
def test_depth_never_ends_in_another_error(depth: int) -> None:
    """Around the interpreter's own limit either half of the work may be the one that meets it."""
    item = json.dumps({**golden.item("clock.reached.v1"), "data": "HERE"}).encode()
    deep = item.replace(b'"HERE"', b"[" * depth + b"]" * depth)
    with pytest.raises(InvalidEvent):
        decode_structured(deep)
    with pytest.raises(InvalidEvent):
        decode_batch(b"[" + deep + b"]")


@pytest.mark.parametrize("attribute", ["id", "source", "time", "type", "actor", "traceparent"])
def test_a_lone_surrogate_in_an_attribute_never_becomes_an_event(attribute: str) -> None:
    """It could be read from JSON, but never be written to a header again."""
    item = {**golden.item("report.filed.v1"), attribute: "x\ud800"}
    with pytest.raises(UndecodableEvent):
        decode_structured(json.dumps(item).encode())


@pytest.mark.parametrize("attribute", ["specversion", "id", "source", "type", "time"])
@pytest.mark.parametrize("wrong", [None, 1, True, [], {}])
def test_an_attribute_of_another_json_type_is_as_good_as_missing(attribute: str, wrong: object) -> None:
    item = {**golden.item("report.filed.v1"), attribute: wrong}
    with pytest.raises(InvalidEvent):
        decode_structured(json.dumps(item).encode())


def test_data_of_another_state_is_invalid() -> None:
    headers, _ = golden.message("report.filed.v1")
    value = json.dumps({**golden.data("report.filed.v1"), "state": "in-up"}).encode()
    with pytest.raises(InvalidEvent, match=r"report\.filed: / rule"):
        decode(golden.as_headers(headers), value)


def _spoil(value: Any) -> Iterator[Callable[[], None]]:
    """For each member of each object, an action that puts the canary there."""
    for found in _objects(value):
        for member in list(found):

            def put(found: dict[str, Any] = found, member: str = member) -> None:
                found[member] = [CANARY]

            yield put


@EVERY_EXAMPLE
def test_no_error_of_the_codec_repeats_the_content(name: str) -> None:
    headers, _ = encode(golden.event(name))
    for position in range(len(list(_spoil(golden.data(name))))):
        data = golden.data(name)
        list(_spoil(data))[position]()
        with pytest.raises(InvalidEvent) as raised:
            decode(headers, json.dumps(data).encode())
        assert CANARY not in str(raised.value)
        # No chained exception either: a traceback in a log would show pydantic's message with the input.
        assert raised.value.__suppress_context__


# Whatever comes in, only the three come out

_HEADER_NAMES = st.sampled_from(
    ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_actor", "content-type", "ce_", "x"]
)
_HEADER_VALUES = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(lambda text: text.encode(errors="surrogatepass")),
    st.sampled_from([name.encode() for name in TYPES]),
    st.sampled_from([b"1.0", b"application/json", b"2026-11-23T18:30:05Z", b"0193a5c0-0001-7000-8000-000000000001"]),
    st.datetimes().map(lambda instant: f"{instant.isoformat()}+05:30".encode()),
)
_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(st.tuples(_HEADER_NAMES, _HEADER_VALUES), max_size=12), st.binary(max_size=200))
@example([], b"")
def test_any_headers_and_bytes_give_an_event_or_one_of_the_three(
    headers: list[tuple[str, bytes]], value: bytes
) -> None:
    good, _ = encode(golden.event("clock.reached.v1"))
    for candidate in (headers, [*good, *headers]):
        with suppress(InvalidEvent, UnknownType, UnknownVersion):
            decode(candidate, value)


@given(st.sampled_from(list(golden.TEXTS)), st.data())
def test_a_spoilt_member_gives_an_event_or_one_of_the_three(name: str, draw: st.DataObject) -> None:
    item = golden.item(name)
    found = draw.draw(st.sampled_from(list(_objects(item))))
    found[draw.draw(st.sampled_from(sorted(found)))] = draw.draw(_JSON_VALUES)
    body = json.dumps(item).encode()
    for read in (decode_structured, lambda body: decode_batch(b"[" + body + b"]")[0]):
        try:
            event = read(body)
        except (InvalidEvent, UnknownType, UnknownVersion):
            continue
        assert decode(*encode(event)) == event


@given(st.sampled_from(list(golden.TEXTS)), st.data())
def test_cut_or_flipped_bytes_give_an_event_or_one_of_the_three(name: str, draw: st.DataObject) -> None:
    body = bytearray(golden.TEXTS[name])
    position = draw.draw(st.integers(0, len(body) - 1))
    body[position] = draw.draw(st.integers(0, 255))
    for spoilt in (bytes(body), bytes(body[:position])):
        with suppress(InvalidEvent, UnknownType, UnknownVersion):
            decode_structured(spoilt)


# Upcasters, on a toy: v1 {"state", "count": "3"} -> v2 {…, "count": 3} -> v3 {…, "counts": [3]}


class CountedV1(EventData):
    NAME: ClassVar[str] = "toy.counted"
    SET_BY_INGEST: ClassVar[frozenset[str]] = frozenset({"state"})

    count: str


class CountedV2(EventData):
    NAME: ClassVar[str] = "toy.counted"
    VERSION: ClassVar[int] = 2

    count: int


class Counted(EventData):
    NAME: ClassVar[str] = "toy.counted"
    VERSION: ClassVar[int] = 3

    counts: tuple[int, ...]


def _to_number(data: CountedV1) -> CountedV2:
    return CountedV2(state=data.state, count=int(data.count))


def _to_list(data: CountedV2) -> Counted:
    return Counted(state=data.state, counts=(data.count,))


TOYS: Mapping[str, Entry] = {
    data.type_name(): Entry(data, ("reports",), from_clients=True) for data in (CountedV1, CountedV2, Counted)
}
LIFTS: Upcasters = {CountedV1: _to_number, CountedV2: _to_list}


def _toy(version: int, value: bytes, upcasters: Upcasters = LIFTS) -> Event:
    headers, _ = golden.message("report.filed.v1")
    headers["ce_type"] = f"rozana.toy.counted.v{version}".encode()
    return decode(golden.as_headers(headers), value, types=TOYS, upcasters=upcasters)


TOY_VALUES = {
    1: b'{"state":"in-mp","count":"3"}',
    2: b'{"state":"in-mp","count":3}',
    3: b'{"state":"in-mp","counts":[3]}',
}


@pytest.mark.parametrize("version", TOY_VALUES)
def test_every_version_is_read_as_the_latest_and_written_as_it_was(version: int) -> None:
    event = _toy(version, TOY_VALUES[version])
    assert event.data == Counted(state="in-mp", counts=(3,))
    assert event.type == f"rozana.toy.counted.v{version}"
    headers, value = encode(event)
    assert (dict(headers)["ce_type"].decode(), value) == (event.type, TOY_VALUES[version])
    assert decode(headers, value, types=TOYS, upcasters=LIFTS) == event
    assert to_structured(event)["data"] == json.loads(value)


def test_the_hash_of_an_older_version_is_that_of_the_data_as_written() -> None:
    old = _toy(1, TOY_VALUES[1])
    assert old.body_hash() == body_hash(old.id, {"count": "3"}, frozenset())
    assert old.body_hash() == hash_as_written(old, TOY_VALUES[1])


@pytest.mark.parametrize(
    "value",
    [
        b'{"state": "in-mp", "count": "three"}',
        b'{"state": "in-mp"}',
        b"[]",
        b"null",
        b"3",
        b"\xff",
        b"[" * 100_000,
        b'{"state": "in-mp", "count": "' + b"9" * 5_000 + b'"}',
        b'{"state": "nowhere", "count": "3"}',
    ],
)
def test_data_that_no_upcaster_can_lift_is_invalid(value: bytes) -> None:
    with pytest.raises(InvalidEvent, match=r"toy\.counted"):
        _toy(1, value)


@pytest.mark.parametrize(
    "error", [ValueError, TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError, OverflowError]
)
def test_an_upcaster_that_raises_gives_an_invalid_event_that_names_no_content(error: type[Exception]) -> None:
    def fail(_data: CountedV2) -> Counted:
        raise error(CANARY)

    with pytest.raises(InvalidEvent, match=error.__name__) as raised:
        _toy(2, TOY_VALUES[2], {CountedV2: fail})
    assert CANARY not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_version_between_two_that_are_known_stops_the_reader_too() -> None:
    headers, _ = golden.message("report.filed.v1")
    headers["ce_type"] = b"rozana.toy.counted.v2"
    gap = {name: entry for name, entry in TOYS.items() if entry.data is not CountedV2}
    with pytest.raises(UnknownVersion, match="up to version 3, not 2"):
        decode(golden.as_headers(headers), TOY_VALUES[2], types=gap, upcasters=LIFTS)


@pytest.mark.parametrize("type_name", list(TYPES))
def test_every_version_in_the_catalogue_leads_to_the_latest(type_name: str) -> None:
    """A fold that met an older version would pass it over in silence: no version may be without its upcaster."""
    data = TYPES[type_name].data
    steps = [data]
    while upcaster := UPCASTERS.get(steps[-1]):
        steps.append(get_type_hints(upcaster)["return"])
    assert steps[-1] is CATALOGUE[data.NAME].data
    assert [step.VERSION for step in steps] == list(range(data.VERSION, steps[-1].VERSION + 1))


# The hash that ingest writes beside a body


@EVERY_EXAMPLE
def test_the_written_hash_is_read_again_in_every_mode(name: str) -> None:
    event = golden.event(name)
    hashed = replace(event, sha256=event.body_hash())
    headers, value = encode(hashed)
    assert dict(headers)["ce_sha256"].decode() == event.body_hash()
    assert decode(headers, value) == hashed
    assert decode_structured(encode_structured(hashed)) == hashed
    assert decode_batch(encode_batch([hashed])) == [hashed]


def test_what_is_written_counts_and_what_is_worked_out_says_whether_it_is_right() -> None:
    headers, value = golden.message("report.filed.v1")
    right = golden.event("report.filed.v1").body_hash()
    headers["ce_sha256"] = b"ab" * 32
    event = decode(golden.as_headers(headers), value)
    assert event.body_hash() == event.sha256 == "ab" * 32
    assert hash_as_written(event, value) == right


@EVERY_EXAMPLE
def test_the_hash_of_a_record_as_written_is_that_of_its_event(name: str) -> None:
    event = golden.event(name)
    assert hash_as_written(event, encode(event)[1]) == event.body_hash()


@pytest.mark.parametrize("wrong", ["", "ab", "AB" * 32, "g" * 64, "ab" * 32 + "\n", "ab" * 33])
def test_a_hash_of_another_shape_is_invalid(wrong: str) -> None:
    headers, value = golden.message("report.filed.v1")
    headers["ce_sha256"] = wrong.encode()
    with pytest.raises(InvalidEvent, match="sha256"):
        decode(golden.as_headers(headers), value)
    with pytest.raises(InvalidEvent, match="sha256"):
        decode_structured(json.dumps({**golden.item("report.filed.v1"), "sha256": wrong}).encode())
