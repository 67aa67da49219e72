"""What happens in the demo: who posts what at which local time, and what the last day comes to. Pure data."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from libs.events.districts import DistrictAdded
from libs.events.presidents import PresidentAppointed
from libs.events.values import EventData
from rozana.demo.cast import (
    LAST_DAY,
    OFFLINE,
    POLICY,
    STATE,
    Habit,
    grievance_id,
    habits_of,
    made_up,
    name_of,
    report,
    roster,
)

ZONE = ZoneInfo(POLICY.tz)
CLOUDEVENTS = "application/cloudevents+json"
CLOUDEVENTS_BATCH = "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True)
class Window:
    """The received_at that a report must have, local minutes since the day's midnight: both ends well inside."""

    first: int
    last: int
    limit: int
    """Received at or after this minute it would count as something else: the machine was too slow."""


WINDOWS: Mapping[Habit, Window] = {
    Habit.EARLY: Window(7 * 60, 18 * 60, 19 * 60),
    Habit.EVENING: Window(19 * 60 + 25, 20 * 60, 21 * 60),
    Habit.GRACE: Window(21 * 60 + 20, 22 * 60 + 30, 24 * 60),
    Habit.LATE: Window(24 * 60 + 30, 26 * 60 + 30, 31 * 60),
}


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose token is sent along; None as role: nobody's."""

    role: str | None = None
    scope: str = STATE
    tenure_id: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Something is posted at the instant `at`, by the system's clock."""

    at: datetime
    sender: Sender
    path: str
    body: Any
    expected: Sequence[int]
    """The statuses: of the answer, or of a batch's items; of all copies, sorted."""
    told: str = ""
    """What to tell of it; nothing of the ordinary ones."""
    content_type: str = "application/json"
    copies: int = 1
    """Sent so often, at the same time."""
    limit: datetime | None = None
    """Later it would mean something else: it is not sent from this instant on, and what it brings came before."""


@dataclass(frozen=True, slots=True)
class Look:
    """A moment at which to look at the board and the alerts of `day`."""

    at: datetime
    day: date
    told: str


@dataclass(frozen=True, slots=True)
class Promise:
    """What the last day must have come to."""

    districts: int
    counts: Mapping[str, int]
    missed: frozenset[str]
    late: frozenset[str]
    alerts: Mapping[str, Mapping[str, int]]
    """How many were raised, by rule and level."""
    open: Mapping[str, Mapping[str, int]]
    """Those that nothing has resolved."""


@dataclass(frozen=True, slots=True)
class Script:
    start: datetime
    days: Sequence[date]
    roster: Sequence[EventData]
    steps: Sequence[Act | Look]
    promise: Promise
    tenures: Mapping[str, str] = field(repr=False)
    """District -> tenure id."""


def write_script(days: int) -> Script:
    """The demo of so many days, the last of which is always LAST_DAY and always the same."""
    played = [LAST_DAY - timedelta(days=back) for back in reversed(range(days))]
    cast = roster()
    tenures = {data.district: data.tenure_id for data in cast if isinstance(data, PresidentAppointed)}
    districts = [data.district for data in cast if isinstance(data, DistrictAdded)]
    habits = {day: habits_of(day, districts) for day in played}
    steps: list[Act | Look] = []
    for day in played:
        steps += _reports(day, habits[day], tenures)
        steps += _looks(day)
    steps += _last_day(habits[LAST_DAY], tenures)
    return Script(
        start=at(played[0], 5),
        days=played,
        roster=[POLICY, *cast],
        steps=sorted(steps, key=lambda step: step.at),
        promise=_promise(habits[LAST_DAY]),
        tenures=tenures,
    )


def at(day: date, minute: float) -> datetime:
    """The instant `minute` minutes after the day's local midnight (no DST in this zone)."""
    return datetime.combine(day, time(), ZONE).astimezone(UTC) + timedelta(minutes=minute)


