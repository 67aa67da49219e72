"""deploy/prometheus as an operator uses it: promtool agrees with the rules, and a real Prometheus sees real faults.

The rules' own durations are minutes; the running Prometheus gets a copy in which all of them, and the intervals, are a
second. The thresholds are those that are shipped, and promtool tests the durations.
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from rozana.client import Client
from rozana.process import start_up
from tests.deploy.tools import need
from tests.e2e.running import Office, cast
from tests.e2e.test_metrics import AFTER_MIDNIGHT, NOON, UNREADABLE, append, documented
from tests.servers.server import free_port

SHIPPED = Path(__file__).parents[2] / "deploy" / "prometheus"
PATIENCE = 60.0
_PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("test", "rules", *(str(path) for path in SHIPPED.glob("tests/*.yml")))],
    ids=lambda arguments: arguments[0],
)
def test_promtool_finds_nothing_wrong(arguments: tuple[str, ...]) -> None:
    ran = subprocess.run([need("promtool"), *arguments], cwd=SHIPPED, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_rules_speak_of_metrics_that_there_are_and_each_alert_is_tested() -> None:
    rules, tests = ((SHIPPED / folder / "rozana.yml").read_text() for folder in ("rules", "tests"))
    named = {re.sub(r"_bucket$", "", name) for name in re.findall(r"\brozana_\w+", rules)}
    assert named <= documented()
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    assert alerts
    assert alerts == set(re.findall(r"alertname: (\w+)", tests))


@contextlib.asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[httpx.AsyncClient]:
    """Debian's, with the shipped configuration and rules, asking this target every second."""
    program, port = need("prometheus"), free_port()
    (folder / "rules").mkdir(parents=True)
    config = (SHIPPED / "prometheus.yml").read_text().replace("127.0.0.1:8080", target)
    (folder / "prometheus.yml").write_text(re.sub(r"interval: \w+", "interval: 1s", config))
    rules = (SHIPPED / "rules" / "rozana.yml").read_text()
    (folder / "rules" / "rozana.yml").write_text(re.sub(r"for: \w+", "for: 1s", rules))
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"),
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        process.kill()
        await process.wait()


async def firing(client: httpx.AsyncClient, *, until: Collection[str], gone: Collection[str] = ()) -> None:
    """Return when these alerts fire, and those do not."""
    found: set[str] = set()
    try:
        async with asyncio.timeout(PATIENCE):
            while not (found >= set(until) and found.isdisjoint(gone)):
                await asyncio.sleep(0.2)
                with contextlib.suppress(httpx.TransportError):  # it may not listen yet
                    answer = await client.get("/api/v1/alerts")
                    if answer.status_code == 200:
                        alerts = answer.json()["data"]["alerts"]
                        found = {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}
    except TimeoutError:
        raise AssertionError(f"firing: {sorted(found)}") from None


@pytest.mark.long
async def test_faults_fire_and_go(tmp_path: Path) -> None:
    data = tmp_path / "data"
    up = await start_up(data, settings=NOON)
    async with Client(up.url) as client:
        office = Office(data, client)
        await office.import_roster(cast())
        await office.file("in-mp.guna")
    assert await up.stop() == 0
    await append(data, UNREADABLE)
    up = await start_up(data, settings=AFTER_MIDNIGHT)
    try:
        async with prometheus(tmp_path / "prometheus", urlsplit(up.url).netloc) as asked:
            unreadable = ("RozanaDeadLetters", "RozanaDistrictsUnknown", "RozanaManyDistrictsSilent")
            await firing(asked, until=unreadable, gone=("RozanaDown", "RozanaNotReady", "RozanaDayNotJudged"))
            answer = await asked.get("/api/v1/query", params={"query": 'rozana:completeness:ratio{day="yesterday"}'})
            (ratio,) = answer.json()["data"]["result"]
            assert (ratio["metric"]["state"], round(float(ratio["value"][1]), 3)) == ("in-mp", 0.167)
            up.process.send_signal(signal.SIGSTOP)
            await firing(asked, until=("RozanaDown",))
            up.process.send_signal(signal.SIGCONT)
            await firing(asked, until=unreadable, gone=("RozanaDown",))
    finally:
        up.process.send_signal(signal.SIGCONT)
        code = await up.stop()
    assert code == 0


@pytest.mark.parametrize(("ci", "outcome"), [("0", "1 skipped"), ("1", "1 failed")])
def test_without_the_tools_ci_fails_and_others_are_told(ci: str, outcome: str, tmp_path: Path) -> None:
    environment = os.environ | {"REQUIRE_TOOLS": ci, "PATH": str(tmp_path)}
    ran = subprocess.run(
        [*_PYTEST, f"{__file__}::test_promtool_finds_nothing_wrong[check]"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in ran.stdout
    assert "promtool is not installed: on Debian, apt-get install prometheus" in ran.stdout
