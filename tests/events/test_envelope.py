"""The envelope, and instants as text."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libs.events.envelope import Recorded, format_instant, parse_instant
from tests.events import golden

OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# Two days off the calendar's ends, so that every offset still gives an instant in UTC.
INSTANTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=OFFSETS)  # noqa: DTZ001 -- hypothesis adds it


@given(INSTANTS)
@example(datetime(2026, 3, 31, 18, 30, 0, 100_000, UTC))
@example(datetime(2026, 3, 31, 18, 30, 0, 1, UTC))
def test_an_instant_survives_being_written_and_read(instant: datetime) -> None:
    text = format_instant(instant)
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is UTC
    assert format_instant(parse_instant(text)) == text
    assert parse_instant(instant.isoformat()) == instant
    # RFC 3339, in UTC, without a fraction that says nothing.
    assert text[10] == "T"
    assert text[-1] == "Z"
    assert not text.endswith(("0Z", ".Z")) or "." not in text


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 3, 31, 18, 30, tzinfo=UTC), "2026-03-31T18:30:00Z"),
        (datetime(2026, 4, 1, 0, 0, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2026-03-31T18:30:00Z"),
        (datetime(2026, 3, 31, 18, 30, 10, 120_000, UTC), "2026-03-31T18:30:10.12Z"),
        (datetime(2026, 3, 31, 18, 30, 10, 100, UTC), "2026-03-31T18:30:10.0001Z"),
    ],
)
def test_how_instants_are_written(instant: datetime, text: str) -> None:
    assert format_instant(instant) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1700000000",
        "2026-03-31",
        "2026-03-31T18:30:00",
        "2026-02-30T18:30:00Z",
        "0001-01-01T00:00:00+05:30",
        "9999-12-31T23:59:59-05:30",
    ],
)
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the standard library's own messages
        parse_instant(text)


def test_a_time_without_offset_is_not_taken_for_the_machines_own() -> None:
    with pytest.raises(ValueError, match="offset"):
        format_instant(datetime(2026, 3, 31))  # noqa: DTZ001 -- what must not be passed


def test_events_and_records_cannot_be_changed() -> None:
    event = golden.event("report.filed.v1")
    record = Recorded(event, "rozana.in-mp.reports", 0, event.time)
    for frozen, member in ((event, "id"), (record, "offset"), (event.data, "day")):
        with pytest.raises((FrozenInstanceError, ValueError)):
            setattr(frozen, member, "x")


@pytest.mark.parametrize(
    ("name", "subject"),
    [("policy.adopted.v1", "in-mp"), ("clock.reached.v1", "in-mp"), ("report.filed.v1", "in-mp.guna")],
)
def test_the_subject_is_the_district_or_else_the_state(name: str, subject: str) -> None:
    assert golden.event(name).subject == subject
