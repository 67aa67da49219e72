"""Every channel against a real server that is gone for half an hour, hangs, or answers that it fails: what waits is on
disk, and afterwards each message comes once by its key.
"""

import asyncio
import contextlib
import json
from datetime import timedelta
from pathlib import Path

import pytest

from services.notifier.channels import alertmanager, mail
from services.notifier.channels.alertmanager import AlertmanagerChannel, Manager
from services.notifier.channels.channel import Channel
from services.notifier.channels.mail import MailChannel, Relay
from services.notifier.channels.others import Others, OthersChannel
from services.notifier.dispatch import LONGEST_PAUSE
from services.notifier.routing import Route
from tests.duty.events import code
from tests.notifier import sink as sinks
from tests.notifier.mailbox import Mailbox
from tests.notifier.sink import Sink, says
from tests.notifier.test_delivery import PostOffice, post_office
from tests.notifier.test_people import ANIL, contact
from tests.notifier.test_webhook_delivery import webhook

PCC = Route(frozenset({"pcc"}))
MINUTE = timedelta(minutes=1)
HANGS_SECONDS = 0.1
PATIENT_SECONDS = 15.0
APPRISE = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Place:
    """Where a channel of a kind leads: one server that can be taken down and put up again on its port."""

    def __init__(self, kind: str) -> None:
        self.server: Sink | Mailbox = Mailbox() if kind == "mail" else Sink()
        self.kind = kind

    def channel(self, seconds: float = HANGS_SECONDS) -> Channel:
        """`seconds`: how long it waits for an answer, where it can be told so."""
        if isinstance(self.server, Mailbox):
            return MailChannel(Relay("mail", "127.0.0.1", self.server.port, "alerts@rozana.example", "none"))
        url = self.server.url(path="/")
        match self.kind:
            case "webhook":
                return webhook(self.server, "there", deadline=seconds)
            case "alertmanager":
                return AlertmanagerChannel(Manager("there", url, PCC))
            case _:
                return OthersChannel(Others("there", (f"{url.replace('http', 'json')}?rto={seconds}",), PCC, "en"))

    def breaks(self, how: str, mended: asyncio.Event) -> None:
        if isinstance(self.server, Mailbox):
            self.server.waits = mended.wait if how == "hangs" else None  # type: ignore[assignment]
            self.server.says = lambda _mail: "451 try later" if how == "fails" else None
        else:
            self.server.answers = [sinks.hangs if how == "hangs" else says(500)] * 1000

    def works(self) -> None:
        if isinstance(self.server, Mailbox):
            self.server.waits, self.server.says = None, lambda _mail: None
        else:
            self.server.answers = []

    def heard(self) -> list[str]:
        """The key of each message that came; Apprise knows none: what it says."""
        if isinstance(self.server, Mailbox):
            return self.server.keys
        if self.kind == "apprise":
            said = [json.loads(each.body) for each in self.server.received]
            return [f"{each['title']}\n{each['message']}" for each in said]
        return [each.headers["idempotency-key"] for each in self.server.received]


@APPRISE
@pytest.mark.parametrize("kind", ["webhook", "mail", "alertmanager", "apprise"])
@pytest.mark.parametrize("how", ["gone", "hangs", "fails"])
async def test_down_for_half_an_hour(kind: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "DEADLINE_SECONDS", HANGS_SECONDS)
    monkeypatch.setattr(alertmanager, "DEADLINE_SECONDS", HANGS_SECONDS)
    place, mended = Place(kind), asyncio.Event()
    async with contextlib.AsyncExitStack() as up:
        await up.enter_async_context(place.server.serving())
        port = place.server.port
        if how == "gone":
            await up.aclose()
        else:
            place.breaks(how, mended)
        async with post_office(tmp_path, place.channel(), people={ANIL: contact()}) as office:
            waiting = await half_an_hour(office)
            assert waiting == 4  # what came while it was down too
            mended.set()
            place.works()
            monkeypatch.undo()
            tried = place.heard()
            if how == "gone":
                await up.enter_async_context(place.server.serving(port=port))
            office.now += LONGEST_PAUSE
            for _ in range(3):
                await office.sweep(channels=[place.channel(PATIENT_SECONDS)])
                office.now += LONGEST_PAUSE
            came = place.heard()[len(tried) :]
            rows = await office.outbox()
            assert {row.status for row in rows.values()} <= {"sent", "gathered"}
            assert len(came) == len(set(came))
            assert set(tried) <= set(came)
            if kind != "apprise":
                leads = {key for key, row in rows.items() if row.lead is None}
                assert set(came) == {key.replace("/", ".") if kind == "mail" else key for key in leads}


async def half_an_hour(office: PostOffice) -> int:
    """The courier goes on trying, and more comes in; how many rows are waiting on disk in the end."""
    for minute in range(30):
        if minute in {5, 20}:
            await office.raises("guna", f"2026-11-{minute:02}", "2026-11-24T00:30")
        await office.sweep()
        office.now += MINUTE
    rows = (await office.outbox()).values()
    assert {row.status for row in rows} <= {"due", "gathered"}
    assert {row.subject for row in rows} == {code("guna"), code("datia")}
    return len(rows)
