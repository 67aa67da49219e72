"""The edge from outside: every refusal is a problem document, and nothing that was sent comes back or is logged."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.runtime.limits import Rate
from tests.runtime.edge import CANARY, GOOD, LIMIT, TENURE, Edge, make_edge

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def edge(tmp_path: Path) -> Edge:
    return make_edge(tmp_path)


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["type"] == "about:blank"
    assert document["title"]
    assert document["detail"]
    assert CANARY not in answer.text
    return document


async def post(edge: Edge, body: bytes | object, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with edge.client() as client:
        return await client.post("/v1/notes", content=content, headers=JSON | headers)


async def test_a_good_body_is_taken(edge: Edge) -> None:
    answer = await post(edge, GOOD | {"pet": {"kind": "cat", "lives": 9}, "title": "a-z"})
    assert (answer.status_code, answer.json()) == (202, {"id": TENURE})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"' + CANARY.encode(),
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff\xfe ' + CANARY.encode() + b'"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"canary-4711": 1, "canary-4711": 2}',
        b'{"a": {"b": [{"c": 1, "c": 1}]}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": -1e999}',
        b'{"a": ' + b"9" * 1900 + b"e2000}",
        b'{"title": "\\ud800 canary-4711"}',
        b'{"title": "\\udc00\\ud800"}',
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b"[" * 1000,
        b'"' + b'\\"' * 900,
        b"[}",
        b"01",
        b"'a'",
    ],
)
async def test_what_is_not_strict_json_is_400(edge: Edge, body: bytes) -> None:
    assert_problem(await post(edge, body), 400)


async def test_thousands_of_digits_are_400(edge: Edge) -> None:
    from libs.runtime.bodies import check_json
    from libs.runtime.problems import Problem

    with pytest.raises(Problem) as refused:
        check_json(b"9" * 5000)
    assert refused.value.status == 400


def test_32_levels_and_brackets_in_strings_are_fine() -> None:
    from libs.runtime.bodies import check_json

    assert check_json(b"[" * 32 + b"]" * 32)
    assert check_json(b'"' + b"[" * 100 + b'\\"["') == "[" * 100 + '"['
    assert check_json(b'"\\ud83d\\ude00"') == "\U0001f600"
    assert check_json(b"[1.5, -0, 1e308]") == [1.5, 0, 1e308]


@pytest.mark.parametrize("shape", [b"[" * 4_000_000, b'"' + b'\\"' * 2_000_000, b'"\\"' * 1_300_000, b"[]" * 2_000_000])
def test_a_hostile_batch_is_refused_in_linear_time(shape: bytes) -> None:
    from time import process_time

    from libs.runtime.bodies import check_json
    from libs.runtime.problems import Problem

    started = process_time()
    with pytest.raises(Problem):
        check_json(shape)
    assert process_time() - started < 5  # quadratic would take hours


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"id": CANARY}, "/id", "must be a UUID"),
        ({"day": CANARY}, "/day", "must be a date such as 2026-11-23"),
        ({"day": "2026-02-30"}, "/day", "must be a date such as 2026-11-23"),
        ({"at": CANARY}, "/at", "must be an instant with its offset, such as 2026-11-23T20:11:05+05:30"),
        ({"at": "2026-11-23T20:11:05"}, "/at", "must be an instant with its offset, such as 2026-11-23T20:11:05+05:30"),
        ({"title": CANARY * 5}, "/title", "must have at most 20 characters"),
        ({"title": CANARY}, "/title", "must match ^[a-z -]*$"),
        ({"title": ""}, "/title", "must have at least 1 characters"),
        ({"title": 1}, "/title", "must be a string"),
        ({"title": "quoting"}, "/title", "is not allowed here"),
        ({"title": "saying"}, "/title", "must not be said"),
        ({CANARY: CANARY}, "", "unknown field"),
        ({"pet": {"kind": CANARY}}, "/pet", "must be one of 'cat', 'dog'"),
        ({"pet": {}}, "/pet", "is required"),
        ({"pet": {"kind": "cat", "lives": 10}}, "/pet/lives", "must be at most 9"),
        ({"pet": {"kind": "cat", "lives": 1, CANARY: 1}}, "/pet", "unknown field"),
        ({"pet": {"kind": "dog", "tricks": [CANARY] * 3}}, "/pet/tricks", "must have at most 2 items"),
        ({"pet": {"kind": "dog", "tricks": ["a", 1]}}, "/pet/tricks/1", "must be a string"),
        ({"pet": CANARY}, "/pet", "must be an object"),
        ({"scores": {CANARY: CANARY}}, "/scores", "must be a whole number"),
        ({"parts": [{"kind": "cat", "lives": 1}, {"kind": "cat"}]}, "/parts/1/lives", "is required"),
        ({"parts": CANARY}, "/parts", "must be an array"),
    ],
)
async def test_what_does_not_fit_is_422_with_a_pointer(
    edge: Edge, change: dict[str, object], pointer: str, detail: str
) -> None:
    document = assert_problem(await post(edge, GOOD | change), 422)
    assert document["errors"] == [{"pointer": pointer, "detail": detail}]


async def test_all_that_is_missing_is_told_at_once(edge: Edge) -> None:
    document = assert_problem(await post(edge, {"day": "2026-11-23"}), 422)
    assert [error["pointer"] for error in document["errors"]] == ["/id", "/at", "/title"]
    assert_problem(await post(edge, [CANARY]), 422)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": f"application/{CANARY}"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": ""},
    ],
)
async def test_other_content_types_are_415(edge: Edge, headers: dict[str, str]) -> None:
    async with edge.client() as client:
        assert_problem(await client.post("/v1/notes", content=b"{}", headers=headers), 415)


async def test_utf8_may_be_said(edge: Edge) -> None:
    answer = await post(edge, GOOD, **{"Content-Type": 'Application/JSON; charset="UTF-8"'})
    assert answer.status_code == 202


async def test_a_large_body_is_413_by_its_length_and_by_its_bytes(edge: Edge) -> None:
    body = b'"' + CANARY.encode() * LIMIT
    assert_problem(await post(edge, body), 413)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    async with edge.client() as client:
        assert_problem(await client.post("/v1/notes", content=chunks(), headers=JSON), 413)


async def test_a_slow_body_is_400(edge: Edge) -> None:
    import asyncio

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with edge.client() as client:
        assert_problem(await client.post("/v1/notes", content=never(), headers=JSON), 400)


async def test_who_may_come_in(edge: Edge) -> None:
    async with edge.client() as client:
        answer = await client.get("/v1/alerts")
        assert_problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
        for header in (CANARY, f"Basic {CANARY}", f"Bearer {CANARY}", f"Bearer {CANARY}.{CANARY}.{CANARY}", "Bearer"):
            answer = await client.get("/v1/alerts", headers={"Authorization": header})
            assert_problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")
    async with edge.client(edge.token()) as client:
        assert (await client.get("/v1/alerts")).json() == {"role": "pcc", "limit": 10}
        assert (await client.get("/v1/plain/7")).json() == {"role": "pcc"}
    async with edge.client(edge.token("operator", "in")) as client:
        assert_problem(await client.get("/v1/alerts"), 403)


async def test_two_authorizations_are_none(edge: Edge) -> None:
    token = f"Bearer {edge.token()}"
    async with edge.client() as client:
        answer = await client.get("/v1/alerts", headers=[("Authorization", token), ("Authorization", token)])
        assert_problem(answer, 401)


async def test_what_lies_outside_the_scope_is_not_there(edge: Edge) -> None:
    day = "/v1/states/in-mp/days/2026-11-23"
    statuses = {
        ("pcc", "in-mp"): 200,
        ("aicc", "in"): 200,
        ("pcc", "in-rj"): 404,
        ("president", "in-mp.guna"): 404,
        ("operator", "in"): 403,
    }
    for (role, scope), status in statuses.items():
        async with edge.client(edge.token(role, scope)) as client:
            assert (await client.get(day)).status_code == status, role
    async with edge.client(edge.token("aicc", "in")) as client:
        assert_problem(await client.get(f"/v1/states/{CANARY}/days/2026-11-23"), 404)


async def test_parameters_paths_and_methods(edge: Edge) -> None:
    async with edge.client(edge.token()) as client:
        document = assert_problem(await client.get("/v1/alerts", params={"limit": CANARY}), 422)
        assert document["errors"] == [{"pointer": "/query/limit", "detail": "must be a whole number"}]
        document = assert_problem(await client.get(f"/v1/states/in-mp/days/{CANARY}"), 422)
        assert document["errors"] == [{"pointer": "/path/day", "detail": "must be a date such as 2026-11-23"}]
        assert_problem(await client.get(f"/v1/{CANARY}"), 404)
        assert_problem(await client.get("/v1/alerts/"), 404)
        answer = await client.delete("/v1/alerts")
        assert_problem(answer, 405)
        assert answer.headers["allow"] == "GET"


async def test_a_subject_has_its_rate_and_the_anonymous_share_one(tmp_path: Path) -> None:
    edge = make_edge(tmp_path, Rate(1, 3))
    async with edge.client(edge.token("pcc", "in-mp")) as client:
        answers = [await client.get("/v1/alerts") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert_problem(answers[3], 429)
    assert answers[3].headers["retry-after"] == "1"
    async with edge.client(edge.token("pcc", "in-rj")) as client:
        assert (await client.get("/v1/alerts")).status_code == 200
    async with edge.client() as client:
        answers = [await client.post("/v1/grievances", content=b"{}", headers=JSON) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]


async def test_the_error_tree(edge: Edge) -> None:
    async with edge.client() as client:
        for kind in ("unavailable", "unknown"):
            answer = await client.get(f"/v1/faults/{kind}")
            assert_problem(answer, 503)
            assert int(answer.headers["retry-after"]) >= 1
        assert_problem(await client.get("/v1/faults/other"), 500)
    lines = [json.loads(line) for line in edge.log.getvalue().splitlines()]
    failed = next(line for line in lines if line["event"] == "a request failed")
    assert failed["error"] == "builtins.LookupError"
    assert failed["route"] == "/v1/faults/{kind}"
    assert any("edge.py:" in frame for frame in failed["frames"])
    assert failed["caused_by"] == ["builtins.KeyError"]
    assert CANARY not in edge.log.getvalue()


async def test_half_an_answer_is_cut_off_and_logged_without_values(edge: Edge) -> None:
    async with edge.client() as client:
        with pytest.raises(ConnectionAbortedError) as cut:
            await client.get("/v1/faults/half")
    assert cut.value.__suppress_context__
    assert "LookupError" in edge.log.getvalue()
    assert CANARY not in edge.log.getvalue()


async def test_of_grievances_nothing_is_kept_but_a_count(edge: Edge) -> None:
    async with edge.client() as client:
        client.headers["User-Agent"] = CANARY
        await client.post("/v1/grievances", content=b"{}", headers=JSON)
        assert_problem(await client.post("/v1/grievances", content=b'"fail"', headers=JSON), 500)
        await client.get("/v1/grievances")
        assert "grievances" not in (await client.get("/metrics")).text
        edge.clock.advance_to(edge.clock.now() + timedelta(days=1))
        samples = (await client.get("/metrics")).text
    assert edge.log.getvalue() == ""
    lines = [line for line in samples.splitlines() if "grievances" in line]
    assert sorted(lines) == [
        'rozana_http_requests_total{method="GET",route="/v1/grievances",status="405"} 1.0',
        'rozana_http_requests_total{method="POST",route="/v1/grievances",status="202"} 1.0',
        'rozana_http_requests_total{method="POST",route="/v1/grievances",status="500"} 1.0',
    ]


async def test_requests_are_counted_and_logged_by_template(edge: Edge) -> None:
    async with edge.client(edge.token()) as client:
        await client.get("/v1/states/in-mp/days/2026-11-23", params={"q": CANARY})
        await client.get(f"/v1/plain/{CANARY}")
        await client.get(f"/{CANARY}")
        await client.request(CANARY, "/v1/alerts")
        samples = (await client.get("/metrics")).text
    lines = [json.loads(line) for line in edge.log.getvalue().splitlines()]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("GET", "/v1/states/{state}/days/{day}", "200"),
        ("GET", "/v1/plain/{id}", "200"),
        ("GET", "unmatched", "404"),
        ("other", "/v1/alerts", "405"),
    ]
    assert all(line["event"] == "request" and line["duration_ms"] >= 0 for line in lines)
    assert 'rozana_http_request_seconds_count{method="GET",route="/v1/plain/{id}"} 1.0' in samples
    assert CANARY not in samples + edge.log.getvalue()


async def test_live_and_ready(edge: Edge) -> None:
    async with edge.client() as client:
        assert (await client.get("/live")).json() == {"status": "live", "now": "2026-03-31T18:30:00Z"}
        assert (await client.get("/ready")).json() == {"status": "ready"}
        edge.health.register("log", lambda: "behind by 7")
        answer = await client.get("/ready")
        document = assert_problem(answer, 503)
        assert document["detail"] == "not ready: log"
        assert document["errors"] == [{"pointer": "", "detail": "log: behind by 7"}]
        assert "retry-after" in answer.headers
        edge.app.state.stopping.set()
        assert "process: stopping" in (await client.get("/ready")).text


async def test_every_route_documents_the_problems_it_can_have_and_no_others(edge: Edge) -> None:
    async with edge.client() as client:
        document = (await client.get("/openapi.json")).json()
    assert "Problem" in document["components"]["schemas"]
    assert "HTTPValidationError" not in document["components"]["schemas"]

    def problems(path: str, method: str = "get") -> set[str]:
        responses = document["paths"][path][method]["responses"]
        found = {status for status in responses if not status.startswith("2")}
        for status in found:
            name = responses[status].get("$ref", "").rpartition("/")[2]
            response = document["components"]["responses"][name] if name else responses[status]
            assert list(response["content"]) == ["application/problem+json"]
        return found

    assert problems("/live") == set()
    assert problems("/ready") == {"503"}
    assert problems("/v1/faults/{kind}") == {"401", "403", "404", "422", "429", "503"}


def clock_of(times: list[float]) -> Callable[[], float]:
    return lambda: times[0]


def test_a_bucket_refills_at_its_rate() -> None:
    from libs.runtime.limits import RateLimits

    times = [100.0]
    limits = RateLimits(Rate(50, 500), now=clock_of(times))
    assert [limits.wait("a") for _ in range(500)] == [0.0] * 500
    assert limits.wait("a") == pytest.approx(0.02)
    assert limits.wait("b") == 0.0
    for _ in range(100):  # after the burst it goes on at 50 a second
        times[0] += 0.02
        assert limits.wait("a") == 0.0
    assert limits.wait("a") > 0
    times[0] += 1000
    assert [limits.wait("a") for _ in range(501)].count(0.0) == 500


def test_the_buckets_are_bounded() -> None:
    from libs.runtime.limits import RateLimits

    limits = RateLimits(Rate(1, 1), now=lambda: 0.0, subjects=2)
    assert [limits.wait(subject) for subject in ("a", "b", "c")] == [0.0] * 3
    assert limits.wait("c") > 0
    assert limits.wait("a") == 0.0  # forgotten
