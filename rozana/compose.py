"""Settings become adapters. Nobody else chooses any; assembly.py makes services of them."""

import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from libs.runtime.access import PREFIX
from libs.runtime.clock import Clock, ShiftedClock, SystemClock
from libs.runtime.erasable import ErasableStore
from libs.runtime.erasable_sqlite import SCHEMA as KEYS_SCHEMA
from libs.runtime.erasable_sqlite import open_erasable, path_beside
from libs.runtime.kafka_security import read_security
from libs.runtime.log import EventLog
from libs.runtime.log_sqlite import open_log
from libs.runtime.log_sqlite_rows import SCHEMA as LOG_SCHEMA
from libs.runtime.membership import Alone, Membership
from libs.runtime.patience import PatientLog, PatientStore
from libs.runtime.settings import Settings
from libs.runtime.sqlite import Schema
from libs.runtime.store import DocumentStore
from libs.runtime.store_sqlite import SCHEMA as STORE_SCHEMA
from libs.runtime.store_sqlite import SqliteDocumentStore, open_store
from libs.runtime.telemetry import Logger
from rozana.states import state_codes
from services.notifier.channels.alertmanager import AlertmanagerChannel, Manager
from services.notifier.channels.channel import Channel
from services.notifier.channels.mail import MailChannel, Relay
from services.notifier.channels.others import Others, OthersChannel
from services.notifier.channels.webhook import Endpoint, WebhookChannel
from services.notifier.routes_entries import Made
from services.notifier.routes_file import read_routes

if TYPE_CHECKING:
    from libs.runtime.log_kafka_admin import TopicsAdmin

DATABASES: Mapping[str, Schema] = {"keys": KEYS_SCHEMA, "log": LOG_SCHEMA, "store": STORE_SCHEMA}
"""The kinds of embedded files."""


def path_of(settings: Settings, database: str) -> Path:
    """The file of one of DATABASES."""
    log = settings.log_path
    return {"keys": path_beside(log), "log": log, "store": settings.store_path}[database]


@dataclass(frozen=True, slots=True)
class Adapters:
    """What all services share. Closing twice is allowed."""

    log: EventLog
    store: DocumentStore
    clock: Clock
    kept: ErasableStore | None = None
    """Where the keys of sealed texts go; None where none are taken."""

    async def close(self) -> None:
        await self.log.close()
        await self.store.close()
        if self.kept is not None:
            await self.kept.close()


async def open_adapters(settings: Settings, *, read_only: bool = False) -> Adapters:
    """Open what the settings name; `read_only`, beside the process that writes. Raises StartRefused."""
    clock = await system_clock(settings)
    log = await _log(settings, clock, read_only=read_only)
    try:
        store = _store(settings, read_only=read_only)
    except BaseException:
        await log.close()
        raise
    return Adapters(log, store, clock)


async def with_keys(settings: Settings, adapters: Adapters) -> Adapters:
    """The same, and where the keys of sealed texts go, if the settings publish keys. Raises StartRefused."""
    return adapters if settings.grievance_keys is None else replace(adapters, kept=kept(settings, adapters.clock))


def kept(settings: Settings, clock: Clock) -> ErasableStore:
    """Where the keys of sealed texts go. Raises WrongDatabase."""
    if not settings.on_kafka:
        return open_erasable(path_beside(settings.log_path))
    from libs.runtime import erasable_kafka  # noqa: PLC0415 -- the embedded system does not wait for it

    return erasable_kafka.open_erasable(settings.log, clock, security=read_security(settings))


async def _log(settings: Settings, clock: Clock, *, read_only: bool) -> EventLog:
    """A server's log needs no `read_only`: many may use it at once. Raises StartRefused, also when Kafka refuses us."""
    if not settings.on_kafka:
        return open_log(settings.log_path, clock, read_only=read_only)
    from libs.runtime import log_kafka, log_kafka_client  # noqa: PLC0415 -- the embedded system does not wait for it

    security = read_security(settings)
    await log_kafka_client.introduce(log_kafka_client.cluster_of(settings.log, security))
    return log_kafka.open_log(settings.log, clock, security=security)


def _store(settings: Settings, *, read_only: bool) -> DocumentStore:
    if not settings.store.startswith("mongodb"):
        return open_store(settings.store_path, read_only=read_only)
    from libs.runtime import store_mongo  # noqa: PLC0415 -- as above

    return store_mongo.open_store(settings.store, settings.mongo_driver)


