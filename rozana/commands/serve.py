"""`rozana up`, and one service alone."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

import typer

from libs.runtime.settings import Settings
from rozana.commands.shared import Port, run_logged, settings_from, tell

commands = typer.Typer()


@commands.command()
def up(port: Port = None) -> int:
    """Run all services in one process, until Ctrl-C or SIGTERM."""
    return _serve(settings_from(port=port))


@commands.command()
def ingest(port: Port = None) -> int:
    """Run ingest alone, on Kafka and MongoDB."""
    return _alone("ingest", port)


@commands.command()
def aggregator(port: Port = None) -> int:
    """Run the aggregator alone, on Kafka and MongoDB."""
    return _alone("aggregator", port)


@commands.command()
def notifier(port: Port = None) -> int:
    """Run the notifier alone, on Kafka and MongoDB."""
    return _alone("notifier", port)


def _alone(service: str, port: int | None) -> int:
    settings = settings_from(port=port)
    from rozana import compose

    if compose.on_servers(settings):
        return _serve(settings, service)
    tell(
        f"`rozana {service}` is one service beside others, which needs Kafka and MongoDB: sqlite files belong to one"
        " process. `rozana up` runs all services in one"
    )
    return 2


def _serve(settings: Settings, *services: str) -> int:
    from rozana import assembly
    from rozana.process import READY

    return run_logged(
        lambda logger: assembly.up(
            settings,
            logger=logger,
            announce=lambda url: print(f"{READY}{url}", flush=True),
            services=services or assembly.SERVICES,
        )
    )
