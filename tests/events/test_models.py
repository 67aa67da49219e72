"""Every member of every event at its bounds, one step inside and one outside, and the rules between members."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.events.alerts import AlertData, AlertRaised, AlertReopened, Rule, alert_id
from libs.events.catalogue import CATALOGUE, TYPES
from libs.events.export import example_name
from libs.events.policy import PolicyAdopted
from libs.events.policy_v1 import minutes
from libs.events.values import EventData
from tests.events import golden

CANARY = "CANARY-7f3a"
ID = "0193a5c0-0001-7000-8000-000000000001"


EVERY_VERSION = tuple(example_name(entry) for entry in TYPES.values())


def model(name: str) -> type[EventData]:
    """Of a version such as `report.filed.v1`, or without a number the latest."""
    return (CATALOGUE[name] if name in CATALOGUE else TYPES[f"rozana.{name}"]).data


def example(name: str) -> dict[str, Any]:
    """The golden data of that version."""
    return golden.data(f"{model(name).NAME}.v{model(name).VERSION}")


def read(name: str, data: object) -> EventData:
    """As a producer reads: strictly."""
    return model(name).model_validate_json(json.dumps(data))


def with_member(name: str, path: str, value: object) -> dict[str, Any]:
    """The golden example's data with `value` at `path`: `activities.meetings`, `evidence.0.bytes`."""
    data = example(name)
    *above, last = path.split(".")
    target: Any = data
    for step in above:
        target = target[int(step)] if isinstance(target, list) else target[step]
    target[int(last) if isinstance(target, list) else last] = value
    return data


def errors(name: str, data: object) -> set[tuple[str, str]]:
    """(path, kind) of each error; none of their messages may repeat a canary."""
    with pytest.raises(ValidationError) as raised:
        read(name, data)
    assert all(CANARY not in error["msg"] for error in raised.value.errors())
    return {(".".join(str(part) for part in error["loc"]), error["type"]) for error in raised.value.errors()}


NOT_TEXT: tuple[object, ...] = (1, True, [], {})
REPORTS_V1 = ("report.filed.v1", "report.corrected.v1")
REPORTS_V2 = ("report.filed.v2", "report.corrected.v2")
REPORTS = REPORTS_V1 + REPORTS_V2
COUNTS = (
    "meetings",
    "villages_visited",
    "booth_committees",
    "new_members",
    "programmes",
    "grievances_heard",
)
POLICIES = ("policy.adopted.v1", "policy.adopted.v2")
ALERTS = tuple(name for name in CATALOGUE if name.startswith("alert."))

# event types, member, lowest, highest
INTEGERS: list[tuple[tuple[str, ...], str, int, int]] = [
    (POLICIES, "version", 1, 100_000),
    (POLICIES, "remind_minutes_before", 0, 1_440),
    (POLICIES, "grace_minutes", 0, 1_440),
    (POLICIES, "lock_after_days", 1, 31),
    (POLICIES, "ladder.2", 4, 365),
    (("policy.adopted.v2",), "credit.max_minutes", 1, 1_440),
    (("policy.adopted.v2",), "hold.share_percent", 1, 100),
    (("policy.adopted.v2",), "hold.hours", 1, 72),
    (("policy.adopted.v2",), "escalate_minutes.1", 721, 10_080),
    (("district.added",), "grid_row", 0, 99),
    (("district.added",), "grid_col", 0, 99),
    *((REPORTS, f"activities.{count}", 0, 100_000) for count in COUNTS),
    (REPORTS, "activities.attendance", 0, 10_000_000),
    (REPORTS_V1, "activities.media_mentions", 0, 100_000),
    (REPORTS_V2, "activities.press_mentions", 0, 100_000),
    (REPORTS_V2, "digital.posts", 0, 100_000),
    (REPORTS_V2, "digital.people_reached", 0, 1_000_000_000),
    (REPORTS_V2, "digital.groups", 0, 100_000),
    (REPORTS, "evidence.0.bytes", 0, 1_000_000_000),
    (ALERTS, "level", 1, 5),
    (ALERTS, "cause.offset", 0, 2**53 - 1),
    (("record.dead_lettered",), "offset", 0, 2**53 - 1),
]

