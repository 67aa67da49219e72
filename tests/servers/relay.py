"""Between clients and a broker, on loopback: what it answers to an append can be changed, held back, or lost."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

PRODUCE = 0
"""Kafka's number of the request that appends."""

Meddle = Callable[[bytes], Awaitable[bytes | None]]
"""A whole answer to an append -> what the client is given instead; None: its connection is cut."""


async def as_it_is(answer: bytes) -> bytes:
    return answer


class Relay:
    """`meddle` may be set at any time. The broker advertises our port, so that every client comes by here."""

    def __init__(self, broker: int) -> None:
        self._broker = broker
        self.meddle: Meddle = as_it_is

    @contextlib.asynccontextmanager
    async def open(self, port: int) -> AsyncIterator["Relay"]:
        relaying: set[asyncio.Task[None]] = set()

        def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            relaying.add(asyncio.create_task(self._relay(reader, writer)))

        server = await asyncio.start_server(relay, "127.0.0.1", port)
        try:
            yield self
        finally:
            server.close()
            for each in relaying:
                each.cancel()
            await asyncio.gather(*relaying, return_exceptions=True)

    async def _relay(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        broker, to_broker = await asyncio.open_connection("127.0.0.1", self._broker)
        asked: deque[int] = deque()
        """What is still to be answered, in order."""

        async def ask() -> None:
            while True:
                request = await _frame(client)
                asked.append(int.from_bytes(request[:2]))
                to_broker.write(len(request).to_bytes(4) + request)

        async def answer() -> None:
            while True:
                found: bytes | None = await _frame(broker)
                if asked.popleft() == PRODUCE:
                    found = await self.meddle(found or b"")
                if found is None:
                    return
                to_client.write(len(found).to_bytes(4) + found)

        both = [asyncio.create_task(ask()), asyncio.create_task(answer())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            for writer in (to_client, to_broker):
                writer.close()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """Raises IncompleteReadError at the end."""
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4)))


def without_offset(answer: bytes, stream: str) -> bytes:
    """The same answer as an older broker gives it to a repeat that it does not keep the place of: known, offset -1.

    After the stream's name: the count of partitions, the partition's number, the error, the offset.
    """
    at = answer.index(stream.encode()) + len(stream) + 8
    return answer[:at] + DUPLICATE_SEQUENCE_NUMBER.to_bytes(2) + b"\xff" * 8 + answer[at + 10 :]


DUPLICATE_SEQUENCE_NUMBER = 46
