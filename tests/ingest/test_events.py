"""POST /v1/events: what the offices say, one by one and in batches."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from libs.events.envelope import Event
from libs.events.policy import PolicyAdopted
from libs.events.values import EventData
from tests.duty.events import (
    STREAM,
    added,
    appointed,
    closed_district,
    excused,
    filed,
    holiday,
    instant,
    named,
    no_holiday,
    on_leave,
    policy,
    relieved,
    reviewed,
)
from tests.ingest.desk import EVENT, NOW, ROSTER, TODAY, cloud_event, running

REPORT = filed("guna", TODAY, NOW)


def rajasthan(event: Event, known_as: str) -> Event:
    """The same said of another state."""
    data = event.data.model_dump(mode="json") | {"state": "in-rj"}
    if "district" in data:
        data["district"] = data["district"].replace("in-mp", "in-rj")
    if "tenure_id" in data:
        data["tenure_id"] = named(known_as)
    model: type[EventData] = type(event.data)
    return replace(event, id=named(known_as), data=model.model_validate_json(json.dumps(data)))


async def test_a_single_event_is_answered_as_a_report_is(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        sent = policy()
        office = desk.token("pcc", "in-mp")
        answer = await desk.event(sent, token=office)
        assert answer.status_code == 202
        assert answer.headers["location"] == f"/v1/receipts/{sent.id}"
        assert answer.json() == {
            "id": sent.id,
            "stream": STREAM,
            "offset": 0,
            "received_at": "2026-11-23T14:30:00Z",
            "sha256": sent.body_hash(),
        }
        event, data = await desk.last()
        assert isinstance(data, PolicyAdopted)
        assert data == sent.data
        assert (event.source, event.time) == (sent.source, instant(NOW))  # the client's own time is not looked at
        assert event.actor == "pcc:demo-pcc-in-mp"
        again = await desk.event(sent, token=office, source="urn:elsewhere", time="whenever", dataschema="urn:x")
        assert (again.status_code, again.json()) == (200, answer.json())


async def test_every_type_of_the_offices_can_be_posted(tmp_path: Path) -> None:
    said = [
        added("harda"),
        appointed("harda", "chand"),
        on_leave("harda", "2026-11-25", "2026-11-26", holder="chand"),
        relieved("harda", "chand", until="2026-11-27", at=NOW),
        closed_district("harda", at=NOW),
        holiday("2026-11-28"),
        no_holiday("2026-11-28", at=NOW),
        excused("bhind", TODAY, at=NOW),
        reviewed("guna", REPORT.id, at=NOW),
        policy(version=2, effective_from="2026-12-01"),
    ]
    async with running(tmp_path, *ROSTER, REPORT) as desk:
        results = await desk.batch(*said, token=desk.token("aicc", "in"))
        assert [result["status"] for result in results] == [202] * len(said), results
        assert [result["offset"] for result in results] == list(range(6, 16))
        assert (await desk.ids())[6:] == [event.id for event in said]
        again = await desk.batch(*said, token=desk.token("pcc", "in-mp"))
        assert again == [result | {"status": 200} for result in results]


async def test_each_item_is_decided_after_those_before_it(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        unknown, taken = added("harda"), added("guna", name="Guna city")
        items = [appointed("guna"), *ROSTER, taken, ROSTER[0], unknown, replace(unknown, id=ROSTER[0].id), REPORT]
        results = await desk.batch(*items, token=desk.token("pcc", "in-mp"))
        statuses = [result["status"] for result in results]
        # Guna is not known yet; the roster; a taken code; a retry; another district; a taken id; not the office's.
        assert statuses == [404, 202, 202, 202, 202, 202, 409, 200, 202, 409, 403]
        assert results[0] == {
            "id": appointed("guna").id,
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "there is no such district",
            "errors": [{"pointer": "/data/district", "detail": "there is no such district"}],
        }
        assert await desk.ids() == [event.id for event in (*ROSTER, unknown)]


async def test_a_batch_may_be_empty_and_have_500_items(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        assert await desk.batch() == []
        results = await desk.batch(*[ROSTER[0]] * 500, token=desk.token("pcc", "in-mp"))
        assert [result["status"] for result in results] == [200] * 500


async def test_a_president_posts_his_own_reports_only(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        results = await desk.batch(REPORT, filed("bhind", TODAY, NOW, holder="bela"), added("harda"), ROSTER[0])
        assert [result["status"] for result in results] == [202, 404, 404, 404]
        results = await desk.batch(excused("guna", TODAY, at=NOW), reviewed("guna", REPORT.id, at=NOW))
        assert [result["status"] for result in results] == [403, 403]
        assert desk.count("rozana.day.excused.v1", "forbidden") == 1
        assert desk.count(REPORT.type, "not-found") == 1


async def test_the_rest_of_a_state_is_not_tried_once_its_log_has_failed(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        desk.fail_commits(1)
        elsewhere = [rajasthan(ROSTER[0], "policy of Rajasthan"), rajasthan(ROSTER[1], "Guna of Rajasthan")]
        wrong = cloud_event(ROSTER[1], source="")
        results = await desk.batch(
            *ROSTER[:2], elsewhere[0], wrong, ROSTER[2], elsewhere[1], token=desk.token("aicc", "in")
        )
        assert [result["status"] for result in results] == [503, 503, 202, 422, 503, 202]
        assert "retry with the same id" in results[0]["detail"]
        assert await desk.ids() == []
        assert await desk.ids("rozana.in-rj.reports") == [event.id for event in elsewhere]
        assert desk.count(ROSTER[1].type, "unavailable") == 0  # not tried
        results = await desk.batch(*ROSTER[:3], *elsewhere, token=desk.token("aicc", "in"))
        assert [result["status"] for result in results] == [202, 202, 202, 200, 200]


async def test_the_cloudevents_sdk_can_post(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        sent = cloud_event(policy())
        attributes = {name: value for name, value in sent.items() if name not in {"data", "time"}}
        message = JSONFormat().write(CloudEvent(attributes, sent["data"]))
        assert b'"time"' in message
        answer = await desk.post("/v1/events", message, token=desk.token("pcc", "in-mp"), media_type=EVENT)
        assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("media_type", [EVENT.upper(), f"{EVENT}; charset=UTF-8"])
async def test_the_media_type_is_compared_without_case(tmp_path: Path, media_type: str) -> None:
    async with running(tmp_path) as desk:
        answer = await desk.post(
            "/v1/events",
            cloud_event(policy(), datacontenttype="Application/JSON; charset=utf-8"),
            token=desk.token("pcc", "in-mp"),
            media_type=media_type,
        )
        assert answer.status_code == 202