# event types, member, fewest and most code points
TEXTS: list[tuple[tuple[str, ...], str, int, int]] = [
    (("district.added",), "name_en", 1, 120),
    (("district.added",), "name_hi", 1, 120),
    (("district.closed", "president.relieved", "day.excused", "record.dead_lettered"), "reason", 1, 500),
    (("holiday.declared", "holiday.revoked", "president.appointed"), "name", 1, 120),
    (("day.excused", "alert.acknowledged", "alert.snoozed"), "by", 1, 120),
    (REPORTS, "summary", 0, 2_000),
    (("report.reviewed",), "comment", 0, 2_000),
    (("alert.acknowledged", "alert.snoozed"), "note", 0, 2_000),
    (ALERTS, "period", 1, 64),
]


def _each(rows: list[tuple[tuple[str, ...], str, int, int]]) -> list[tuple[str, str, int, int]]:
    return [(name, path, low, high) for names, path, low, high in rows for name in names]


@pytest.mark.parametrize(("name", "path", "low", "high"), _each(INTEGERS))
def test_integers(name: str, path: str, low: int, high: int) -> None:
    for inside in (low, high):
        read(name, with_member(name, path, inside))
    wrongs: list[object] = [high + 1, float(low), str(low), True, None, [], 1e300, -(10**30)]
    if path not in ("ladder.2", "lock_after_days", "escalate_minutes.1"):  # the lowest hangs on other members
        wrongs.append(low - 1)
    for wrong in wrongs:
        assert {where for where, _ in errors(name, with_member(name, path, wrong))} == {path}


@pytest.mark.parametrize(("name", "path", "low", "high"), _each(TEXTS))
def test_texts_are_counted_in_code_points(name: str, path: str, low: int, high: int) -> None:
    for letters in ("a", "गु", "🌾"):
        read(name, with_member(name, path, (letters * high)[:high]))
        read(name, with_member(name, path, (letters * high)[:low]))
        assert errors(name, with_member(name, path, letters * (high + 1))) == {(path, "string_too_long")}
    if low:
        assert errors(name, with_member(name, path, "")) == {(path, "string_too_short")}
    for wrong in NOT_TEXT:
        assert {where for where, _ in errors(name, with_member(name, path, wrong))} == {path}


