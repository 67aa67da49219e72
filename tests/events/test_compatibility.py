"""Each kind of change to a published schema, allowed and refused; and that what is allowed breaks no data."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema_rs import validator_for

from libs.events.compatibility import faults
from libs.events.export import json_schemas

Schema = dict[str, Any]

TOLD: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["state", "count", "kind", "place"],
    "properties": {
        "state": {"type": "string", "pattern": "^in-[a-z]{2}$", "description": "The state."},
        "count": {"type": "integer", "minimum": 1, "maximum": 100},
        "kind": {"type": "string", "enum": ["whole", "city"]},
        "form": {"type": "string", "const": "daily.v1"},
        "day": {"type": "string", "format": "date"},
        "name": {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 10}, {"type": "null"}], "default": None},
        "place": {"$ref": "#/$defs/Place", "description": "Where."},
        "photos": {"type": "array", "items": {"$ref": "#/$defs/Place"}, "minItems": 1, "maxItems": 3, "default": []},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
    },
    "$defs": {
        "Place": {
            "type": "object",
            "additionalProperties": False,
            "required": ["row"],
            "properties": {"row": {"type": "integer"}, "word": {"type": "string"}},
        }
    },
}
ROW = ("$defs", "Place", "properties", "row")
GONE = object()


def changed(schema: Schema, path: tuple[str | int, ...], value: Any) -> Schema:
    """A copy with `value` at `path`; GONE takes the member away."""
    found = copy.deepcopy(schema)
    target: Any = found
    for step in path[:-1]:
        target = target[step]
    if value is GONE:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return found


def of(was: Schema, now: Schema, *, posted: bool = False) -> list[str]:
    return faults({"a.told.v1": was}, {"a.told.v1": now}, ["a.told.v1"] if posted else [])


def member(name: str, *more: str | int) -> tuple[str | int, ...]:
    return ("properties", name, *more)


REFUSED: list[tuple[tuple[str | int, ...], Any, str]] = [
    (member("count"), GONE, "/count: was a member, is gone"),
    (ROW, GONE, "/place/row: was a member, is gone"),
    (member("count", "type"), "string", '/count: type was "integer", is "string"'),
    (member("count", "type"), ["integer", "null"], '/count: type was "integer", is ["integer", "null"]'),
    (member("name", "anyOf", 1, "type"), "integer", '/name: type was "null", is "integer"'),
    (member("name", "anyOf"), [{"type": "null"}], "/name: anyOf had 2 schemas, has 1"),
    (member("count", "minimum"), 2, "/count: minimum was 1, is 2"),
    (member("count", "maximum"), 99, "/count: maximum was 100, is 99"),
    (member("count", "exclusiveMaximum"), 99, "/count: exclusiveMaximum was not set, is 99"),
    (member("count", "multipleOf"), 2, "/count: multipleOf was not set, is 2"),
    (member("state", "maxLength"), 5, "/state: maxLength was not set, is 5"),
    (member("name", "anyOf", 0, "minLength"), 2, "/name: minLength was 1, is 2"),
    (member("name", "anyOf", 0, "maxLength"), 9, "/name: maxLength was 10, is 9"),
    (member("photos", "minItems"), 2, "/photos: minItems was 1, is 2"),
    (member("photos", "maxItems"), 2, "/photos: maxItems was 3, is 2"),
    (member("photos", "items"), {"type": "integer"}, '/photos/*: type was "object", is "integer"'),
    (member("photos", "items"), GONE, "/photos: items was another kind of schema than it is"),
    (member("pair", "items"), False, "/pair: items was another kind of schema than it is"),
    (member("pair", "prefixItems", 1, "type"), "string", '/pair/1: type was "integer", is "string"'),
    (member("pair", "prefixItems"), [{"type": "string"}], "/pair: prefixItems had 2 schemas, has 1"),
    (member("state", "pattern"), "^in-mp$", '/state: pattern was "^in-[a-z]{2}$", is "^in-mp$"'),
    (member("state", "pattern"), GONE, '/state: pattern was "^in-[a-z]{2}$", is not set'),
    (member("day", "format"), "date-time", '/day: format was "date", is "date-time"'),
    (member("kind", "enum"), ["whole", "rural"], '/kind: enum was ["whole", "city"], is ["whole", "rural"]'),
    (member("state", "enum"), ["in-mp"], '/state: enum was not set, is ["in-mp"]'),
    (member("form", "const"), "daily.v2", '/form: const was "daily.v1", is "daily.v2"'),
    (member("form", "const"), GONE, '/form: const was "daily.v1", is not set'),
    (member("photos", "default"), [{"row": 1}], '/photos: default was [], is [{"row": 1}]'),
    (("required",), ["state", "count", "kind", "place", "day"], "/day: was optional, is required"),
    (("$defs", "Place", "required"), ["row", "word"], "/place/word: was optional, is required"),
    (("required",), ["state", "count", "kind", "place", "new"], "/new: was not there, is required"),
]


@pytest.mark.parametrize(("path", "value", "fault"), REFUSED, ids=[fault for _, _, fault in REFUSED])
def test_what_is_refused(path: tuple[str | int, ...], value: Any, fault: str) -> None:
    found = of(TOLD, changed(TOLD, path, value))
    assert f"a.told.v1 {fault}; add a.told.v2 and an upcaster instead" in found
    assert all("\n" not in line for line in found)


ALLOWED: list[tuple[tuple[str | int, ...], Any]] = [
    (member("count", "minimum"), 0),
    (member("count", "minimum"), GONE),
    (member("count", "maximum"), 101),
    (member("count", "maximum"), GONE),
    (member("name", "anyOf", 0, "minLength"), 0),
    (member("name", "anyOf", 0, "maxLength"), 11),
    (member("photos", "minItems"), 0),
    (member("photos", "maxItems"), 4),
    (member("kind", "enum"), ["rural", "city", "whole"]),
    (member("kind", "enum"), GONE),
    (("required",), ["state"]),
    (member("count", "default"), 1),
    (member("state", "description"), "Another word for it."),
    (("title",), "A title"),
    (member("place"), {"$ref": "#/$defs/Place"}),
    (member("new"), {"type": "string", "default": ""}),
    (("additionalProperties",), True),
]


@pytest.mark.parametrize(("path", "value"), ALLOWED)
def test_what_is_allowed(path: tuple[str | int, ...], value: Any) -> None:
    assert of(TOLD, changed(TOLD, path, value)) == []
    assert of(TOLD, TOLD, posted=True) == []


def test_nothing_is_added_to_what_clients_send_for_it_would_change_what_a_retry_is() -> None:
    for path in (member("new"), ("$defs", "Place", "properties", "new")):
        (first, *_) = of(TOLD, changed(TOLD, path, {"type": "string", "default": ""}), posted=True)
        assert "/new: was not there, is a member; add a.told.v2" in first


def test_what_was_open_may_have_held_the_new_member_already() -> None:
    was = changed(TOLD, ("additionalProperties",), True)
    assert of(was, changed(was, member("new"), {"type": "string"})) == [
        "a.told.v1 /new: was not there, is a member; add a.told.v2 and an upcaster instead"
    ]
    assert of(was, TOLD) == [
        "a.told.v1 /: additionalProperties was open, is not as it was; add a.told.v2 and an upcaster instead"
    ]


def test_a_version_that_is_gone_and_one_that_has_a_successor() -> None:
    now = {"a.told.v2": TOLD, "b.said.v1": TOLD}
    assert faults({"a.told.v1": TOLD}, now, []) == [
        "a.told.v1: was published, is gone; a version is read for ever: put its model back"
    ]
    spoilt = changed(TOLD, member("count", "minimum"), 2)
    (line,) = faults({"a.told.v1": TOLD}, now | {"a.told.v1": spoilt}, [])
    assert line.endswith("; add a.told.v3 and an upcaster instead")
    assert faults({}, now, []) == []


def test_every_schema_of_today_is_compatible_with_itself_and_with_none_of_another_name() -> None:
    schemas = json_schemas()
    assert faults(schemas, schemas, list(schemas)) == []
    assert len(faults(schemas, {}, [])) == len(schemas)
    one_two = {"report.filed.v1": schemas["report.filed.v2"]}
    found = faults({"report.filed.v1": schemas["report.filed.v1"]}, one_two, ["report.filed.v1"])
    assert [line.partition(";")[0] for line in found] == [
        'report.filed.v1 /form: const was "daily.v1", is "daily.v2"',
        "report.filed.v1 /activities/media_mentions: was a member, is gone",
        "report.filed.v1 /activities/press_mentions: was not there, is required",
        "report.filed.v1 /digital: was not there, is a member",
    ]


# What is allowed breaks no data: schemas, changes to them and data at random, judged by another implementation

_WORDS = st.text("abc", max_size=6)
_NAMES = st.sampled_from(["a", "b", "c"])


def _low_and_high(draw: st.DrawFn, least: int) -> tuple[int, int]:
    low = draw(st.integers(least, 4))
    return low, low + draw(st.integers(0, 4))


@st.composite
def _leaves(draw: st.DrawFn) -> Schema:
    match draw(st.sampled_from(["integer", "string", "enum", "const", "pattern"])):
        case "integer":
            low, high = _low_and_high(draw, -4)
            return {"type": "integer", "minimum": low, "maximum": high}
        case "string":
            low, high = _low_and_high(draw, 0)
            return {"type": "string", "minLength": low, "maxLength": high}
        case "enum":
            return {"type": "string", "enum": draw(st.lists(_WORDS, min_size=1, max_size=3, unique=True))}
        case "const":
            return {"type": "string", "const": draw(_WORDS)}
        case _:
            return {"type": "string", "pattern": draw(st.sampled_from(["^a*$", "^[ab]*$"]))}


def _around(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    @st.composite
    def wrapped(draw: st.DrawFn) -> Schema:
        match draw(st.sampled_from(["object", "array", "nullable", "tuple"])):
            case "object":
                members = draw(st.dictionaries(_NAMES, inner, max_size=3))
                required = draw(st.lists(st.sampled_from(sorted(members)), unique=True)) if members else []
                shape: Schema = {"type": "object", "properties": members, "required": required}
                return shape | ({} if draw(st.booleans()) else {"additionalProperties": False})
            case "array":
                low, high = _low_and_high(draw, 0)
                return {"type": "array", "items": draw(inner), "minItems": low, "maxItems": high}
            case "nullable":
                return {"anyOf": [draw(inner), {"type": "null"}]}
            case _:
                return {"type": "array", "prefixItems": draw(st.lists(inner, min_size=1, max_size=2))}

    return wrapped()


SCHEMAS = st.recursive(_leaves(), _around, max_leaves=6)


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Data that is valid under a schema of `SCHEMAS`."""
    match schema:
        case {"anyOf": [one, _]}:
            return values(one) | st.none()
        case {"enum": found}:
            return st.sampled_from(found)
        case {"const": value}:
            return st.just(value)
        case {"pattern": pattern}:
            return st.text("a" if pattern == "^a*$" else "ab", max_size=4)
        case {"type": "integer", "minimum": low, "maximum": high}:
            return st.integers(low, high)
        case {"type": "string", "minLength": low, "maxLength": high}:
            return st.text("abc", min_size=low, max_size=high)
        case {"prefixItems": items}:
            return st.tuples(*map(values, items)).map(list)
        case {"type": "array"}:
            return st.lists(values(schema["items"]), min_size=schema["minItems"], max_size=schema["maxItems"])
        case _:
            return _objects(schema)


