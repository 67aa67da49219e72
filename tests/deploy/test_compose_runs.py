"""docker-compose.yml without Docker: its commands, settings and order as processes, on a real Kafka.

Read out of the files: what runs, with which settings, after what, and how its health is asked. Put in their place: the
addresses of the servers, the paths of the secrets, and the port of each service, since here all share one machine. A
server that a service shares no network with is put at a port where nobody listens. The server that speaks MongoDB's
protocol is no replica set, so the URL's `replicaSet` is left out.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest

from libs.events.policy import PolicyAdopted
from rozana.demo.cast import STATE, report
from rozana.roster import posted
from tests.deploy.composed import Json, ours, services, start_order, waits_for
from tests.deploy.nginx import nginx
from tests.deploy.office import SmallOffice
from tests.deploy.test_image import health_check
from tests.deploy.tools import need
from tests.e2e.running import TENURES, cast
from tests.servers.kafka import Kafka
from tests.servers.mongo import Mongo
from tests.servers.server import DIE_WITH_US, free_port

pytestmark = pytest.mark.connected
LOOKED_AT_ELSEWHERE = {"prometheus", "alertmanager", "grafana"}
"""test_watching.py checks their files."""
REPLICA_SET = "?replicaSet=rs0"
SECONDS = 60.0
GUNA = "in-mp.guna"
IST = timezone(timedelta(hours=5, minutes=30))
BATCH = "application/cloudevents-batch+json"


class Machine:
    """Those services of docker-compose.yml that run Rozana's image, as processes."""

    def __init__(self, folder: Path, kafka: Kafka, mongo: Mongo) -> None:
        self.folder = folder
        self.office = SmallOffice(folder)
        self.ports = {"kafka": kafka.port, "mongo": mongo.port} | {name: free_port() for name in ours()}
        self.nobody = free_port()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.working = folder / "data"
        self.working.mkdir()

    def settings(self, name: str) -> dict[str, str]:
        service = ours()[name]
        given = dict(service["environment"])
        for host, port in (("kafka", 9092), ("mongo", 27017)):
            shared = set(service["networks"]) & set(services()[host]["networks"])
            there = self.ports[host] if shared else self.nobody
            given = {key: text.replace(f"{host}:{port}", f"127.0.0.1:{there}") for key, text in given.items()}
        assert REPLICA_SET in given["ROZANA_STORE"]
        assert f":{given['ROZANA_PORT']}" in services()["proxy"]["ports"][0]
        if "ROZANA_GRIEVANCE_KEYS" in given:
            given["ROZANA_GRIEVANCE_KEYS"] = str(self.office.grievance_keys)
        return given | {
            "ROZANA_STORE": given["ROZANA_STORE"].removesuffix(REPLICA_SET),
            "ROZANA_JWKS": given["ROZANA_JWKS"].replace("/run/secrets/jwks", str(self.office.jwks)),
            "ROZANA_HOST": "127.0.0.1",
            "ROZANA_PORT": str(self.ports[name]),
            "ROZANA_DATA": str(self.working),
        }

    def environment(self, name: str) -> dict[str, str]:
        return {key: text for key, text in os.environ.items() if not key.startswith("ROZANA_")} | self.settings(name)

    def start(self, name: str) -> None:
        for other, condition in waits_for(ours()[name]).items():
            self.wait_for(other, condition)
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [*DIE_WITH_US, sys.executable, "-m", "rozana", *ours()[name]["command"]],
                cwd=self.working,
                env=self.environment(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_for(self, name: str, condition: str) -> None:
        if name not in ours():
            return  # the fixtures come back when it serves
        process, until = self.running[name], time.monotonic() + SECONDS
        if condition == "service_completed_successfully":
            assert process.wait(SECONDS) == 0, self.said(name)
            return
        assert condition == "service_healthy"
        while not self.healthy(name):
            assert process.poll() is None, self.said(name)
            assert time.monotonic() < until, self.said(name)
            time.sleep(0.1)

    def healthy(self, name: str) -> bool:
        """What the image asks, in the service's own environment."""
        program, *arguments = health_check()
        assert program == "python"
        asked = subprocess.run(
            [sys.executable, *arguments], env=self.environment(name), stderr=subprocess.DEVNULL, check=False
        )
        return asked.returncode == 0

    def stop(self) -> dict[str, int]:
        """SIGTERM to each, the last started first; their exit codes."""
        codes = {}
        for name, process in reversed(self.running.items()):
            process.terminate()  # nothing happens to one that has ended
            codes[name] = process.wait(SECONDS)
        return codes

    def said(self, name: str) -> str:
        return f"{name}: {(self.folder / f'{name}.log').read_text()[-3000:]}"


@contextmanager
def machine(folder: Path, kafka: Kafka, mongo: Mongo) -> Iterator[Machine]:
    made = Machine(folder, kafka, mongo)
    try:
        yield made
    finally:
        for process in made.running.values():
            process.kill()
            process.wait()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[Kafka, Mongo]]:
    """Its own: all topics of the country are made there."""
    kafka, mongo = Kafka(tmp_path / "kafka"), Mongo(tmp_path / "mongo")
    with ExitStack() as stack:
        for server in (kafka, mongo):
            stack.callback(server.stop)
            server.start()
        yield kafka, mongo


