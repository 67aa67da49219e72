"""`rozana demo`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

from pathlib import Path
from typing import Annotated

import typer

from rozana.commands.shared import Port

commands = typer.Typer()


@commands.command()
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
