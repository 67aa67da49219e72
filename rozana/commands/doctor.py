"""`rozana doctor`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

import asyncio

import typer

from rozana.commands.shared import settings_from

commands = typer.Typer()


@commands.command()
def doctor() -> int:
    """Say how the system is: services, streams, clocks, deliveries, disk; what is wrong, and what to do."""
    settings = settings_from()
    from rozana.doctor.run import doctor as look

    return asyncio.run(look(settings))