def test_from_nothing_to_a_report_on_the_board(tmp_path: Path, servers: tuple[Kafka, Mongo]) -> None:
    need("nginx")
    (tmp_path / "office").mkdir()
    (tmp_path / "proxy").mkdir()
    with ExitStack() as stack:
        up = stack.enter_context(machine(tmp_path / "office", *servers))
        client: httpx.Client | None = None
        for name in start_order():
            if name in ours():
                up.start(name)
            elif name == "proxy":
                for other, condition in waits_for(services()[name]).items():
                    up.wait_for(other, condition)
                behind = {each: f"127.0.0.1:{up.ports[each]}" for each in waits_for(services()[name])}
                client = stack.enter_context(nginx(tmp_path / "proxy", behind))
            else:
                assert name in {"kafka", "mongo"} | LOOKED_AT_ELSEWHERE
        assert client is not None
        assert {name for name in start_order() if name in ours()} == up.running.keys()
        board = _one_report(up.office, client)
        assert [(each["district"], each["report_id"] is not None) for each in board["districts"]] == [(GUNA, True)]
        assert len(client.get("/v1/grievance-keys").json()["keys"]) == 1
        assert up.stop() == dict.fromkeys(up.running, 0), [up.said(name) for name in up.running]
        assert list(up.working.iterdir()) == []  # nothing is written: the root file system may be read-only


def _one_report(office: SmallOffice, client: httpx.Client) -> Json:
    """Roster, report and board, as an office and a president do it, through the proxy alone."""
    clerk = {"Authorization": f"Bearer {office.token('pcc', STATE, 'asha')}"}
    president = {"Authorization": f"Bearer {office.token('president', GUNA, 'guna', TENURES[GUNA])}"}
    roster = [
        data.model_copy(update={"due": "23:59"}) if isinstance(data, PolicyAdopted) else data for data in cast([GUNA])
    ]
    batch = json.dumps([posted(data) for data in roster])
    answered = client.post("/v1/events", content=batch, headers=clerk | {"Content-Type": BATCH})
    assert {each["status"] for each in answered.json()["results"]} == {202}, answered.text
    day = datetime.now(UTC).astimezone(IST).date()
    receipt = client.post("/v1/reports", json=report(GUNA, day, TENURES[GUNA]), headers=president)
    assert receipt.status_code == 202, receipt.text
    assert client.get(receipt.headers["Location"], headers=president).json() == receipt.json()
    assert client.get("/v1/alerts", headers=clerk).status_code == 200
    until = time.monotonic() + SECONDS
    while True:
        board: Json = client.get(f"/v1/states/{STATE}/days/{day}", headers=clerk).json()
        if board.get("as_of", {}).get("offset", -1) >= receipt.json()["offset"]:
            return board
        assert time.monotonic() < until, board
        time.sleep(0.05)
