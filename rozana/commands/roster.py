"""`rozana roster import`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from rozana.commands.shared import StateOption, office_client, settings_from

commands = typer.Typer()
roster = typer.Typer(help="Districts and who holds them.", no_args_is_help=True)
commands.add_typer(roster, name="roster")


@roster.command("import")
def roster_import(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV with a header: code, name_en, name_hi, kind, grid_row, grid_col, and tenure_id, person_id, name,"
            " since where there is a holder."
        ),
    ],
    state: StateOption,
    policy: Annotated[
        Path | None, typer.Option(help="The data of policy.adopted as JSON, to be sent before the districts.")
    ] = None,
) -> int:
    """Add a state's districts and holders. Importing the same file again changes nothing."""
    settings = settings_from()
    from rozana.roster import posted, read_policy, read_roster
    from rozana.roster_import import post_roster

    data = [*([read_policy(policy, state)] if policy else []), *read_roster(file, state)]
    failed = asyncio.run(post_roster(office_client(settings, state), state, [posted(each) for each in data]))
    return 1 if failed else 0