@pytest.mark.parametrize(
    ("name", "path", "right", "wrong"),
    [
        ("policy.adopted", "due", ["00:01", "23:59"], ["24:00", "9:00", "21:00:00", CANARY]),
        ("policy.adopted", "effective_from", ["2000-01-01", "2199-12-31"], ["1999-12-31", "2200-01-01", "1700000000"]),
        ("holiday.declared", "day", ["2026-11-08"], ["२०२६-११-०८", "1700000000", 1_700_000_000, None, CANARY]),
        ("holiday.revoked", "day", ["2026-11-08"], ["२०२६-११-०८", "1700000000", 1_700_000_000, None]),
        ("holiday.revoked", "name", [None, "x"], [1]),
        ("day.excused", "day", ["2026-11-08"], ["२०२६-११-०८", "2026-11-08T00:00:00"]),
        ("report.filed", "day", ["2026-11-08"], ["२०२६-११-०८", "1700000000", "2026-11-31"]),
        ("president.appointed", "since", ["2000-01-01"], ["1999-12-31", "1700000000"]),
        ("president.relieved", "until", ["2199-12-31"], ["2200-01-01", "1700000000"]),
        ("president.appointed", "kind", ["substantive", "acting"], ["interim", "Acting", "", None, CANARY]),
        ("district.added", "kind", ["whole", "city", "rural"], ["urban", "City", "", None, CANARY]),
        (
            "leave.granted",
            "reason",
            ["illness", "family", "travel", "party-work", "other"],
            ["party_work", "", 1, CANARY],
        ),
        ("report.reviewed", "verdict", ["approved", "returned"], ["rejected", "", None, CANARY]),
        ("grievance.raised", "severity", ["low", "medium", "high"], ["HIGH", "", 1, None, CANARY]),
        (
            "grievance.raised",
            "category",
            ["a", "a1", "conduct_of-office2", "a" * 40],
            ["", "1a", "a_", "a__b", "_a", "A", "a b", "अ", "a" * 41, "a\n", CANARY],
        ),
        ("report.filed.v1", "form", ["daily.v1"], ["daily.v2", "", None, CANARY]),
        ("report.filed.v2", "form", ["daily.v2"], ["daily.v1", "", None, 2, CANARY]),
        ("report.filed.v2", "digital", [None], [0, [], {}, {"posts": 1}, CANARY]),
        ("report.filed", "supersedes", [None], [ID, "", CANARY]),
        ("report.corrected", "supersedes", [ID, ID.upper()], [None, "", CANARY]),
        ("report.filed", "captured_at", ["2026-11-23T20:11:05+05:30"], ["2026-11-23T20:11:05", 1_700_000_000, CANARY]),
        ("report.filed", "evidence.0.taken_at", [None, "2026-11-23T20:11:05Z"], ["2026-11-23", 1, CANARY]),
        ("report.filed", "evidence.0.sha256", ["0" * 64], ["0" * 63, "0" * 65, "A" * 64, "g" * 64, "०" * 64, CANARY]),
        (
            "report.filed",
            "evidence.0.media_type",
            ["image/jpeg", "application/vnd.x-y+json", "a/" + "b" * 98],
            ["image", "image/", "/jpeg", "Image/jpeg", "image/jpeg; q=1", "a/" + "b" * 99, "image/../x/y", CANARY],
        ),
        ("clock.reached", "at", ["2026-11-23T18:30:00Z"], ["2026-11-23", "1700000000", 1_700_000_000, None, CANARY]),
        ("alert.raised", "at", ["2026-11-23T18:30:00+05:30"], ["1700000000", None, CANARY]),
        ("alert.acknowledged", "until", [None, "2026-11-23T18:30:00Z"], ["soon", 1]),
        ("alert.snoozed", "until", ["2026-11-23T18:30:00Z"], [None, "soon"]),
        ("alert.raised", "rule", ["missed-report", "due-soon", "grievance-raised"], ["other", "", 1, None, CANARY]),
        ("alert.raised", "tenure_id", [None, ID], ["", 1, CANARY]),
        ("alert.raised", "subject", ["in-mp", "in-mp.guna"], ["in-mp.", "in", "guna", "in-mp.Guna", None, CANARY]),
        ("alert.raised", "escalate_minutes", [[], [1, 10_080]], [[0], [10_081], [1] * 6, None, ["1"], CANARY]),
        ("alert.raised", "audience", [[], ["president", "pcc", "aicc"]], [["nobody"], "pcc", None, [CANARY]]),
        ("alert.raised", "evidence", [[], [ID, ID]], [["x"], ID, None, [CANARY]]),
        ("alert.raised", "cause.stream", ["", "x" * 64], ["x" * 65, None, 1]),
        ("alert.resolved", "how", ["late", "received-in-time", "a" * 40], ["", "Late", "-a", "a-", "a" * 41, CANARY]),
        (
            "record.dead_lettered",
            "headers",
            [[], [["a", "b"]]],
            [[["a"]], [["a", "b", "c"]], {"a": "b"}, [["a", None]]],
        ),
    ],
)
def test_members_with_a_form_of_their_own(name: str, path: str, right: list[object], wrong: list[object]) -> None:
    for value in right:
        read(name, with_member(name, path, value))
    for value in wrong:
        # A fault of an item is reported at the item.
        assert all(where.startswith(path) for where, _ in errors(name, with_member(name, path, value))), value


def _ids() -> Iterator[tuple[str, str]]:
    for name in EVERY_VERSION:
        for member in example(name):
            if member.endswith("_id") or member == "supersedes":
                yield name, member


@pytest.mark.parametrize(
    ("name", "member"), [pair for pair in _ids() if not pair[0].startswith("report.filed") or pair[1] != "supersedes"]
)
def test_ids_are_uuids_in_lower_case(name: str, member: str) -> None:
    upper = "8D1C5E0A-3B57-4C1E-9F6A-2B7C9D0E4F11"
    assert getattr(read(name, with_member(name, member, upper)), member) == upper.lower()
    for wrong in ("", upper.replace("-", ""), f"urn:uuid:{upper}", upper.replace("4C1E", "0C1E"), CANARY):
        assert errors(name, with_member(name, member, wrong)) == {(member, "string_pattern_mismatch")}


