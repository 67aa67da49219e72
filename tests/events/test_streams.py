"""The table of streams, and their names."""

from typing import get_args

import pytest

from libs.events.streams import STREAMS, Kind, Reader, Service, erasable, state_of, stream_name


def test_the_table_has_every_kind_once() -> None:
    assert list(STREAMS) == list(get_args(Kind))
    assert all(kind == stream.kind for kind, stream in STREAMS.items())


@pytest.mark.parametrize(
    ("kind", "state", "name"),
    [
        ("reports", "in-mp", "rozana.in-mp.reports"),
        ("alerts", "in-up", "rozana.in-up.alerts"),
        ("grievances", "in-mp", "rozana.in-mp.grievances"),
        ("system", None, "rozana.system"),
        ("dead-letters", None, "rozana.dead-letters"),
    ],
)
def test_a_name_says_whose_stream_it_is(kind: Kind, state: str | None, name: str) -> None:
    assert stream_name(kind, state) == name
    assert state_of(name) == state
    # What Kafka allows in a topic's name; it warns when both "." and "_" are used.
    assert len(name) <= 249
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")


@pytest.mark.parametrize(("kind", "state"), [("reports", None), ("system", "in-mp"), ("dead-letters", "in-mp")])
def test_a_stream_is_per_state_or_for_the_nation(kind: Kind, state: str | None) -> None:
    with pytest.raises(ValueError, match=f"one {kind} stream"):
        stream_name(kind, state)


@pytest.mark.parametrize("kind", list(STREAMS))
def test_each_stream_has_writers_and_readers_and_is_kept_for_ever(kind: Kind) -> None:
    stream = STREAMS[kind]
    assert stream.writers
    assert bool(stream.readers) != stream.erasable
    assert set(stream.writers) <= set(get_args(Service))
    assert set(stream.readers) <= set(get_args(Reader))
    assert stream.retention == ("until erased" if stream.erasable else "forever")
    assert erasable(f"rozana.in-mp.{kind}") == stream.erasable


def test_grievances_are_read_by_the_national_office_only() -> None:
    assert STREAMS["grievances"].readers == ("aicc",)


def test_the_state_office_reads_reports_and_their_alerts() -> None:
    assert {kind for kind, stream in STREAMS.items() if "pcc" in stream.readers} == {"reports"}