def on_servers(settings: Settings) -> bool:
    """Whether log and store are both to be shared by several processes."""
    return settings.on_kafka and settings.store.startswith("mongodb")


def patient(settings: Settings, adapters: Adapters, logger: Logger) -> Adapters:
    """With servers, the loops ride out their outages; what goes wrong with a file of ours ends the process."""
    log, store = adapters.log, adapters.store
    return replace(
        adapters,
        log=PatientLog(log, logger) if settings.on_kafka else log,
        store=PatientStore(store, logger) if settings.store.startswith("mongodb") else store,
    )


@asynccontextmanager
async def opened(settings: Settings, *, read_only: bool = False) -> AsyncIterator[Adapters]:
    """`open_adapters`, closed at the end."""
    adapters = await open_adapters(settings, read_only=read_only)
    try:
        yield adapters
    finally:
        await adapters.close()


@asynccontextmanager
async def opened_log(settings: Settings, clock: Clock | None = None) -> AsyncIterator[EventLog]:
    """The log alone, to be read beside the process that writes it. Raises WrongDatabase.

    `clock` counts where a command appends to Kafka with the writer's time.
    """
    log = await _log(settings, clock or SystemClock(), read_only=True)
    try:
        yield log
    finally:
        await log.close()


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[DocumentStore]:
    """The store alone, to be read beside the process that writes it. Raises WrongDatabase."""
    store = _store(settings, read_only=True)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_topics(settings: Settings) -> AsyncIterator["TopicsAdmin"]:
    """Kafka's topics, to be set up. Raises StartRefused."""
    from libs.runtime.log_kafka_admin import opened_admin  # noqa: PLC0415 -- the embedded system does not wait for it
    from libs.runtime.log_kafka_client import cluster_of, introduce  # noqa: PLC0415 -- as above

    cluster = cluster_of(settings.log, read_security(settings))
    await introduce(cluster)
    async with opened_admin(cluster) as admin:
        yield admin


async def missing_indexes(store: DocumentStore) -> Mapping[str, Sequence[str]]:
    """By collection, the indexes that a server's store should have and has not; an embedded one makes its own."""
    if isinstance(store, SqliteDocumentStore):
        return {}
    from libs.runtime.store_mongo import MongoDocumentStore  # noqa: PLC0415 -- as above

    return await store.missing_indexes() if isinstance(store, MongoDocumentStore) else {}


@asynccontextmanager
async def temporary_store() -> AsyncIterator[DocumentStore]:
    """An empty store that is gone afterwards."""
    with TemporaryDirectory(prefix="rozana-") as folder:
        store = open_store(Path(folder) / "store.db")
        try:
            yield store
        finally:
            await store.close()


async def system_clock(settings: Settings) -> Clock:
    """A shifted clock never starts before what the log already holds: time would run twice."""
    if not settings.own_clock:
        return SystemClock()
    start = settings.clock_start or datetime.now(UTC)
    if not settings.log.startswith("sqlite:") or (settings.log_path.exists() and settings.log_path.stat().st_size):
        async with opened_log(settings) as log:
            start = max(start, await log.last_time() or start)
    return ShiftedClock(start, settings.clock_speed)


def membership_of(settings: Settings, service: str, logger: Logger) -> Membership:
    """On Kafka, the group that is named as the service's principal; else nobody else works on these files."""
    if not settings.on_kafka:
        return Alone(settings.states)
    from libs.runtime.log_kafka_client import cluster_of  # noqa: PLC0415 -- the embedded system does not wait for it
    from libs.runtime.membership_kafka import KafkaMembership  # noqa: PLC0415 -- as above

    name = settings.member or (f"{socket.gethostname()}-{settings.port}" if settings.port else None)
    cluster = cluster_of(settings.log, read_security(settings))
    return KafkaMembership(cluster, f"{PREFIX}{service}", name, settings.states, settings.session, logger)


def channels_of(settings: Settings) -> list[Channel]:
    """What the routes file names; the environment holds its secrets. Raises StartRefused."""
    made = [] if settings.routes is None else read_routes(settings.routes, os.environ, state_codes())
    return [_channel(each) for each in made]


def _channel(made: Made) -> Channel:
    match made:
        case Endpoint():
            return WebhookChannel(made)
        case Relay():
            return MailChannel(made)
        case Manager():
            return AlertmanagerChannel(made)
        case Others():
            return OthersChannel(made)
