"""The process is killed across a deadline: nobody has missed the day by it, and the board says what was given back."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from libs.events.envelope import format_instant
from libs.events.outages import OutageCredited
from libs.events.policy import Credit, PolicyAdopted
from rozana.client import Client
from rozana.demo.cast import STATE
from rozana.demo.script import at
from rozana.process import start_up
from tests.duty.events import STREAM
from tests.e2e.running import DAY, DISTRICTS, Office, cast, day_is_told, recorded, until
from tests.e2e.test_restart import clock
from tests.rozana.command import rozana

IN_TIME, KEPT_OUT, SILENT = DISTRICTS[:3]
REMINDED, GRACE_ENDED, UP_AGAIN = at(DAY, 23 * 60 + 20), at(DAY, 23 * 60 + 50), at(DAY, 24 * 60)
"""Minutes from the reminder to the end of the grace: 30, of which the outage leaves none. It lasts 40 of them."""
GIVEN, MOST = 40, 45
LATER = GRACE_ENDED + timedelta(minutes=MOST + 1)


async def test_killed_for_forty_minutes_across_the_deadline_nobody_has_missed_the_day_by_it(tmp_path: Path) -> None:
    rules = {"due": "23:30", "grace_minutes": 20, "remind_minutes_before": 10, "credit": Credit(max_minutes=MOST)}
    roster = [
        data.model_copy(update=rules) if isinstance(data, PolicyAdopted) else data
        for data in cast((IN_TIME, KEPT_OUT, SILENT))
    ]
    up = await start_up(tmp_path, settings=clock(REMINDED - timedelta(minutes=15)))
    async with Client(up.url) as client:
        office = Office(tmp_path, client)
        await office.import_roster(roster)
        await office.file(IN_TIME)
    await up.kill()

    up = await start_up(tmp_path, settings=clock(UP_AGAIN - timedelta(seconds=58)))  # its first sign: within a minute
    async with Client(up.url) as client:
        office = Office(tmp_path, client)

        async def credited() -> bool:
            return bool((await _board(office))["credits"])

        await until(credited)
        board = await _board(office)
        [credit] = board["credits"]
        assert credit["minutes"] == GIVEN
        assert board["grace_until"] == format_instant(GRACE_ENDED + timedelta(minutes=GIVEN))
        assert not board["closed"]
        await office.file(KEPT_OUT)  # whose phone has been trying since half past eleven

        async def on_the_board() -> bool:
            return await _statuses(office) == {IN_TIME: "on_time", KEPT_OUT: "in_grace", SILENT: "pending"}

        await until(on_the_board)
        assert await office.alerts(rule="missed-report") == []
    await up.kill()

    up = await start_up(tmp_path, settings=clock(LATER))  # away once more, and the policy has five minutes left
    async with Client(up.url) as client:
        office = Office(tmp_path, client)

        async def judged() -> bool:
            return bool(await office.alerts(rule="missed-report")) and await day_is_told(tmp_path)

        await until(judged)
        assert await _statuses(office) == {IN_TIME: "on_time", KEPT_OUT: "in_grace", SILENT: "missed"}
        [missed] = await office.alerts(rule="missed-report")
        ended = format_instant(GRACE_ENDED + timedelta(minutes=MOST))
        assert (missed["subject"], missed["raised_at"]) == (SILENT, ended)
        shown = (await _board(office))["credits"]
        assert (await _board(office))["grace_until"] == ended
    assert await up.stop() == 0

    said = [each.data for each in await recorded(tmp_path, STREAM) if isinstance(each.data, OutageCredited)]
    assert [each.minutes for each in said] == [GIVEN, MOST - GIVEN]
    assert shown == [
        {"from": format_instant(each.from_), "to": format_instant(each.to), "minutes": each.minutes} for each in said
    ]
    code, out, told = await rozana("rebuild", ROZANA_DATA=str(tmp_path), ROZANA_STATES=STATE)
    assert code == 0, told
    assert all(line.endswith("the same") for line in out.splitlines())


async def _board(office: Office) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await office.client.get(f"/v1/states/{STATE}/days/{DAY}", office.token("pcc", STATE))
    return found


async def _statuses(office: Office) -> Mapping[str, str]:
    return {each["district"]: each["status"] for each in (await _board(office))["districts"]}
