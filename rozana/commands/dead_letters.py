"""`rozana dead-letters list | show | replay`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

import asyncio
from typing import Annotated

import typer

from rozana.commands.shared import OneState, run_logged, settings_from

commands = typer.Typer()
dead_letters = typer.Typer(help="Records that could not be read, kept whole.", no_args_is_help=True)
commands.add_typer(dead_letters, name="dead-letters")


@dead_letters.command("list")
def list_letters(state: OneState = None) -> None:
    """List them: stream, offset, key, time, and whether they can be read by now. Works beside `rozana up`."""
    settings = settings_from()
    from rozana.letters import print_letters

    asyncio.run(print_letters(settings, state))


@dead_letters.command()
def show(
    stream: Annotated[str, typer.Argument(help="The stream, such as rozana.in-mp.reports.")],
    offset: Annotated[int, typer.Argument(min=0, help="The offset in it.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the bytes in Base64.")] = False,
) -> None:
    """Show one whole: where it stood, its headers, its bytes. Works beside `rozana up`."""
    settings = settings_from()
    from rozana.letters import print_letter

    asyncio.run(print_letter(settings, stream, offset, as_json=as_json))


@dead_letters.command()
def replay(state: OneState = None) -> int:
    """Fold anew what has a dead letter, with today's decoder. Wants `rozana up` stopped.

    All projections of the state, or of every state with a dead letter; the others stay as they are.
    """
    settings = settings_from()
    from rozana import letters

    return run_logged(lambda logger: letters.replay(settings, state, logger=logger))
