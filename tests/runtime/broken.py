"""Records that no decoder can read, of every kind that a test has ever put into the dead letters, and drawn ones."""

import json
from collections.abc import Mapping

from hypothesis import strategies as st

from libs.events.codec import InvalidEvent, UndecodableEvent, decode
from libs.runtime.log import NewRecord
from tests.aggregator.world import UNREADABLE as HALF_A_BRACE
from tests.runtime.streams import UNREADABLE, report

GOOD = report(0)
BYTES = bytes(range(256))


def _with(**changed: bytes | None) -> NewRecord:
    """A good report with these headers changed, or taken away. `ce_time` is written so, `content_type` for the dash."""
    names = {
        name.replace("_type", "-type") if name == "content_type" else name: value for name, value in changed.items()
    }
    kept = [(name, names.pop(name, value)) for name, value in GOOD.headers]
    headers = tuple((name, value) for name, value in (*kept, *names.items()) if value is not None)
    return NewRecord(GOOD.key, headers, GOOD.value)


def _saying(**changed: object) -> NewRecord:
    """A good report whose data has these members changed."""
    return NewRecord(GOOD.key, GOOD.headers, json.dumps(json.loads(GOOD.value) | changed).encode())


def _holding(value: bytes) -> NewRecord:
    return NewRecord(GOOD.key, GOOD.headers, value)


BROKEN: Mapping[str, NewRecord] = {
    "canary": UNREADABLE,
    "half a brace": HALF_A_BRACE,
    "nothing at all": NewRecord("", (), b""),
    "every byte": NewRecord("in-mp.guna", (("every", BYTES),), BYTES),
    "separators": NewRecord(
        "k\x1b\x1d\x1e\x1f\x00", (("n\x1b\x1d\x1e\x1f", BYTES), ("n", b""), ("n", b"\x1f")), b"\x1e"
    ),
    "a key in Hindi": NewRecord("in-mp.गुना", (("ce_id", "गुना".encode()),), "गुना".encode()),
    "a large one": NewRecord("in-mp.guna", (), BYTES * 4096),
    "many headers": NewRecord("in-mp.guna", tuple((f"h{number}", BYTES[:number]) for number in range(200)), b"{}"),
    "another specversion": _with(ce_specversion=b"0.3"),
    "no id": _with(ce_id=None),
    "no UUID": _with(ce_id=b"17"),
    "no type": _with(ce_type=None),
    "no source": _with(ce_source=b""),
    "a source with a bell": _with(ce_source=b"urn:\x07"),
    "no time": _with(ce_time=None),
    "not an instant": _with(ce_time=b"yesterday"),
    "a time without an offset": _with(ce_time=b"2026-11-23T20:00:00"),
    "not UTF-8": _with(ce_actor=b"\xff\xfe"),
    "not JSON by its header": _with(content_type=b"text/plain"),
    "cut off": _holding(GOOD.value[:-1]),
    "not JSON": _holding(b"<xml/>"),
    "null": _holding(b"null"),
    "UTF-16": _holding(GOOD.value.decode().encode("utf-16")),
    "an empty object": _holding(b"{}"),
    "a day that never was": _saying(day="2026-02-30"),
    "a negative number": _saying(activities={"meetings": -1}),
    "another country": _saying(state="us-ca"),
    "a form of tomorrow": _saying(form="daily.v9"),
}

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_HEADERS = st.lists(st.tuples(_TEXTS, st.binary(max_size=50)), max_size=8).map(tuple)


def _unreadable(record: NewRecord) -> bool:
    try:
        decode(record.headers, record.value)
    except InvalidEvent:
        return True
    except UndecodableEvent:
        return False  # skipped, or it stops the reader: no dead letter
    return False


def _cut(at: int) -> NewRecord:
    return _holding(GOOD.value[: at % len(GOOD.value)])


def _flipped(at: int, bit: int) -> NewRecord:
    value = bytearray(GOOD.value)
    value[at % len(value)] ^= 1 << bit
    return _holding(bytes(value))


drawn = st.one_of(
    st.builds(NewRecord, _TEXTS, _HEADERS, st.binary(max_size=200)),
    st.builds(NewRecord, st.just(GOOD.key), st.just(GOOD.headers), st.binary(max_size=200)),
    st.builds(_cut, st.integers(0, 10_000)),
    st.builds(_flipped, st.integers(0, 10_000), st.integers(0, 7)),
).filter(_unreadable)
"""Anything, in any headers; good headers around anything; a good report cut off or with a bit turned."""
