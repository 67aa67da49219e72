"""Which forms are taken (ROZANA_FORMS), what of them stands in the log, and retries on both sides of an upgrade."""

from pathlib import Path
from typing import Any

import pytest

from libs.events.codec import decode
from libs.events.envelope import Event
from libs.events.reports import Digital, FormName, ReportCorrected, ReportFiled
from tests.duty.events import STREAM, corrected, filed, instant, on_form_2, tenure
from tests.events import old_log
from tests.events.old_log import OLD_LOG, REPORTS
from tests.ingest.desk import NOW, ROSTER, TODAY, Desk, cloud_event, report_body, running

BOTH: tuple[FormName, ...] = ("daily.v1", "daily.v2")
ON_1 = filed("guna", TODAY, NOW, summary="as ever")
ONLINE = Digital(posts=3, people_reached=900, groups=4)
ON_2 = on_form_2(ON_1, ONLINE)


async def written(desk: Desk) -> list[tuple[str, str]]:
    """Type and form of each report in the log, as it was written."""
    events = [decode(record.headers, record.value) for record in await desk.log.read(STREAM, len(ROSTER))]
    return [(event.type, event.as_written.model_dump()["form"]) for event in events]


async def told(desk: Desk, path: str, sent: dict[str, Any]) -> list[dict[str, str]]:
    """The errors of a 422; nothing is appended."""
    before = await desk.log.end(STREAM)
    answer = await (desk.post(path, sent) if path == "/v1/reports" else desk.batch(sent))
    problem = answer[0] if isinstance(answer, list) else answer.json()
    assert problem["status"] == 422
    assert await desk.log.end(STREAM) == before
    errors: list[dict[str, str]] = problem["errors"]
    return errors


@pytest.mark.parametrize(
    ("forms", "sent", "taken"),
    [
        (("daily.v1",), ON_2, "daily.v1"),
        (("daily.v2",), ON_1, "daily.v2"),
    ],
)
async def test_a_form_that_is_not_switched_on_is_refused(
    tmp_path: Path, forms: tuple[FormName, ...], sent: Event, taken: str
) -> None:
    async with running(tmp_path, *ROSTER, forms=forms) as desk:
        detail = f"this form is not taken here, but {taken}"
        assert await told(desk, "/v1/reports", report_body(sent)) == [{"pointer": "/form", "detail": detail}]
        assert await told(desk, "/v1/events", cloud_event(sent)) == [{"pointer": "/data/form", "detail": detail}]


async def test_without_the_setting_only_version_1_is_taken(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        assert (await desk.report(ON_2)).status_code == 422
        assert (await desk.event(ON_2)).status_code == 422
        assert (await desk.report(ON_1)).status_code == 202
        assert await written(desk) == [("rozana.report.filed.v1", "daily.v1")]


@pytest.mark.parametrize("forms", [("daily.v1",), BOTH])
async def test_a_report_names_its_form(tmp_path: Path, forms: tuple[FormName, ...]) -> None:
    async with running(tmp_path, *ROSTER, forms=forms) as desk:
        (unknown,) = await told(desk, "/v1/reports", report_body(ON_1, form="weekly"))
        assert unknown == {"pointer": "/form", "detail": f"this form is not taken here, but {' and '.join(forms)}"}
        for wrong in (None, 1, ["daily.v1"]):
            assert "/form" in {
                each["pointer"] for each in await told(desk, "/v1/reports", report_body(ON_1, form=wrong))
            }
        nameless = report_body(ON_1)
        del nameless["form"]
        assert [each["pointer"] for each in await told(desk, "/v1/reports", nameless)] == ["/form"]
        assert (await desk.post("/v1/reports", [])).status_code == 422


async def test_each_form_is_held_to_its_own_members(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, forms=BOTH) as desk:
        for one, other in ((ON_1, ON_2), (ON_2, ON_1)):
            mixed = report_body(one, form=report_body(other)["form"])
            assert {each["pointer"] for each in await told(desk, "/v1/reports", mixed)} >= {"/activities"}
        as_2 = cloud_event(ON_2)
        as_2["data"]["form"] = "daily.v1"
        assert await told(desk, "/v1/events", as_2) == [{"pointer": "/data/form", "detail": "must be daily.v2"}]


async def test_the_version_that_was_sent_stands_in_the_log(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, forms=BOTH) as desk:
        assert (await desk.report(ON_1)).status_code == 202
        first, data = await desk.last()
        assert type(data) is ReportFiled
        assert (first.as_written, data.form) == (ON_1.as_written, "daily.v1")
        assert (await desk.report(ON_2)).status_code == 202
        second, data = await desk.last()
        assert type(data) is ReportFiled
        assert (second.written, data, data.digital) == (None, ON_2.data, ONLINE)
        assert await written(desk) == [("rozana.report.filed.v1", "daily.v1"), ("rozana.report.filed.v2", "daily.v2")]
        assert desk.count("rozana.report.filed.v2", "accepted") == 1


async def test_a_retry_of_either_form_is_known_by_either_route_and_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, forms=BOTH) as desk:
        first = {event.id: (await desk.report(event)).json() for event in (ON_1, ON_2)}
    async with running(tmp_path, forms=BOTH) as desk:
        for event in (ON_1, ON_2):
            for again in (await desk.report(event), await desk.event(event)):
                assert (again.status_code, again.json()) == (200, first[event.id])
            assert (await desk.report(event, summary="other")).status_code == 409
        for event, other in ((ON_1, ON_2), (ON_2, ON_1)):  # the same id on the other form says something else
            assert (await desk.report(other, id=event.id)).status_code == 409
        assert len(await desk.ids()) == len(ROSTER) + 2


