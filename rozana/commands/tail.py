"""`rozana tail`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

import asyncio

import typer

from rozana.commands.shared import StateArgument, office_client, settings_from

commands = typer.Typer()


@commands.command()
def tail(state: StateArgument) -> None:
    """Follow a state's events, one line each, until Ctrl-C."""
    settings = settings_from()
    from rozana.tail import print_changes

    asyncio.run(print_changes(office_client(settings, state), state))
