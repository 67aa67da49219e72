"""The routes of the three services, from the OpenAPI documents that are generated from them."""

import json
import re
from collections.abc import Iterator
from uuid import UUID

from tests.deploy.tools import ROOT

SERVICES = ("ingest", "aggregator", "notifier")
OWN = {"/live", "/ready", "/metrics"}
"""Each service's own."""
IN_PATHS = {"state": "in-mp", "district": "in-mp.guna", "day": "2026-11-23", "id": str(UUID(int=7))}


def _routes() -> Iterator[tuple[str, str, str]]:
    for service in SERVICES:
        document = json.loads((ROOT / "docs" / "api" / f"{service}.openapi.json").read_text())
        for template, methods in document["paths"].items():
            if template not in OWN:
                path = re.sub(r"\{(\w+)\}", lambda found: IN_PATHS[found[1]], template)
                yield from ((service, method.upper(), path) for method in methods)


ROUTES = sorted(_routes())
"""Service, method, a path as it is asked for."""
