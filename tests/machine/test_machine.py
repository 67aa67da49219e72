"""Ten thousand steps of anything by anybody, and after each the system says what the model says."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.machine import Machine

STEPS_A_RUN = 100
SETTINGS = settings(
    max_examples=2,  # the first is the simplest that there is, which is over at once
    stateful_step_count=STEPS_A_RUN,
    deadline=None,
    database=None,
    print_blob=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def run(keys: Path, seeds: Iterable[int]) -> None:
    """The same runs every time, each from a seed of its own and none made out of another: where a crash falls depends
    on what else a commit takes along, and Hypothesis would call that an inconsistency. A failing one is printed as it
    was; to shorten it (minutes), add Phase.shrink.
    """
    Machine.steps.clear()
    Machine.keys = keys
    for number in seeds:
        seed(number)(Machine)
        try:
            run_state_machine_as_test(Machine, settings=SETTINGS)
        except Exception as error:
            error.add_note(f"seed {number}")
            raise


def test_some_hundred_steps_agree_with_the_model(tmp_path: Path) -> None:
    run(tmp_path, range(2))
    assert Machine.steps["steps"] >= STEPS_A_RUN


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", [0, 75])  # two halves: a core each
def test_ten_thousand_steps_agree_with_the_model(tmp_path: Path, first: int) -> None:
    run(tmp_path, range(first, first + 75))  # some runs are cut short: Hypothesis bounds what one may draw
    assert Machine.steps["steps"] >= 5_000
    assert Machine.steps["crashes"] >= 50
    assert Machine.steps["unknown outcomes"] >= 5
