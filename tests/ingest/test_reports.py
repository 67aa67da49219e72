"""POST /v1/reports: a president's day becomes one event, however often and by whichever route it is sent."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from libs.events.codec import hash_as_written
from libs.events.reports import ReportCorrected, ReportFiled
from libs.runtime.limits import Rate
from tests.duty.events import STREAM, appointed, corrected, filed, instant, named, tenure
from tests.ingest.desk import NOW, ROSTER, TODAY, report_body, running

REPORT = filed("guna", TODAY, NOW, summary="चार गाँवों का दौरा 🌾")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_report_becomes_an_event(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        answer = await desk.post("/v1/reports", report_body(REPORT), headers={"traceparent": TRACE})
        assert answer.status_code == 202
        assert answer.json() == {
            "id": REPORT.id,
            "stream": STREAM,
            "offset": 5,
            "received_at": "2026-11-23T14:30:00Z",
            "sha256": REPORT.body_hash(),
        }
        assert answer.headers["location"] == f"/v1/receipts/{REPORT.id}"
        event, data = await desk.last()
        assert data == REPORT.data
        assert type(data) is ReportFiled
        assert (event.id, event.time, event.source) == (REPORT.id, instant(NOW), "urn:rozana:district:in-mp.guna")
        assert (event.actor, event.traceparent) == ("president:demo-president-in-mp.guna", TRACE)
        (record,) = await desk.log.read(STREAM, 5)
        assert record.key == "in-mp.guna"
        assert dict(record.headers)["ce_sha256"].decode() == answer.json()["sha256"]
        assert hash_as_written(event, record.value) == answer.json()["sha256"]


@pytest.mark.parametrize("traceparent", ["", "x", TRACE.upper(), TRACE + "-x", f"00-{'0' * 32}-00f067aa0ba902b7-01"])
async def test_a_malformed_trace_is_not_kept(tmp_path: Path, traceparent: str) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        answer = await desk.post("/v1/reports", report_body(REPORT), headers={"traceparent": traceparent})
        assert answer.status_code == 202
        assert (await desk.last())[0].traceparent is None


async def test_what_is_superseded_makes_it_a_correction(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        assert (await desk.report(REPORT)).status_code == 202
        correction = corrected("guna", TODAY, NOW, of=REPORT.id, summary="five villages")
        assert (await desk.report(correction)).status_code == 202
        _, data = await desk.last()
        assert type(data) is ReportCorrected
        assert data == correction.data


async def test_eight_copies_at_once_are_one_event(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        answers = await asyncio.gather(*(desk.report(REPORT) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]
        assert len({answer.text for answer in answers}) == 1
        assert (await desk.ids())[5:] == [REPORT.id]
        assert desk.count(REPORT.type, "accepted") == 1
        assert desk.count(REPORT.type, "replayed") == 7


async def test_another_body_beside_it_is_a_conflict_once_the_first_stands(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        answers = await asyncio.gather(*(desk.report(REPORT, summary=str(n)) for n in range(4)))
        assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
        assert len((await desk.ids())[5:]) == 1


async def test_a_retry_is_known_by_what_it_says_not_by_how_it_is_written(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        first = await desk.report(REPORT)
        body = report_body(REPORT)
        turned = dict(reversed(body.items()), activities=dict(reversed(body["activities"].items())))
        turned |= {"id": REPORT.id.upper(), "tenure_id": tenure("guna").upper()}
        del turned["supersedes"], turned["evidence"]
        for written in (
            json.dumps(turned, indent=3).encode(),
            json.dumps(turned, ensure_ascii=False).encode(),
        ):
            again = await desk.post("/v1/reports", written)
            assert (again.status_code, again.json()) == (200, first.json())
            assert "location" not in again.headers
        assert (await desk.event(REPORT)).json() == first.json()  # the same event by the other route
        assert (await desk.report(REPORT, summary="other")).status_code == 409
        assert (await desk.event(replace(REPORT, id=named("new")))).status_code == 202
        assert (await desk.report(replace(REPORT, id=named("new")))).status_code == 200
        assert (await desk.ids())[5:] == [REPORT.id, named("new")]


async def test_a_retry_is_recognised_after_a_restart_and_after_the_lock(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        first = await desk.report(REPORT)
    async with running(tmp_path) as desk:
        # At once: the index has not read the log yet.
        again, other = await asyncio.gather(desk.report(REPORT), desk.report(REPORT, summary="other"))
        assert (again.status_code, again.json(), other.status_code) == (200, first.json(), 409)
        desk.clock.advance_to(instant("2026-12-20T09:00"))
        assert (await desk.report(REPORT)).status_code == 200
        assert (await desk.report(replace(REPORT, id=named("late")))).status_code == 422
        assert (await desk.ids())[5:] == [REPORT.id]


async def test_a_retry_is_recognised_in_a_log_without_hashes(tmp_path: Path) -> None:
    """What stood there before ingest wrote a body's hash beside it."""
    async with running(tmp_path, *ROSTER, REPORT) as desk:
        (record,) = await desk.log.read(STREAM, 5)
        assert "ce_sha256" not in dict(record.headers)
        again = await desk.report(REPORT)
        assert (again.status_code, again.json()["offset"]) == (200, 5)
        assert again.json()["sha256"] == REPORT.body_hash()
        assert (await desk.report(REPORT, summary="other")).status_code == 409
        assert await desk.log.end(STREAM) == 6


async def test_the_hash_that_was_written_is_the_one_that_counts(tmp_path: Path) -> None:
    """Whatever this code would work out today: the receipt that was given stands."""
    written = replace(REPORT, sha256="ab" * 32)
    async with running(tmp_path, *ROSTER, written) as desk:
        assert (await desk.get(f"/v1/receipts/{REPORT.id}")).json()["sha256"] == "ab" * 32
        assert (await desk.report(REPORT)).status_code == 409


async def test_what_was_just_said_counts_for_what_comes_next(tmp_path: Path) -> None:
    """A refusal is only given when the index is at the log's end: another replica may just have written."""
    chand = appointed("harda", "chand")
    async with running(tmp_path, *ROSTER) as desk:
        report = filed("guna", TODAY, NOW)
        assert (await desk.report(report)).status_code == 202
        correction = corrected("guna", TODAY, NOW, of=report.id)
        await desk.stands(correction)
        second = corrected("guna", TODAY, NOW, of=correction.id)
        assert (await desk.report(second)).status_code == 202
        assert (await desk.event(chand, token=desk.token("pcc", "in-mp"))).status_code == 404


async def test_a_president_has_so_many_requests(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, rate=Rate(1, 3)) as desk:
        answers = [await desk.report(REPORT) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [202, 200, 200, 429]
        assert answers[3].headers["retry-after"] == "1"
        assert (await desk.report(REPORT, token=desk.token("president", "in-mp.bhind"))).status_code == 404


async def test_it_is_ready_once_the_log_is_read(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, reads=False):
        pass
    async with running(tmp_path) as desk:
        assert "ingest index" in await desk.health.failing()
        assert (await desk.report(REPORT)).status_code == 202  # after waiting for the index
        assert (await desk.get("/ready")).status_code == 200


async def test_a_refusal_says_which_member_it_is_about(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        answer = await desk.report(REPORT, day="2026-12-31")
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"pointer": "/day", "detail": "the day has not begun in the state"}]
        answer = await desk.report(REPORT, id="4711")
        assert answer.json()["errors"][0]["detail"].startswith("must be a UUID such as ")
