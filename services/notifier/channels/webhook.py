"""The channel that posts to somebody's HTTPS endpoint, signed as Standard Webhooks 1.0.0 says.

The name is resolved once a message, every address is checked, and the connection is made to a checked one: a name that
answers differently a moment later (DNS rebinding) changes nothing. TLS and the Host header go by the name.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from services.notifier.channels.addresses import allowed, is_loopback
from services.notifier.channels.channel import Message, NotNow, Reason, Undeliverable
from services.notifier.routing import Route

DEADLINE_SECONDS = 15.0
"""For all of it: name, connection, request, answer. Shorter than the courier's, so that the reason is ours to say."""
CONNECT_SECONDS = 5.0
"""For one address: then the next one is tried."""
BUSY = frozenset({408, 425, 429})
GONE = 410

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> all its addresses. Raises OSError when there are none."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One entry of the routes file, already checked (routes_file.py)."""

    name: str
    url: str
    secrets: tuple[bytes, ...] = field(repr=False)
    """The newest first; each signs, so that a receiver may change over at any time."""
    route: Route
    allow_private: bool = False


class WebhookChannel:
    """One endpoint. It keeps no connection: seldom used, and none is ever shared between names."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        resolve: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        """tls: whom to trust; by default what httpx trusts, or SSL_CERT_FILE. now: real time in Unix seconds."""
        self.name = endpoint.name
        self.gathers = False
        self.hears_the_end = False
        self.route = endpoint.route
        self._endpoint = endpoint
        self._url = httpx.URL(endpoint.url)
        self._resolve = resolve or system_resolver()
        self._tls = tls or httpx.create_ssl_context()
        self._now = now
        self._deadline = deadline

    async def send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                addresses = await self._addresses()
                answer = await self._post(addresses, message)
        except TimeoutError:
            raise NotNow("timed-out") from None
        _judge(answer, self._now())

    async def _addresses(self) -> Sequence[str]:
        """Of the host, all of them allowed. Raises NotNow and Undeliverable."""
        host, port = self._url.host, self._url.port or (443 if self._url.scheme == "https" else 80)
        try:
            found = await self._resolve(host, port)
        except OSError:
            raise NotNow("name-not-found") from None
        if not found:
            raise NotNow("name-not-found")
        if not all(allowed(address, allow_private=self._endpoint.allow_private) for address in found):
            raise Undeliverable("address-refused")
        if self._url.scheme == "http" and not all(map(is_loopback, found)):
            raise Undeliverable("address-refused")
        return found

    async def _post(self, addresses: Sequence[str], message: Message) -> httpx.Response:
        """The head of the answer: what follows it is not read. Tries the addresses in order until one connects."""
        body = body_of(message)
        headers = self._headers(message.key, body)
        refused: Reason = "unreachable"
        limits = httpx.Timeout(None, connect=CONNECT_SECONDS)
        # No proxy and no .netrc from the environment; `sni_hostname` is also the name that the certificate must bear.
        async with httpx.AsyncClient(
            verify=self._tls, trust_env=False, follow_redirects=False, timeout=limits
        ) as client:
            for address in addresses:
                request = client.build_request(
                    "POST",
                    self._url.copy_with(host=address),
                    content=body,
                    headers=headers,
                    extensions={"sni_hostname": self._url.host},
                )
                try:
                    answer = await client.send(request, stream=True)
                except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                    refused = "tls-failed" if _is_tls(error) else "unreachable"
                    continue
                except httpx.HTTPError:
                    raise NotNow("broke-off") from None
                await answer.aclose()
                return answer
        raise NotNow(refused)

    def _headers(self, key: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(self._now()))
        signed = b".".join((key.encode(), timestamp.encode(), body))
        signatures = [
            "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
            for secret in self._endpoint.secrets
        ]
        return {
            "Host": self._url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": "rozana",
            "Accept-Encoding": "identity",
            "Idempotency-Key": key,
            "webhook-id": key,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signatures),
        }


def body_of(message: Message) -> bytes:
    """The same bytes for the same message: `type`, `timestamp` and `data`, as Standard Webhooks advises.

    About a grievance it says only what its alert says: the district, the day, an id that AICC alone can follow.
    """
    if not message.about:
        return b'{"type":"test","data":{}}'
    alert = message.alert
    data = {
        "alert_id": alert.alert_id,
        "state": alert.state,
        "rule": alert.rule.value,
        "subject": alert.subject,
        "period": alert.period,
        "level": alert.level,
        "audience": list(alert.audience),
        "raised_at": alert.raised_at,
        "link": f"/v1/alerts/{alert.alert_id}",
    }
    said = {"type": "alert.raised", "timestamp": alert.raised_at, "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _judge(answer: httpx.Response, now: float) -> None:
    """Return for a 2xx. Raises NotNow for what may pass, Undeliverable for what will not."""
    status = answer.status_code
    if httpx.codes.is_success(status):
        return
    if httpx.codes.is_redirect(status):
        raise Undeliverable("redirected")
    if status in BUSY or httpx.codes.is_server_error(status):
        after = retry_after(answer.headers.get("Retry-After", ""), now)
        raise NotNow("busy" if status in BUSY else "failing", after)
    raise Undeliverable("gone" if status == GONE else "refused")


def retry_after(text: str, now: float) -> timedelta | None:
    """Seconds, or a date (RFC 9110, section 10.2.3). None where it is neither; the courier keeps it within bounds."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 86_400))
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:  # "-0000": HTTP dates are in UTC
        date = date.replace(tzinfo=UTC)
    return max(date - datetime.fromtimestamp(now, UTC), timedelta(0))


def _is_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def system_resolver() -> Resolver:
    """The machine's resolver, in a thread of its own: names that hang hold up their own channel only."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="resolver")

    def look_up(host: str, port: int) -> Sequence[str]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    async def resolve(host: str, port: int) -> Sequence[str]:
        return await asyncio.get_running_loop().run_in_executor(thread, look_up, host, port)

    return resolve
