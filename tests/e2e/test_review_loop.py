"""A president's day and the office's, over HTTP alone: what is owed, filed, returned, mended and approved."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from rozana.demo.cast import STATE
from tests.e2e.running import DAY, TENURES, until
from tests.e2e.test_permissions import HERE, SILENT, World, world

PRESIDENT = ("president", HERE, TENURES[HERE])


async def duties(there: World, role: str = "pcc", scope: str = STATE, tenure: str | None = None) -> Mapping[str, Any]:
    office = there.office
    told: Mapping[str, Any] = await office.client.get(f"/v1/districts/{HERE}/duties", office.token(role, scope, tenure))
    return told


async def review(there: World, report_id: str, verdict: str, comment: str) -> None:
    event = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": f"urn:rozana:office:{STATE}",
        "type": "rozana.report.reviewed.v1",
        "subject": HERE,
        "data": {"state": STATE, "district": HERE, "report_id": report_id, "verdict": verdict, "comment": comment},
    }
    (answer,) = await there.office.client.post_events([event], there.office.token("pcc", STATE))
    assert answer.status == 202, answer


async def test_what_is_returned_comes_back_mended_and_is_approved(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        (today,) = (await duties(there, *PRESIDENT))["owed"]
        assert (today["status"], today["day"]) == ("pending", "2026-11-24")

        await review(there, there.report_id, "returned", "Which villages?")

        async def returned() -> bool:
            return bool((await duties(there, *PRESIDENT))["returned"])

        await until(returned)
        (one,) = (await duties(there, *PRESIDENT))["returned"]
        assert (one["day"], one["comment"]) == (DAY.isoformat(), "Which villages?")
        assert one["by"].startswith("pcc:")

        body, token = there.office.report(HERE, DAY, "mended")
        answer = await there.office.client.post("/v1/reports", body | {"supersedes": one["version_id"]}, token)
        assert answer.status == 202, answer

        async def cleared() -> bool:
            return not (await duties(there, *PRESIDENT))["returned"]

        await until(cleared)
        await review(there, str(answer.body["id"]), "approved", "")

        async def approved() -> bool:
            told = await there.office.client.get(f"/v1/reports/{there.report_id}", token)
            return bool(told["verdict"] == "approved")

        await until(approved)
        told = await there.office.client.get(f"/v1/reports/{there.report_id}", token)
        assert [len(version["reviews"]) for version in told["versions"]] == [1, 1]
        board = await there.office.client.get(f"/v1/states/{STATE}/days/{DAY}", there.office.token("pcc", STATE))
        statuses = {each["district"]: each["status"] for each in board["districts"]}
        assert statuses == {HERE: "on_time", SILENT: "missed"}
