"""`rozana up` with a routes file: a silent evening reaches an endpoint, whose first answer is no."""

import base64
import json
from pathlib import Path

from rozana.client import Client
from rozana.process import start_up
from tests.e2e.running import Office, cast, until
from tests.notifier.sink import Sink, says

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SILENT = ("in-mp.guna", "in-mp.dhar")


def routes(folder: Path, url: str) -> str:
    path = folder / "routes.toml"
    path.write_text(
        'allow_hosts = ["127.0.0.1"]\nallow_private = true\n[[webhook]]\nname = "bhopal"\n'
        f'url = "{url}"\nsecrets = [{{ env = "HOOK" }}]\naudiences = ["pcc"]\nrules = ["missed-report"]\n'
    )
    return str(path)


async def test_an_evening_of_silence_is_heard_of(tmp_path: Path) -> None:
    async with Sink().serving() as sink:
        sink.answers = [says(503)]
        settings = {
            "ROZANA_STATES": "in-mp",
            "ROZANA_CLOCK_START": "2026-11-23T18:00:00+05:30",
            "ROZANA_CLOCK_SPEED": "3600",
            "ROZANA_ROUTES": routes(tmp_path, sink.url()),
            "HOOK": SECRET,
        }
        up = await start_up(tmp_path / "data", settings=settings)
        try:
            async with Client(up.url) as client:
                office = Office(tmp_path / "data", client)
                await office.import_roster(cast(SILENT))

                async def heard() -> bool:
                    return {json.loads(each.body)["data"]["subject"] for each in sink.received} == set(SILENT)

                await until(heard)
                told = json.loads(sink.received[0].body)["data"]
                assert told["rule"] == "missed-report"
                token = office.token("pcc", "in-mp")

                async def sent_again() -> bool:
                    found = await client.get("/v1/deliveries", token, status="sent", rule="missed-report")
                    attempts = [
                        [each["outcome"] for each in item["attempts"]]
                        for item in found["items"]
                        if item["channel"] == "bhopal" and item["period"] == told["period"]
                    ]
                    return sorted(attempts) == [["failed", "sent"], ["sent"]]

                await until(sent_again)
                alert = await client.get(told["link"], token)
                assert {each["channel"] for each in alert["deliveries"]} == {"bhopal", "log"}
        finally:
            assert await up.stop() == 0
        said = (tmp_path / "data" / "rozana.jsonl").read_text()
        assert SECRET not in said
        assert sink.url() not in said