@pytest.mark.parametrize(("filed_on", "corrected_on"), [(1, 2), (2, 1), (2, 2)])
async def test_a_report_on_one_form_is_corrected_on_the_other(tmp_path: Path, filed_on: int, corrected_on: int) -> None:
    async with running(tmp_path, *ROSTER, forms=BOTH) as desk:
        report = ON_1 if filed_on == 1 else ON_2
        assert (await desk.report(report)).status_code == 202
        correction = corrected("guna", TODAY, NOW, of=report.id, summary="five villages")
        correction = correction if corrected_on == 1 else on_form_2(correction)
        assert (await desk.report(correction)).status_code == 202
        event, data = await desk.last()
        assert type(data) is ReportCorrected
        assert event.type == f"rozana.report.corrected.v{corrected_on}"
        again = corrected("guna", TODAY, NOW, of=report.id, summary="stale")
        assert (await desk.event(again)).status_code == 409


async def _old(desk: Desk) -> None:
    desk.clock.advance_to(instant("2026-11-25T09:00"))
    for old in OLD_LOG:
        await desk.log.append(STREAM, [old.record])


async def test_a_retry_of_what_was_filed_before_the_upgrade_has_its_first_receipt(tmp_path: Path) -> None:
    async with running(tmp_path, forms=BOTH) as desk:
        await _old(desk)
        bhind = desk.token("president", "in-mp.bhind", tenure("bhind", "bela"))
        for old in REPORTS:
            token = bhind if old is old_log.OF_BHIND else None
            again = await desk.post("/v1/reports", old.body(), token=token)
            assert (again.status_code, again.json()) == (200, old.receipt)
            other = await desk.post("/v1/reports", old.body() | {"summary": "other"}, token=token)
            assert other.status_code == 409
        assert await desk.log.end(STREAM) == len(OLD_LOG)


async def test_what_was_filed_before_the_upgrade_is_corrected_on_the_new_form(tmp_path: Path) -> None:
    async with running(tmp_path, forms=BOTH) as desk:
        await _old(desk)
        correction = corrected("guna", "2026-11-24", NOW, of=old_log.CORRECTION.receipt["id"], summary="once more")
        assert (await desk.report(on_form_2(correction))).status_code == 202


async def test_both_forms_are_described_where_both_are_taken(tmp_path: Path) -> None:
    for forms, names in (
        (BOTH, {"ReportBodyV1", "ReportBody"}),
        (BOTH[:1], {"ReportBodyV1"}),
        (BOTH[1:], {"ReportBody"}),
    ):
        async with running(tmp_path, forms=forms) as desk:
            document = (await desk.get("/openapi.json")).json()
        schemas = document["components"]["schemas"]
        assert {f"{name}-Input" for name in names} == {name for name in schemas if name.startswith("ReportBody")}
        for name in names:
            form = schemas[f"{name}-Input"]["properties"]["form"]["const"]
            assert form == ("daily.v1" if name.endswith("V1") else "daily.v2")
            activities = schemas[schemas[f"{name}-Input"]["properties"]["activities"]["$ref"].rpartition("/")[2]]
            assert ("media_mentions" in activities["properties"]) == (form == "daily.v1")
        event = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/cloudevents+json"]
        posted = {name for name in event["schema"]["discriminator"]["mapping"] if "report.filed" in name}
        assert posted == {f"rozana.report.filed.v{form[-1]}" for form in forms}
