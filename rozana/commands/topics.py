"""`rozana topics show | apply | acls`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rozana.commands.shared import settings_from

commands = typer.Typer()
topics = typer.Typer(help="Kafka's topics, and who may read and write them.", no_args_is_help=True)
commands.add_typer(topics, name="topics")


class Format(StrEnum):
    COMMANDS = "commands"
    STRIMZI = "strimzi"


@topics.command()
def show() -> int:
    """Compare the topics that there are with what they should be. Changes nothing; exit code 1 if they differ."""
    settings = settings_from()
    from rozana.topics import show as show_topics

    return asyncio.run(show_topics(settings))


@topics.command()
def apply() -> int:
    """Make the topics that are missing, and set right what is set wrongly. May be run again at any time.

    A topic with another number of partitions is left alone: exit code 1.
    """
    settings = settings_from()
    from rozana.topics import apply as apply_topics

    return asyncio.run(apply_topics(settings))


@topics.command()
def acls(
    form: Annotated[
        Format, typer.Option("--format", help="kafka-acls commands, or Strimzi's KafkaTopic and KafkaUser resources.")
    ] = Format.COMMANDS,
    consumers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="AICC's consumers and what each may read: deploy/consumers.example.toml."),
    ] = None,
) -> None:
    """Print the rights of every principal: the services, the states' offices, AICC's consumers. Asks nobody."""
    settings = settings_from()
    from rozana.acls import acls as text_of

    print(text_of(settings, form.value, consumers), end="")
