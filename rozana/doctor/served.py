"""What the running system says of itself: /live, /ready, /metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import httpx
from prometheus_client.parser import text_string_to_metric_families

from rozana.client import Client
from rozana.doctor.findings import Findings

PATIENCE = httpx.Timeout(5.0)


@dataclass(frozen=True, slots=True)
class Served:
    """now: the system's clock, None when nothing answers. positions: stream -> consumer -> next offset."""

    findings: Findings
    now: datetime | None = None
    positions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


async def ask(url: str, *, start: str = "`rozana up`") -> Served:
    """Ask once; nothing is tried again, since how it is now is what is asked for."""
    findings = Findings()
    async with Client(url) as client:
        try:
            live = await client.http.get("/live", timeout=PATIENCE)
            now = datetime.fromisoformat(live.json()["now"])
            findings.well("services", url, f"live, its clock says {live.json()['now']}")
            ready = await client.http.get("/ready", timeout=PATIENCE)
            metrics = await client.http.get("/metrics", timeout=PATIENCE)
        except httpx.TransportError:
            findings.ill(
                "services",
                url,
                "does not answer",
                todo=f"start {start}, or say by ROZANA_URL where it runs",
                anchor="not-running",
            )
            return Served(findings)
        except (ValueError, LookupError, TypeError):
            findings.ill("services", url, "is not Rozana", todo="say by ROZANA_URL where it runs", anchor="not-running")
            return Served(findings)
    if ready.status_code == httpx.codes.OK:
        findings.well("services", "all of them", "ready")
    else:
        for reason in _reasons(ready):
            name, _, why = reason.partition(": ")
            findings.ill(
                "services",
                name,
                f"is not ready: {why}",
                todo="wait while it still reads; else see its log",
                anchor="not-ready",
            )
    return Served(findings, now, _positions(metrics.text))


def _reasons(ready: httpx.Response) -> list[str]:
    try:
        errors = ready.json()["errors"]
        return [str(each["detail"]) for each in errors]
    except (ValueError, LookupError, TypeError):
        return [f"/ready: answered {ready.status_code}"]


def _positions(metrics: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for family in text_string_to_metric_families(metrics):
        if family.name == "rozana_consumer_position":
            for sample in family.samples:
                found.setdefault(sample.labels["stream"], {})[sample.labels["consumer"]] = int(sample.value)
    return found
