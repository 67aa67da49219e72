"""JSON values as YAML 1.2 that people read: blocks, a member a line, texts in JSON's quotes. Always the same bytes."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLAIN = re.compile(r"[$A-Za-z_][A-Za-z0-9_.-]*\Z")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""What some reader of YAML takes for something else than a text."""


def yaml_text(value: Mapping[str, Any]) -> str:
    return "\n".join(_lines(value, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    """Of a mapping or a sequence that is not empty."""
    named = isinstance(value, Mapping)
    items = [(f"{_text(key)}:", each) for key, each in value.items()] if named else [("-", each) for each in value]
    for mark, each in items:
        head = f"{indent}{mark}"
        if isinstance(each, Mapping | list | tuple) and each:
            inner = list(_lines(each, f"{indent}  "))
            if named:
                yield head
                yield from inner
            else:
                yield f"{head} {inner[0].lstrip()}"
                yield from inner[1:]
        else:
            yield f"{head} {_text(each) if isinstance(each, str) else json.dumps(each)}"


def _text(text: str) -> str:
    plain = _PLAIN.match(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