def _reports(day: date, habits: Mapping[str, Habit], tenures: Mapping[str, str]) -> Iterator[Act]:
    """The ordinary reports of a day, each habit's spread over its window."""
    for habit, window in WINDOWS.items():
        codes = [code for code, has in habits.items() if has is habit]
        Random(f"order {day}").shuffle(codes)
        for number, code in enumerate(codes):
            minute = window.first + (window.last - window.first) * (number + 0.5) / len(codes)
            yield Act(
                at(day, minute),
                Sender("president", code, tenures[code]),
                "/v1/reports",
                report(code, day, tenures[code]),
                (202,),
                f"{name_of(code)} reports {day:%d %b} after midnight" if habit is Habit.LATE else "",
                limit=at(day, window.limit),
            )


def _looks(day: date) -> Iterator[Look]:
    for minute, told in (
        (12 * 60, "noon"),
        (18 * 60 + 30, "half an hour before the reminder"),
        (19 * 60 + 15, "the silent ones have been reminded"),
        (20 * 60 + 30, "half an hour before it is due"),
        (23 * 60, "the grace is running out"),
        (24 * 60 + 20, "judged: who is silent now has missed the day"),
        (26 * 60 + 50, "the late ones have come in"),
    ):
        yield Look(at(day, minute), day, told)


def _last_day(habits: Mapping[str, Habit], tenures: Mapping[str, str]) -> Iterator[Act]:
    """All that is not ordinary, on the last day."""
    by_habit = {habit: [code for code, has in habits.items() if has is habit] for habit in Habit}
    first, second, third, fourth = by_habit[Habit.EARLY][:4]
    late = by_habit[Habit.LATE][0]

    def president(code: str) -> Sender:
        return Sender("president", code, tenures[code])

    def filed(code: str, copy: str = "first", supersedes: str | None = None) -> dict[str, Any]:
        return report(code, LAST_DAY, tenures[code], copy, supersedes)

    def act(hour: float, sender: Sender, body: object, expected: Sequence[int], told: str, **more: Any) -> Act:
        more.setdefault("limit", at(LAST_DAY, 24 * 60))
        return Act(at(LAST_DAY, hour * 60), sender, more.pop("path", "/v1/reports"), body, expected, told, **more)

    # Retries: the same report again, from phones that never saw the answer.
    yield act(
        18.2,
        president(first),
        filed(first),
        (200,) * 8,
        f"{name_of(first)} sends its report again, 8 times at once",
        copies=8,
    )
    yield act(
        18.25,
        president(second),
        dict(reversed(filed(second).items())),
        (200,),
        f"{name_of(second)} retries with its keys in another order",
    )
    # A correction, and one that comes too late for it.
    corrected = filed(third, "corrected", filed(third)["id"])
    yield act(18.3, president(third), corrected, (202,), f"{name_of(third)} corrects its report")
    stale = filed(third, "stale", filed(third)["id"])
    yield act(18.35, president(third), stale, (409,), "a correction of what has been corrected already")
    yield act(
        18.4, president(first), filed(first) | {"summary": "Something else"}, (409,), "the same id with another body"
    )
    yield from _bad_input(act, president(fourth), filed(fourth, "bad"), president(first))
    # An offline phone.
    batch = [
        {
            "specversion": "1.0",
            "id": (body := report(OFFLINE, day, tenures[OFFLINE])).pop("id"),
            "source": f"urn:rozana:phone:{OFFLINE}",
            "type": "rozana.report.filed.v1",
            "subject": OFFLINE,
            "data": {"state": STATE} | body,
        }
        for day in (LAST_DAY - timedelta(days=2), LAST_DAY - timedelta(days=1), LAST_DAY)
    ]
    yield act(
        20.1,
        president(OFFLINE),
        batch,
        (202, 202, 202),
        f"{name_of(OFFLINE)} is back in the network and sends three days at once",
        path="/v1/events",
        content_type=CLOUDEVENTS_BATCH,
        limit=at(LAST_DAY, WINDOWS[Habit.EVENING].limit),
    )
    for number, (category, severity) in enumerate((("working-style", "medium"), ("party-funds", "high"))):
        body = {"id": grievance_id(number), "district": by_habit[Habit.EVENING][number]}
        body |= {"category": category, "severity": severity}
        yield act(
            14 + number, Sender(), body, (202,), "a worker raises a grievance, without a token", path="/v1/grievances"
        )
    again = f"{name_of(late)} is not sure and sends its late report again"
    yield act(27, president(late), filed(late), (200,), again, limit=at(LAST_DAY, WINDOWS[Habit.LATE].limit))


