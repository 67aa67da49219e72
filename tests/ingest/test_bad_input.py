"""What must not get in: each with its problem document, nothing appended, nothing echoed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.runtime.auth import issue_demo_token
from libs.runtime.keys import demo_keys
from tests.duty.events import STREAM, corrected, filed, holiday, named, policy, tenure
from tests.ingest.desk import BATCH, EVENT, GRIEVANCES, NOW, ROSTER, TODAY, Desk, cloud_event, report_body, running

CANARY = "canary4711"
REPORT = filed("guna", TODAY, NOW, summary=CANARY)
PHOTO = {"sha256": "0" * 64, "media_type": "image/jpeg", "bytes": 1}


def body(**changes: object) -> dict[str, Any]:
    return report_body(REPORT, **changes)


def text(**changes: object) -> bytes:
    return json.dumps(body(**changes)).encode()


def nested(depth: int) -> bytes:
    return text().replace(f'"{CANARY}"'.encode(), b"[" * depth + b"]" * depth)


@dataclass(frozen=True)
class Bad:
    """A body of POST /v1/reports, and where the answer points; the rest is what is special about it."""

    status: int
    body: Any
    pointers: tuple[str, ...] = ()
    media_type: str = "application/json"


SHAPES = {
    "malformed": Bad(400, text()[:-1]),
    "no JSON at all": Bad(400, CANARY.encode()),
    "empty": Bad(400, b""),
    "two equal keys": Bad(400, text()[:-1] + b', "summary": "canary4711"}'),
    "two equal keys further in": Bad(400, text().replace(b'"meetings": 0', b'"meetings": 0, "meetings": 0')),
    "NaN": Bad(400, text().replace(b'"meetings": 0', b'"meetings": NaN')),
    "infinity": Bad(400, text().replace(b'"meetings": 0', b'"meetings": -Infinity')),
    "a number beyond a double": Bad(400, text().replace(b'"meetings": 0', b'"meetings": 1e999')),
    "not UTF-8": Bad(400, text().replace(CANARY.encode(), b"\xff" + CANARY.encode())),
    "UTF-16": Bad(400, text().decode().encode("utf-16")),
    "byte order mark": Bad(400, b"\xef\xbb\xbf" + text()),
    "lone surrogate": Bad(400, text().replace(CANARY.encode(), rb"\ud800")),
    "deep nesting": Bad(400, nested(40)),
    "very deep nesting": Bad(400, nested(20_000)),
    "too large": Bad(413, text(summary=CANARY * 7000)),
    "wrong content type": Bad(415, text(), media_type="text/plain"),
    "no content type": Bad(415, text(), media_type=""),
    "another charset": Bad(415, text(), media_type="application/json; charset=latin-1"),
    "an array": Bad(422, [body()], ("",)),
    "null": Bad(422, None, ("",)),
    "nothing in it": Bad(422, {}, ("/id", "/district", "/day", "/tenure_id", "/form", "/activities", "/summary")),
    "a wrong type": Bad(422, body(summary=[CANARY]), ("/summary",)),
    "a number as text": Bad(422, text().replace(b'"meetings": 0', b'"meetings": "0"'), ("/activities/meetings",)),
    "a fraction": Bad(422, text().replace(b'"meetings": 0', b'"meetings": 1.5'), ("/activities/meetings",)),
    "true for one": Bad(422, text().replace(b'"meetings": 0', b'"meetings": true'), ("/activities/meetings",)),
    "a number out of range": Bad(
        422,
        text()
        .replace(b'"meetings": 0', b'"meetings": 100001')
        .replace(b'"attendance": 0', b'"attendance": -1')
        .replace(b'"new_members": 0', b'"new_members": ' + b"9" * 400),
        ("/activities/meetings", "/activities/attendance", "/activities/new_members"),
    ),
    "an extra field": Bad(422, body(**{CANARY: 1}), ("",)),
    "an extra field further in": Bad(
        422, text().replace(b'"meetings"', b'"canary4711": 1, "meetings"'), ("/activities",)
    ),
    "a field that ingest sets": Bad(422, body(state="in-mp"), ("",)),
    "a missing activity": Bad(422, text().replace(b'"meetings": 0, ', b""), ("/activities/meetings",)),
    "text too long": Bad(422, body(summary="क" * 2001), ("/summary",)),
    "too much evidence": Bad(422, body(evidence=[PHOTO] * 21), ("/evidence",)),
    "evidence that is no hash": Bad(422, body(evidence=[PHOTO | {"sha256": CANARY}]), ("/evidence/0/sha256",)),
    "an id that is none": Bad(422, body(id=CANARY), ("/id",)),
    "the nil id": Bad(422, body(id="00000000-0000-0000-0000-000000000000"), ("/id",)),
    "a day that is none": Bad(422, body(day="2026-02-30"), ("/day",)),
    "a day in other words": Bad(422, body(day=f"2026-11-23T00:00:00Z{CANARY}"), ("/day",)),
    "an instant without an offset": Bad(422, body(captured_at="2026-11-23T20:11:05"), ("/captured_at",)),
    "another form": Bad(422, body(form=CANARY), ("/form",)),
    "a district that is none": Bad(422, body(district=f"in-mp.{CANARY}!"), ("/district",)),
    "a district by prefix": Bad(422, body(district="in-mpguna"), ("/district",)),
}


async def refused(desk: Desk, answer: httpx.Response, status: int, before: int) -> dict[str, Any]:
    """The problem document of a refusal, after a look at all that must hold of it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["detail"]
    assert CANARY not in answer.text
    assert CANARY not in str(answer.headers)
    assert CANARY not in desk.logged.getvalue()
    assert await desk.log.end(STREAM) == before
    assert await desk.log.end(GRIEVANCES) == 0
    return problem


