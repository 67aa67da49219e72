"""The webhook channel against a real server: what it sends, what it makes of answers, and where it never connects."""

import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import json
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from libs.events.alerts import Rule
from services.notifier.channels.channel import About, Message, NotNow, Undeliverable
from services.notifier.channels.webhook import Endpoint, Resolver, WebhookChannel, body_of, retry_after, system_resolver
from services.notifier.routing import Route
from tests.notifier import sink as sinks
from tests.notifier.sink import Answer, Sink, certificate, says

SECRETS = (b"new secret, thirty bytes long!", b"old secret, thirty bytes long!")
NAME = "hooks.example.org"
ID = "6f0d4a3e-5b0c-5d3a-9a53-0d6c7ee0b7a1"
ALERT = About(
    alert_id=ID,
    rule=Rule.MISSED_REPORT,
    state="in-mp",
    subject="in-mp.guna",
    period="2026-11-23",
    level=1,
    audience=("president", "pcc"),
    raised_at="2026-11-23T18:30:00Z",
)
MESSAGE = Message(f"{ID}/office", (ALERT,))
NOW = 1_795_000_000.9


def answering(*addresses: str) -> Resolver:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


def channel(
    url: str,
    *,
    resolve: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
    allow_private: bool = True,
    deadline: float = 15,
) -> WebhookChannel:
    endpoint = Endpoint("office", url, SECRETS, Route(frozenset({"pcc"})), allow_private)
    return WebhookChannel(endpoint, resolve=resolve, tls=tls, now=lambda: NOW, deadline=deadline)


def hmac_sha256(key: bytes, text: bytes) -> bytes:
    """RFC 2104, written out: independent of what the channel uses."""
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + text).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()


async def test_what_is_sent_and_how_it_is_signed() -> None:
    async with Sink().serving() as sink:
        await channel(sink.url()).send(MESSAGE)
        [got] = sink.received
        assert got.line == "POST /hook HTTP/1.1"
        assert json.loads(got.body) == {
            "type": "alert.raised",
            "timestamp": "2026-11-23T18:30:00Z",
            "data": {
                "alert_id": ID,
                "state": "in-mp",
                "rule": "missed-report",
                "subject": "in-mp.guna",
                "period": "2026-11-23",
                "level": 1,
                "audience": ["president", "pcc"],
                "raised_at": "2026-11-23T18:30:00Z",
                "link": f"/v1/alerts/{ID}",
            },
        }
        assert got.headers["content-type"] == "application/json"
        assert got.headers["webhook-id"] == got.headers["idempotency-key"] == MESSAGE.key
        assert got.headers["webhook-timestamp"] == "1795000000"
        signed = b"%s.1795000000.%s" % (MESSAGE.key.encode(), got.body)
        assert got.headers["webhook-signature"].split(" ") == [
            "v1," + base64.b64encode(hmac_sha256(secret, signed)).decode() for secret in SECRETS
        ]
        assert "." not in MESSAGE.key  # nothing can be moved from one signed part to the next


async def test_a_repeat_has_the_same_id_and_body() -> None:
    async with Sink().serving() as sink:
        for _ in range(2):
            await channel(sink.url()).send(MESSAGE)
        one, other = sink.received
        assert (one.headers["webhook-id"], one.body) == (other.headers["webhook-id"], other.body)


def test_about_a_grievance_it_says_no_more_than_the_day() -> None:
    alert = dataclasses.replace(
        ALERT, rule=Rule.GRIEVANCE_RAISED, period=ID, audience=("aicc",), raised_at="2026-11-23T00:00:00Z"
    )
    message = Message(MESSAGE.key, (alert,))
    said = json.loads(body_of(message))
    assert said["timestamp"] == said["data"]["raised_at"] == "2026-11-23T00:00:00Z"
    assert set(said["data"]) == {
        *("alert_id", "state", "rule", "subject", "period", "level", "audience", "raised_at", "link")
    }