def _bad_input(act: Any, sender: Sender, good: dict[str, Any], other: Sender) -> Iterator[Act]:
    wrong = good["activities"] | {"meetings": -1}
    missing = {name: count for name, count in good["activities"].items() if name != "attendance"}
    text = json.dumps(good)
    cases: Sequence[tuple[str, Sender, object, int]] = (
        ("a negative number", sender, good | {"activities": wrong}, 422),
        ("an activity left out", sender, good | {"activities": missing}, 422),
        ("a field that nobody knows", sender, good | {"mood": "good"}, 422),
        ("a text of 2,001 characters", sender, good | {"summary": "क" * 2001}, 422),
        ("tomorrow's report", sender, good | {"day": (LAST_DAY + timedelta(days=1)).isoformat()}, 422),
        ("a report for a day that is locked", sender, good | {"day": (LAST_DAY - timedelta(days=9)).isoformat()}, 422),
        ("a tenure that does not hold the district", sender, good | {"tenure_id": made_up("tenure/nobody")}, 422),
        ("a report for somebody else's district", other, good, 404),
        ("a state that is none", sender, good | {"district": "in-zz.guna"}, 404),
        ("half a JSON text", sender, text[: len(text) // 2].encode(), 400),
        ("a key that stands there twice", sender, f'{{"id": "{good["id"]}", {text[1:]}'.encode(), 400),
        ("a body of 70,000 bytes", sender, text.encode() + b" " * 70_000, 413),
        ("no token", Sender(), good, 401),
    )
    for number, (told, who, body, status) in enumerate(cases):
        yield act(15.1 + number / 60, who, body, (status,), told)
    form = "application/x-www-form-urlencoded"
    yield act(15.5, sender, b"id=1", (415,), "a form instead of JSON", content_type=form)
    clock = {
        "specversion": "1.0",
        "id": made_up("clock"),
        "source": "urn:rozana:phone",
        "type": "rozana.clock.reached.v1",
        "subject": STATE,
        "data": {"state": STATE, "at": "2026-11-30T00:00:00Z"},
    }
    office = Sender("pcc", STATE)
    yield act(15.55, office, clock, (403,), "somebody sets the clock", path="/v1/events", content_type=CLOUDEVENTS)


def _promise(habits: Mapping[str, Habit]) -> Promise:
    def codes(*which: Habit) -> frozenset[str]:
        return frozenset(code for code, has in habits.items() if has in which)

    excused, silent, late = codes(Habit.VACANT, Habit.LEAVE), codes(Habit.SILENT), codes(Habit.LATE)
    reminded = codes(Habit.EVENING, Habit.GRACE, Habit.LATE, Habit.SILENT, Habit.OFFLINE)
    return Promise(
        districts=len(habits),
        counts={
            "expected": len(habits) - len(excused),
            "on_time": len(codes(Habit.EARLY, Habit.EVENING, Habit.OFFLINE)),
            "in_grace": len(codes(Habit.GRACE)),
            "late": len(late),
            "missed": len(silent),
            "excused": len(excused),
            "pending": 0,
            "unknown": 0,
        },
        missed=silent,
        late=late,
        alerts={
            "due-soon": {"1": len(reminded)},
            "grievance-raised": {"1": 2},
            "missed-report": {"1": len(silent) + len(late)},
        },
        open={"grievance-raised": {"1": 2}, "missed-report": {"1": len(silent)}},
    )
