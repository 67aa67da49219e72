"""The command `rozana`. Commands translate: options to calls, errors to one line on stderr and an exit code."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs: `rozana token` does not wait for a web server

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from libs.runtime.errors import RozanaError
from libs.runtime.settings import Settings, load_settings
from rozana.states import state_codes

if TYPE_CHECKING:
    from libs.runtime.telemetry import Logger
    from rozana.client import Client

app = typer.Typer(
    name="rozana",
    help="Rozana (रोज़ाना): who has reported today, who is late, who is silent.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
roster = typer.Typer(help="Districts and who holds them.", no_args_is_help=True)
app.add_typer(roster, name="roster")


def main() -> NoReturn:
    """The entry point: for what was foreseen one line, never a traceback."""
    try:
        code = app(standalone_mode=False)
    except RozanaError as error:
        _leave(str(error), 1)
    except TyperException as error:
        if not error.format_message():  # help has been shown
            sys.exit(error.exit_code)
        _leave(f"{error.format_message()} (see `rozana --help`)", error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone (`rozana tail in-mp | head`): there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _leave(line: str, code: int) -> NoReturn:
    print(f"rozana: {line}", file=sys.stderr)
    sys.exit(code)


def _settings(**given: object) -> Settings:
    """From the environment, and from options that stand for a variable."""
    options = {f"ROZANA_{name.upper()}": str(value) for name, value in given.items() if value is not None}
    return load_settings(os.environ | options, state_codes())


def _known_state(state: str) -> str:
    if state not in state_codes():
        raise typer.BadParameter(f"not a state; allowed is one of {' '.join(state_codes())}")
    return state


Port = Annotated[int | None, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")]
StateOption = Annotated[str, typer.Option(callback=_known_state, help="A state by its code, such as in-mp.")]
StateArgument = Annotated[str, typer.Argument(callback=_known_state, help="A state by its code, such as in-mp.")]


def _run(main: "Callable[[Logger], Coroutine[object, object, None]]") -> int:
    """Run what writes a log, to its end. Its exit code."""
    from libs.runtime.service import run
    from libs.runtime.telemetry import configure_logging, get_logger

    configure_logging(sys.stderr)
    logger = get_logger("rozana")
    return run(main(logger), logger)


@app.command()
def up(port: Port = None) -> int:
    """Run all services in one process on embedded files, until Ctrl-C or SIGTERM."""
    settings = _settings(port=port)
    from rozana import compose
    from rozana.process import READY

    return _run(
        lambda logger: compose.up(settings, logger=logger, announce=lambda url: print(f"{READY}{url}", flush=True))
    )


def _alone(service: str) -> int:
    _settings()
    _leave(
        f"`rozana {service}` is one service beside others, which needs Kafka and MongoDB: sqlite files belong to one"
        " process. `rozana up` runs all services in one",
        2,
    )


@app.command()
def ingest() -> int:
    """Run ingest alone (not yet: needs Kafka and MongoDB)."""
    return _alone("ingest")


@app.command()
def aggregator() -> int:
    """Run the aggregator alone (not yet: needs Kafka and MongoDB)."""
    return _alone("aggregator")


@app.command()
def notifier() -> int:
    """Run the notifier alone (not yet: needs Kafka and MongoDB)."""
    return _alone("notifier")


@app.command()
def token(
    role: Annotated[str, typer.Option(help="president, pcc, aicc, operator or service.")],
    scope: Annotated[str, typer.Option(help="in, a state such as in-mp, or a district such as in-mp.guna.")],
    tenure: Annotated[str | None, typer.Option(help="The tenure id, for a president.")] = None,
) -> None:
    """Print a token for the demo, good for 12 hours."""
    settings = _settings()
    from libs.runtime.keys import DEMO_KEY_FILE

    first = not (settings.data / DEMO_KEY_FILE).exists()
    made = _token(settings, role, scope, tenure)
    if first:
        print(
            f"rozana: made a new key in {settings.data}/: its tokens are good for the `rozana up` that runs on this"
            " folder (ROZANA_DATA)",
            file=sys.stderr,
        )
    print(made)


def _token(settings: Settings, role: str, scope: str, tenure: str | None = None) -> str:
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


def _client(settings: Settings, state: str) -> "Client":
    """With ROZANA_TOKEN, or in a demo one of the state's office, made on the spot."""
    from rozana.client import Client

    if settings.token is not None:
        return Client(settings.url, settings.token.get_secret_value())
    if settings.env != "demo":
        raise RozanaError("ROZANA_TOKEN: required with ROZANA_ENV=production")
    return Client(settings.url, _token(settings, "pcc", state))


@roster.command("import")
def roster_import(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV with a header: code, name_en, name_hi, kind, grid_row, grid_col, and tenure_id, person_id, name,"
            " since where there is a holder."
        ),
    ],
    state: StateOption,
    policy: Annotated[
        Path | None, typer.Option(help="The data of policy.adopted as JSON, to be sent before the districts.")
    ] = None,
) -> int:
    """Add a state's districts and holders. Importing the same file again changes nothing."""
    settings = _settings()
    from rozana.roster import posted, read_policy, read_roster
    from rozana.roster_import import post_roster

    data = [*([read_policy(policy, state)] if policy else []), *read_roster(file, state)]
    return 1 if asyncio.run(post_roster(_client(settings, state), state, [posted(each) for each in data])) else 0


@app.command()
def tail(state: StateArgument) -> None:
    """Follow a state's events, one line each, until Ctrl-C."""
    settings = _settings()
    from rozana.tail import print_changes

    asyncio.run(print_changes(_client(settings, state), state))


@app.command()
def rebuild(name: Annotated[str | None, typer.Argument(help="A projection; without it, all of them.")] = None) -> int:
    """Make projections anew from the log, and compare. Wants `rozana up` stopped."""
    settings = _settings()
    from rozana import upkeep

    if name is not None and name not in upkeep.PROJECTIONS:
        raise typer.BadParameter(f"there is no projection {name}; there are {', '.join(upkeep.PROJECTIONS)}")
    return _run(lambda logger: upkeep.rebuild(settings, [name] if name else list(upkeep.PROJECTIONS), logger=logger))


@app.command()
def demo(
    *,
    leave: Annotated[
        bool, typer.Option("--exit", help="End by itself, with a line of JSON on standard output.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, max=30, help="How many days to play.")] = 3,
    data: Annotated[Path | None, typer.Option(help="An empty folder; without it a fresh one.")] = None,
    port: Port = None,
    speed: Annotated[float, typer.Option(min=1, max=100_000, help="So much faster than real runs the clock.")] = 5400,
) -> int:
    """Play days of Madhya Pradesh on a fast clock, then go on serving at normal speed until Ctrl-C."""
    from rozana.demo.run import run_demo

    return run_demo(days=days, data=data, port=port or 0, speed=speed, leave=leave)


if __name__ == "__main__":
    main()
