"""The channel for people: a mail by SMTP (RFC 5321), under a Message-ID that is the message's key.

Encrypted from before the first word of it on (STARTTLS, RFC 3207, or TLS from the start), to a server whose certificate
is good. A mail that comes again after a crash bears the same Message-ID, by which mailboxes show it once.
"""

import re
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal

import aiosmtplib

from services.notifier.channels.channel import Message, NotNow, Undeliverable
from services.notifier.messages import letter

DEADLINE_SECONDS = 15.0
"""For each step of the conversation; the courier's own is for all of it."""
PERMANENT = range(500, 600)
LET_IN = frozenset({530, 534, 535, 538})
"""Codes of RFC 4954 that say that we are not let in: the operator's to mend, not the message's fault."""


@dataclass(frozen=True, slots=True)
class Relay:
    """One [[mail]] of the routes file, already checked (routes_entries.py)."""

    name: str
    host: str
    port: int
    sender: str
    """The address that mails come from; its domain is that of their Message-IDs."""
    tls: Literal["starttls", "tls", "none"]
    user: str | None = None
    password: str | None = field(default=None, repr=False)


class MailChannel:
    """One relay. A connection a mail: seldom used, and nothing is left half said."""

    route = None
    gathers = True
    hears_the_end = False

    def __init__(self, relay: Relay, *, tls: ssl.SSLContext | None = None) -> None:
        """tls: whom to trust; by default the machine's authorities, or SSL_CERT_FILE."""
        self.name = relay.name
        self._relay = relay
        self._tls = tls or ssl.create_default_context()

    async def send(self, message: Message) -> None:
        relay = self._relay
        try:
            await aiosmtplib.send(
                mail_of(message, relay),
                hostname=relay.host,
                port=relay.port,
                use_tls=relay.tls == "tls",
                start_tls=relay.tls == "starttls",
                tls_context=self._tls if relay.tls != "none" else None,
                username=relay.user,
                password=relay.password,
                timeout=DEADLINE_SECONDS,
                local_hostname="localhost",
            )
        except aiosmtplib.SMTPException as error:
            raise _judged(error) from None
        except ssl.SSLError:
            raise NotNow("tls-failed") from None
        except OSError:
            raise NotNow("unreachable") from None


def mail_of(message: Message, relay: Relay) -> EmailMessage:
    """The same mail for the same message, but for its date. Raises Undeliverable when there is nobody to send it to."""
    to = message.to
    if to is None:
        raise Undeliverable("refused")
    written = letter(message, to.language)
    mail = EmailMessage(policy=SMTP)
    user, _, domain = to.address.partition("@")
    mail["To"] = Address(to.name, user, domain)
    mail["From"] = Address("Rozana", *relay.sender.split("@"))
    mail["Subject"] = written.title
    mail["Message-ID"] = f"<{re.sub('[^A-Za-z0-9.-]', '.', message.key)}@{relay.sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes in answer
    mail["Content-Language"] = to.language
    mail.set_content(written.text + "\n", cte="base64")
    return mail


def _judged(error: aiosmtplib.SMTPException) -> NotNow | Undeliverable:
    """In fixed words: what a server says may quote the address."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            codes = [each.code for each in error.recipients]
            return Undeliverable("refused") if all(code in PERMANENT for code in codes) else NotNow("busy")
        case aiosmtplib.SMTPResponseException(code=code) if code in LET_IN:
            return NotNow("not-let-in")
        case aiosmtplib.SMTPConnectTimeoutError() | aiosmtplib.SMTPConnectError():
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, ssl.SSLError):
                cause = cause.__cause__ or cause.__context__
            return NotNow("unreachable" if cause is None else "tls-failed")
        case aiosmtplib.SMTPTimeoutError():
            return NotNow("timed-out")
        case aiosmtplib.SMTPServerDisconnected():
            return NotNow("broke-off")
        case aiosmtplib.SMTPResponseException(code=code):
            return Undeliverable("refused") if code in PERMANENT else NotNow("busy")
        case _:  # it cannot do what it must: encrypt, or ask who we are
            return NotNow("tls-failed" if "STARTTLS" in str(error) else "not-let-in")
