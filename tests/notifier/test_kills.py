"""kill -9 at named points: no alert is lost, none is raised twice, and what comes again bears the same key."""

from pathlib import Path

import pytest

from tests.notifier.kills import Killing
from tests.notifier.lives import POINTS


@pytest.mark.parametrize("kills", [20, pytest.param(100, marks=pytest.mark.long)])
async def test_killed_at_every_point_nothing_is_lost_and_every_repeat_is_known(kills: int, tmp_path: Path) -> None:
    killing = Killing(tmp_path, f"seed of {kills}")
    await killing.run(kills)
    assert killing.killed.total() == kills
    found = await killing.look()
    assert found["requests"] > found["alerts"]  # some came again
    assert kills < 100 or set(POINTS) <= set(killing.killed)
