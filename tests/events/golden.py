"""The golden examples, read once: what was ever published, and must decode for ever."""

import json
from pathlib import Path
from typing import Any

from libs.events.codec import Headers, decode_structured, encode
from libs.events.envelope import Event

FOLDER = Path(__file__).resolve().parents[2] / "libs" / "events" / "examples"

TEXTS: dict[str, bytes] = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.json"))}
"""By name without `.json`: `report.filed.v1`, `report.filed.v1.most`."""


def event(name: str) -> Event:
    return decode_structured(TEXTS[name])


def item(name: str) -> dict[str, Any]:
    """The structured event as a JSON object of one's own, to be spoilt."""
    found: dict[str, Any] = json.loads(TEXTS[name])
    return found


def data(name: str) -> dict[str, Any]:
    """Its data alone."""
    found: dict[str, Any] = item(name)["data"]
    return found


def message(name: str) -> tuple[dict[str, bytes], bytes]:
    """The same in binary mode, headers by name."""
    headers, value = encode(event(name))
    return dict(headers), value


def as_headers(headers: dict[str, bytes]) -> Headers:
    return tuple(headers.items())
