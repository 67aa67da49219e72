"""What a running system exposes and what docs/metrics.md says are the same, and none of it gives a complainant away."""

import re
import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from libs.events.envelope import format_instant
from libs.events.streams import stream_name
from libs.runtime.log import NewRecord
from libs.runtime.settings import load_settings
from libs.runtime.telemetry import Metrics
from rozana.client import Client
from rozana.compose import open_adapters
from rozana.demo.cast import STATE
from rozana.demo.script import at
from rozana.metrics_page import LABELS
from rozana.process import start_up
from rozana.states import state_codes
from tests.e2e.running import DAY, DISTRICTS, Office, cast, until

ROOT = Path(__file__).parents[2]
REPORTS = stream_name("reports", STATE)
UNREADABLE = NewRecord("in-mp.seoni", (("ce_id", b"broken"),), b"{")
NOON, AFTER_MIDNIGHT = ({"ROZANA_STATES": STATE, "ROZANA_CLOCK_START": format_instant(at(DAY, m))} for m in (720, 1441))

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def samples(client: Client) -> Samples:
    text = (await client.http.get("/metrics")).text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((f"rozana_{name}", tuple(sorted(labels.items()))))


def documented() -> set[str]:
    page = (ROOT / "docs" / "metrics.md").read_text()
    return set(re.findall(r"^\| `(rozana_\w+)` \|", page, re.M))


def base(name: str) -> str:
    """A histogram's samples have names of their own."""
    return re.sub(r"(_seconds)_(bucket|sum|count)$", r"\1", name)


async def append(data: Path, record: NewRecord) -> None:
    """As somebody who writes to the log behind our back."""
    environment = {"ROZANA_DATA": str(data), **NOON}  # not the machine's clock: the log's time never goes back
    adapters = await open_adapters(load_settings(environment, state_codes()))
    try:
        await adapters.log.append(REPORTS, [record])
    finally:
        await adapters.close()


async def test_what_a_running_system_exposes_is_what_the_page_lists(tmp_path: Path) -> None:
    up = await start_up(tmp_path, settings=NOON)
    async with Client(up.url) as client:
        office = Office(tmp_path, client)
        await office.import_roster(cast())
        await office.file("in-mp.guna")
        await office.file("in-mp.guna", copy="second")
    assert await up.stop() == 0
    await append(tmp_path, UNREADABLE)
    up = await start_up(tmp_path, settings=AFTER_MIDNIGHT)
    async with Client(up.url) as client:
        office = Office(tmp_path, client)

        async def missed() -> int:
            return len(await office.alerts(rule="missed-report"))

        await until(missed)
        await office.file("in-mp.damoh")
        headers = {"Authorization": f"Bearer {office.token('aicc', 'in')}"}
        async with client.http.stream("GET", f"/v1/states/{STATE}/changes", headers=headers):
            found: Samples = {}

            async def all_of_it() -> bool:
                found.clear()
                found.update(await samples(client))
                late = value(found, "district_days", state=STATE, day="yesterday", status="late")
                alerts = value(found, "alerts_open", rule="missed-report", level="1")
                return {base(name) for name, _ in found} >= documented() and late == 1 and alerts == len(DISTRICTS) - 3

            try:
                await until(all_of_it)
            except TimeoutError:
                raise AssertionError(documented() - {base(name) for name, _ in found}) from None
    assert await up.stop() == 0
    assert {base(name) for name, _ in found} == documented()
    labels = {label for metric in Metrics().listed for label in metric.labels}
    assert labels == LABELS.keys()
    assert {label for _, each in found for label, _ in each} - {"le"} == labels
    # Guna filed in time, Damoh late, of Seoni something cannot be read, and the others were silent.
    yesterday = {"state": STATE, "day": "yesterday"}
    statuses = {
        status: value(found, "district_days", status=status, **yesterday)
        for status in ("on_time", "late", "unknown", "missed", "pending", "excused", "in_grace")
    }
    assert statuses == {
        "on_time": 1,
        "late": 1,
        "unknown": 1,
        "missed": len(DISTRICTS) - 3,
        "pending": 0,
        "excused": 0,
        "in_grace": 0,
    }
    assert value(found, "completeness_numerator", **yesterday) == 2
    assert value(found, "completeness_denominator", **yesterday) == len(DISTRICTS)
    assert value(found, "alerts_open", rule="missed-report", level="1") == len(DISTRICTS) - 3
    assert value(found, "dead_letters_total", stream=REPORTS) == 1
    assert value(found, "judgement_overdue_seconds", state=STATE) == 0
    assert value(found, "consumer_lag", consumer="state_days", stream=REPORTS) == 0
    assert value(found, "subscribers", state=STATE) == 1


async def test_a_grievance_moves_nothing_before_its_day_is_over(tmp_path: Path) -> None:
    """But what the asking itself moves. That its count is shown later, tests/runtime/test_http.py shows."""
    up = await start_up(tmp_path, settings=NOON)
    async with Client(up.url) as client:
        office = Office(tmp_path, client)
        await office.import_roster(cast())
        imported = time.time()
        before: Samples = {}

        async def settled() -> bool:
            """All is read, and the gauges have been looked after since."""
            before.clear()
            before.update(await samples(client))
            moved, looked, behind = (
                [count for (name, _), count in before.items() if name == wanted] for wanted in (PROGRESS, LOOKED, LAG)
            )
            return len(looked) == 3 and min(looked) > max(imported, *moved) + 0.5 and max(behind) == 0

        await until(settled)
        assert (await client.post("/v1/grievances", GRIEVANCE)).status == 202

        async def told() -> int:
            return len(await office.alerts(rule="grievance-raised"))

        await until(told)
        after = await samples(client)
    assert await up.stop() == 0
    # A minute may have passed meanwhile, and brought a heartbeat, which hangs on nothing.
    others = [each for each in after if not {"rozana.system", "heartbeats"} & {value for _, value in each[1]}]
    moved = {name for name, labels in others if after[name, labels] != before.get((name, labels))}
    assert {base(name) for name in moved} <= {"rozana_http_requests_total", "rozana_http_request_seconds", LOOKED}
    assert {name for name, labels in after if "grievance" in str(labels)} == {"rozana_ready"}


PROGRESS, LOOKED = "rozana_consumer_last_progress_timestamp_seconds", "rozana_looked_timestamp_seconds"
LAG = "rozana_consumer_lag"
GRIEVANCE = {
    "id": "1c2f5b9a-7d64-4e0b-9a53-0f4f9f7c2d11",
    "district": "in-mp.guna",
    "category": "conduct",
    "severity": "high",
}