def test_a_report_refers_to_twenty_photos_at_most() -> None:
    photo = golden.data("report.filed.v1")["evidence"][0]
    for count in (0, 1, 20):
        read("report.filed", with_member("report.filed", "evidence", [photo] * count))
    assert errors("report.filed", with_member("report.filed", "evidence", [photo] * 21)) == {("evidence", "too_long")}


@pytest.mark.parametrize("name", EVERY_VERSION)
def test_what_is_required_and_what_may_be_left_out(name: str) -> None:
    """The golden example names all members; one that is not required has a default."""
    data = example(name)
    fields = {field.alias or member: field for member, field in model(name).model_fields.items()}
    assert data.keys() == fields.keys()
    for member, field in fields.items():
        short = {other: value for other, value in data.items() if other != member}
        if field.is_required():
            assert errors(name, short) == {(member, "missing")}
        else:
            read(name, short)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((name, count) for name in ("report.filed.v1", "report.filed.v2") for count in (*COUNTS, "attendance")),
        ("report.filed.v1", "media_mentions"),
        ("report.filed.v2", "press_mentions"),
    ],
)
def test_zero_is_an_answer_but_silence_is_none(name: str, count: str) -> None:
    data = with_member(name, f"activities.{count}", 0)
    read(name, data)
    del data["activities"][count]
    assert errors(name, data) == {(f"activities.{count}", "missing")}


@pytest.mark.parametrize("name", [name for name in EVERY_VERSION if "district" in example(name)])
def test_a_district_lies_in_its_own_state(name: str) -> None:
    read(name, {**example(name), "district": "in-mp.bhopal-city"})
    for district in ("in-up.guna", "in-mz.guna"):
        assert errors(name, {**example(name), "district": district}) == {("", "rule")}
    assert errors(name, {**example(name), "state": "in-up"}) == {("", "rule")}


# A policy's members limit each other


POLICY = golden.data("policy.adopted.v1") | {"credit": None}


@pytest.mark.parametrize(
    "zone",
    [
        "Asia/Kolkata",
        "UTC",
        "Europe/Berlin",
        "America/Argentina/Buenos_Aires",
        "America/Port-au-Prince",
        "Africa/Sao_Tome",
        "Etc/GMT+5",
        "Etc/GMT-14",
        "EST5EDT",
    ],
)
def test_time_zones_of_the_iana_database(zone: str) -> None:
    read("policy.adopted", {**POLICY, "tz": zone})


@pytest.mark.parametrize(
    "zone",
    [
        "",
        "Asia/Nowhere",
        "Mars/Olympus_Mons",
        "IST",
        "+05:30",
        "asia/kolkata",
        "Asia",
        "Asia/",
        "Asia//Kolkata",
        "./Asia/Kolkata",
        "Asia/../Asia/Kolkata",
        "../etc/passwd",
        "../../../../etc/passwd",
        "/etc/localtime",
        "/etc/passwd",
        "..",
        "C:\\Windows",
        "Asia/Kolkata\x00",
        "Asia/Kolkata\n",
        "Asia/Kolkata ",
        "एशिया/कोलकाता",
        # What these mean, or whether they exist, depends on the machine; `right/` counts leap seconds.
        "localtime",
        "posixrules",
        "posix/Asia/Kolkata",
        "right/Asia/Kolkata",
        "zone.tab",
        "tzdata.zi",
        "A" * 65,
        f"{CANARY}/Kolkata",
        None,
        5.5,
    ],
)
def test_no_other_time_zones(zone: object) -> None:
    assert {where for where, _ in errors("policy.adopted", {**POLICY, "tz": zone})} == {"tz"}


@given(st.text(max_size=64))
def test_any_text_for_a_time_zone_gives_a_policy_or_a_validation_error(zone: str) -> None:
    try:
        policy = PolicyAdopted.model_validate({**_in_python(POLICY), "tz": zone})
    except ValidationError:
        return
    assert policy.tz == zone


def _in_python(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "ladder": tuple(data["ladder"])}


@pytest.mark.parametrize("ladder", [[1], [1, 2], [1, 3, 7], [1, 2, 3, 4, 365]])
def test_ladders(ladder: list[int]) -> None:
    read("policy.adopted", {**POLICY, "ladder": ladder})


