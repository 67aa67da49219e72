"""What the demo promises, and that it is the same in every run and however many days are played."""

from datetime import timedelta
from itertools import pairwise

import pytest

from libs.events.presidents import PresidentAppointed
from rozana.demo.cast import LAST_DAY, STATE, Habit, habits_of, roster
from rozana.demo.script import WINDOWS, Act, at, write_script
from rozana.states import districts_of

CODES = [f"{STATE}.{row['code']}" for row in districts_of(STATE)]


@pytest.mark.parametrize("days", [1, 3, 7])
def test_the_last_day_is_the_same_however_many_are_played(days: int) -> None:
    script = write_script(days)
    assert script.promise == write_script(1).promise
    assert script.promise.districts == 71
    assert script.promise.counts["expected"] == 69
    assert len(script.promise.missed) == script.promise.counts["missed"] == 4
    assert script.promise.counts["pending"] == 0


def test_it_is_the_same_twice() -> None:
    assert write_script(3) == write_script(3)


def test_steps_are_in_order_and_reports_well_inside_their_windows() -> None:
    script = write_script(3)
    assert all(before.at <= after.at for before, after in pairwise(script.steps))
    assert script.start < script.steps[0].at
    limited = [step for step in script.steps if isinstance(step, Act) and step.limit is not None]
    assert all((step.limit or step.at) - step.at >= timedelta(minutes=50) for step in limited)
    bounds = [(at(LAST_DAY, window.first), at(LAST_DAY, window.last)) for window in WINDOWS.values()]
    assert all(before[1] < after[0] for before, after in pairwise(bounds))


def test_nobody_misses_three_days_running_but_the_phone_without_a_network() -> None:
    silent = [
        {code for code, habit in habits_of(LAST_DAY - timedelta(days=back), CODES).items() if habit is Habit.SILENT}
        for back in range(7)
    ]
    assert all(silent[0].isdisjoint(earlier) for earlier in silent[1:])


def test_holders_are_obviously_made_up() -> None:
    names = [data.name for data in roster() if isinstance(data, PresidentAppointed)]
    assert len(names) == 70
    assert all("fictional" in name or "काल्पनिक" in name for name in names)
