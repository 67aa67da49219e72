"""Canonical JSON and its hash: two texts that mean the same have the same bytes."""

import hashlib
import json
from collections.abc import Mapping


def canonical_json(value: object) -> bytes:
    """The bytes of RFC 8785 (JCS) for a value of strings, integers, booleans, null, lists and mappings.

    Python's own writer gives exactly these for such values when member names are ASCII and numbers are integers of at
    most 53 bits, as all of ours are; floats are never passed. `tests/events/test_canonical.py` holds it to a reference.
    """
    return _WRITER.encode(value).encode()


_WRITER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical_hash(value: object) -> str:
    """SHA-256 over the canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def body_hash(event_id: str, data: Mapping[str, object], set_by_ingest: frozenset[str]) -> str:
    """The hash of an event's canonical body: its id and data, without what ingest sets (guarantee 2).

    For a report this is the hash of the body of `POST /v1/reports`, whichever route it came by.
    """
    return canonical_hash({"id": event_id} | {name: data[name] for name in data if name not in set_by_ingest})