async def test_tls_goes_by_the_name_and_the_connection_by_the_checked_address(tmp_path: Path) -> None:
    server, trusting = certificate(tmp_path, NAME)
    async with Sink().serving(tls=server) as sink:
        await channel(sink.url(NAME), resolve=answering("127.0.0.1"), tls=trusting).send(MESSAGE)
        [got] = sink.received
        assert got.server_name == NAME
        assert got.headers["host"] == f"{NAME}:{sink.port}"


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_certificate_of_another_name_or_of_nobody_is_not_believed(tmp_path: Path, trusted: bool) -> None:
    server, trusting = certificate(tmp_path, "elsewhere.example.org" if trusted else NAME)
    async with Sink().serving(tls=server) as sink:
        sender = channel(sink.url(NAME), resolve=answering("127.0.0.1"), tls=trusting if trusted else None)
        with pytest.raises(NotNow, match="tls-failed"):
            await sender.send(MESSAGE)
        assert sink.received == []


async def test_other_authorities_are_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, _ = certificate(tmp_path, NAME)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    async with Sink().serving(tls=server) as sink:
        await channel(sink.url(NAME), resolve=answering("127.0.0.1")).send(MESSAGE)
        assert len(sink.received) == 1


async def test_an_address_as_host_over_both_protocols(tmp_path: Path) -> None:
    server, trusting = certificate(tmp_path, "::1")
    async with Sink().serving(host="::1", tls=server) as sink:
        await channel(sink.url("[::1]"), tls=trusting).send(MESSAGE)
        assert sink.received[0].headers["host"] == f"[::1]:{sink.port}"


async def test_an_address_that_does_not_answer_gives_way_to_the_next() -> None:
    async with Sink().serving() as sink:
        await channel(sink.url("localhost"), resolve=answering("::1", "127.0.0.1")).send(MESSAGE)
        assert len(sink.received) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_sent(status: int) -> None:
    async with Sink().serving() as sink:
        sink.answers = [says(status, body=b"" if status == 204 else b"thank you")]
        await channel(sink.url()).send(MESSAGE)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        *((status, "refused") for status in (400, 401, 403, 404, 405, 413)),
        (410, "gone"),
        *((status, "redirected") for status in (300, 301, 304, 307, 308)),
    ],
)
async def test_what_will_not_pass_is_for_good(status: int, reason: str) -> None:
    async with Sink().serving() as other, Sink().serving() as sink:
        sink.answers = [says(status, f"Location: {other.url()}\r\n")]
        with pytest.raises(Undeliverable, match=f"^{reason}$"):
            await channel(sink.url()).send(MESSAGE)
        assert (len(sink.received), other.received) == (1, [])


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (408, "busy"),
        (425, "busy"),
        (429, "busy"),
        (500, "failing"),
        (502, "failing"),
        (503, "failing"),
        (504, "failing"),
    ],
)
async def test_what_may_pass_is_for_later_and_when_is_heard(status: int, reason: str) -> None:
    async with Sink().serving() as sink:
        sink.answers = [says(status, "Retry-After: 120\r\n"), says(status)]
        with pytest.raises(NotNow, match=f"^{reason}$") as told:
            await channel(sink.url()).send(MESSAGE)
        assert told.value.after is not None
        assert told.value.after.total_seconds() == 120
        with pytest.raises(NotNow) as told:
            await channel(sink.url()).send(MESSAGE)
        assert told.value.after is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("17", 17),
        ("9" * 400, 86_400),
        ("Sun, 18 Nov 2026 07:07:40 GMT", 60.1),
        ("Sun, 18 Nov 2026 07:07:40 -0000", 60.1),
        ("Sun, 18 Nov 1990 07:07:40 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("१७", None),
        ("Sun, 99 Nov 2026 07:07:40 GMT", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    now = 1_794_985_599.9
    found = retry_after(text, now)
    assert (None if found is None else round(found.total_seconds(), 3)) == seconds


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (sinks.closes, "broke-off"),
        (sinks.babbles, "broke-off"),
        (sinks.huge_head, "broke-off"),
        (sinks.hangs, "timed-out"),
        (sinks.begins_and_hangs, "timed-out"),
    ],
)
async def test_what_is_no_answer_is_for_later(answer: Answer, reason: str) -> None:
    async with Sink().serving() as sink:
        sink.answers = [answer]
        with pytest.raises(NotNow, match=f"^{reason}$"):
            await channel(sink.url(), deadline=1 if reason == "timed-out" else 15).send(MESSAGE)


