"""Canonical JSON against a reference implementation of RFC 8785, and the hash that names a body."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from libs.events.canonical import body_hash, canonical_hash, canonical_json
from libs.events.catalogue import TYPES
from tests.events import golden

SAFE = 2**53 - 1
"""The largest integer that every JSON reader has exactly (RFC 8785, appendix D)."""

# Lone surrogates are no text: JSON that holds one is refused before it gets here.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(VALUES)
@example("".join(map(chr, range(0x20))) + '"\\/\x7f\x80\u2028\u2029\ufeff\uffff')
@example("क्ष 😀 \U00010000 \U0010ffff")
@example({"b": [SAFE, -SAFE, 0], "a": {}, "": [], "B": True, "_": None, "\x00": "\x7f"})
def test_canonical_json_is_what_the_reference_gives(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)
    assert canonical_hash(value) == hashlib.sha256(rfc8785.dumps(value)).hexdigest()


@given(TEXTS)
def test_astral_characters_escaped_as_surrogate_pairs_have_the_same_canonical_form(text: str) -> None:
    """A client may send \\ud83d\\ude00 or the character itself: the body is the same."""
    assert canonical_json(json.loads(json.dumps(text, ensure_ascii=True))) == rfc8785.dumps(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")], "\ud800", {"a": "\udfff"}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- UnicodeEncodeError for surrogates, ValueError for numbers
        canonical_json(value)


@pytest.mark.parametrize("name", list(golden.TEXTS))
def test_all_our_data_lies_where_both_agree(name: str) -> None:
    assert canonical_json(golden.data(name)) == rfc8785.dumps(golden.data(name))


def _body_of_post_reports(name: str) -> dict[str, Any]:
    """What the phone sends to POST /v1/reports: no state, but the id."""
    item = golden.item(name)
    return {"id": item["id"], **{member: value for member, value in item["data"].items() if member != "state"}}


@pytest.mark.parametrize("name", [name for name in golden.TEXTS if name.startswith(("report.filed", "report.correct"))])
def test_the_hash_of_a_report_is_that_of_the_posted_body(name: str) -> None:
    expected = hashlib.sha256(rfc8785.dumps(_body_of_post_reports(name))).hexdigest()
    assert golden.event(name).body_hash() == expected


def test_the_hash_of_a_grievance_is_that_of_the_posted_body() -> None:
    item = golden.item("grievance.raised.v1")
    body = {"id": item["id"], **{member: item["data"][member] for member in ("district", "category", "severity")}}
    assert golden.event("grievance.raised.v1").body_hash() == hashlib.sha256(rfc8785.dumps(body)).hexdigest()


def test_the_hash_of_any_other_event_is_that_of_its_id_and_data() -> None:
    item = golden.item("policy.adopted.v1")
    body = {"id": item["id"], **item["data"]}
    assert golden.event("policy.adopted.v1").body_hash() == hashlib.sha256(rfc8785.dumps(body)).hexdigest()


@pytest.mark.parametrize("name", list(golden.TEXTS))
def test_the_hash_depends_on_the_body_only(name: str) -> None:
    event = golden.event(name)
    later = replace(event, source="urn:another", time=event.time.replace(year=2030), actor="pcc:someone")
    assert later.body_hash() == event.body_hash()
    other_id = replace(event, id="0193a5c0-ffff-7000-8000-00000000ffff")
    assert other_id.body_hash() != event.body_hash()


@pytest.mark.parametrize("name", list(golden.TEXTS))
def test_the_hash_changes_with_every_member_that_the_client_sends(name: str) -> None:
    item, data = golden.item(name), golden.data(name)
    set_by_ingest = TYPES[item["type"]].data.SET_BY_INGEST
    assert set_by_ingest <= data.keys()
    before = body_hash(item["id"], data, set_by_ingest)
    assert before == golden.event(name).body_hash()
    for member in data:
        changed = body_hash(item["id"], {**data, member: "something else"}, set_by_ingest)
        assert (changed == before) == (member in set_by_ingest)


def test_members_left_out_and_members_at_their_default_are_the_same_body() -> None:
    """A retry by a newer phone app that spells the defaults out is still a retry."""
    full = golden.data("report.filed.v1.least")
    short = {name: value for name, value in full.items() if name not in {"evidence", "supersedes"}}
    model = TYPES["rozana.report.filed.v1"].data
    first, second = (model.model_validate_json(json.dumps(data)) for data in (full, short))
    assert first == second
