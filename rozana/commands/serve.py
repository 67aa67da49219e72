"""`rozana up`, and one service alone."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

import typer

from rozana.commands.shared import Port, run_logged, settings_from, tell

commands = typer.Typer()


@commands.command()
def up(port: Port = None) -> int:
    """Run all services in one process on embedded files, until Ctrl-C or SIGTERM."""
    settings = settings_from(port=port)
    from rozana import compose
    from rozana.process import READY

    return run_logged(
        lambda logger: compose.up(settings, logger=logger, announce=lambda url: print(f"{READY}{url}", flush=True))
    )


@commands.command()
def ingest() -> int:
    """Run ingest alone (not yet: needs Kafka and MongoDB)."""
    return _alone("ingest")


@commands.command()
def aggregator() -> int:
    """Run the aggregator alone (not yet: needs Kafka and MongoDB)."""
    return _alone("aggregator")


@commands.command()
def notifier() -> int:
    """Run the notifier alone (not yet: needs Kafka and MongoDB)."""
    return _alone("notifier")


def _alone(service: str) -> int:
    settings_from()
    tell(
        f"`rozana {service}` is one service beside others, which needs Kafka and MongoDB: sqlite files belong to one"
        " process. `rozana up` runs all services in one"
    )
    return 2
