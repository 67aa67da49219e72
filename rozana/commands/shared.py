"""What commands share: how options are checked, settings read, loops run, and operators told."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs: `rozana token` does not wait for a web server

import os
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated

import typer

from libs.runtime.errors import RozanaError
from libs.runtime.settings import Settings, load_settings
from rozana.states import state_codes

if TYPE_CHECKING:
    from libs.runtime.telemetry import Logger
    from rozana.client import Client


def known_state(state: str | None) -> str | None:
    """The callback of options that name a state. Raises typer.BadParameter."""
    if state is not None and state not in state_codes():
        raise typer.BadParameter(f"not a state; allowed is one of {' '.join(state_codes())}")
    return state


Port = Annotated[int | None, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")]
StateOption = Annotated[str, typer.Option(callback=known_state, help="A state by its code, such as in-mp.")]
OneState = Annotated[
    str | None,
    typer.Option("--state", callback=known_state, help="One state by its code, such as in-mp; without it, all."),
]
StateArgument = Annotated[str, typer.Argument(callback=known_state, help="A state by its code, such as in-mp.")]


def tell(line: str) -> None:
    """One line for the operator, on standard error: standard output is for what was asked for."""
    print(f"rozana: {line}", file=sys.stderr)


def settings_from(**given: object) -> Settings:
    """From the environment, and from options that stand for a variable. Raises StartRefused."""
    options = {f"ROZANA_{name.upper()}": str(value) for name, value in given.items() if value is not None}
    return load_settings(os.environ | options, state_codes())


def run_logged(main: "Callable[[Logger], Coroutine[object, object, None]]") -> int:
    """Run what writes a log (JSON lines on standard error), to its end. Its exit code."""
    from libs.runtime.service import run
    from libs.runtime.telemetry import configure_logging, get_logger

    configure_logging(sys.stderr)
    logger = get_logger("rozana")
    return run(main(logger), logger)


def demo_token(settings: Settings, role: str, scope: str, tenure: str | None = None) -> str:
    """A token signed with the demo's own key, which is made at first need. Raises RozanaError."""
    if settings.env != "demo":
        raise RozanaError("tokens are made here with ROZANA_ENV=demo only; yours come from your identity provider")
    if role == "president" and tenure is None:
        raise RozanaError("a president needs a tenure id (--tenure)")
    from libs.runtime.auth import issue_demo_token
    from libs.runtime.keys import demo_keys

    try:
        return issue_demo_token(demo_keys(settings.data), role, scope, tenure)
    except ValueError as error:
        raise RozanaError(str(error)) from None


def office_client(settings: Settings, state: str) -> "Client":
    """With ROZANA_TOKEN, or in a demo one of the state's office, made on the spot. Raises RozanaError."""
    return _client(settings, "pcc", state)


def aicc_client(settings: Settings) -> "Client":
    """The same for the national office."""
    return _client(settings, "aicc", "in")


def _client(settings: Settings, role: str, scope: str) -> "Client":
    from rozana.client import Client

    if settings.token is not None:
        return Client(settings.url, settings.token.get_secret_value())
    if settings.env != "demo":
        raise RozanaError("ROZANA_TOKEN: required with ROZANA_ENV=production")
    return Client(settings.url, demo_token(settings, role, scope))
