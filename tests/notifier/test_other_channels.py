"""Alertmanager and Apprise against what is really there: Debian's Alertmanager, an HTTP sink."""

import asyncio
import builtins
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from libs.events.envelope import format_instant
from libs.runtime.errors import StartRefused
from services.notifier.channels.alertmanager import AlertmanagerChannel, Manager
from services.notifier.channels.channel import Message, NotNow, Undeliverable
from services.notifier.channels.others import Others, OthersChannel
from services.notifier.routing import Route
from tests.deploy.tools import need
from tests.notifier.sink import Answer, Sink, closes, says
from tests.notifier.test_mail import ALERT, KEY
from tests.notifier.world import until
from tests.servers.server import free_port

PCC = Route(frozenset({"pcc"}))
MESSAGE = Message(KEY, (ALERT,))
APPRISE = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""It imports what later Pythons no longer have, where there is a replacement."""


@contextlib.asynccontextmanager
async def alertmanager(folder: Path) -> AsyncIterator[str]:
    """Debian's, with a receiver that tells nobody."""
    program = need("prometheus-alertmanager")
    (folder / "config.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    url = f"http://127.0.0.1:{free_port()}"
    listen = f"--web.listen-address={url.removeprefix('http://')}"
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={folder / 'config.yml'}",
        f"--storage.path={folder / 'data'}",
        "--cluster.listen-address=",
        listen,
        stderr=asyncio.subprocess.DEVNULL,
    )

    async def ready() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                return (await client.get(f"{url}/-/ready")).status_code == 200
        except httpx.TransportError:
            return False

    try:
        await until(ready)
        yield url
    finally:
        process.kill()
        await process.wait()


async def test_alertmanager_holds_an_alert_once_however_often_it_is_told(tmp_path: Path) -> None:
    recent = replace(ALERT, raised_at="2126-11-23T18:30:00Z")
    async with alertmanager(tmp_path) as url:
        channel = AlertmanagerChannel(Manager("operators", f"{url}/", PCC))
        for message in (Message(KEY, (recent,)), Message(KEY, (recent,)), Message("test", ())):
            await channel.send(message)
        async with httpx.AsyncClient(trust_env=False) as client:
            held = (await client.get(f"{url}/api/v2/alerts")).json()
        names = {each["labels"]["alertname"]: each for each in held}
        assert set(names) == {"rozana-missed-report", "rozana-test"}
        assert len(held) == 2
        shown = names["rozana-missed-report"]
        assert shown["labels"]["subject"] == "in-mp.guna"
        assert shown["annotations"]["summary"] == "No report from Guna for 23 November 2026"
        assert shown["annotations"]["alert"] == f"/v1/alerts/{ALERT.alert_id}"


async def test_what_is_over_ends_at_alertmanager_on_every_level(tmp_path: Path) -> None:
    began = datetime.now(UTC) - timedelta(hours=2)
    raised = replace(ALERT, raised_at=format_instant(began))
    higher = replace(raised, level=2, raised_at=format_instant(began + timedelta(hours=1)))
    over = replace(higher, over_at=format_instant(began + timedelta(minutes=90)))
    another = replace(raised, alert_id=str(UUID(int=7)), level=2)
    async with alertmanager(tmp_path) as url:
        channel = AlertmanagerChannel(Manager("operators", f"{url}/", PCC))

        async def active() -> set[tuple[str, str]]:
            async with httpx.AsyncClient(trust_env=False) as client:
                held = (await client.get(f"{url}/api/v2/alerts?active=true")).json()
            return {(each["labels"]["alert_id"], each["labels"]["level"]) for each in held}

        await channel.send(Message(KEY, (raised,)))
        await channel.send(Message(KEY, (another,)))
        assert await active() == {(ALERT.alert_id, "1"), (another.alert_id, "2")}
        await channel.send(Message(KEY, (higher,)))
        assert await active() == {(ALERT.alert_id, "2"), (another.alert_id, "2")}
        for _ in range(2):
            await channel.send(Message(KEY, (over,)))
        assert await active() == {(another.alert_id, "2")}


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (says(503), NotNow, "failing"),
        (says(429), NotNow, "busy"),
        (says(400), Undeliverable, "refused"),
        (says(301), Undeliverable, "redirected"),
        (closes, NotNow, "broke-off"),
    ],
)
async def test_what_an_alertmanager_says(answer: Answer, error: type[Exception], reason: str) -> None:
    async with Sink().serving() as sink:
        sink.answers = [answer]
        channel = AlertmanagerChannel(Manager("operators", sink.url(path="/"), PCC, token="a token"))
        with pytest.raises(error) as refused:
            await channel.send(MESSAGE)
        assert getattr(refused.value, "reason", None) == reason
        await channel.send(MESSAGE)
        assert sink.received[1].line.startswith("POST /api/v2/alerts ")
        assert sink.received[1].headers["authorization"] == "Bearer a token"
        assert json.loads(sink.received[1].body)[0]["endsAt"] == "2027-01-07T18:30:00Z"


async def test_an_alertmanager_that_is_not_there() -> None:
    with pytest.raises(NotNow) as refused:
        await AlertmanagerChannel(Manager("operators", f"http://127.0.0.1:{free_port()}/", PCC)).send(MESSAGE)
    assert refused.value.reason == "unreachable"


@APPRISE
async def test_apprise_tells_a_service_in_the_language_of_its_readers() -> None:
    async with Sink().serving() as sink:
        url = sink.url(path="/group").replace("http", "json")
        channel = OthersChannel(Others("group", (url,), PCC, "hi"))
        await channel.send(MESSAGE)
        said = json.loads(sink.received[0].body)
        assert said["title"] == "गुना से 23 नवंबर 2026 की रिपोर्ट नहीं आई"
        sink.answers = [says(500)]
        with pytest.raises(NotNow) as refused:
            await channel.send(MESSAGE)
        assert refused.value.reason == "failing"


@APPRISE
def test_apprise_refuses_what_it_does_not_know_without_repeating_it() -> None:
    with pytest.raises(StartRefused) as refused:
        OthersChannel(Others("group", ("canary-4711://secret",), PCC, "hi"))
    assert "url 1" in str(refused.value)
    assert "canary" not in str(refused.value)


def test_without_apprise_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name == "apprise":
            raise ImportError(name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StartRefused, match=r"pip install 'rozana\[apprise\]'"):
        OthersChannel(Others("group", ("json://localhost",), PCC, "hi"))
