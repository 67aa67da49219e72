"""What differs between two JSON values, member by member. Pure."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest

from libs.runtime.store import Json

Change = Mapping[str, Json]
"""`{"pointer", "before", "after"}`: a JSON pointer (RFC 6901); null where one of the two has nothing there."""


def difference(before: Json, after: Json) -> list[Change]:
    """In the order of the pointers' members; empty when the two are equal."""
    return list(_differences("", before, after))


def _differences(pointer: str, before: Json, after: Json) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            step = name.replace("~", "~0").replace("/", "~1")
            yield from _differences(f"{pointer}/{step}", before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list):
        for index, (one, other) in enumerate(zip_longest(before, after)):
            yield from _differences(f"{pointer}/{index}", one, other)
    elif before != after:
        yield {"pointer": pointer, "before": before, "after": after}
