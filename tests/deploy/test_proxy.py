"""The proxy makes one origin of the three services: every route of the OpenAPI documents reaches the service it is of.

Behind it stand three servers that answer with their name and with what reached them; nginx is real.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from tests.deploy.nginx import CONF, nginx
from tests.deploy.routes import ROUTES, SERVICES
from tests.deploy.tools import run
from tests.servers.server import free_port

SECONDS = 10.0


class _Named(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.go_on = Event()
        super().__init__(("127.0.0.1", 0), _Echo)


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, _Named)
        if self.path.endswith("?stream"):
            self._stream(self.server.go_on)
            return
        taken = len(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        reached = {"name": self.server.name, "line": self.requestline, "headers": dict(self.headers), "bytes": taken}
        body = json.dumps(reached).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, go_on: Event) -> None:
        """One event, and the second only when the first has arrived."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in (b"id: 0\n\n", b"id: 1\n\n", b""):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
            assert go_on.wait(SECONDS), "the first event did not arrive"

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def _running(server: _Named) -> Iterator[str]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with ExitStack() as stack:
        behind = {name: stack.enter_context(_running(_Named(name))) for name in SERVICES}
        yield stack.enter_context(nginx(tmp_path_factory.mktemp("nginx"), behind))


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[tuple[httpx.Client, Path]]:
    """A proxy whose services do not answer, and its error log."""
    with nginx(tmp_path, {name: f"127.0.0.1:{free_port()}" for name in SERVICES}) as client:
        yield client, tmp_path / "error.log"


def test_nginx_accepts_the_file() -> None:
    run("nginx", "-t", "-e", "stderr", "-c", CONF)


@pytest.mark.parametrize(("service", "method", "path"), ROUTES)
def test_every_route_reaches_its_service(proxy: httpx.Client, service: str, method: str, path: str) -> None:
    path += "?a=%2F&b"
    reached = proxy.request(method, path, json={} if method in {"POST", "PUT"} else None).json()
    assert reached["name"] == service, "name this route's service in deploy/proxy/nginx.conf"
    assert reached["line"] == f"{method} {path} HTTP/1.1"


def test_what_is_each_service_s_own_is_not_for_outside(proxy: httpx.Client) -> None:
    assert proxy.get("/live").json()["name"] == "ingest"
    for path in ("/ready", "/metrics", "/", "/v1", "/v1/nothing", "/v1/reports.json"):
        _is_problem(proxy.get(path), 404)


def test_the_services_learn_nothing_of_who_asked(proxy: httpx.Client) -> None:
    telling = {
        "X-Forwarded-For": "192.0.2.7",
        "X-Real-IP": "192.0.2.7",
        "Forwarded": "for=192.0.2.7",
        "User-Agent": "phone",
    }
    sent = telling | {"Authorization": "Bearer x", "Traceparent": "00-a"}
    reached = proxy.post("/v1/grievances", json={}, headers=sent).json()
    names = {name.lower() for name in reached["headers"]}
    assert names.isdisjoint({name.lower() for name in telling})
    assert "127.0.0.1" not in str({name: text for name, text in reached["headers"].items() if name != "Host"})
    assert reached["headers"]["Authorization"] == "Bearer x"


def test_changes_are_sent_on_as_they_come(tmp_path: Path) -> None:
    aggregator = _Named("aggregator")
    nobody = f"127.0.0.1:{free_port()}"
    with (
        _running(aggregator) as address,
        nginx(tmp_path, {"ingest": nobody, "aggregator": address, "notifier": nobody}) as client,
        client.stream("GET", "/v1/states/in-mp/changes?stream") as answer,
    ):
        arriving = answer.iter_lines()
        assert next(arriving) == "id: 0"
        aggregator.go_on.set()
        assert [line for line in arriving if line] == ["id: 1"]


def test_a_batch_of_four_mebibytes_passes_and_more_than_five_is_refused(proxy: httpx.Client) -> None:
    """What lies between is for the service to refuse."""
    assert proxy.post("/v1/events", content=bytes(4 * 2**20)).json()["bytes"] == 4 * 2**20
    _is_problem(proxy.post("/v1/events", content=bytes(5 * 2**20 + 1)), 413)


def test_a_service_that_does_not_answer_is_503_and_when_to_try_again(lonely: tuple[httpx.Client, Path]) -> None:
    answer = lonely[0].post("/v1/reports", json={})
    _is_problem(answer, 503)
    assert answer.headers["Retry-After"] == "5"


def test_no_line_tells_that_somebody_raised_a_grievance(lonely: tuple[httpx.Client, Path]) -> None:
    client, log = lonely
    _is_problem(client.post("/v1/grievances", json={}), 503)
    _is_problem(client.post("/v1/grievances", content=bytes(6 * 2**20)), 413)
    _is_problem(client.post("/v1/reports", json={}), 503)  # an operator learns of it all the same
    said = log.read_text()
    assert "/v1/reports" in said
    assert "grievances" not in said
    assert [path.name for path in log.parent.rglob("*access*")] == []


def _is_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem.keys() == {"type", "title", "status", "detail"}
