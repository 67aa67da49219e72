"""May a schema of today still go by the name of the released one? Pure: schemas in, one line a fault out.

Within a version, what was valid stays valid, and means the same: a range may widen, an enumeration grow, a member stop
being required. Everything else is a new version. A keyword that this page does not know must not change at all.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
Schemas = Mapping[str, Schema]
"""By `report.filed.v1`, as `export.json_schemas` gives them."""

_LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_WORDS_ONLY = ("$schema", "$id", "$defs", "title", "description", "examples")
_LOOKED_INTO = ("properties", "required", "additionalProperties", "items", "prefixItems", "anyOf")


def faults(released: Schemas, today: Schemas, posted: Collection[str]) -> list[str]:
    """What of `released` `today` breaks, a line each: type, pointer into the data, what was, what is, what to do.

    posted: the names that clients may send. To these no member may be added either: a retry from before would be read
    with the new member at its default, and so have another canonical body than its receipt (ADR 0009).
    """
    lines = []
    for name, was in released.items():
        if name not in today:
            lines.append(f"{name}: was published, is gone; a version is read for ever: put its model back")
            continue
        event, _, number = name.rpartition(".v")
        latest = max(int(each.rpartition(".v")[2]) for each in today if each.rpartition(".v")[0] == event)
        advice = f"add {event}.v{max(latest, int(number)) + 1} and an upcaster instead"
        comparison = _Comparison(was, today[name], closed=name in posted)
        lines += [f"{name} {pointer or '/'}: {fault}; {advice}" for pointer, fault in comparison.of(was, today[name])]
    return lines


class _Comparison:
    """Of two documents, for the references in them."""

    def __init__(self, was: Schema, now: Schema, *, closed: bool) -> None:
        self._was, self._now = was, now
        self._closed = closed

    def of(self, was: Schema, now: Schema, at: str = "") -> Iterator[tuple[str, str]]:
        """(pointer, fault) of each fault in two schemas of what lies at the pointer `at`."""
        was, now = _resolved(self._was, was), _resolved(self._now, now)
        for keyword in sorted((was.keys() | now.keys()) - {*_WORDS_ONLY, *_LOOKED_INTO}):
            if not _allowed(keyword, was, now):
                yield at, f"{keyword} was {_told(was, keyword)}, is {_told(now, keyword)}"
        yield from self._members(was, now, at)
        yield from self._parts(was, now, at)

    def _members(self, was: Schema, now: Schema, at: str) -> Iterator[tuple[str, str]]:
        before, after = was.get("properties", {}), now.get("properties", {})
        required = set(now.get("required", ())) - set(was.get("required", ()))
        extra = was.get("additionalProperties", True)
        for name in before:
            if name not in after:
                yield f"{at}/{name}", "was a member, is gone"
                continue
            if name in required:
                yield f"{at}/{name}", "was optional, is required"
            yield from self.of(before[name], after[name], f"{at}/{name}")
        for name in sorted({*after, *required} - before.keys()):
            if name in required:
                yield f"{at}/{name}", "was not there, is required"
            elif self._closed or extra is not False:
                yield f"{at}/{name}", "was not there, is a member"
        if extra is not False and extra != now.get("additionalProperties", True):
            yield at, "additionalProperties was open, is not as it was"

    def _parts(self, was: Schema, now: Schema, at: str) -> Iterator[tuple[str, str]]:
        for keyword in ("prefixItems", "anyOf"):
            before, after = was.get(keyword, ()), now.get(keyword, ())
            if len(before) != len(after):
                yield at, f"{keyword} had {len(before)} schemas, has {len(after)}"
                continue
            for position, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from self.of(one, other, at if keyword == "anyOf" else f"{at}/{position}")
        one, other = was.get("items"), now.get("items")
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from self.of(one, other, f"{at}/*")
        elif one != other:
            yield at, "items was another kind of schema than it is"


def _resolved(document: Schema, schema: Schema) -> Schema:
    """With what a reference names in its place, besides what stands next to it (JSON Schema 2020-12, core, 8.2)."""
    if "$ref" not in schema:
        return schema
    beside = {name: value for name, value in schema.items() if name != "$ref"}
    return {**_resolved(document, document["$defs"][schema["$ref"].rpartition("/")[2]]), **beside}


def _allowed(keyword: str, was: Schema, now: Schema) -> bool:
    """Whether the keyword lets through all that it let through before."""
    if keyword == "default" and not (keyword in was and keyword in now):
        return True  # it comes and goes with being required, which is looked at there
    before: Any = was.get(keyword)
    after: Any = now.get(keyword)
    if keyword not in was or before == after:
        return keyword in was and keyword in now
    if keyword == "enum":
        return after is None or all(value in after for value in before)
    if keyword in _LOWEST:
        return after is None or after < before
    return keyword in _HIGHEST and (after is None or after > before)


def _told(schema: Schema, keyword: str) -> str:
    return json.dumps(schema[keyword], ensure_ascii=False) if keyword in schema else "not set"
