"""`rozana rebuild`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

from typing import Annotated

import typer

from rozana.commands.shared import run_logged, settings_from

commands = typer.Typer()


@commands.command()
def rebuild(
    name: Annotated[str | None, typer.Argument(help="A projection; without it, all of them.")] = None,
    *,
    even_if_different: Annotated[
        bool, typer.Option("--even-if-different", help="Change over although documents differ: the log is right.")
    ] = False,
    back: Annotated[bool, typer.Option("--back", help="Go back to what was live before the last rebuild.")] = False,
) -> int:
    """Make projections anew from the log, compare, and change over.

    On servers it works beside the running services. Embedded it wants `rozana up` stopped.
    """
    settings = settings_from()
    from rozana import upkeep

    if name is not None and name not in upkeep.PROJECTIONS:
        raise typer.BadParameter(f"there is no projection {name}; there are {', '.join(upkeep.PROJECTIONS)}")
    names = [name] if name else list(upkeep.PROJECTIONS)
    if back:
        return run_logged(lambda logger: upkeep.go_back(settings, names, logger=logger))
    return run_logged(
        lambda logger: upkeep.rebuild(settings, names, even_if_different=even_if_different, logger=logger)
    )
