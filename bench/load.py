"""Load over loopback, from a process of its own: requests that are all different, made before the clock starts."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length: "


def post(path: str, body: bytes, token: str | None) -> bytes:
    """The bytes of a request on a connection that stays open."""
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    head = f"POST {path} HTTP/1.1\r\nHost: rozana\r\nContent-Type: application/json\r\n{bearer}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Answers:
    """What came back: how often each status, and how long each request took, in seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    begun: float = 0.0
    """When the first request was due, by `perf_counter`."""
    seconds: list[float] = field(default_factory=list)


class _Connection(asyncio.Protocol):
    """Sends a request, waits for the whole answer, takes the next one that waits."""

    def __init__(self, waiting: deque[tuple[float, bytes]], answers: Answers) -> None:
        self._waiting = waiting
        self._answers = answers
        self._buffer = b""
        self._since: float | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @property
    def idle(self) -> bool:
        return self._since is None

    def take(self) -> None:
        if self._since is None and self._waiting:
            since, request = self._waiting.popleft()
            self._since = since or time.perf_counter()
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data
        head = buffer.find(END_OF_HEAD)
        if head < 0:
            return
        at = buffer.index(LENGTH) + len(LENGTH)
        if len(buffer) < head + len(END_OF_HEAD) + int(buffer[at : buffer.index(b"\r", at)]):
            return
        assert self._since is not None
        self._answers.seconds.append(time.perf_counter() - self._since)
        self._answers.statuses[int(buffer[9:12])] += 1
        self._buffer, self._since = b"", None
        self.take()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.closed.set_result(None)

    def close(self) -> None:
        self._transport.close()


async def closed_loop(port: int, requests: Sequence[bytes], connections: int) -> Answers:
    """All requests, as fast as they are answered, so many at a time."""
    answers = Answers()
    await _send([(0.0, request) for request in requests], port, connections, answers)
    return answers


async def open_loop(port: int, requests: Sequence[bytes], per_second: float, connections: int) -> Answers:
    """Each request at its own instant, whatever became of those before it. Its time counts from that instant, also
    while it waits for a free connection: what a slow server keeps waiting is not left out.
    """
    answers = Answers()
    answers.begun = start = time.perf_counter() + 0.1
    await _send([(start + n / per_second, request) for n, request in enumerate(requests)], port, connections, answers)
    return answers


async def _send(plan: Sequence[tuple[float, bytes]], port: int, connections: int, answers: Answers) -> None:
    """`plan`: the instant of each request by `perf_counter`, in order; 0 is at once."""
    loop = asyncio.get_running_loop()
    waiting: deque[tuple[float, bytes]] = deque()
    open_ones = deque(
        [
            (await loop.create_connection(lambda: _Connection(waiting, answers), "127.0.0.1", port))[1]
            for _ in range(connections)
        ]
    )
    due = deque(plan)
    while due:
        now = time.perf_counter()
        while due and due[0][0] <= now:
            waiting.append(due.popleft())
        while waiting and (idle := next((each for each in open_ones if each.idle), None)):
            open_ones.rotate(-1 - open_ones.index(idle))  # in turn: the server closes those that are quiet for long
            idle.take()
        if due:
            await asyncio.sleep(max(0.0, due[0][0] - time.perf_counter()))
    while len(answers.seconds) < len(plan):
        if any(connection.closed.done() for connection in open_ones):
            raise ConnectionError("the server hung up")
        await asyncio.sleep(0.005)
    for connection in open_ones:
        connection.close()
    await asyncio.gather(*(connection.closed for connection in open_ones))