async def test_an_answer_without_end_is_not_read() -> None:
    async with Sink().serving() as sink:
        sink.answers = [sinks.never_ends]
        await channel(sink.url()).send(MESSAGE)


async def test_nobody_listens() -> None:
    async with Sink().serving() as sink:
        url = sink.url()
    with pytest.raises(NotNow, match=r"^unreachable$"):
        await channel(url).send(MESSAGE)


async def test_a_name_that_there_is_not() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "none")

    for resolver in (resolve, answering()):
        with pytest.raises(NotNow, match=r"^name-not-found$"):
            await channel(f"https://{NAME}/", resolve=resolver).send(MESSAGE)


async def test_a_resolver_that_hangs_is_given_up() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    with pytest.raises(NotNow, match=r"^timed-out$"):
        await channel(f"https://{NAME}/", resolve=resolve, deadline=0.05).send(MESSAGE)


async def test_the_machines_resolver() -> None:
    assert await system_resolver()("127.0.0.1", 80) == ["127.0.0.1"]
    assert "127.0.0.1" in await system_resolver()("localhost", 80)


# -- where it never connects


@pytest.mark.parametrize("private", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1"])
async def test_a_private_address_is_refused_even_beside_a_public_one(private: str) -> None:
    """Nothing is sent to the public one either: a name that mixes them is not to be trusted."""
    for found in ((private,), ("198.41.0.4", private)):
        with pytest.raises(Undeliverable, match=r"^address-refused$"):
            await channel(f"https://{NAME}/", resolve=answering(*found), allow_private=False).send(MESSAGE)


async def test_a_name_that_changes_its_mind_is_asked_once(tmp_path: Path) -> None:
    """DNS rebinding: checked is what is connected to. Were the name asked again, it would lead to the other server."""
    server, trusting = certificate(tmp_path, NAME)
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["::1"]

    async with Sink().serving(tls=server) as first, Sink().serving(host="::1", port=first.port, tls=server) as second:
        sender = channel(first.url(NAME), resolve=resolve, tls=trusting)
        await sender.send(MESSAGE)
        assert (asked, len(first.received), len(second.received)) == ([NAME], 1, 0)


async def test_plain_http_goes_to_loopback_only() -> None:
    with pytest.raises(Undeliverable, match=r"^address-refused$"):
        await channel("http://localhost/", resolve=answering("10.0.0.1")).send(MESSAGE)


async def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sink().serving() as proxy, Sink().serving() as sink:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(path=""))
        assert httpx.AsyncClient(trust_env=True)._mounts  # the variables would count
        await channel(sink.url()).send(MESSAGE)
        assert (len(sink.received), proxy.received) == (1, [])


def test_secrets_are_not_shown() -> None:
    endpoint = Endpoint("office", "https://example.org/", SECRETS, Route(frozenset({"pcc"})))
    assert "secret" not in repr(endpoint).replace("secrets", "")


async def test_a_slow_endpoint_takes_no_longer_than_the_deadline() -> None:
    """A byte now and then keeps no connection alive for ever."""

    async def drips(writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)

    async with Sink().serving() as sink:
        sink.answers = [drips]
        began = time.monotonic()
        with pytest.raises(NotNow, match=r"^timed-out$"):
            await channel(sink.url(), deadline=0.3).send(MESSAGE)
        assert time.monotonic() - began < 10
