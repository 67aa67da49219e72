"""`rozana verify`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

import asyncio

import typer

from rozana.commands.shared import OneState, settings_from

commands = typer.Typer()


@commands.command()
def verify(state: OneState = None) -> int:
    """Check the log, and that the projections equal a fresh replay. Reads only, works beside `rozana up`."""
    settings = settings_from()
    from rozana.verify.run import verify as check_all

    return asyncio.run(check_all(settings, state))
