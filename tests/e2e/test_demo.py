"""The demo, as a stranger runs it: the same counts, alerts and alert ids in every run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from libs.events.alerts import AlertData, AlertRaised, Rule, alert_id
from libs.events.reports import ReportFiled
from libs.events.streams import stream_name
from rozana.demo.cast import LAST_DAY, STATE, Habit, habits_of
from rozana.demo.script import Act, Script, write_script
from rozana.states import districts_of
from tests.e2e.running import recorded, standing
from tests.rozana.command import rozana

COUNTS = {
    "expected": 69,
    "on_time": 54,
    "in_grace": 6,
    "late": 5,
    "missed": 4,
    "excused": 2,
    "pending": 0,
    "unknown": 0,
}


async def played(data: Path, *options: str) -> tuple[Mapping[str, Any], str]:
    """The line of JSON, and what was told."""
    code, out, told = await rozana("demo", "--exit", "--data", str(data), *options)
    assert code == 0, told
    *_, last = out.splitlines()
    result: Mapping[str, Any] = json.loads(last)
    return result, told


async def alert_ids(data: Path) -> set[tuple[str, str]]:
    return {
        (event.data.NAME, event.data.alert_id)
        for kind in ("alerts", "grievances")
        for event in await recorded(data, stream_name(kind, STATE))
        if isinstance(event.data, AlertData)
    }


async def check(data: Path, result: Mapping[str, Any], script: Script) -> None:
    assert result["counts"] == COUNTS
    assert result["alerts"]["missed-report"] == {"1": 9}
    assert result["open"] == {"grievance-raised": {"1": 2}, "missed-report": {"1": 4}}  # the other 5 came late
    assert (result["offsets"], result["hash"]) == await standing(data)
    raised = [
        event.data.alert_id
        for event in await recorded(data, stream_name("alerts", STATE))
        if isinstance(event.data, AlertRaised)
    ]
    wanted = {alert_id(Rule.MISSED_REPORT, code, LAST_DAY.isoformat(), 1) for code in script.promise.missed}
    assert len(wanted) == 4
    assert wanted <= set(raised)
    assert len(raised) == len(set(raised))
    # Retries counted once: as many reports as were meant to be taken, each once.
    filed = [
        event.id for event in await recorded(data, stream_name("reports", STATE)) if type(event.data) is ReportFiled
    ]
    acts = [step for step in script.steps if isinstance(step, Act)]
    taken = sum(act.expected.count(202) for act in acts if act.path != "/v1/grievances")
    corrections = sum(isinstance(act.body, dict) and act.body.get("supersedes") is not None for act in acts) - 1
    assert len(filed) == len(set(filed)) == taken - corrections


async def test_a_quick_run_of_the_last_day_keeps_its_promises(tmp_path: Path) -> None:
    result, _ = await played(tmp_path, "--days", "1", "--speed", "10800")
    await check(tmp_path, result, write_script(1))
    # Nothing is raised but what follows from the script, on this day: so another run raises the same.
    habits = habits_of(LAST_DAY, [f"{STATE}.{row['code']}" for row in districts_of(STATE)])
    grievances = [
        step.body for step in write_script(1).steps if isinstance(step, Act) and step.path == "/v1/grievances"
    ]
    wanted = {alert_id(Rule.GRIEVANCE_RAISED, body["district"], body["id"], 1) for body in grievances}
    for rule, which in (
        (Rule.DUE_SOON, {Habit.EVENING, Habit.OFFLINE, Habit.GRACE, Habit.LATE, Habit.SILENT}),
        (Rule.MISSED_REPORT, {Habit.LATE, Habit.SILENT}),
    ):
        wanted |= {alert_id(rule, code, LAST_DAY.isoformat(), 1) for code, habit in habits.items() if habit in which}
    assert {each for _, each in await alert_ids(tmp_path)} == wanted


@pytest.mark.long
async def test_two_runs_of_three_days_say_the_same(tmp_path: Path) -> None:
    (first, told), (second, _) = await played(tmp_path / "first"), await played(tmp_path / "second")
    await check(tmp_path / "first", first, write_script(3))
    assert (first["counts"], first["alerts"]) == (second["counts"], second["alerts"])
    assert await alert_ids(tmp_path / "first") == await alert_ids(tmp_path / "second")
    assert "sends three days at once: 202 x 3" in told


@pytest.mark.long
async def test_a_machine_that_cannot_keep_up_is_given_a_slower_clock(tmp_path: Path) -> None:
    result, told = await played(tmp_path, "--days", "1", "--speed", "100000")
    assert "too slow for this clock" in told
    assert result["counts"] == COUNTS