async def test_a_body_of_the_wrong_shape(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        for name, bad in SHAPES.items():
            answer = await desk.post("/v1/reports", bad.body, media_type=bad.media_type)
            problem = await refused(desk, answer, bad.status, 5)
            pointers = {error["pointer"] for error in problem.get("errors", ())}
            assert set(bad.pointers) <= pointers, name
        assert desk.count("unread", "malformed") >= 30


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (404, {"district": "in-mp.harda"}),  # another's, or nobody's: the president cannot tell
        (404, {"district": "in-mp.bhind"}),
        (404, {"district": "in-gj.guna"}),
        (422, {"tenure_id": named("nobody")}),
        (422, {"tenure_id": tenure("bhind", "bela")}),
        (422, {"day": "2026-11-24"}),
        (422, {"day": "2026-11-15"}),
        (422, {"day": "2000-01-01"}),
        (409, {"supersedes": named("nothing")}),
    ],
)
async def test_a_report_that_the_rules_do_not_allow(tmp_path: Path, status: int, changes: dict[str, object]) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        await refused(desk, await desk.post("/v1/reports", body(**changes)), status, 5)


async def test_a_stale_correction_and_another_body(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, REPORT) as desk:
        assert (await desk.report(corrected("guna", TODAY, NOW, of=REPORT.id))).status_code == 202
        stale = corrected("guna", TODAY, NOW, of=REPORT.id, summary=CANARY)
        await refused(desk, await desk.report(stale), 409, 7)
        await refused(desk, await desk.report(REPORT, summary=CANARY * 2), 409, 7)


