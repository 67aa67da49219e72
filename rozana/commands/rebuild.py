"""`rozana rebuild`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

from typing import Annotated

import typer

from rozana.commands.shared import run_logged, settings_from

commands = typer.Typer()


@commands.command()
def rebuild(name: Annotated[str | None, typer.Argument(help="A projection; without it, all of them.")] = None) -> int:
    """Make projections anew from the log, and compare. Wants `rozana up` stopped."""
    settings = settings_from()
    from rozana import upkeep

    if name is not None and name not in upkeep.PROJECTIONS:
        raise typer.BadParameter(f"there is no projection {name}; there are {', '.join(upkeep.PROJECTIONS)}")
    names = [name] if name else list(upkeep.PROJECTIONS)
    return run_logged(lambda logger: upkeep.rebuild(settings, names, logger=logger))