def _objects(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    members = {name: values(inner) for name, inner in schema["properties"].items()}
    required = {name: inner for name, inner in members.items() if name in schema["required"]}
    optional = {name: inner for name, inner in members.items() if name not in required}
    found: st.SearchStrategy[Any] = st.fixed_dictionaries(required, optional=optional)
    if "additionalProperties" in schema:
        return found
    others = st.dictionaries(_NAMES.filter(lambda name: name not in members), st.none() | st.integers(), max_size=2)
    return st.tuples(found, others).map(lambda both: both[0] | both[1])


def _places(schema: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ()
    return [place for key, value in inner for place in [(*path, key), *_places(value, (*path, key))]]


@st.composite
def _edits(draw: st.DrawFn, schema: Schema) -> Schema:
    """One place changed at random, more often than not into something that still is a schema."""
    place = draw(st.sampled_from(_places(schema)))
    at: Any = schema
    for step in place:
        at = at[step]
    if isinstance(at, bool) or at is None:
        return changed(schema, place, GONE)
    if isinstance(at, int):
        return changed(schema, place, at + draw(st.integers(-3, 3)))
    if isinstance(at, str):
        return changed(schema, place, draw(st.sampled_from(["string", "integer", "^a*$", "^[ab]*$", "a"])))
    if isinstance(at, list) and all(isinstance(each, str) for each in at):
        return changed(schema, place, draw(st.lists(_NAMES | st.sampled_from(at or ["a"]), unique=True)))
    if isinstance(at, dict) and place[-1] == "properties":
        return changed(schema, place, at | draw(st.dictionaries(_NAMES, _leaves(), max_size=2)))
    return changed(schema, place, draw(SCHEMAS) if draw(st.booleans()) else GONE)


def _is_schema(schema: Schema) -> bool:
    try:
        validator_for(schema)
    except ValueError:
        return False
    return True


@settings(max_examples=500)  # one change in a dozen is allowed
@given(st.data())
def test_what_is_allowed_breaks_no_data(draw: st.DataObject) -> None:
    was = draw.draw(SCHEMAS, label="was")
    now = draw.draw(_edits(was), label="now")
    for _ in range(draw.draw(st.integers(0, 2), label="more edits")):
        now = draw.draw(_edits(now), label="now") if _places(now) else now
    assume(_is_schema(now))
    told = draw.draw(values(was), label="data")
    assert validator_for(was).is_valid(told)
    if not of(was, now):
        assert validator_for(now).is_valid(told)
