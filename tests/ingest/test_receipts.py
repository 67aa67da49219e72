"""GET /v1/receipts/{id}: what was answered once can be asked for again, by those whom it concerns."""

from pathlib import Path

import pytest

from tests.duty.events import filed, reviewed, tenure
from tests.ingest.desk import NOW, ROSTER, TODAY, running

REPORT = filed("guna", TODAY, NOW)


async def test_a_receipt_is_what_was_answered(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        sent = await desk.report(REPORT)
        found = await desk.get(sent.headers["location"])
        assert (found.status_code, found.json()) == (200, sent.json())
        assert (await desk.get(f"/v1/receipts/{REPORT.id.upper()}")).json() == sent.json()
    async with running(tmp_path) as desk:  # at once, before the index has read the log
        assert (await desk.get(f"/v1/receipts/{REPORT.id}", token=desk.token("aicc", "in"))).json() == sent.json()


@pytest.mark.parametrize(
    ("role", "scope", "statuses"),
    [
        ("president", "in-mp.guna", (200, 200, 404)),
        ("president", "in-mp.bhind", (404, 404, 404)),
        ("pcc", "in-mp", (200, 200, 200)),
        ("pcc", "in-rj", (404, 404, 404)),
        ("aicc", "in", (200, 200, 200)),
        ("operator", "in", (403, 403, 403)),
        ("service", "in", (403, 403, 403)),
    ],
)
async def test_it_is_found_within_ones_scope(
    tmp_path: Path, role: str, scope: str, statuses: tuple[int, int, int]
) -> None:
    review = reviewed("guna", REPORT.id, at=NOW)
    async with running(tmp_path, *ROSTER, REPORT, review) as desk:
        token = desk.token(role, scope, tenure("guna") if role == "president" else None)
        for event, status in zip((REPORT, review, ROSTER[0]), statuses, strict=True):
            answer = await desk.get(f"/v1/receipts/{event.id}", token=token)
            assert answer.status_code == status
            assert status == 200 or "sha256" not in answer.text


async def test_what_another_replica_has_written_is_found(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        assert (await desk.get(f"/v1/receipts/{REPORT.id}")).status_code == 404
        await desk.stands(REPORT)
        assert (await desk.get(f"/v1/receipts/{REPORT.id}")).status_code == 200
