"""What was written in an older version, read by today's code: all of it, as it was, under its first receipt."""

import json
from dataclasses import replace

import pytest

from libs.events import policy, policy_v1, reports, reports_v1
from libs.events.codec import decode, encode, hash_as_written
from libs.events.upcasters import UPCASTERS, lift
from tests.events import golden, old_log
from tests.events.old_log import OLD_LOG, Old

V1 = [name for name in golden.TEXTS if name.startswith(("report.filed.v1", "report.corrected.v1"))]


@pytest.mark.parametrize("name", V1)
def test_a_report_of_version_1_loses_nothing_and_still_says_which_form_was_filled_in(name: str) -> None:
    event, said = golden.event(name), golden.data(name)
    assert type(event.data) in {reports.ReportFiled, reports.ReportCorrected}
    understood = event.data.model_dump(mode="json")
    assert understood.pop("digital") is None
    understood["activities"]["media_mentions"] = understood["activities"].pop("press_mentions")
    assert understood == said
    assert understood["form"] == "daily.v1"


@pytest.mark.parametrize("name", V1)
def test_what_an_upcaster_makes_fits_the_model_of_its_version_but_for_the_form(name: str) -> None:
    data = golden.event(name).data
    as_version_2 = {**data.model_dump(mode="json"), "form": "daily.v2"}
    assert type(data).model_validate_json(json.dumps(as_version_2)).model_dump(mode="json") == as_version_2


@pytest.mark.parametrize("name", V1)
def test_lifting_changes_neither_what_is_written_nor_what_is_lifted_already(name: str) -> None:
    event = golden.event(name)
    assert isinstance(event.written, reports_v1.Report)
    before = replace(event, data=event.written, written=None)
    dumped = event.written.model_dump_json()
    assert lift(before) == lift(before) == event == lift(event)
    assert event.written.model_dump_json() == dumped
    assert lift(before, {}) == before


@pytest.mark.parametrize("name", [name for name in golden.TEXTS if name.startswith("policy.adopted.v1")])
def test_a_policy_of_version_1_gives_no_credit_holds_nothing_and_escalates_nothing(name: str) -> None:
    event, said = golden.event(name), golden.data(name)
    assert isinstance(event.data, policy.PolicyAdopted)
    assert isinstance(event.written, policy_v1.PolicyAdopted)
    nothing: dict[str, object] = {"credit": None, "hold": None, "escalate_minutes": []}
    assert event.data.model_dump(mode="json") == said | nothing
    assert policy.PolicyAdopted.model_validate_json(json.dumps(said | nothing)) == event.data


def test_the_latest_version_is_handed_on_as_it_is() -> None:
    event = golden.event("report.filed.v2")
    assert lift(event) is event
    assert (event.written, event.as_written) == (None, event.data)
    assert not {type(golden.event(name).data) for name in golden.TEXTS} & UPCASTERS.keys()


@pytest.mark.parametrize("old", OLD_LOG, ids=range(len(OLD_LOG)))
def test_an_old_log_is_read_and_written_again_byte_for_byte(old: Old) -> None:
    event = decode(old.record.headers, old.record.value)
    assert encode(event) == (old.record.headers, old.record.value)
    assert event.sha256 is None
    assert event.body_hash() == hash_as_written(event, old.record.value) == old.receipt["sha256"]


def test_the_old_log_holds_reports_of_version_1() -> None:
    for old in old_log.REPORTS:
        event = decode(old.record.headers, old.record.value)
        assert event.type in {"rozana.report.filed.v1", "rozana.report.corrected.v1"}
        assert isinstance(event.data, reports.Report)
        assert event.data.activities.press_mentions == json.loads(old.record.value)["activities"]["media_mentions"]
