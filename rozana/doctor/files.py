"""What the files say: streams, the clock of each state, dead letters, the outbox, the disk.

Of grievances nothing is told that would tell when one came, or from which state: no end, no time.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from libs.duty.state_duty import StateDuty
from libs.events.envelope import format_instant
from libs.events.streams import STREAMS, keeps_hours, stream_name
from libs.runtime.batch import Checkpoint
from libs.runtime.consumer import position_after
from libs.runtime.errors import LogMismatch, RozanaError
from libs.runtime.letters import Letter, letters
from libs.runtime.log import EventLog
from libs.runtime.pointer import folded_collection, live_collection, snapshots_of
from libs.runtime.settings import Settings
from libs.runtime.store import DocumentStore
from rozana.compose import path_of
from rozana.doctor.findings import Findings
from services.aggregator.projections.state_days import STATE_DAYS
from services.notifier.outbox import OUTBOX, Delivery

JUDGED_WITHIN = timedelta(minutes=2)
"""The timekeeper needs five seconds, and a busy machine some more."""
DELIVERED_WITHIN = timedelta(hours=1)
PAGE = 500
LEAST_FREE = 1 << 30
"""In bytes."""
MEBIBYTE = 1 << 20


async def look_at_log(log: EventLog, states: Sequence[str], positions: Mapping[str, Mapping[str, int]]) -> Findings:
    """Each stream that holds something, and how far its readers are; then the dead letters."""
    findings = Findings()
    for kind, stream in STREAMS.items():
        for name in [stream.name(state) for state in states] if stream.per == "state" else [stream.name()]:
            if keeps_hours(name) and (end := await log.end(name)):
                (last,) = await log.read(name, end - 1)
                behind = {reader: end - to for reader, to in positions.get(name, {}).items() if to < end}
                lag = ", ".join(f"{reader} is {lag} behind" for reader, lag in sorted(behind.items()))
                read = "all readers are at its end" if positions.get(name) else "nobody reads"
                findings.well("log", name, f"{end} records, the last {format_instant(last.appended_at)}, {lag or read}")
        if kind == "grievances":
            findings.well("log", stream.name("<state>"), "not shown: it would tell when one came")
    findings += await _look_at_letters(log)
    return findings


async def _look_at_letters(log: EventLog) -> Findings:
    findings = Findings()
    found = [(each.stream, each.fault() is None) async for each in letters(log) if isinstance(each, Letter)]
    unreadable = [stream for stream, readable in found if not readable]
    of_reports = sum(stream.endswith(".reports") for stream in unreadable)
    if others := len(unreadable) - of_reports:
        findings.ill(
            "log",
            "dead letters",
            f"cannot be read: {others}",
            todo="see `rozana dead-letters list`",
            anchor="dead-letters",
        )
    if of_reports:
        findings.well("log", "dead letters", f"{of_reports} of reports cannot be read: whom they hold, see clocks")
    if readable := len(found) - len(unreadable):
        findings.well(
            "log", "dead letters", f"{readable} can be read by now: `rozana dead-letters replay`, if not done yet"
        )
    if not found:
        findings.well("log", "dead letters", "none")
    return findings


async def look_at_store(store: DocumentStore, states: Sequence[str], now: datetime) -> Findings:
    """Whether every day is judged that should be, and what waits to be delivered. `now`: the system's clock."""
    findings = Findings()
    try:
        findings += await _look_at_clocks(store, states, now)
    except RozanaError as error:  # folded by another version
        findings.ill("clocks", STATE_DAYS.name, f"cannot be seen ({error})", todo="do that", anchor="store")
    findings += await _look_at_outbox(store, now)
    return findings


async def compare(store: DocumentStore, log: EventLog, states: Sequence[str]) -> Findings:
    """Whether the log is the one, and as long as the one, that the days were folded from."""
    findings = Findings()
    snapshots = snapshots_of(await folded_collection(store, STATE_DAYS))
    identity = await log.identity()
    for state in states:
        stream = stream_name("reports", state)
        found = await store.get(snapshots, stream)
        if found is None:
            continue
        at = Checkpoint(found.version, str(found.body["event_id"]), str(found.body["log"]))
        try:
            await position_after(log, stream, at, identity)
        except LogMismatch as error:
            findings.ill("store", stream, f"does not go with the log ({error})", todo="do that", anchor="log-mismatch")
    return findings


