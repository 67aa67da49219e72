"""`rozana notify test`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

import asyncio
from typing import Annotated

import typer

from rozana.commands.shared import known_state, settings_from

commands = typer.Typer()
notify = typer.Typer(help="The channels by which people are told.", no_args_is_help=True)
commands.add_typer(notify, name="notify")


@notify.callback()
def about() -> None:
    """The channels by which people are told."""


@notify.command("test")
def send_one(
    channel: Annotated[str, typer.Argument(help="A channel by its name in the routes file.")],
    contact: Annotated[str | None, typer.Option(help="A contact's id, where the channel is for people.")] = None,
    state: Annotated[str, typer.Option(callback=known_state, help="The contact's state, such as in-mp.")] = "in-mp",
) -> int:
    """Send one test message on a channel of the routes file, and say in a line what happened."""
    settings = settings_from()
    from rozana.notify import send_test

    return asyncio.run(send_test(settings, channel, state, contact))
