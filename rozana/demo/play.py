"""`rozana demo`: days of Madhya Pradesh, played over HTTP on a fast clock against a real `rozana up`."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from libs.runtime.auth import issue_demo_token
from libs.runtime.errors import RozanaError
from libs.runtime.keys import DemoKeys
from rozana.client import Answer, Client
from rozana.demo.cast import LAST_DAY, STATE, name_of
from rozana.demo.screen import Screen
from rozana.demo.script import Act, Look, Script, Sender, at
from rozana.roster import posted

SHOW_EVERY = 0.25
"""Seconds of real time between two boards on a live screen."""
SETTLE_SECONDS = 30.0
"""How long, in real time, the last alerts may take to show."""
OK, ACCEPTED = 200, 202
TAKEN = (OK, ACCEPTED)
AICC, PCC = Sender("aicc", "in"), Sender("pcc", STATE)


class TooSlow(RozanaError):
    """The machine could not keep up with the clock: what was meant to be in time would have come late."""


class NotAsPromised(RozanaError):
    """The system did something else than the script promises."""


@dataclass(slots=True)
class Player:
    """Plays a script against the server behind `client`, whose clock runs at `speed`."""

    script: Script
    client: Client
    keys: DemoKeys
    speed: float
    screen: Screen
    _tokens: dict[Sender, str] = field(default_factory=dict)
    _alerts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _shown_at: float = float("-inf")

    async def play(self) -> None:
        """All of it, to the end of the last night. Raises TooSlow, NotAsPromised, Unreachable."""
        await self._import()
        for step in self.script.steps:
            now = await self._wait_until(step.at)
            if isinstance(step, Look):
                self.screen.look(now, step.told, await self.day(step.day))
                await self._tell_alerts(now)
            else:
                await self._perform(step, now)
                if self.screen.watched and time.monotonic() - self._shown_at >= SHOW_EVERY:
                    self._shown_at = time.monotonic()
                    self.screen.show(now, await self.day(self._played(now)))
        await self._settle()

    async def now(self) -> datetime:
        """The server's clock, UTC."""
        return datetime.fromisoformat((await self.client.get("/live"))["now"])

    def token(self, sender: Sender) -> str | None:
        if sender.role is None:
            return None
        if sender not in self._tokens:
            self._tokens[sender] = issue_demo_token(self.keys, sender.role, sender.scope, sender.tenure_id)
        return self._tokens[sender]

    async def day(self, day: date) -> Mapping[str, Any]:
        """The board of a day."""
        found: Mapping[str, Any] = await self.client.get(f"/v1/states/{STATE}/days/{day}", self.token(PCC))
        return found

    async def alerts(self, **where: str) -> list[Mapping[str, Any]]:
        """All alerts of the state, page after page."""
        found: list[Mapping[str, Any]] = []
        query = {"state": STATE, **where}
        while True:
            page = await self.client.get("/v1/alerts", self.token(AICC), **query)
            found += page["items"]
            if page["next"] is None:
                return found
            query["cursor"] = page["next"]

    async def _wait_until(self, instant: datetime) -> datetime:
        while (left := (instant - (now := await self.now())).total_seconds()) > 0:  # noqa: ASYNC110 -- another process's clock
            await asyncio.sleep(left / self.speed)
        return now

    async def _import(self) -> None:
        events = [posted(data) for data in self.script.roster]
        answers = await self.client.post_events(events, self.token(PCC))
        refused = [answer for answer in answers if answer.status != ACCEPTED]
        if refused and (now := await self.now()) >= self.script.steps[0].at:
            raise TooSlow(f"the roster was in at {now:%d %b %H:%M} only")
        if refused:
            raise NotAsPromised(f"{len(refused)} of {len(events)} roster events were refused: {refused[0].body}")
        held = sum(event["type"] == "rozana.president.appointed.v1" for event in events)
        districts = sum(event["type"] == "rozana.district.added.v1" for event in events)
        self.screen.say(
            await self.now(),
            f"a policy (due 21:00, grace until midnight), {districts} districts, {held} holders, one leave: imported",
        )

    async def _perform(self, act: Act, now: datetime) -> None:
        if act.limit is not None and now >= act.limit:
            raise TooSlow(f"{act.at:%d %b %H:%M} was reached at {now:%d %b %H:%M} only")
        token = self.token(act.sender)
        sent = [self.client.post(act.path, act.body, token, act.content_type) for _ in range(act.copies)]
        answers = [item for answer in await asyncio.gather(*sent) for item in _items(answer)]
        got, expected = sorted(answer.status for answer in answers), sorted(act.expected)
        if got != expected and got != [OK if status == ACCEPTED else status for status in expected]:
            raise NotAsPromised(
                f"{act.told or act.path}: {_statuses(expected)} was promised, {_statuses(got)} came: {answers[0].body}"
            )
        if act.limit is not None:
            received = [
                datetime.fromisoformat(answer.body["received_at"]) for answer in answers if answer.status in TAKEN
            ]
            if received and max(received) >= act.limit:
                raise TooSlow(
                    f"a report was received at {max(received):%d %b %H:%M} UTC, {act.limit:%H:%M} is too late"
                )
        if act.told:
            self.screen.say(now, f"{act.told}: {_statuses(got)}")

    def _played(self, now: datetime) -> date:
        """The day on the screen: yesterday until the early morning, while its late reports come in."""
        begun = [day for day in self.script.days if at(day, 6 * 60) <= now]
        return begun[-1] if begun else self.script.days[0]

    async def _tell_alerts(self, now: datetime) -> None:
        """What has been raised and resolved since the last look; who has missed the day, by name."""
        before, self._alerts = self._alerts, {alert["alert_id"]: alert for alert in await self.alerts()}
        news: dict[str, list[str]] = {}
        for key, alert in self._alerts.items():
            name = name_of(alert["subject"])
            if key not in before:
                news.setdefault(f"{alert['rule']} raised", []).append(name)
            if alert["status"] == "resolved" and (key not in before or before[key]["status"] != "resolved"):
                news.setdefault(f"{alert['rule']} resolved as {alert['how']}", []).append(name)
        for what, names in sorted(news.items()):
            who = f": {', '.join(sorted(names))}" if what.startswith("missed-report") else ""
            self.screen.say(now, f"{len(names)} x {what}{who}")

    async def _settle(self) -> None:
        """Wait until the last day stands as promised. Raises NotAsPromised with the difference when it does not."""
        wrong: list[str] = []
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while wrong := self._differences(await self.day(LAST_DAY), await self.last_alerts()):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise NotAsPromised(f"the last day is not as promised: {'; '.join(wrong)}") from None
        now = await self.now()
        self.screen.look(now, "the last day, as promised", await self.day(LAST_DAY))
        await self._tell_alerts(now)

    async def last_alerts(self) -> list[Mapping[str, Any]]:
        """The alerts about the last day, and those about grievances, whose period is no day."""
        return [
            alert
            for alert in await self.alerts()
            if alert["period"] == LAST_DAY.isoformat() or alert["rule"] == "grievance-raised"
        ]

    def _differences(self, day: Mapping[str, Any], alerts: Sequence[Mapping[str, Any]]) -> list[str]:
        promise = self.script.promise
        missed = {entry["district"] for entry in day["districts"] if entry["status"] == "missed"}
        misses = [alert for alert in alerts if alert["rule"] == "missed-report"]
        pairs: Sequence[tuple[str, object, object]] = (
            ("closed", day["closed"], True),
            ("districts", len(day["districts"]), promise.districts),
            ("counts", day["counts"], promise.counts),
            ("who missed it", missed, promise.missed),
            ("alerts", by_rule(alerts), promise.alerts),
            ("open alerts", by_rule(still_open(alerts)), promise.open),
            ("open misses", {one["subject"] for one in misses if one["status"] == "open"}, promise.missed),
            ("late misses", {one["subject"] for one in misses if one["how"] == "late"}, promise.late),
        )
        return [f"{what} {found!r} instead of {wanted!r}" for what, found, wanted in pairs if found != wanted]


def still_open(alerts: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return [alert for alert in alerts if alert["status"] == "open"]


def by_rule(alerts: Sequence[Mapping[str, Any]]) -> Mapping[str, Mapping[str, int]]:
    """`{"missed-report": {"1": 9}, …}`: how many there are, by rule and level."""
    found: dict[str, Counter[str]] = {}
    for alert in alerts:
        found.setdefault(alert["rule"], Counter())[str(alert["level"])] += 1
    return {rule: dict(sorted(levels.items())) for rule, levels in sorted(found.items())}


def _items(answer: Answer) -> list[Answer]:
    if isinstance(answer.body, dict) and "results" in answer.body:
        return [Answer(item["status"], item) for item in answer.body["results"]]
    return [answer]


def _statuses(statuses: Sequence[int]) -> str:
    return ", ".join(f"{status} x {count}" if count > 1 else str(status) for status, count in Counter(statuses).items())
