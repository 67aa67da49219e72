"""`rozana backup` and `rozana restore`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from rozana.commands.shared import settings_from

commands = typer.Typer()
Store = Annotated[
    Path | None, typer.Option(help="The same for the store: it is made again from the log, but for the contacts.")
]

Keys = Annotated[
    Path | None,
    typer.Option(
        help="The same for what sealed grievances are opened with. Keep it no longer than an erasure may take."
    ),
]


@commands.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where the copy of the log goes; must not exist.")],
    store: Store = None,
    keys: Keys = None,
) -> None:
    """Copy the log to a file, whole and checked. Works beside the services.

    Of Kafka it copies every stream, with offsets, times, headers and bytes, into a file of the embedded log.
    """
    settings = settings_from()
    from rozana.backup import back_up, export

    if settings.on_kafka:
        if store is not None:
            raise typer.BadParameter("a store of MongoDB is copied by mongodump; documents come back from the log")
        asyncio.run(export(settings, file, keys))
        return
    back_up(settings, _files(file, store, keys))


@commands.command()
def restore(
    file: Annotated[Path | None, typer.Argument(help="A copy of a log; none: put back only what is named besides.")] = (
        None
    ),
    store: Store = None,
    keys: Keys = None,
) -> None:
    """Put a copy back where there is no log. Wants `rozana up`, or the services, stopped.

    Into Kafka it goes with its offsets and times, where the topics are made and hold nothing.
    What the log says is erased is erased in restored keys too, as soon as `rozana up` starts.
    """
    settings = settings_from()
    files = _files(file, store, keys)
    if not files:
        raise typer.BadParameter("name a copy of a log, or --store, or --keys")
    if settings.on_kafka:
        if store is not None:
            raise typer.BadParameter("documents come back from the log")
        from rozana.restore_kafka import restore_to_kafka

        asyncio.run(restore_to_kafka(settings, file, keys))
        return
    from rozana.backup import restore as put_back

    put_back(settings, files)


def _files(log: Path | None, store: Path | None, keys: Path | None) -> dict[str, Path]:
    return {name: file for name, file in (("log", log), ("store", store), ("keys", keys)) if file is not None}
