"""What is measured on: states with districts and holders, and their reports. Made up, and the same in every run."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from libs.events.clock import ClockReached
from libs.events.codec import encode
from libs.events.districts import DistrictAdded
from libs.events.envelope import Event
from libs.events.policy import PolicyAdopted
from libs.events.presidents import PresidentAppointed
from libs.events.reports_v1 import Activities, ReportFiled
from libs.events.streams import stream_name
from libs.events.values import EventData
from libs.runtime.clock import ManualClock
from libs.runtime.log import EventLog, NewRecord
from libs.runtime.log_sqlite import open_log
from rozana.states import state_codes

INDIA = ZoneInfo("Asia/Kolkata")
ONE_DAY = timedelta(days=1)
AT_ONCE = 1000
"""Records an append: under the megabyte that Kafka writes whole."""
SUMMARY = "Visited villages along the canal. Farmers spoke of fertiliser and of power cuts."
HABITS = (*(["in time"] * 17), "in grace", "late", "silent")
"""Of twenty districts."""


@dataclass(frozen=True)
class India:
    """The first `states` states with so many districts each. `first` is the first duty day, `days` how many there are.

    Of twenty reports about one is in grace and one late, and one is missing.
    """

    states: int
    districts: int
    first: date
    days: int

    @cached_property
    def codes(self) -> Sequence[str]:
        return sorted(state_codes())[: self.states]

    @property
    def until(self) -> datetime:
        """All has been received and judged by then."""
        return self.at(self.first + self.days * ONE_DAY, "09:00")

    @property
    def beginning(self) -> datetime:
        return self.at(self.first - ONE_DAY, "09:00")

    @staticmethod
    def at(day: date, clock: str, second: int = 0) -> datetime:
        local = datetime.combine(day, time.fromisoformat(clock), INDIA)
        return local.astimezone(UTC) + timedelta(seconds=second)

    def places(self, state: str) -> Sequence[tuple[str, str]]:
        """Each district and the tenure that holds it."""
        return [(f"{state}.d{number:02}", _id(f"{state} {number}")) for number in range(self.districts)]

    def opening(self, state: str) -> Iterator[EventData]:
        """Policy, districts and holders."""
        yield PolicyAdopted(
            state=state,
            version=1,
            effective_from=self.first,
            tz="Asia/Kolkata",
            due="21:00",
            grace_minutes=180,
            lock_after_days=7,
            remind_minutes_before=120,
            ladder=(1, 3, 7),
            credit=None,
            hold=None,
        )
        for number, (district, tenure) in enumerate(self.places(state)):
            yield DistrictAdded(
                state=state,
                district=district,
                name_en=f"District {number}",
                name_hi=f"ज़िला {number}",
                kind="whole",
                grid_row=number // 9,
                grid_col=number % 9,
            )
            yield PresidentAppointed(
                state=state,
                district=district,
                tenure_id=tenure,
                person_id=tenure,
                name=f"Holder {number} (fictional)",
                kind="substantive",
                since=self.first,
            )

    def events(self, state: str) -> Iterator[Event]:
        """The state's reports stream, in order."""
        source = f"urn:rozana:bench:{state}"
        for number, data in enumerate(self.opening(state)):
            yield Event(_id(f"{state} opening {number}"), source, self.beginning, data)
        for number in range(self.days):
            yield from self._day(state, self.first + number * ONE_DAY, source)

    def records(self, state: str) -> Iterator[NewRecord]:
        """The same as ingest writes it."""
        for event in self.events(state):
            written = replace(event, sha256=event.body_hash()) if event.actor else event
            yield NewRecord(event.subject, *encode(written))

    def _day(self, state: str, day: date, source: str) -> Iterator[Event]:
        draw = Random(f"{state} {day}")
        received = {"in time": ("18:00", 0), "in grace": ("21:30", 0), "late": ("06:00", 1)}
        found: list[tuple[datetime, str, EventData]] = [
            (self.at(day, "19:00", 6), _drawn(draw), ClockReached(state=state, at=self.at(day, "19:00"))),
            (
                self.at(day + ONE_DAY, "00:00", 6),
                _drawn(draw),
                ClockReached(state=state, at=self.at(day + ONE_DAY, "00:00")),
            ),
        ]
        for district, tenure in self.places(state):
            habit = draw.choice(HABITS)
            if habit != "silent":
                clock, later = received[habit]
                at = self.at(day + later * ONE_DAY, clock, draw.randrange(3000))
                found.append((at, _drawn(draw), _report(state, district, day, tenure, draw)))
        for at, event_id, data in sorted(found, key=lambda each: each[:2]):
            yield Event(
                event_id, source, at, data, f"president:{data.subject}" if isinstance(data, ReportFiled) else None
            )

    def filed(self, state: str, day: date, at: datetime, *, silent: int) -> Iterator[NewRecord]:
        """The reports of all districts but every so-manieth, received at `at`."""
        draw = Random(f"{state} {day} in time")
        for number, (district, tenure) in enumerate(self.places(state)):
            if number % silent:
                data = _report(state, district, day, tenure, draw)
                yield NewRecord(
                    district,
                    *encode(Event(_drawn(draw), f"urn:rozana:bench:{state}", at, data, f"president:{district}")),
                )

    def body(self, district: str, day: date, tenure: str, draw: Random) -> bytes:
        """A report as a phone posts it."""
        data = _report(district.partition(".")[0], district, day, tenure, draw).model_dump(mode="json")
        del data["state"]
        return json.dumps({"id": _drawn(draw), **data}).encode()


def _report(state: str, district: str, day: date, tenure: str, draw: Random) -> ReportFiled:
    return ReportFiled.model_construct(
        state=state,
        district=district,
        day=day,
        tenure_id=tenure,
        form="daily.v1",
        activities=Activities.model_construct(None, **{name: draw.randrange(100) for name in Activities.model_fields}),
        summary=SUMMARY,
        evidence=(),
        captured_at=f"{day}T19:50:00+05:30",
        supersedes=None,
    )


def _drawn(draw: Random) -> str:
    return str(UUID(int=draw.getrandbits(128), version=4))


def _id(what: str) -> str:
    return _drawn(Random(what))


async def write_log(path: Path, india: India) -> int:
    """A log file that holds all of it. Answers how many events that is."""
    log = open_log(path, ManualClock(india.until))
    try:
        return await append_all(log, india)
    finally:
        await log.close()


async def append_all(log: EventLog, india: India) -> int:
    """All of it into a log, as ingest appends it. Answers how many events that is."""
    count = 0
    for state in india.codes:
        records = list(india.records(state))
        for first in range(0, len(records), AT_ONCE):
            await log.append(stream_name("reports", state), records[first : first + AT_ONCE])
        count += len(records)
    return count
