"""Somebody's mail server: a real one on loopback (aiosmtpd), that keeps what comes and answers as told."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass(slots=True)
class Mailbox:
    """`says` is asked for each mail: None takes it, a line of SMTP is the answer instead."""

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    says: Callable[[EmailMessage], str | None] = lambda _mail: None
    waits: Callable[[], Awaitable[None]] | None = None
    """What it does once it has a mail, before it answers."""
    port: int = 0
    users: dict[str, str] = field(default_factory=dict)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=default)
        assert isinstance(mail, EmailMessage)
        said = self.says(mail)
        if said is None:
            self.mails.append(mail)
            self.recipients += envelope.rcpt_tos
            if self.waits is not None:
                await self.waits()
        return said or "250 kept"

    def let_in(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        good = self.users.get(data.login.decode()) == data.password.decode()
        return AuthResult(success=good, handled=False)

    @property
    def keys(self) -> list[str]:
        """The Message-IDs, without what is around them."""
        return [str(mail["Message-ID"]).strip("<>").partition("@")[0] for mail in self.mails]

    @contextlib.asynccontextmanager
    async def serving(self, *, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator["Mailbox"]:
        """With `tls` it wants STARTTLS, and with users it wants to know who comes."""

        def talk() -> SMTP:
            return SMTP(
                self,
                tls_context=tls,
                require_starttls=tls is not None,
                auth_required=bool(self.users),
                auth_require_tls=tls is not None,
                authenticator=self.let_in,
                hostname="localhost",
                loop=asyncio.get_running_loop(),
            )

        server = await asyncio.get_running_loop().create_server(talk, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()


def text_of(mail: EmailMessage) -> str:
    return "\n".join(str(mail.get_content()).splitlines()).strip()
