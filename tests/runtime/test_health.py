"""Readiness."""

import asyncio

import pytest

from libs.runtime.errors import Unavailable
from libs.runtime.health import Health


async def test_checks_of_all_kinds() -> None:
    health = Health(patience=0.05)

    async def behind() -> str | None:
        return "behind by 3"

    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    def unavailable() -> str | None:
        raise Unavailable("the log is closed")

    def broken() -> str | None:
        raise KeyError("secret")

    health.register("fine", lambda: None)
    health.register("behind", behind)
    health.register("hangs", hangs)
    health.register("unavailable", unavailable)
    health.register("broken", broken)
    assert await health.failing() == {
        "behind": "behind by 3",
        "hangs": "no answer within 0.05 s",
        "unavailable": "the log is closed",
        "broken": "the check broke with KeyError",
    }
    with pytest.raises(ValueError, match="registered already"):
        health.register("fine", lambda: None)
