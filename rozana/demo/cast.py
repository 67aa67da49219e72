"""The demo's cast: the real districts of Madhya Pradesh, holders who are made up and say so, and how each behaves.

Pure, and the same in every run: ids are worked out from what they stand for, so that the same alerts are raised again.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from libs.events.districts import DistrictAdded
from libs.events.policy import PolicyAdopted
from libs.events.presidents import LeaveGranted, LeaveReason, PresidentAppointed
from libs.events.values import EventData
from rozana.demo.words import ENGLISH, HINDI
from rozana.states import districts_of

STATE = "in-mp"
LAST_DAY = date(2026, 11, 23)
"""Fixed, so that every run raises alerts with the same ids."""
POLICY = PolicyAdopted(
    state=STATE,
    version=1,
    effective_from=date(2026, 11, 1),
    tz="Asia/Kolkata",
    due="21:00",
    grace_minutes=180,
    lock_after_days=7,
    remind_minutes_before=120,
    ladder=(1, 3, 7),
)
VACANT, ON_LEAVE, OFFLINE = "in-mp.niwari", "in-mp.panna", "in-mp.dindori"


class Habit(StrEnum):
    """What a district does about its report of a day."""

    EARLY = "early"
    """Before anybody is reminded."""
    EVENING = "evening"
    """Reminded, and in time."""
    GRACE = "grace"
    LATE = "late"
    """After midnight, when the day is judged."""
    SILENT = "silent"
    OFFLINE = "offline"
    """The phone has no network: on the last evening it sends three days at once."""
    LEAVE = "leave"
    VACANT = "vacant"


MANY: Mapping[Habit, int] = {Habit.SILENT: 4, Habit.LATE: 5, Habit.GRACE: 6, Habit.EVENING: 12}
"""Districts of each habit on a day; all others are early."""


def made_up(what: str) -> str:
    """An id that follows from what it stands for."""
    return str(uuid5(NAMESPACE_URL, f"urn:rozana:demo:{what}"))


def habits_of(day: date, districts: Sequence[str]) -> Mapping[str, Habit]:
    """Drawn by the day alone, so that the last day is the same however many are played before it.

    Those who are late or silent on the last day are not silent before it: no streak climbs the ladder.
    """
    last = day == LAST_DAY
    others = sorted(set(districts) - {VACANT, ON_LEAVE, OFFLINE})
    Random("parted once").shuffle(others)
    for_last, others = others[:20], others[20:]
    Random(day.isoformat()).shuffle(others)
    drawn = for_last + others if last else others
    habits = {VACANT: Habit.VACANT, OFFLINE: Habit.OFFLINE} | ({ON_LEAVE: Habit.LEAVE} if last else {})
    for habit, many in MANY.items():
        habits |= dict.fromkeys(drawn[:many], habit)
        drawn = drawn[many:]
    return {code: habits.get(code, Habit.EARLY) for code in districts}


def roster() -> list[EventData]:
    """All districts, all holders but one, and one leave."""
    districts: list[EventData] = []
    holders: list[EventData] = []
    for row in districts_of(STATE):
        code = f"{STATE}.{row['code']}"
        place = {name: row[name] for name in ("name_en", "name_hi", "kind")}
        grid = {name: int(row[name]) for name in ("grid_row", "grid_col")}
        districts.append(DistrictAdded.model_validate({"state": STATE, "district": code} | place | grid))
        if code != VACANT:
            name = (
                f"{row['name_hi']} की धारक (काल्पनिक)" if len(holders) % 2 else f"Holder of {row['name_en']} (fictional)"
            )
            holders.append(
                PresidentAppointed(
                    state=STATE,
                    district=code,
                    tenure_id=made_up(f"tenure/{code}"),
                    person_id=made_up(f"person/{code}"),
                    name=name,
                    kind="substantive",
                    since=date(2026, 8, 16),
                )
            )
    leave = LeaveGranted(
        state=STATE,
        district=ON_LEAVE,
        tenure_id=made_up(f"tenure/{ON_LEAVE}"),
        from_=LAST_DAY,
        to=LAST_DAY,
        reason=LeaveReason.FAMILY,
    )
    return [*districts, *holders, leave]


def report(
    district: str, day: date, tenure_id: str, copy: str = "first", supersedes: str | None = None
) -> dict[str, Any]:
    """A whole body of POST /v1/reports. The text is Hindi for every other district."""
    random = Random(f"{district} {day} {copy}")
    texts = HINDI if random.random() < 0.5 else ENGLISH  # noqa: PLR2004 -- half of them
    meetings = random.randint(0, 6)
    return {
        "id": made_up(f"report/{district}/{day}/{copy}"),
        "district": district,
        "day": day.isoformat(),
        "tenure_id": tenure_id,
        "form": "daily.v1",
        "supersedes": supersedes,
        "captured_at": f"{day}T{random.randint(17, 20)}:{random.randint(10, 59)}:00+05:30",
        "activities": {
            "meetings": meetings,
            "attendance": meetings * random.randint(15, 90),
            "villages_visited": random.randint(0, 9),
            "booth_committees": random.randint(0, 12),
            "new_members": random.randint(0, 60),
            "programmes": random.randint(0, 3),
            "media_mentions": random.randint(0, 4),
            "grievances_heard": random.randint(0, 8),
        },
        "summary": random.choice(texts),
        "evidence": [],
    }


def grievance_id(number: int) -> str:
    """Grievances have UUIDs of version 4, which follow from nothing: these are drawn with a seed, for the demo only."""
    return str(UUID(int=Random(f"grievance {number}").getrandbits(128), version=4))


def name_of(code: str) -> str:
    if code == STATE:
        return "Madhya Pradesh"
    return next(row["name_en"] for row in districts_of(STATE) if f"{STATE}.{row['code']}" == code)
