"""`rozana token`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

from typing import Annotated

import typer

from rozana.commands.shared import demo_token, settings_from, tell

commands = typer.Typer()


@commands.command()
def token(
    role: Annotated[str, typer.Option(help="president, pcc, aicc, operator or service.")],
    scope: Annotated[str, typer.Option(help="in, a state such as in-mp, or a district such as in-mp.guna.")],
    tenure: Annotated[str | None, typer.Option(help="The tenure id, for a president.")] = None,
) -> None:
    """Print a token for the demo, good for 12 hours."""
    settings = settings_from()
    from libs.runtime.keys import DEMO_KEY_FILE

    first = not (settings.data / DEMO_KEY_FILE).exists()
    made = demo_token(settings, role, scope, tenure)
    if first:
        tell(
            f"made a new key in {settings.data}/: its tokens are good for the `rozana up` that runs on this"
            " folder (ROZANA_DATA)"
        )
    print(made)
