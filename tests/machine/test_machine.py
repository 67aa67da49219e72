"""Ten thousand steps of anything by anybody, and after each the system says what the model says."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.machine import Machine

STEPS_A_RUN = 100


def run(keys: Path, runs: int) -> None:
    """The same runs every time. A failing one is printed as it was: to shorten it (minutes), add Phase.shrink."""
    Machine.steps.clear()
    Machine.keys = keys
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=STEPS_A_RUN,
            deadline=None,
            derandomize=True,
            database=None,
            print_blob=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_some_hundred_steps_agree_with_the_model(tmp_path: Path) -> None:
    run(tmp_path, 2)
    assert Machine.steps["steps"] >= 2 * STEPS_A_RUN


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_thousand_steps_agree_with_the_model(tmp_path: Path) -> None:
    run(tmp_path, 140)  # some runs are cut short: Hypothesis bounds what one may draw
    assert Machine.steps["steps"] >= 10_000
    assert Machine.steps["crashes"] >= 100
    assert Machine.steps["unknown outcomes"] >= 10
