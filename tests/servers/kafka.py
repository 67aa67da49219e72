"""Apache Kafka for the tests: one node, broker and controller in one process."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from tests.servers.jars import jars
from tests.servers.server import Server, free_port

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.flush.interval.messages=1
"""


BROKER_ALONE = """
process.roles=broker
node.id=2
listeners=PLAINTEXT://127.0.0.1:{port}
"""


class Kafka(Server):
    READY = "Kafka Server started"

    def __init__(
        self,
        folder: Path,
        *,
        properties: str = "",
        passwords: Mapping[str, str] | None = None,
        joins: "Kafka | None" = None,
    ) -> None:
        """`properties` are added to, and win over, those above; `passwords` are of users who come by SCRAM-SHA-512.

        One that `joins` another is a second broker of its cluster, number 2, and no controller.
        """
        super().__init__(folder)
        self._jars = jars("kafka", "Acls.java")
        self._settings = folder / "server.properties"
        self._controller: int = free_port() if joins is None else joins._controller
        self._cluster: str = uuid4().hex[:22] if joins is None else joins._cluster
        places = {"port": self.port, "controller": self._controller, "folder": folder}
        text = PROPERTIES + (BROKER_ALONE if joins else "") + properties
        self._settings.write_text(text.format(**places))
        users = [
            word
            for name, password in (passwords or {}).items()
            for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]
        subprocess.run(
            self._java(
                *("kafka.tools.StorageTool", "format", "-t", self._cluster, "-c", str(self._settings)),
                *(() if joins else ("--standalone",)),
                *users,
            ),
            check=True,
            capture_output=True,
        )

    @property
    def url(self) -> str:
        return f"kafka://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return self._java("kafka.Kafka", str(self._settings))

    def _java(self, *arguments: str) -> list[str]:
        return [
            "java",
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            f"{self._jars}:{self._jars}/*",
            *arguments,
        ]