async def test_a_district_or_state_that_is_not_known(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        office = desk.token("aicc", "in")
        for district, state in (("in-mp.harda", "in-mp"), ("in-rj.kota", "in-rj"), ("in-gj.surat", "in-gj")):
            token = desk.token("president", district)
            await refused(desk, await desk.report(REPORT, token=token, district=district), 404, 5)
            appoint = cloud_event(ROSTER[2], id=named(district), subject=district)
            appoint["data"] |= {"state": state, "district": district, "name": CANARY, "tenure_id": named("new")}
            answer = await desk.post("/v1/events", appoint, token=office, media_type=EVENT)
            await refused(desk, answer, 404, 5)
            answer = await desk.post("/v1/grievances", grievance(district=district), token="")
            await refused(desk, answer, 404, 5)


async def test_the_tenure_of_the_token_comes_after_the_rules(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        token = desk.token(tenure_id=tenure("bhind", "bela"))
        await refused(desk, await desk.report(REPORT, token=token, day="2026-11-24"), 422, 5)
        await refused(desk, await desk.report(REPORT, token=token), 403, 5)


def expired(folder: Path) -> str:
    return issue_demo_token(
        demo_keys(folder), "president", "in-mp.guna", tenure("guna"), hours=1, now=lambda: 1_700_000_000
    )


def forged(folder: Path) -> str:
    return issue_demo_token(demo_keys(folder / CANARY), "president", "in-mp.guna", tenure("guna"))


@pytest.mark.parametrize("token", [lambda _: "", lambda _: CANARY, expired, forged])
@pytest.mark.parametrize("path", ["/v1/reports", "/v1/events"])
async def test_a_token_that_is_missing_forged_or_expired(
    tmp_path: Path, token: Callable[[Path], str], path: str
) -> None:
    (tmp_path / CANARY).mkdir()
    async with running(tmp_path, *ROSTER) as desk:
        answer = await desk.post(path, body(), token=token(tmp_path))
        await refused(desk, answer, 401, 5)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert (await desk.get(f"/v1/receipts/{ROSTER[0].id}", token=token(tmp_path))).status_code == 401


@pytest.mark.parametrize(("role", "status"), [("pcc", 403), ("aicc", 403), ("operator", 403), ("service", 403)])
async def test_only_presidents_report(tmp_path: Path, role: str, status: int) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        token = desk.token(role, "in-mp")
        await refused(desk, await desk.report(REPORT, token=token), status, 5)
        await refused(desk, await desk.event(REPORT, token=token), status, 5)


async def test_a_foreign_scope_is_told_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        for scope in ("in-mp.bhind", "in-rj.guna"):
            token = desk.token("president", scope)
            await refused(desk, await desk.report(REPORT, token=token), 404, 5)
        answer = await desk.event(ROSTER[1], token=desk.token("pcc", "in-rj"))
        await refused(desk, answer, 404, 5)


@pytest.mark.parametrize(
    ("member", "value", "pointer", "reason"),
    [
        ("effective_from", "2026-02-31", "/data/effective_from", "not a day that exists"),
        ("effective_from", "31 February", "/data/effective_from", "a day is written YYYY-MM-DD"),
        ("tz", "Mars/Olympus_Mons", "/data/tz", "must be a time zone of the IANA database, such as Asia/Kolkata"),
        ("tz", "+05:30", "/data/tz", "must be a time zone of the IANA database, such as Asia/Kolkata"),
        ("due", "25:00", "/data/due", "must be a time of day such as 21:00"),
        ("ladder", [1, 7, 3], "/data", "the ladder must start with 1 and rise, such as 1, 3, 7"),
        ("ladder", [3, 7], "/data", "the ladder must start with 1 and rise, such as 1, 3, 7"),
        ("ladder", [], "/data/ladder", "must have at least 1 items"),
        ("escalate_minutes", [1440, 720], "/data/escalate_minutes", "each escalation comes later than the one before"),
        ("grace_minutes", 1440, "/data", "the grace and the longest credit must end before the day locks"),
    ],
)
async def test_a_bad_policy_is_refused_with_what_would_be_a_good_one(
    tmp_path: Path, member: str, value: object, pointer: str, reason: str
) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        sent = cloud_event(policy(version=2, effective_from="2026-12-01", credit=240, lock=1))
        sent["data"][member] = value
        answer = await desk.post("/v1/events", sent, token=desk.token("pcc", "in-mp"), media_type=EVENT)
        problem = await refused(desk, answer, 422, 5)
        assert problem["errors"] == [{"pointer": pointer, "detail": reason}]


async def test_a_holiday_on_a_day_that_never_comes(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        sent = cloud_event(holiday("2026-12-25"))
        sent["data"]["day"] = "2026-02-31"
        answer = await desk.post("/v1/events", sent, token=desk.token("pcc", "in-mp"), media_type=EVENT)
        problem = await refused(desk, answer, 422, 5)
        assert problem["errors"] == [{"pointer": "/data/day", "detail": "not a day that exists"}]


def grievance(**changes: object) -> dict[str, object]:
    found = {"id": "6f1d0a5e-3b64-4b4e-9a51-0f4d1c1f7a10", "district": "in-mp.guna", "category": "conduct"}
    return found | {"severity": "low"} | changes


@pytest.mark.parametrize(
    ("pointer", "changes"),
    [
        ("/id", {"id": "0192f0c1-7c3e-7000-8000-000000000001"}),  # version 7 holds the time
        ("/id", {"id": CANARY}),
        ("/category", {"category": f"{CANARY} said it"}),
        ("/severity", {"severity": CANARY}),
        ("/text", {"text": CANARY}),
        ("/text", {"text": None}),
        ("", {"phone": CANARY}),
        ("", {"grievance_id": named("x")}),
    ],
)
async def test_a_grievance_of_the_wrong_shape(tmp_path: Path, pointer: str, changes: dict[str, object]) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        answer = await desk.post("/v1/grievances", grievance(**changes), token="")
        problem = await refused(desk, answer, 422, 5)
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
        if pointer == "/text":
            assert "sealed" in problem["errors"][0]["detail"]


EVENTS: dict[str, tuple[int, dict[str, object], str | None]] = {
    "not 1.0": (422, {"specversion": "0.3"}, "/specversion"),
    "no id": (422, {"id": None}, "/id"),
    "no source": (422, {"source": None}, "/source"),
    "an empty source": (422, {"source": ""}, "/source"),
    "a source that is no URI reference": (422, {"source": f"urn:{CANARY} said"}, "/source"),
    "a long source": (422, {"source": "a" * 257}, "/source"),
    "no type": (422, {"type": None}, "/type"),
    "a type that is no text": (422, {"type": [CANARY]}, "/type"),
    "an unknown type": (422, {"type": f"rozana.{CANARY}.v1"}, "/type"),
    "a newer version": (422, {"type": "rozana.report.filed.v3"}, "/type"),
    "a form that is not taken": (422, {"type": "rozana.report.filed.v2"}, "/data/form"),
    "no subject": (422, {"subject": None}, "/subject"),
    "another subject": (422, {"subject": f"in-mp.{CANARY}"}, "/subject"),
    "a district of another state": (
        422,
        {"data": REPORT.as_written.model_dump(mode="json") | {"state": "in-rj"}},
        None,
    ),
    "content that is no text": (422, {"datacontenttype": 5}, "/datacontenttype"),  # was a 500
    "other content": (422, {"datacontenttype": f"text/{CANARY}"}, "/datacontenttype"),
    "an actor": (422, {"actor": CANARY}, ""),
    "a received_at": (422, {"received_at": CANARY}, ""),
    "an extension": (422, {"partitionkey": CANARY}, ""),
    "no data": (422, {"data": None}, "/data"),
    "data that is no object": (422, {"data": CANARY}, "/data"),
    "data in base64": (422, {"data_base64": CANARY}, ""),
    "data with more": (422, {"data": REPORT.as_written.model_dump(mode="json") | {CANARY: 1}}, "/data"),
    "data with less": (422, {"data": {"state": "in-mp"}}, "/data/district"),
    "the clock": (403, {"type": "rozana.clock.reached.v1", "data": {CANARY: 1}}, None),
    "an alert": (403, {"type": "rozana.alert.raised.v1"}, None),
    "a dead letter": (403, {"type": "rozana.record.dead_lettered.v1"}, None),
    "a grievance": (403, {"type": "rozana.grievance.raised.v1"}, None),
}


async def test_an_event_of_the_wrong_shape_alone_and_in_a_batch(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        for token in (desk.token(), desk.token("aicc", "in")):
            for name, (status, changes, pointer) in EVENTS.items():
                sent = cloud_event(REPORT) | changes
                sent = {member: value for member, value in sent.items() if value is not None}
                answer = await desk.post("/v1/events", sent, media_type=EVENT, token=token)
                problem = await refused(desk, answer, status, 5)
                assert pointer is None or pointer in {error["pointer"] for error in problem["errors"]}, name
                (result,) = await desk.batch(sent, token=token)
                assert result == {"id": REPORT.id if "id" in sent else None} | problem, name
        assert await desk.log.end(STREAM) == 5


@pytest.mark.parametrize("sent", [1, None, [], "canary4711", {}, {"id": CANARY}, {"id": 5, "type": CANARY}])
async def test_what_is_no_event_at_all(tmp_path: Path, sent: object) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        await refused(desk, await desk.post("/v1/events", sent, media_type=EVENT), 422, 5)
        (result,) = await desk.batch(sent)
        assert (result["id"], result["status"]) == (None, 422)
        assert CANARY not in str(result)


@pytest.mark.parametrize(
    ("status", "sent", "media_type"),
    [
        (415, b"{}", "application/json"),
        (413, b" " * (64 * 1024 + 1), EVENT),
        (413, b" " * (4 * 1024 * 1024 + 1), BATCH),
        (413, [{}] * 501, BATCH),
        (400, b"[", BATCH),
        (422, {}, BATCH),
    ],
)
async def test_a_batch_that_is_none(tmp_path: Path, status: int, sent: object, media_type: str) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        await refused(desk, await desk.post("/v1/events", sent, media_type=media_type), status, 5)


async def test_a_receipt_is_not_found_by_what_is_no_id(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        for wrong in (CANARY, named("nothing"), "%00"):
            await refused(desk, await desk.get(f"/v1/receipts/{wrong}"), 404, 5)
