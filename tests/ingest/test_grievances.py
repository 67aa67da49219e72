"""POST /v1/grievances: what is raised is kept; who raised it, and when on the day, is nowhere."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prometheus_client import generate_latest

from libs.events.grievances import GrievanceRaised
from libs.runtime.limits import Rate
from tests.duty.events import closed_district, filed, instant
from tests.ingest.desk import GRIEVANCES, NOW, ROSTER, SOON, TODAY, Desk, running

ID = "6f1d0a5e-3b64-4b4e-9a51-0f4d1c1f7a10"
BODY = {"id": ID, "district": "in-mp.guna", "category": "conduct", "severity": "high"}
TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


async def test_a_grievance_becomes_an_event_that_tells_nothing_of_its_sender(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        answer = await desk.post("/v1/grievances", BODY, token="", headers=TRACE)
        assert answer.status_code == 202
        assert "location" not in answer.headers
        receipt = answer.json()
        assert receipt.pop("sha256")
        # No offset: who posts twice would learn whether somebody else has posted in between.
        assert receipt == {"id": ID, "received_at": "2026-11-23T00:00:00Z"}
        event, data = await desk.last(GRIEVANCES)
        assert data == GrievanceRaised.model_validate_json(
            f'{{"state":"in-mp","district":"in-mp.guna","grievance_id":"{ID}","category":"conduct","severity":"high"}}'
        )
        assert (event.actor, event.traceparent, event.source) == (None, None, "urn:rozana:grievances")
        assert event.time == datetime(2026, 11, 23, tzinfo=UTC)
        (record,) = await desk.log.read(GRIEVANCES, 0)
        assert record.key == "in-mp.guna"


async def test_a_token_makes_no_difference_and_leaves_no_trace(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        for token in (desk.token("aicc", "in"), "forged"):
            assert (await desk.post("/v1/grievances", BODY, token=token, headers=TRACE)).status_code in {200, 202}
        event, _ = await desk.last(GRIEVANCES)
        assert event.actor is None
        assert "aicc" not in desk.logged.getvalue()


async def test_a_retry_of_another_day_is_the_same_grievance(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        first = await desk.post("/v1/grievances", BODY, token="")
    async with running(tmp_path) as desk:
        desk.clock.advance_to(instant("2026-11-25T09:00"))
        again = await desk.post("/v1/grievances", dict(reversed(BODY.items())) | {"id": ID.upper()}, token="")
        assert (again.status_code, again.json()) == (200, first.json())
        other = await desk.post("/v1/grievances", BODY | {"severity": "low"}, token="")
        assert other.status_code == 409
        assert await desk.ids(GRIEVANCES) == [ID]


async def test_a_closed_district_can_still_be_complained_about(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, closed_district("guna", at=NOW)) as desk:
        assert (await desk.post("/v1/grievances", BODY, token="")).status_code == 202


async def test_all_who_come_without_a_token_share_one_rate(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, rate=Rate(1, 2)) as desk:
        answers = [await desk.post("/v1/grievances", BODY, token=token) for token in ("", "x", desk.token())]
        assert [answer.status_code for answer in answers] == [202, 200, 429]
        assert int(answers[2].headers["retry-after"]) >= 1


@pytest.mark.parametrize("sent", [BODY, {"id": "spoilt"}], ids=["taken", "spoilt"])
async def test_a_flood_without_tokens_takes_nothing_from_the_presidents(
    tmp_path: Path, sent: dict[str, object]
) -> None:
    """Their reports come out of buckets of their own, in which nobody without a token has a share."""
    refused, enough = 0, asyncio.Event()
    async with (
        running(tmp_path, *ROSTER, rate=Rate(1, 30)) as desk,
        httpx.AsyncClient(transport=httpx.ASGITransport(desk.app), base_url="http://ingest") as client,
    ):

        async def flood() -> None:
            nonlocal refused
            while True:
                answer = await client.post("/v1/grievances", json={**sent, "id": str(uuid4())})
                if answer.status_code == 429:
                    refused += 1
                    enough.set()
                await asyncio.sleep(0.01)  # as a line takes its time: it shares the loop with what it floods

        floods = [asyncio.create_task(flood()) for _ in range(4)]
        try:
            async with asyncio.timeout(SOON):
                await enough.wait()
                for number in range(10):
                    before = refused
                    answer = await desk.report(filed("guna", TODAY, NOW, known_as=f"report {number}"))
                    assert answer.status_code == 202, answer.text
                    while refused < before + 4:  # noqa: ASYNC110 -- the flood goes on between any two of them
                        await asyncio.sleep(0.001)
        finally:
            for each in floods:
                each.cancel()
            await asyncio.gather(*floods, return_exceptions=True)


async def test_its_receipt_is_for_the_national_office_only(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        sent = await desk.post("/v1/grievances", BODY, token="")

        async def asked(role: str, scope: str) -> tuple[int, object]:
            answer = await desk.get(f"/v1/receipts/{ID}", token=desk.token(role, scope))
            return answer.status_code, answer.json().get("offset")

        assert "offset" not in sent.json()
        assert await asked("aicc", "in") == (200, 0)
        assert await asked("aicc", "in-mp") == (200, 0)
        assert await asked("aicc", "in-rj") == (404, None)
        assert await asked("pcc", "in-mp") == (404, None)
        assert await asked("president", "in-mp.guna") == (404, None)
        assert await asked("operator", "in") == (403, None)


async def test_nothing_but_a_count_is_measured_and_shown_when_the_day_is_over(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        before = (await desk.get("/metrics")).text
        assert (await desk.post("/v1/grievances", BODY, token="")).status_code == 202
        assert "grievance" not in (await desk.get("/metrics")).text.replace(before, "")
        assert desk.count("rozana.grievance.raised.v1", "accepted") == 0
        desk.clock.advance_to(desk.clock.now() + timedelta(days=1))
        assert (await desk.get("/metrics")).status_code == 200
        assert desk.count("rozana.grievance.raised.v1", "accepted") == 1
        assert seconds(desk) == 0


async def test_the_first_who_asks_on_a_new_day_is_not_shown_what_that_day_has_brought(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        assert (await desk.get("/metrics")).status_code == 200
        desk.clock.advance_to(desk.clock.now() + timedelta(days=1))
        assert (await desk.post("/v1/grievances", BODY, token="")).status_code == 202
        assert (await desk.get("/metrics")).status_code == 200
        assert desk.count("rozana.grievance.raised.v1", "accepted") == 0
        desk.clock.advance_to(desk.clock.now() + timedelta(days=1))
        assert (await desk.get("/metrics")).status_code == 200
        assert desk.count("rozana.grievance.raised.v1", "accepted") == 1


async def test_a_first_try_that_is_refused_tells_no_hour_either(tmp_path: Path) -> None:
    """Text cannot be sent yet: who tries it, and then sends the grievance without, must not be seen trying."""
    async with running(tmp_path, *ROSTER, reads=False) as desk:  # nothing else moves a metric meanwhile
        before = (await desk.get("/metrics")).text
        assert (await desk.post("/v1/grievances", BODY | {"text": "a secret"}, token="")).status_code == 422
        after = (await desk.get("/metrics")).text
        of_asking = "rozana_http_request"
        assert [line for line in after.splitlines() if line not in before and not line.startswith(of_asking)] == []
        desk.clock.advance_to(desk.clock.now() + timedelta(days=1))
        assert (await desk.get("/metrics")).status_code == 200
        assert desk.count("unread", "malformed") == 1


def seconds(desk: Desk) -> float | None:
    return desk.metrics.registry.get_sample_value("rozana_append_seconds_count")


async def test_neither_metrics_nor_the_log_tell_the_hour(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        assert (await desk.post("/v1/grievances", BODY, token="")).status_code == 202
        assert GRIEVANCES not in generate_latest(desk.metrics.registry).decode()
        (record,) = await desk.log.read(GRIEVANCES, 0)
        assert record.appended_at.time() == time()
