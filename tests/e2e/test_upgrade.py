"""An office upgrades: a folder of release 0.1.0, this program, and the new form switched on."""

from pathlib import Path

from libs.runtime.clock import ManualClock
from libs.runtime.log_sqlite import open_log
from libs.runtime.pointer import POINTERS
from libs.runtime.projection import Body
from libs.runtime.store import Document
from libs.runtime.store_sqlite import open_store
from rozana.client import Client
from rozana.process import start_up
from tests.duty.events import NOTHING_DONE_V2, STREAM, instant, named, tenure
from tests.e2e.running import Office, until
from tests.events.old_log import CORRECTION, FIRST, OF_BHIND, OLD_LOG, REPORTS
from tests.rozana.command import one_line, rozana

SETTINGS = {"ROZANA_STATES": "in-mp", "ROZANA_CLOCK_START": "2026-11-25T09:00:00+05:30"}
BOTH = SETTINGS | {"ROZANA_FORMS": "daily.v1,daily.v2"}
DAY = "2026-11-24"


async def old_folder(data: Path) -> Path:
    log = open_log(data / "log.db", ManualClock(instant("2026-11-24T22:00")))
    await log.append(STREAM, [old.record for old in OLD_LOG])
    await log.close()
    store = open_store(data / "store.db")
    for name in ("reports", "state_days"):
        pointer: Body = {"projection_version": 1, "collection": f"{name}.v1.0"}
        await store.put(POINTERS, [Document(name, 0, pointer)])
    await store.put("reports.v1.0", [Document(f"in-mp/{FIRST.receipt['id']}", 5, {"form": "daily.v1"})])
    await store.close()
    return data


async def test_an_office_upgrades_and_switches_the_new_form_on(tmp_path: Path) -> None:
    data = await old_folder(tmp_path)
    folder = {"ROZANA_DATA": str(data)}
    code, _, told = await rozana("up", **SETTINGS, **folder)
    assert code == 1
    assert "run `rozana rebuild`, then start again" in one_line(told)
    code, _, told = await rozana("rebuild", **SETTINGS, **folder)
    assert (code, [line for line in told.splitlines() if "rror" in line]) == (0, [])

    up = await start_up(data, settings=SETTINGS)
    async with Client(up.url) as client:
        office = Office(data, client)
        guna = office.token("president", "in-mp.guna", tenure("guna"))
        for old in REPORTS:
            shown = await client.get(f"/v1/reports/{old.receipt['id']}", office.token("aicc", "in"))
            sent = old.body()
            assert shown["activities"].pop("press_mentions") == sent["activities"].pop("media_mentions")
            assert (shown["activities"], shown["digital"]) == (sent["activities"], None)
            same = ("id", "district", "day", "tenure_id", "form", "summary", "evidence", "captured_at", "supersedes")
            assert {name: shown[name] for name in same} == {name: sent[name] for name in same}
            assert shown["received_at"] == old.receipt["received_at"]
        again = await client.post("/v1/reports", FIRST.body(), guna)
        assert (again.status, again.body) == (200, FIRST.receipt)
        on_form_2 = FIRST.body() | {
            "id": named("on form 2"),
            "form": "daily.v2",
            "activities": NOTHING_DONE_V2.model_dump(),
            "digital": {"posts": 1, "people_reached": 20, "groups": 3},
            "supersedes": CORRECTION.receipt["id"],
        }
        assert (await client.post("/v1/reports", on_form_2, guna)).status == 422
    assert await up.stop() == 0

    up = await start_up(data, settings=BOTH)
    async with Client(up.url) as client:
        office = Office(data, client)
        filed = await client.post("/v1/reports", on_form_2, guna)
        assert filed.status == 202
        again = await client.post("/v1/reports", on_form_2, guna)
        assert (again.status, again.body) == (200, filed.body)
        assert (await client.post("/v1/reports", FIRST.body() | {"summary": "other"}, guna)).status == 409

        async def seen() -> bool:
            board = await client.get(f"/v1/states/in-mp/days/{DAY}", office.token("pcc", "in-mp"))
            counts = board["counts"]
            assert (counts["on_time"], counts["in_grace"], counts["missed"]) == (1, 1, 0)
            return bool(board["as_of"]["offset"] >= filed.body["offset"])

        await until(seen)
        shown = await client.get(f"/v1/reports/{named('on form 2')}", office.token("pcc", "in-mp"))
        assert (shown["form"], shown["digital"], shown["role"]) == ("daily.v2", on_form_2["digital"], "correction")
        versions = [FIRST.receipt["id"], CORRECTION.receipt["id"], named("on form 2")]
        assert [each["id"] for each in shown["versions"]] == versions
        assert (await client.get(f"/v1/reports/{OF_BHIND.receipt['id']}", office.token("pcc", "in-mp")))["offset"] == 9
    assert await up.stop() == 0
