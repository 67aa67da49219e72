"""`rozana schema export`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer()
schema = typer.Typer(help="The contract of the events, for other programs.", no_args_is_help=True)
commands.add_typer(schema, name="schema")


@schema.command()
def export(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Where to; without it, the list of files.")
    ] = None,
) -> None:
    """Write the JSON Schemas, an example of every event, and the page about them."""
    from rozana.schema import export as export_to
    from rozana.schema import exported

    if folder is None:
        print("\n".join(exported()))
    else:
        print(f"{export_to(folder)} files in {folder}")
