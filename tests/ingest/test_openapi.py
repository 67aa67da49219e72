"""What OpenAPI says of ingest: every body that is taken, no reference into the void."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.ingest.desk import BATCH, EVENT, running


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(found := part.get("$ref"), str):
            yield found
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


async def test_the_bodies_are_described(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        document = (await desk.get("/openapi.json")).json()

    def body(path: str, media_type: str = "application/json") -> dict[str, Any]:
        found: dict[str, Any] = document["paths"][path]["post"]["requestBody"]["content"][media_type]["schema"]
        return named(found["$ref"]) if "$ref" in found else found

    def named(reference: str) -> dict[str, Any]:
        found: dict[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]]
        return found

    report = body("/v1/reports")
    assert set(report["required"]) == {
        *("id", "district", "day", "tenure_id", "form", "activities", "summary", "captured_at"),
    }
    assert len(named(report["properties"]["activities"]["$ref"])["required"]) == 8
    assert "state" not in report["properties"]
    assert set(body("/v1/grievances")["required"]) == {"id", "district", "category", "severity"}
    assert len(body("/v1/events", EVENT)["oneOf"]) == 22
    assert body("/v1/events", BATCH)["maxItems"] == 500
    assert document["paths"]["/v1/reports"]["post"]["responses"].keys() >= {"200", "202", "409", "422", "503"}
    for reference in references(document):
        found = re.fullmatch(r"#/components/(schemas|responses)/([\w-]+)", reference)
        assert found is not None
        assert found[2] in document["components"][found[1]]
