"""Courier and webhook together, against real endpoints: repeats, an endpoint that is down, one that hangs."""

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import get_args

import pytest

from services.notifier.channels.channel import Reason
from services.notifier.channels.webhook import Endpoint, WebhookChannel
from services.notifier.dispatch import FIRST_PAUSE, LEASE, LONGEST_PAUSE, MOST_ATTEMPTS
from services.notifier.routes_entries import Webhook
from services.notifier.routing import Route
from tests.duty.events import code
from tests.notifier import sink as sinks
from tests.notifier.sink import Received, Sink, says
from tests.notifier.test_delivery import EVENING, FrailStore, Killed, PostOffice, post_office
from tests.notifier.world import running, until

KEYS = (b"the newer of two secrets, long", b"the older of two secrets, long")
PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
ONE = [*EVENING[:3], EVENING[-1]]
"""One silent district."""


def webhook(sink: Sink, name: str = "office", *, deadline: float = 15) -> WebhookChannel:
    endpoint = Endpoint(name, sink.url(), KEYS, Route(frozenset({"pcc"})), allow_private=True)
    return WebhookChannel(endpoint, deadline=deadline)


def secret(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def documented() -> Callable[[dict[str, str], bytes, list[str]], bool]:
    """The receiver's function as docs/webhooks.md gives it."""
    [source] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    names: dict[str, Callable[[dict[str, str], bytes, list[str]], bool]] = {}
    exec(source, names)
    return names["verified"]


async def outcomes(office: PostOffice) -> list[list[tuple[str | None, str | None]]]:
    return [[(each.outcome, each.reason) for each in kept.attempts] for kept in (await office.outbox()).values()]


async def test_the_documented_receiver_believes_what_it_should(tmp_path: Path) -> None:
    verified = documented()
    async with Sink().serving() as sink, post_office(tmp_path, webhook(sink), events=ONE) as office:
        await office.sweep()
        [got] = sink.received
        headers = dict(got.headers)
        for key in KEYS:
            assert verified(headers, got.body, [secret(key)])
            assert verified(headers, got.body, [secret(b"another"), secret(key)])
        assert not verified(headers, got.body, [secret(b"another")])
        assert not verified(headers, got.body + b" ", [secret(KEYS[0])])
        for changed in (
            {"webhook-id": headers["webhook-id"] + "x"},
            {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
            {"webhook-timestamp": str(int(time.time()) - 301)},
            {"webhook-timestamp": "soon"},
            {"webhook-signature": "v1,"},
            {"webhook-signature": "v1,ü"},
            {"webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")},
        ):
            assert not verified(headers | changed, got.body, [secret(KEYS[0])]), changed


def test_the_page_names_all_members_and_reasons() -> None:
    table = PAGE.partition("## What arrives")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", table, re.M)) == set(Webhook.model_fields)
    answers = PAGE.partition("## What Rozana makes of the answer")[2].partition("Pauses double")[0]
    assert [reason for reason in get_args(Reason) if f"`{reason}`" not in answers] == []


async def test_killed_between_sending_and_writing_it_down(tmp_path: Path) -> None:
    """The receiver has it, we do not know: it comes again with the same key and the same body."""
    async with Sink().serving() as sink, post_office(tmp_path, webhook(sink), events=ONE) as office:
        with pytest.raises(Killed):
            await office.sweep(FrailStore(office.store, 1, after=False))  # type: ignore[arg-type]
        office.now += LEASE
        await office.sweep()
        one, again = sink.received
        assert one.headers["webhook-id"] == again.headers["webhook-id"] == again.headers["idempotency-key"]
        assert one.body == again.body
        assert await outcomes(office) == [[(None, None), ("sent", None)]]


async def test_an_endpoint_that_is_down_and_comes_up(tmp_path: Path) -> None:
    sink = Sink()
    async with sink.serving():
        port = sink.port
    async with post_office(tmp_path, webhook(sink), events=ONE) as office:
        await office.sweep()
        office.now += FIRST_PAUSE
        async with sink.serving(port=port):
            sink.answers = [says(503, "Retry-After: 300\r\n"), sinks.closes, says(200)]
            await office.sweep()
            office.now += timedelta(seconds=299)
            await office.sweep()
            assert len(sink.received) == 1
            office.now += timedelta(seconds=1)
            await office.sweep()
            office.now += LONGEST_PAUSE
            await office.sweep()
        assert await outcomes(office) == [
            [("failed", "unreachable"), ("failed", "failing"), ("failed", "broke-off"), ("sent", None)]
        ]
        assert len({each.headers["webhook-id"] for each in sink.received}) == 1


async def test_an_endpoint_that_stays_down_is_parked_with_its_reason(tmp_path: Path) -> None:
    async with Sink().serving() as sink, post_office(tmp_path, webhook(sink), events=ONE) as office:
        sink.answers = [says(500)] * MOST_ATTEMPTS
        for _ in range(MOST_ATTEMPTS + 1):
            await office.sweep()
            office.now += LONGEST_PAUSE
        assert await office.statuses() == ["parked"]
        assert (await outcomes(office))[0] == [("failed", "failing")] * (MOST_ATTEMPTS - 1) + [("parked", "failing")]
        [line] = [line for line in office.state.lines.getvalue().splitlines() if "cannot be delivered" in line]
        said = json.loads(line)
        assert (said["channel"], said["rule"], said["reason"]) == ("office", "missed-report", "failing")
        assert "127.0.0.1" not in line


async def test_bad_endpoints_do_not_delay_the_others(tmp_path: Path) -> None:
    """One hangs, one answers without end, one redirects, one is not there: the good one has all."""
    sinks_of = {name: Sink() for name in ("a-hangs", "b-endless", "c-redirects", "d-gone", "e-well")}
    async with sinks_of["d-gone"].serving():
        pass
    async with (
        sinks_of["a-hangs"].serving() as hanging,
        sinks_of["b-endless"].serving() as endless,
        sinks_of["c-redirects"].serving() as redirecting,
        sinks_of["e-well"].serving() as well,
    ):
        hanging.answers, endless.answers = [sinks.hangs] * 9, [sinks.never_ends] * 9
        redirecting.answers = [says(307, f"Location: {well.url()}\r\n")] * 9
        channels = [webhook(sink, name) for name, sink in sinks_of.items()]
        async with post_office(tmp_path, *channels) as office:
            courier = office.courier()
            async with running(*(partial(courier.work, channel.name) for channel in channels)):

                async def all_told() -> bool:
                    settled = [kept.status for kept in (await office.outbox()).values() if kept.attempts]
                    return len(settled) == 10 and settled.count("claimed") == 2

                await until(all_told)
            assert subjects(well.received) == {code("guna"), code("datia")}
            assert len(well.received) == len(hanging.received) == 2
            found = {(kept.channel, kept.status) for kept in (await office.outbox()).values()}
            assert found == {
                ("a-hangs", "claimed"),
                ("b-endless", "sent"),
                ("c-redirects", "parked"),
                ("d-gone", "due"),
                ("e-well", "sent"),
            }


async def test_an_endpoint_that_hangs_is_tried_again(tmp_path: Path) -> None:
    async with Sink().serving() as sink, post_office(tmp_path, webhook(sink, deadline=0.3), events=ONE) as office:
        sink.answers = [sinks.hangs]
        await asyncio.wait_for(office.sweep(), 10)
        office.now += FIRST_PAUSE
        await office.sweep()
        assert await outcomes(office) == [[("failed", "timed-out"), ("sent", None)]]


def subjects(received: list[Received]) -> set[str]:
    return {json.loads(each.body)["data"]["subject"] for each in received}