@pytest.mark.parametrize(
    ("ladder", "where"),
    [
        ([], "ladder"),
        ([1, 2, 3, 4, 5, 6], "ladder"),
        ([1, 0], "ladder.1"),
        ([1, 366], "ladder.1"),
        ([2], ""),
        ([2, 3], ""),
        ([1, 1], ""),
        ([1, 7, 3], ""),
        ([1, 3, 3], ""),
    ],
)
def test_a_ladder_starts_with_1_and_rises(ladder: list[int], where: str) -> None:
    assert where in {found for found, _ in errors("policy.adopted", {**POLICY, "ladder": ladder})}


@pytest.mark.parametrize(
    ("due", "grace", "lock"),
    [("00:01", 1_439, 0), ("23:59", 1, 0), ("21:00", 180, 0), ("23:59", 1_440, 1), ("12:00", 720, 0), ("00:01", 0, 0)],
)
def test_the_grace_may_end_with_the_lock(due: str, grace: int, lock: int) -> None:
    read("policy.adopted", {**POLICY, "due": due, "grace_minutes": grace, "lock_after_days": lock})


@pytest.mark.parametrize(("due", "grace"), [("00:01", 1_440), ("23:59", 2), ("21:00", 181), ("12:00", 721)])
def test_the_grace_may_not_end_past_the_lock(due: str, grace: int) -> None:
    spoilt = {**POLICY, "due": due, "grace_minutes": grace, "lock_after_days": 0}
    assert errors("policy.adopted", spoilt) == {("", "rule")}
    read("policy.adopted", {**spoilt, "lock_after_days": 1})


def test_the_longest_credit_ends_before_the_lock() -> None:
    at_once = {**POLICY, "lock_after_days": 0, "grace_minutes": 60}
    read("policy.adopted", {**at_once, "credit": {"max_minutes": 120}})
    assert errors("policy.adopted", {**at_once, "credit": {"max_minutes": 121}}) == {("", "rule")}


def test_what_a_policy_does_not_say_of_outages_holds_and_escalations() -> None:
    said = {name: value for name, value in POLICY.items() if name != "credit"}
    found = read("policy.adopted", said).model_dump(mode="json")
    assert found["credit"] == {"max_minutes": 240}
    assert found["hold"] == {"share_percent": 60, "hours": 24}
    assert found["escalate_minutes"] == [720, 1440]
    nothing: dict[str, object] = {"credit": None, "hold": None, "escalate_minutes": []}
    assert read("policy.adopted", {**said, **nothing}).model_dump(mode="json") == {**said, **nothing}


@pytest.mark.parametrize(
    ("spoilt", "where"),
    [
        ({"credit": {}}, "credit.max_minutes"),
        ({"credit": {"max_minutes": 1, "min_minutes": 1}}, "credit.min_minutes"),
        ({"credit": 240}, "credit"),
        ({"hold": {"hours": 24}}, "hold.share_percent"),
        ({"hold": {"share_percent": 60}}, "hold.hours"),
        ({"hold": []}, "hold"),
        ({"escalate_minutes": None}, "escalate_minutes"),
        ({"escalate_minutes": [0]}, "escalate_minutes.0"),
        ({"escalate_minutes": [10_081]}, "escalate_minutes.0"),
        ({"escalate_minutes": [1, 2, 3, 4, 5, 6]}, "escalate_minutes"),
        ({"escalate_minutes": [720, 720]}, "escalate_minutes"),
        ({"escalate_minutes": [1440, 720]}, "escalate_minutes"),
    ],
)
def test_a_bad_credit_hold_or_escalation(spoilt: dict[str, object], where: str) -> None:
    assert {found for found, _ in errors("policy.adopted", {**POLICY, **spoilt})} == {where}


def test_a_day_is_due_after_it_has_begun() -> None:
    assert errors("policy.adopted", {**POLICY, "due": "00:00"}) == {("", "rule")}


@given(st.times())
def test_minutes_since_midnight(time: Any) -> None:
    assert minutes(time.strftime("%H:%M")) == time.hour * 60 + time.minute


# Leave


