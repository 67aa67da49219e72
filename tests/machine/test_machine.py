"""Ten thousand steps of anything by anybody, and after each the system says what the model says."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
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


def run(keys: Path, seeds: Iterable[int]) -> Counter[str]:
    """The same runs every time, each from a seed of its own and none made out of another: where a crash falls depends
    on what else a commit takes along, and Hypothesis would call that an inconsistency. A failing one is printed as it
    was; to shorten it (minutes), add Phase.shrink. Answers what was done, how often.
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
    return Machine.steps


def test_some_hundred_steps_agree_with_the_model(tmp_path: Path) -> None:
    assert run(tmp_path, range(2))["steps"] >= STEPS_A_RUN


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_thousand_steps_agree_with_the_model(tmp_path: Path) -> None:
    """Some runs are cut short, for Hypothesis bounds what one may draw. In two halves, a core each."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with ProcessPoolExecutor(2, get_context("spawn")) as halves:
        first, second = halves.map(run, folders, [range(75), range(75, 150)])
    done = first + second
    assert done["steps"] >= 10_000
    assert done["crashes"] >= 100
    assert done["unknown outcomes"] >= 10
