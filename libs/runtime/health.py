"""Readiness: each component says whether it can work now. Liveness is the process itself."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping

from libs.runtime.errors import RozanaError

PATIENCE_SECONDS = 2.0

Check = Callable[[], Awaitable[str | None] | str | None]
"""Answers None when ready, else in one line why not."""


class Health:
    """The named checks of one process."""

    def __init__(self, *, patience: float = PATIENCE_SECONDS) -> None:
        self._checks: dict[str, Check] = {}
        self._patience = patience

    def register(self, name: str, check: Check) -> None:
        """Add a check. ValueError when the name is taken: a check that hides another would be a silent one."""
        if name in self._checks:
            raise ValueError(f"a check named {name} is registered already")
        self._checks[name] = check

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._checks)

    async def failing(self) -> Mapping[str, str]:
        """What is not ready and why, by name; empty when all is."""
        reasons = await asyncio.gather(*(self._ask(check) for check in self._checks.values()))
        return {name: reason for name, reason in zip(self._checks, reasons, strict=True) if reason is not None}

    async def _ask(self, check: Check) -> str | None:
        try:
            async with asyncio.timeout(self._patience):
                answer = check()
                return await answer if inspect.isawaitable(answer) else answer
        except TimeoutError:
            return f"no answer within {self._patience:g} s"
        except RozanaError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 (a check that breaks is a component that is not ready, and is said)
            return f"the check broke with {type(error).__name__}"
