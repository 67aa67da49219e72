"""The small types: what each takes and, one step further, does not."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from libs.events.values import (
    FIRST_DAY,
    LAST_DAY,
    ClaimedInstant,
    Day,
    DistrictCode,
    Id,
    Instant,
    LocalTime,
    Name,
    Offset,
    Reason,
    StateCode,
    Text,
    unchecked,
)
from tests.events import golden

CANARY = "CANARY-7f3a"


def takes(kind: Any, text: str) -> Any:
    """Read JSON text as a value of `kind`."""
    return TypeAdapter(kind, config={"strict": True}).validate_json(text)


def refuses(kind: Any, texts: Iterable[str]) -> None:
    for text in texts:
        with pytest.raises(ValidationError) as raised:
            takes(kind, text)
        for error in raised.value.errors():
            assert text.strip('"') not in error["msg"] or len(text) < 8


def quoted(*texts: str) -> list[str]:
    return [f'"{text}"' for text in texts]


NOT_TEXT = ["null", "true", "1", "1.5", "[]", "{}", '["a"]']


@pytest.mark.parametrize(
    "text",
    [
        "0193a5c0-0001-7000-8000-000000000001",
        "00000000-0000-1000-8000-000000000000",
        "ffffffff-ffff-8fff-bfff-ffffffffffff",
        "8d1c5e0a-3b57-4c1e-9f6a-2b7c9d0e4f11",
        "8D1C5E0A-3B57-5C1E-AF6A-2B7C9D0E4F11",
    ],
)
def test_an_id_is_any_rfc_9562_uuid_and_kept_in_lower_case(text: str) -> None:
    assert takes(Id, f'"{text}"') == text.lower()


def test_what_is_no_id() -> None:
    good = "0193a5c0-0001-7000-8000-000000000001"
    refuses(
        Id,
        [
            *quoted(
                "",
                good.replace("-", ""),
                f"{{{good}}}",
                f"urn:uuid:{good}",
                f" {good}",
                f"{good}\\n",
                good[:-1],
                f"{good}0",
                good.replace("a", "g"),
                good.replace("7000", "0000"),  # version 0
                good.replace("7000", "9000"),  # version 9
                good.replace("8000", "7000"),  # the NCS variant
                good.replace("8000", "c000"),  # the Microsoft variant
                good.replace("1", "१"),  # Devanagari one
                "00000000-0000-0000-0000-000000000000",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
            ),
            *NOT_TEXT,
        ],
    )


def test_state_codes() -> None:
    assert [takes(StateCode, code) for code in quoted("in-mp", "in-up", "in-zz")] == ["in-mp", "in-up", "in-zz"]
    refuses(StateCode, [*quoted("", "in", "in-", "in-m", "in-mpp", "IN-MP", "in_mp", "us-ny", "in-mp ", "in-mp\\n")])
    refuses(StateCode, [*quoted("in-m1", "in-मप", "xin-mp", "in-mp.guna"), *NOT_TEXT])


def test_district_codes() -> None:
    longest = "in-mp." + "a" * 58
    for code in ("in-mp.guna", "in-mp.bhopal-city", "in-mp.a", "in-mp.24-parganas-2", longest):
        assert takes(DistrictCode, f'"{code}"') == code
    refuses(
        DistrictCode,
        [
            *quoted("", "in-mp", "in-mp.", "in-mp.Guna", "in-mp.guna-", "in-mp.-guna", "in-mp.a--b", "in-mp.a.b"),
            *quoted(longest + "a", "guna", "in-mp.गुना", "in-mp.guna\\n", "in-mp.guna ", "in-mp/guna", "in-mp.a_b"),
            *NOT_TEXT,
        ],
    )


def test_days() -> None:
    assert takes(Day, '"2026-11-23"') == date(2026, 11, 23)
    assert takes(Day, '"2028-02-29"') == date(2028, 2, 29)
    assert takes(Day, f'"{FIRST_DAY}"') == FIRST_DAY == date(2000, 1, 1)
    assert takes(Day, f'"{LAST_DAY}"') == LAST_DAY == date(2199, 12, 31)
    refuses(
        Day,
        [
            *quoted("", "1700000000", "20261123", "2026-1-2", "2026-W48-1", "2026-327", "26-11-23", "23-11-2026"),
            *quoted("२०२६-११-२३", "２０２６-１１-２３", "2026−11−23", "2026/11/23", " 2026-11-23", "2026-11-23\\n"),
            *quoted("2026-11-23T00:00:00", "2026-11-23T00:00:00Z", "2026-11-31", "2027-02-29", "2026-00-10"),
            *quoted("2026-13-01", "0000-01-01", "0001-01-01", "1999-12-31", "2200-01-01", "9999-12-31", "+2026-11-23"),
            "1700000000",
            "20261123.0",
            *NOT_TEXT,
        ],
    )


def test_no_day_is_so_far_off_that_its_deadlines_cannot_be_worked_out() -> None:
    """A policy adds a month and a day at most; a zone lies within a day of UTC. There must be room for both."""
    for day in (FIRST_DAY, LAST_DAY):
        for hours in (-23, 23):
            midnight = datetime(day.year, day.month, day.day, tzinfo=timezone(timedelta(hours=hours)))
            for days in (-400, 400):
                (midnight + timedelta(days=days)).astimezone(UTC)


def test_a_day_in_python_is_a_date_and_not_a_datetime() -> None:
    adapter: TypeAdapter[date] = TypeAdapter(Day, config={"strict": True})
    assert adapter.validate_python(date(2026, 11, 23)) == date(2026, 11, 23)
    for value in (datetime(2026, 11, 23, tzinfo=UTC), 1_700_000_000, 1.5, None):
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def test_local_times() -> None:
    for text in ("00:00", "09:59", "19:00", "20:30", "23:59"):
        assert takes(LocalTime, f'"{text}"') == text
    refuses(LocalTime, [*quoted("", "24:00", "23:60", "9:00", "09:0", "21.00", "21:00:00", "21:00Z", "-1:00")])
    refuses(LocalTime, [*quoted("२१:००", "21:00\\n", " 21:00", "9 pm"), *NOT_TEXT])


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-31T18:30:00Z", datetime(2026, 3, 31, 18, 30, tzinfo=UTC)),
        ("2026-04-01T00:00:00+05:30", datetime(2026, 3, 31, 18, 30, tzinfo=UTC)),
        ("2026-03-31T18:30:00.5-00:00", datetime(2026, 3, 31, 18, 30, 0, 500_000, UTC)),
        ("2026-03-31T18:30:00.123456789Z", datetime(2026, 3, 31, 18, 30, 0, 123_456, UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_instants_are_kept_in_utc(text: str, instant: datetime) -> None:
    read = takes(Instant, f'"{text}"')
    assert read == instant
    assert read.tzinfo is UTC
    adapter: TypeAdapter[datetime] = TypeAdapter(Instant, config={"strict": True})
    assert adapter.validate_python(instant.astimezone(timezone(timedelta(hours=8)))).tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["2026-11-23T20:11:05+05:30", "2026-11-23T14:41:05Z", "2026-11-23T20:11:05.123456789-11:59"]
)
def test_a_claimed_instant_is_kept_letter_for_letter(text: str) -> None:
    assert takes(ClaimedInstant, f'"{text}"') == text


NO_INSTANT = [
    *quoted("", "now", "1700000000", "2026-11-23", "20:11:05Z", "2026-11-23T20:11:05", "2026-11-23 20:11:05Z"),
    *quoted("2026-11-23t20:11:05z", "20261123T201105Z", "2026-11-23T20:11Z", "2026-11-23T24:00:00Z"),
    *quoted("2026-11-23T23:60:00Z", "2016-12-31T23:59:60Z", "2026-11-23T20:11:05.Z", "2026-11-23T20:11:05,5Z"),
    *quoted("2026-11-23T20:11:05.1234567890Z", "2026-11-23T20:11:05+0530", "2026-11-23T20:11:05+24:00"),
    *quoted("2026-11-23T20:11:05+05:60", "2026-02-29T20:11:05Z", "2026-13-01T20:11:05Z", "0000-01-01T00:00:00Z"),
    *quoted("२०२६-११-२३T20:11:05Z", "2026-11-23T20:11:05Z\\n", " 2026-11-23T20:11:05Z", "2026-11-23T20:11:05ZZ"),
    *NOT_TEXT,
]


def test_what_is_no_instant_whoever_claims_it() -> None:
    refuses(Instant, NO_INSTANT)
    refuses(ClaimedInstant, NO_INSTANT)


def test_an_instant_that_utc_does_not_have() -> None:
    refuses(Instant, quoted("0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-05:30"))


def test_an_instant_in_python_has_an_offset() -> None:
    adapter: TypeAdapter[datetime] = TypeAdapter(Instant, config={"strict": True})
    for value in (datetime(2026, 11, 23), 1_700_000_000, None):  # noqa: DTZ001 -- what must not be passed
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def test_offsets() -> None:
    assert takes(Offset, "0") == 0
    assert takes(Offset, str(2**53 - 1)) == 2**53 - 1
    refuses(Offset, ["-1", str(2**53), "1.0", '"1"', "true", "null"])


# ग + ु: one letter to the eye is two code points; क्ष is three, and 🌾 is one code point of two UTF-16 units.
WORDS = ["a", "गु", "क्ष", "🌾", "é"]


@pytest.mark.parametrize(("kind", "least", "most"), [(Name, 1, 120), (Reason, 1, 500), (Text, 0, 2000)])
@pytest.mark.parametrize("word", WORDS)
def test_the_length_of_text_is_counted_in_code_points(kind: Any, least: int, most: int, word: str) -> None:
    longest = (word * most)[:most]
    assert len(longest) == most
    assert takes(kind, f'"{longest}"') == longest
    refuses(kind, [f'"{longest}{word[0]}"', *NOT_TEXT])
    if least:
        refuses(kind, ['""'])
    else:
        assert takes(kind, '""') == ""


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=2000))
def test_text_of_any_characters_is_kept_as_it_is(text: str) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(Text, config={"strict": True})
    assert adapter.validate_json(adapter.dump_json(text)) == text


def test_lone_surrogates_are_no_text() -> None:
    refuses(Text, ['"\\ud83c"', '"\\udf3e\\ud83c"'])
    assert takes(Text, '"\\ud83c\\udf3e"') == "🌾"
    adapter: TypeAdapter[str] = TypeAdapter(Text, config={"strict": True})
    with pytest.raises(ValidationError):
        adapter.validate_python("\ud83c")


@pytest.mark.parametrize("kind", [Id, StateCode, DistrictCode, Day, LocalTime, Instant, ClaimedInstant, Offset])
def test_no_message_repeats_what_was_sent(kind: Any) -> None:
    for text in (f'"{CANARY}"', f'["{CANARY}"]', f'{{"{CANARY}": "{CANARY}"}}', f'{CANARY}"'):
        with pytest.raises(ValidationError) as raised:
            takes(kind, text)
        assert all(CANARY not in error["msg"] for error in raised.value.errors())


@pytest.mark.parametrize("name", list(golden.TEXTS))
def test_what_is_made_unchecked_is_what_pydantic_makes(name: str) -> None:
    data = golden.event(name).data
    by_pydantic = type(data).model_construct(**vars(data))
    made = unchecked(type(data), dict(vars(data)))
    assert made == by_pydantic == data
    assert repr(made) == repr(data)
    assert (hash(made), made.model_fields_set) == (hash(by_pydantic), by_pydantic.model_fields_set)
    assert made.model_copy() == data
    assert (made.model_dump(), made.model_dump_json()) == (data.model_dump(), data.model_dump_json())
