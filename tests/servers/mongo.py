"""A server that speaks MongoDB's protocol, for the tests (Mongo.java says which, and what it keeps).

It is not MongoDB: durability and replicas as a real one has them are asked for by our settings, and not proven here.
"""

from pathlib import Path

from tests.servers.jars import jars
from tests.servers.server import Server

REFUSED = "the tests' server refuses this"
"""The id of a document that it does not take, as MongoDB may for a reason of its own."""


class Mongo(Server):
    READY = "Mongo is listening"

    def __init__(self, folder: Path, *, heap: str = "1g") -> None:
        """heap: as Java's -Xmx has it; documents are in memory, some five times as large as they are."""
        super().__init__(folder)
        self._heap = heap
        self._jars = jars("mongo", "Mongo.java")

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [
            *("java", f"-Xmx{self._heap}", "-XX:+UseSerialGC"),
            *("-cp", f"{self._jars}:{self._jars}/*", "Mongo", str(self.port), str(self.folder / "journal")),
        ]
