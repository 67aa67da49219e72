"""Kills a notifier again and again at named points, and looks at what came out at the other ends.

`python -m tests.notifier.kills 1000` does it a thousand times and says what it found.
"""

import asyncio
import json
import multiprocessing
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path

from libs.events.alerts import AlertRaised, Rule
from libs.runtime.clock import ManualClock
from libs.runtime.log_sqlite import open_log
from libs.runtime.store_sqlite import open_store
from services.notifier.contacts import Contact, Contacts
from services.notifier.outbox import OUTBOX, Delivery
from tests.duty.events import STATE, added, appointed, code, instant, policy
from tests.notifier.lives import POINTS, Life, live
from tests.notifier.mailbox import Mailbox, text_of
from tests.notifier.sink import Sink
from tests.notifier.world import ALERTS, read, write

DISTRICTS = ("guna", "datia", "dhar")
FIRST_DAY = date(2026, 11, 23)
LIVES_A_DAY = 8
LEASE = timedelta(seconds=31)
SECONDS = 60.0
PERSON = "6f0d4a3e-5b0c-4d3a-9a53-0d6c7ee0b7a1"
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.notifier.lives"])


class Killing:
    """Two sinks that go on, and one notifier after the other over the same files."""

    def __init__(self, folder: Path, seed: str) -> None:
        self.folder = folder
        self.sink, self.mailbox = Sink(), Mailbox()
        self.killed: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._lives = 0

    async def run(self, kills: int) -> None:
        await self._begin()
        async with self.sink.serving(), self.mailbox.serving():
            for number in count():
                for _ in range(self._random.randint(1, LIVES_A_DAY)):
                    if self.killed.total() == kills or not await self._life(number, self._random.choice(POINTS)):
                        break
                await self._life(number, None)
                if self.killed.total() == kills:
                    self.days = number + 1
                    return

    async def _begin(self) -> None:
        log = open_log(self.folder / "log.db", ManualClock(instant("2026-11-22T08:00")))
        roster = (each for name in DISTRICTS for each in (added(name), appointed(name)))
        await write(log, policy(ladder=(1,), remind=0), *roster)
        await log.close()
        store = open_store(self.folder / "store.db")
        said = {"name": "A", "audience": "pcc", "language": "en", "from": "2026-11-01", "daily_cap": 1000}
        way = {"channel": "mail", "address": "office@bhopal.example"}
        await Contacts(store).put(STATE, PERSON, Contact.model_validate_json(json.dumps(said | {"ways": [way]})))
        await store.close()

    async def _life(self, day: int, point: str | None) -> bool:
        """One process, from its start to its kill; without a point, until it has nothing left to do.

        Whether it was killed at the point: it may have had nothing to do there.
        """
        self._lives += 1
        received, over = asyncio.Event(), asyncio.Event()
        if point == "at the sink":
            self._let_it_hang(received, over)
        midnight = instant(datetime.combine(FIRST_DAY + timedelta(days=day + 1), datetime.min.time()))
        here, there = _processes.Pipe()
        life = Life(
            self.folder,
            self.sink.port,
            self.mailbox.port,
            midnight + timedelta(seconds=10 + 60 * (self._lives % (LIVES_A_DAY + 1))),
            self._lives * LEASE,
            point or "",
            len(DISTRICTS) * 2 * (day + 1),
        )
        process = _processes.Process(target=live, args=(life, there))
        process.start()
        there.close()
        said = asyncio.ensure_future(asyncio.to_thread(here.recv))
        hangs = asyncio.ensure_future(received.wait())
        async with asyncio.timeout(SECONDS):
            await asyncio.wait([said, hangs], return_when=asyncio.FIRST_COMPLETED)
        reached = hangs.done() or said.result() == "stopped"
        process.kill()
        await asyncio.to_thread(process.join)
        over.set()
        hangs.cancel()
        await asyncio.gather(said, hangs, return_exceptions=True)
        here.close()
        self.sink.answers.clear()
        self.mailbox.waits = None
        if point is not None and reached:
            self.killed[point] += 1
        return reached

    def _let_it_hang(self, received: asyncio.Event, over: asyncio.Event) -> None:
        """The next message at one of the sinks is not answered before the sender is dead."""

        async def hang(_writer: object = None) -> None:
            received.set()
            await over.wait()

        if self._random.random() < 0.5:
            self.sink.answers.append(hang)
        else:
            self.mailbox.waits = hang

    # -- what came out

    async def look(self) -> Mapping[str, int]:
        """Raises AssertionError where an alert is lost, raised twice, or told under two keys."""
        log = open_log(self.folder / "log.db", ManualClock(instant("2030-01-01T00:00")))
        events = [item.event for item in await read(log, ALERTS)]
        await log.close()
        assert all(times == 1 for times in Counter(event.id for event in events).values())
        every = {event.id: event.data for event in events if isinstance(event.data, AlertRaised)}
        raised = {event_id: data for event_id, data in every.items() if data.rule is Rule.MISSED_REPORT}
        missed = Counter((data.subject, data.period) for data in raised.values())
        days = [FIRST_DAY + timedelta(days=number) for number in range(self.days)]
        assert missed == {(code(name), day.isoformat()): 1 for name in DISTRICTS for day in days}
        self._look_at_hooks(raised)
        self._look_at_mails(days)
        await self._look_at_the_outbox(raised)
        return {
            "alerts": len(raised),
            "requests": len(self.sink.received),
            "mails": len(self.mailbox.mails),
            "mail keys": len(set(self.mailbox.keys)),
        }

    def _look_at_hooks(self, raised: Mapping[str, AlertRaised]) -> None:
        came: dict[str, set[tuple[str, bytes]]] = defaultdict(set)
        for each in self.sink.received:
            alert_id = json.loads(each.body)["data"]["alert_id"]
            came[alert_id].add((each.headers["webhook-id"], each.body))
        assert {alert_id: {key for key, _ in found} for alert_id, found in came.items()} == {
            data.alert_id: {f"{event_id}/hook"} for event_id, data in raised.items()
        }
        assert all(len(found) == 1 for found in came.values())  # and each repeat has the same body

    def _look_at_mails(self, days: list[date]) -> None:
        said: dict[str, set[str]] = defaultdict(set)
        told: dict[tuple[str, date], set[str]] = defaultdict(set)
        for key, text in zip(self.mailbox.keys, map(text_of, self.mailbox.mails), strict=True):
            said[key].add(text)
            for name in DISTRICTS:
                for day in days:
                    if f"{name}: no report for {day.day} {day:%B %Y}" in text:
                        told[name, day].add(key)
        assert set(told) == {(name, day) for name in DISTRICTS for day in days}
        assert all(len(keys) == 1 for keys in told.values())
        assert {key: texts for key, texts in said.items() if len(texts) > 1} == {}

    async def _look_at_the_outbox(self, raised: Mapping[str, AlertRaised]) -> None:
        store = open_store(self.folder / "store.db")
        found = await store.get_many(OUTBOX, await store.ids(OUTBOX))
        await store.close()
        rows = {key: Delivery.model_validate(document.body) for key, document in found.items()}
        assert len(rows) == 2 * len(raised)
        assert {row.status for row in rows.values()} <= {"sent", "gathered"}
        assert all(rows[row.lead].status == "sent" for row in rows.values() if row.lead is not None)


async def main(kills: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        killing = Killing(Path(folder), f"seed of {kills}")
        await killing.run(kills)
        print(await killing.look())  # noqa: T201
        for point, times in sorted(killing.killed.items()):
            print(f"{times:5}  {point}")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
