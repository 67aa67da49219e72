"""Everything looked at once: a table, then a line for each thing that is wrong."""

from contextlib import AsyncExitStack
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from libs.runtime.errors import RozanaError
from libs.runtime.log import EventLog
from libs.runtime.settings import Settings
from rozana.compose import on_servers, opened_log, opened_store, system_clock
from rozana.doctor.files import compare, look_at_disk, look_at_log, look_at_settings, look_at_store
from rozana.doctor.findings import Findings
from rozana.doctor.served import Served, ask
from rozana.doctor.servers import look_at_checkpoints, look_at_indexes, look_at_topics


async def doctor(settings: Settings) -> int:
    """The exit code: 0 when nothing is wrong, else 1. Works beside `rozana up`, and where nothing runs."""
    served = await ask(settings.url, start="the services" if on_servers(settings) else "`rozana up`")
    findings = served.findings
    findings += await _look_inside(settings, served)
    findings += look_at_disk(settings)
    findings += look_at_settings(settings)
    show(findings, Console())
    return 1 if findings.wrongs else 0


async def _look_inside(settings: Settings, served: Served) -> Findings:
    findings = Findings()
    async with AsyncExitStack() as opened:
        log: EventLog | None = None
        try:
            whole = True
            if settings.on_kafka:
                of_topics, whole = await look_at_topics(settings)
                findings += of_topics
            if whole:
                log = await opened.enter_async_context(opened_log(settings))
                findings += await look_at_log(log, settings.states, served.positions)
        except RozanaError as error:
            log = None
            todo = (
                "see whether Kafka runs, and ROZANA_LOG"
                if settings.on_kafka
                else "see what ROZANA_DATA and ROZANA_LOG say, or restore a backup (`rozana restore`)"
            )
            findings.ill("log", "the log", f"cannot be read: {error}", todo=todo, anchor="log")
        on_file = settings.store.startswith("sqlite:")
        if on_file and not settings.store_path.exists():
            findings.well("store", str(settings.store_path), "does not exist: `rozana up` makes it from the log")
            return findings
        try:
            store = await opened.enter_async_context(opened_store(settings))
            findings += await look_at_indexes(store)
            findings += await look_at_store(store, settings.states, served.now or await _now(settings))
            if log is not None:
                findings += await compare(store, log, settings.states)
                findings += await look_at_checkpoints(log, store, settings.states)
        except RozanaError as error:
            todo = (
                "stop `rozana up` and move the store away: it is made again from the log"
                if on_file
                else "see whether MongoDB runs, and ROZANA_STORE; documents can always be made again from the log"
            )
            findings.ill("store", "the store", f"cannot be read: {error}", todo=todo, anchor="store")
    return findings


async def _now(settings: Settings) -> datetime:
    """By the clock that the system would start on."""
    try:
        return (await system_clock(settings)).now()
    except RozanaError:  # of the log, which has been told already
        return datetime.now().astimezone()


def show(findings: Findings, console: Console) -> None:
    table = Table(show_edge=False, pad_edge=False)
    for column in ("part", "what", "how it is"):
        table.add_column(column, overflow="fold")
    part = ""
    for row in findings.rows:
        style = "bold red" if row.wrong else ""
        table.add_row("" if row.part == part else row.part, Text(row.what, style), Text(row.told, style))
        part = row.part
    console.print(table)
    console.print()
    for line in findings.lines:
        console.print(Text.assemble(("wrong  ", "bold red"), line), soft_wrap=True)
    if not findings.lines:
        console.print(Text("nothing is wrong", "green"))