@pytest.mark.parametrize(("first", "last"), [("2026-12-01", "2026-12-01"), ("2027-01-01", "2028-01-01")])
def test_a_leave_lasts_a_day_to_366_days(first: str, last: str) -> None:
    read("leave.granted", {**golden.data("leave.granted.v1"), "from": first, "to": last})


@pytest.mark.parametrize(("first", "last"), [("2026-12-02", "2026-12-01"), ("2027-01-01", "2028-01-02")])
def test_a_leave_does_not_end_before_it_begins_nor_last_longer(first: str, last: str) -> None:
    spoilt = {**golden.data("leave.granted.v1"), "from": first, "to": last}
    assert errors("leave.granted", spoilt) == {("", "rule")}


# Alerts


def test_an_alerts_id_is_the_same_whoever_works_it_out() -> None:
    """Written down once: should it ever change, every alert in the log would be raised again."""
    found = alert_id(Rule.MISSED_REPORT, "in-mp.guna", "2026-11-23", 1)
    assert found == "8a6cbcf1-313c-522f-9b9e-0b211a6ba0cf"
    for name in ("alert.raised.v1", "alert.raised.v2", "alert.resolved.v2", "alert.reopened.v1"):
        event = golden.event(name)
        assert isinstance(event.data, AlertData)
        assert event.data.event_id() == event.id
        assert UUID(found).version == UUID(event.id).version == 5
    assert golden.event("alert.raised.v1").id == "ee1f938d-3f99-5853-accc-3fb8f54b626c"


def test_each_part_of_an_alert_makes_another_id() -> None:
    ids = {
        alert_id(rule, subject, period, level)
        for rule in Rule
        for subject in ("in-mp.guna", "in-mp.bhopal-city")
        for period in ("2026-11-23", "2026-11-24")
        for level in (1, 2)
    }
    assert len(ids) == len(Rule) * 8
    events = {
        model.model_validate_json(
            json.dumps({**data, "alert_id": alert, "cause": {"stream": stream, "offset": offset}})
        ).event_id()
        for alert in ids
        for model, data in (
            (AlertRaised, golden.data("alert.raised.v2")),
            (AlertReopened, golden.data("alert.reopened.v1")),
        )
        for stream in ("a", "b")
        for offset in (1, 11)
    }
    assert len(events) == len(ids) * 8


def test_an_alerts_subject_is_written_as_subject() -> None:
    data = golden.data("alert.raised.v2")
    assert read("alert.raised", data).model_dump(mode="json") == data
    assert read("alert.raised", {**data, "subject": "in-mp"}).subject == "in-mp"  # the state as a whole
    assert errors("alert.raised", {**data, "subject": "in-rj.alwar"}) == {("", "rule")}


# No message repeats what was sent


def _places(value: Any, path: str = "") -> Iterator[str]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for member, inner in members:
        yield f"{path}{member}"
        yield from _places(inner, f"{path}{member}.")


@pytest.mark.parametrize("name", EVERY_VERSION)
def test_no_validation_message_repeats_what_was_sent(name: str) -> None:
    for path in _places(example(name)):
        for planted in (CANARY, [CANARY], {CANARY: CANARY}, CANARY * 1_000, f"{CANARY}\x00"):
            # Free text takes some of them; all others are refused, and `errors` looks at the messages.
            with suppress(pytest.fail.Exception):
                errors(name, with_member(name, path, planted))
    assert errors(name, {**example(name), "extra": CANARY}) == {("extra", "extra_forbidden")}
    assert errors(name, CANARY)
    with pytest.raises(ValidationError) as raised:
        model(name).model_validate_json(CANARY)
    assert CANARY not in raised.value.errors()[0]["msg"]


# What the canonical form relies on


def _schemas(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _schemas(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _schemas(inner)


@pytest.mark.parametrize("type_name", list(TYPES))
def test_numbers_are_integers_of_53_bits_and_member_names_ascii(type_name: str) -> None:
    """So that canonical JSON is exact (RFC 8785): no floats, no larger integers, no member names to sort as UTF-16."""
    for schema in _schemas(TYPES[type_name].data.model_json_schema()):
        assert schema.get("type") != "number"
        if schema.get("type") == "integer":
            assert schema["minimum"] >= 0
            assert schema["maximum"] <= 2**53 - 1
        assert all(name.isascii() for name in schema.get("properties", {}))
