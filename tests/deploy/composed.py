"""docker-compose.yml as compose itself reads it, by the schema and the code of the compose specification."""

import json
from functools import cache
from typing import Any

import yaml

from tests.deploy.tools import ROOT, run

COMPOSE_GO = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2"
"""It comes through Go's module proxy, once, into Go's own cache."""
FILE = ROOT / "docker-compose.yml"
Json = dict[str, Any]


def checked() -> Json:
    """Validated, with paths made whole and short forms made long. Skips without Go."""
    answer: Json = json.loads(run("go", "run", COMPOSE_GO, "-format", "json", FILE, GOFLAGS="-mod=mod"))
    return answer


@cache
def compose() -> Json:
    """As it is written, with anchors and merges resolved."""
    document: Json = yaml.safe_load(FILE.read_text())
    return document


def services() -> dict[str, Json]:
    found: dict[str, Json] = compose()["services"]
    return found


def ours() -> dict[str, Json]:
    """Those that run Rozana's image."""
    return {name: service for name, service in services().items() if service["image"] == "rozana"}


def waits_for(service: Json) -> dict[str, str]:
    """Service -> the condition that is waited for."""
    after = service.get("depends_on", {})
    return (
        dict.fromkeys(after, "service_started")
        if isinstance(after, list)
        else {k: v["condition"] for k, v in after.items()}
    )


def start_order() -> list[str]:
    """Every service after those it waits for. ValueError for a circle."""
    order: list[str] = []
    left = {name: set(waits_for(service)) for name, service in services().items()}
    while left:
        free = sorted(name for name, after in left.items() if after <= set(order))
        if not free:
            raise ValueError(f"a circle: {sorted(left)}")
        order += free
        for name in free:
            del left[name]
    return order
