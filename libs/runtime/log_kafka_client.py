"""What every connection to Kafka is set to, and how its errors are said. All settings of aiokafka stand here."""

import asyncio
import logging
import ssl
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

from libs.runtime.errors import StartRefused, Unavailable
from libs.runtime.kafka_security import NOBODY, KafkaSecurity
from libs.runtime.topics import BATCH_OVERHEAD, MOST_BYTES_OF_A_LETTER

SCHEME = "kafka://"
FETCH_BYTES = 256 * 1024
"""Of one stream at a time: a reader a stream may hold that much of each. One batch that is larger comes whole."""
FETCH_WAIT_SECONDS = 0.5
"""How long a fetch waits at the broker for the first record; one that comes ends the wait. A stream that was just
served is asked for again when the fetch of the others has ended."""
LONE_FETCH_WAIT_SECONDS = 5.0
"""The same, for a reader of one stream, which has no others. A process has one for each projection of each of its
states: if all asked twice a second, being idle would cost a tenth of a core."""

CONNECTION: Mapping[str, Any] = {"client_id": "rozana", "request_timeout_ms": 10_000}
CLIENT: Mapping[str, Any] = {**CONNECTION, "retry_backoff_ms": 100}
PRODUCER: Mapping[str, Any] = {
    **CLIENT,
    "acks": "all",
    "enable_idempotence": True,
    "max_batch_size": MOST_BYTES_OF_A_LETTER + BATCH_OVERHEAD,
    "max_request_size": MOST_BYTES_OF_A_LETTER + BATCH_OVERHEAD,
    "linger_ms": 0,  # whoever waits while a batch is under way is in the next one
    "compression_type": None,
}
CONSUMER: Mapping[str, Any] = {
    **CLIENT,
    "group_id": None,  # positions come from the store
    "enable_auto_commit": False,
    "auto_offset_reset": "none",  # a position out of range is an error; `earliest` would jump back and say nothing
    "max_partition_fetch_bytes": FETCH_BYTES,
    "fetch_max_bytes": 16 * FETCH_BYTES,
    "fetch_max_wait_ms": round(FETCH_WAIT_SECONDS * 1000),
    "check_crcs": True,
}


def brokers(url: str) -> list[str]:
    """`kafka://a:9092,b:9092` -> the addresses. Raises StartRefused."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # else it would write to stderr beside our lines
    addresses = url.removeprefix(SCHEME).rstrip("/").split(",")
    if not url.startswith(SCHEME) or not all(address.rpartition(":")[2].isdigit() for address in addresses):
        raise StartRefused("ROZANA_LOG: a kafka URL is kafka://host:port, or several host:port with commas between")
    return addresses


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where Kafka is, and who we are to it."""

    addresses: list[str]
    security: KafkaSecurity = NOBODY

    def __str__(self) -> str:
        return ",".join(self.addresses)

    def client(self) -> Mapping[str, Any]:
        """What every client is given."""
        return {"bootstrap_servers": self.addresses, **self.security.arguments()}


def cluster_of(url: str, security: KafkaSecurity = NOBODY) -> Cluster:
    """Raises StartRefused."""
    return Cluster(brokers(url), security)


def new_producer(cluster: Cluster) -> AIOKafkaProducer:
    return AIOKafkaProducer(**cluster.client(), **PRODUCER)


def new_consumer(cluster: Cluster, **settings: Any) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(**cluster.client(), **{**CONSUMER, **settings})


def new_admin(cluster: Cluster) -> AIOKafkaAdminClient:
    return AIOKafkaAdminClient(**cluster.client(), **CLIENT)


async def close_whole(closing: Coroutine[object, object, object]) -> None:
    """Await an aiokafka client's close or stop in a task of its own: it keeps a cancellation of whoever awaits it to
    itself, and a loop that was cancelled just then would go on for ever. Here it is raised, once all is closed."""
    task = asyncio.create_task(_ended(closing))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _ended(closing: Coroutine[object, object, object]) -> None:
    await closing


async def introduce(cluster: Cluster) -> None:
    """Ask whether Kafka takes us for whom we say we are, once, before the log is opened: aiokafka's clients only say
    that they could not connect. A broker that is not there is no reason to refuse. Raises StartRefused.
    """
    for address in cluster.addresses:
        host, _, port = address.rpartition(":")
        try:
            connection = await create_conn(host.strip("[]"), int(port), **CONNECTION, **cluster.security.arguments())
        except (SaslAuthenticationFailed, UnsupportedSaslMechanismError):
            raise StartRefused(
                f"Kafka at {address} does not take this user with this password: see ROZANA_KAFKA_USER,"
                " ROZANA_KAFKA_PASSWORD_FILE, and that the user is made with SCRAM-SHA-512"
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise StartRefused(
                f"the certificate of Kafka at {address} is not good ({error.verify_message}): see ROZANA_KAFKA_CA_FILE,"
                " and the names in the certificate"
            ) from None
        except (KafkaError, OSError, TimeoutError):
            continue
        connection.close()
        return


def unavailable(cluster: Cluster, error: BaseException) -> Unavailable:
    """The port's error for one of aiokafka's, by its name alone: its text may hold what was sent."""
    name = type(error).__name__.removesuffix("Error")
    return Unavailable(f"the log at {cluster} did not do it ({name}): see whether Kafka runs there, and whom it takes")