async def _look_at_clocks(store: DocumentStore, states: Sequence[str], now: datetime) -> Findings:
    findings = Findings()
    snapshots = snapshots_of(await live_collection(store, STATE_DAYS))
    for state in states:
        found = await store.get(snapshots, stream_name("reports", state))
        if found is None:
            continue
        duty = StateDuty.load(cast("Mapping[str, object]", found.body["snapshot"]))
        for held, unread in duty.unread.items():
            findings.ill(
                "clocks",
                held,
                f"is unknown and not judged, for these records are unread: {', '.join(map(str, unread))}",
                todo="see `rozana dead-letters list`; who has looked into one sets it aside",
                anchor="dead-letters",
            )
        reached = f"reached {format_instant(duty.clock)}" if duty.clock else "has reached nothing yet"
        due = duty.next_due()
        if due is not None and due + JUDGED_WITHIN < now:
            findings.ill(
                "clocks",
                state,
                f"{reached}, and should be at {format_instant(due)}",
                todo="the notifier judges what fell due: is it running, and ready?",
                anchor="not-judged",
                named=f"the clock of {state}",
            )
        else:
            then = f"next {format_instant(due)}" if due else "nothing falls due"
            findings.well("clocks", state, f"{reached}, {then}")
    return findings


async def _look_at_outbox(store: DocumentStore, now: datetime) -> Findings:
    findings = Findings()
    waiting = [
        each
        for each in await _deliveries(store, "due", "claimed")
        if each.kind != "grievances" and (each.held_until is None or each.held_until <= now)
    ]
    oldest = min((each.raised_at for each in waiting), default=None)
    told = f"{len(waiting)} due" + (f", the oldest since {format_instant(oldest)}" if oldest else "")
    if oldest is not None and now - oldest > DELIVERED_WITHIN:
        findings.ill("outbox", "due", told, todo="is the notifier running, and the receiver?", anchor="deliveries-late")
    else:
        findings.well("outbox", "due", told)
    if parked := len(await _deliveries(store, "parked")):
        findings.ill(
            "outbox",
            "parked",
            f"{parked} deliveries",
            todo="nobody is told of these; mend the receiver, then have them tried again",
            anchor="deliveries-parked",
        )
    else:
        findings.well("outbox", "parked", "none")
    return findings


async def _deliveries(store: DocumentStore, *statuses: str) -> list[Delivery]:
    found: list[Delivery] = []
    after: tuple[str, str] | None = None
    while True:
        page = await store.find(OUTBOX, {"status": statuses}, order_by="raised_at", after=after, limit=PAGE)
        found += [Delivery.model_validate(each.body) for each in page]
        if len(page) < PAGE:
            return found
        after = (str(page[-1].body["raised_at"]), page[-1].id)


def look_at_disk(settings: Settings, *, least_free: int = LEAST_FREE) -> Findings:
    """The sizes of log and store with their write-ahead logs, and the room that is left beside them. Servers keep
    theirs elsewhere, and watch it themselves.
    """
    findings = Findings()
    files = [
        (name, path_of(settings, name))
        for name, url in (("log", settings.log), ("store", settings.store))
        if url.startswith("sqlite:")
    ]
    if not files:
        return findings
    for name, path in files:
        parts = [part for part in (path, Path(f"{path}-wal")) if part.exists()]
        if parts:
            size = sum(part.stat().st_size for part in parts)
            findings.well("disk", name, f"{path}, {size / MEBIBYTE:.1f} MiB")
    folder = next((each for each in files[0][1].resolve().parents if each.exists()), Path("/"))
    free = shutil.disk_usage(folder).free
    told = f"{free / MEBIBYTE:,.0f} MiB free"
    if free < least_free:
        findings.ill("disk", str(folder), told, todo="make room: without it nothing is accepted", anchor="disk")
    else:
        findings.well("disk", str(folder), told)
    return findings


def look_at_settings(settings: Settings) -> Findings:
    """What is in force, secrets left out."""
    findings = Findings()
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, tuple):
            value = " ".join(value)
        elif name == "token":
            value = None if value is None else "given"
        elif name in {"log", "store"}:
            value = re.sub(r"//[^/]*@", "//", str(value))  # whom a server takes, and by which password
        elif name == "rate":
            value = f"{value.per_second:g}/{value.burst}"
        if value is not None:
            findings.well("settings", f"ROZANA_{name.upper()}", str(value))
    return findings
