"""Somebody's endpoint: a real server on loopback, with TLS or without, that keeps what comes and answers as told."""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it came. Names of headers in small letters."""

    line: str
    headers: Mapping[str, str]
    body: bytes
    server_name: str | None
    """What TLS was asked for (SNI)."""


def says(status: int, headers: str = "", body: bytes = b"") -> Answer:
    """`headers`: lines that end with CR LF."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    return answer


async def closes(writer: asyncio.StreamWriter) -> None:
    """Says nothing and hangs up."""


async def hangs(writer: asyncio.StreamWriter) -> None:
    """Says nothing and waits."""
    await asyncio.Event().wait()


async def begins_and_hangs(writer: asyncio.StreamWriter) -> None:
    """Breaks off in the middle of the head."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-")
    await asyncio.Event().wait()


async def babbles(writer: asyncio.StreamWriter) -> None:
    """No HTTP at all."""
    writer.write(b"220 mail.example.org ESMTP\r\n")
    await writer.drain()


async def never_ends(writer: asyncio.StreamWriter) -> None:
    """A 200 whose body goes on as long as somebody listens."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()


async def huge_head(writer: asyncio.StreamWriter) -> None:
    """Headers without end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 4096 + b"\r\n")
        await writer.drain()


class Sink:
    """`answers` are used up in order; after them, and at first, it says 204."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[Answer] = []
        self.port = 0
        self.scheme = "http"
        self._names: dict[object, str | None] = {}
        self._talking: set[asyncio.Task[None]] = set()

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talking.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
            body = await reader.readexactly(int(headers["content-length"]))
            name = self._names.get(writer.get_extra_info("ssl_object"))
            self.received.append(Received(head[0], headers, body, name))
            await (self.answers.pop(0) if self.answers else says(204))(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side has heard enough
        finally:
            self._talking.discard(task)
            writer.transport.abort() if self._cut(task) else writer.close()

    def _cut(self, task: asyncio.Task[None]) -> bool:
        return bool(task.cancelling())

    @contextlib.asynccontextmanager
    async def serving(
        self, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator["Sink"]:
        if tls is not None:
            self.scheme = "https"
            tls.sni_callback = lambda connection, name, _context: self._names.__setitem__(connection, name)
        server = await asyncio.start_server(self._talk, host, port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in list(self._talking):
                task.cancel()
            await asyncio.gather(*self._talking, return_exceptions=True)
            await server.wait_closed()


def certificate(folder: Path, *names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A throw-away certificate for these names and addresses: the server's context, and one that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "throw-away")])
    alternatives = [_general_name(name) for name in names]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    pem = signed.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
