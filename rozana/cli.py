"""The command `rozana`: puts the commands together, and turns errors into one line on stderr and an exit code."""

import os
import sys
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from libs.runtime.errors import RozanaError
from rozana.commands import (
    backup,
    dead_letters,
    demo,
    doctor,
    grievance,
    notify,
    rebuild,
    roster,
    schema,
    serve,
    tail,
    token,
    topics,
    verify,
)
from rozana.commands.shared import tell

COMMANDS = (
    serve,
    token,
    tail,
    rebuild,
    verify,
    doctor,
    backup,
    demo,
    roster,
    notify,
    grievance,
    dead_letters,
    schema,
    topics,
)
"""In the order of `rozana --help`. To add a command: a file in rozana/commands, and its name here."""


def make_app() -> typer.Typer:
    app = typer.Typer(
        name="rozana",
        help="Rozana (रोज़ाना): who has reported today, who is late, who is silent.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for subject in COMMANDS:
        app.add_typer(subject.commands)
    return app


def main() -> NoReturn:
    """The entry point: for what was foreseen one line, never a traceback."""
    try:
        code = make_app()(standalone_mode=False)
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
    tell(line)
    sys.exit(code)


if __name__ == "__main__":
    main()
