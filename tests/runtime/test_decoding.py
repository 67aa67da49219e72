"""Which records give an event: what the codec reads, if its time can be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from libs.events.codec import InvalidEvent, encode
from libs.runtime.decoding import AHEAD, BEFORE, MOST_AHEAD, event_of
from libs.runtime.letters import Letter
from libs.runtime.log import Record
from tests.duty.events import STREAM, clock_reached, instant, policy

TAKEN = instant("2026-11-22T09:00")
LAST, FIRST = TAKEN + MOST_AHEAD, datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def record(at: datetime, *, known: bool = False) -> Record:
    """A policy of this time. known: the log still has the event that it was made of."""
    event = replace(policy(), time=at)
    headers, value = encode(event)
    return Record(STREAM, 0, TAKEN, event.subject, headers, value, event if known else None)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("at", [FIRST, TAKEN, LAST])
def test_times_that_can_be(at: datetime, known: bool) -> None:
    assert event_of(record(at, known=known)) == replace(policy(), time=at)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("at", "why"),
    [
        (LAST + MICROSECOND, AHEAD),
        (datetime.max.replace(tzinfo=UTC), AHEAD),
        (FIRST - MICROSECOND, BEFORE),
        (datetime.min.replace(tzinfo=UTC), BEFORE),
    ],
)
def test_times_that_cannot_be(at: datetime, why: str, known: bool) -> None:
    with pytest.raises(InvalidEvent, match=why):
        event_of(record(at, known=known))
    letter = record(at)
    for met_at in (TAKEN, LAST + MOST_AHEAD):  # looked at when the time has come, it is no better
        assert Letter(STREAM, 0, "in-mp", letter.headers, letter.value, why, met_at).fault() == why


def test_when_somebody_says_what_the_clock_has_reached_is_of_no_account() -> None:
    said = replace(clock_reached("2026-11-22T09:00"), time=datetime.max.replace(tzinfo=UTC))
    headers, value = encode(said)
    assert event_of(Record(STREAM, 0, TAKEN, said.subject, headers, value)) == said
