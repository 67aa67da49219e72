"""The reports look well, and many protest: shown to AICC as such, and to nobody else."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from libs.duty.state_duty import StateDuty
from libs.events.envelope import Event
from libs.events.grievances import Surge
from libs.runtime.auth import issue_demo_token
from services.ingest.green_and_red import LAST_DAYS, green_and_red
from tests.duty.events import STATE, added, appointed, clock_reached, excused, filed, instant, policy, recorded
from tests.grievances.test_cases import Story
from tests.ingest.complainant import PUBLISHED, Complainant
from tests.ingest.desk import ROSTER, Desk, running

GUNA, FIRST = "in-mp.guna", date(2026, 11, 23)
OPENING = [policy(), added("guna"), appointed("guna")]
MANY = [f"{number:032x}" for number in range(6)]


def duty(*days: str) -> StateDuty:
    """A day after the other, from FIRST on: what Guna did on it."""
    found, said = StateDuty(STATE), list(OPENING)
    for number, what in enumerate(days):
        day, next_day = FIRST + timedelta(days=number), FIRST + timedelta(days=number + 1)
        done: dict[str, list[Event]] = {
            "on time": [filed("guna", day, f"{day}T20:00")],
            "in grace": [filed("guna", day, f"{day}T22:00")],
            "silent": [],
            "excused": [excused("guna", day, at=f"{day}T22:00")],
        }
        said += [*done[what], clock_reached(f"{next_day}T00:00")]
    for offset, event in enumerate(said):
        found.evolve(recorded(event, offset))
    return found


def protest(*authors: str | None, day: int = 0) -> Story:
    story = Story()
    story.on(day)
    for author in authors:
        story.raised(author=author)
    return story


def shown(story: Story, state: StateDuty, *, later: int = 0) -> list[tuple[str, int, float, bool]]:
    today = story.day + timedelta(days=later)
    found = green_and_red(story.cases.by_id.values(), Surge(), state, today)
    return [(each.district, each.heard, each.usual, each.surge) for each in found]


@pytest.mark.parametrize(
    ("days", "green"),
    [
        (["on time", "in grace"], True),
        (["on time", "excused"], True),
        (["excused", "excused"], False),
        (["on time", "silent"], False),
        (["silent", *["on time"] * (LAST_DAYS - 1)], False),
        ([], False),
    ],
)
def test_green_is_each_day_in_time_or_excused_and_one_filed(days: list[str], green: bool) -> None:
    assert bool(shown(protest(*MANY), duty(*days))) == green


def test_the_days_are_shown_the_last_seven_of_them() -> None:
    [found] = green_and_red(
        protest(*MANY).cases.by_id.values(), Surge(), duty("silent", *["on time"] * LAST_DAYS), FIRST
    )
    assert [(each.day, each.status) for each in found.reports] == [
        (FIRST + timedelta(days=number), "on_time") for number in range(1, LAST_DAYS + 1)
    ]


@pytest.mark.parametrize(
    ("authors", "told"),
    [
        (MANY, [(GUNA, 6, 0.0, True)]),
        (MANY[:2], [(GUNA, 2, 0.0, False)]),
        (MANY[:1] * 3, []),  # one author, however much he sends
        ([None] * 3, []),  # nobody can tell one sender from many
        ([], []),
    ],
)
def test_red_is_more_voices_than_usual(authors: list[str | None], told: list[tuple[str, int, float, bool]]) -> None:
    assert shown(protest(*authors), duty("on time")) == told


def test_what_is_usual_there_is_not_red() -> None:
    story = protest(*MANY[:2])
    assert shown(story, duty("on time"), later=6) == [(GUNA, 2, 0.0, False)]
    assert shown(story, duty("on time"), later=7) == []  # it is over
    for week in range(1, 9):
        story.on(7 * week)
        for author in MANY[:2]:
            story.raised(author=author)
    assert shown(story, duty("on time")) == []


# -- who is shown it ---------------------------------------------------------------------------------------------------

RESPONDENT = str(ROSTER[2].data.model_dump()["person_id"])
TABLE = {
    # role, scope, subject -> status, districts
    ("aicc", "in", None): (200, [GUNA]),
    ("aicc", "in-mp", None): (200, [GUNA]),
    ("aicc", GUNA, None): (200, [GUNA]),
    ("aicc", "in-mp.bhind", None): (200, []),
    ("aicc", "in-rj", None): (200, []),
    ("aicc", "in", RESPONDENT): (200, []),  # it is about himself
    ("pcc", "in-mp", None): (403, None),
    ("pcc", GUNA, None): (403, None),
    ("president", GUNA, None): (403, None),
    ("president", "in-mp.bhind", None): (403, None),
    ("operator", "in", None): (403, None),
    ("service", "in", None): (403, None),
}


async def _told(desk: Desk, role: str, scope: str, subject: str | None) -> tuple[int, list[str] | None]:
    tenure = str(ROSTER[2].data.model_dump()["tenure_id"]) if role == "president" else None
    token = issue_demo_token(desk.keys, role, scope, tenure, subject=subject)
    answer = await desk.get("/v1/grievances", token=token)
    found = answer.json().get("green_and_red")
    return answer.status_code, None if found is None else [each["district"] for each in found]


async def test_it_is_shown_to_aicc_and_to_nobody_else(tmp_path: Path) -> None:
    today = FIRST.isoformat()
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        desk.clock.advance_to(instant("2026-11-24T09:00"))
        await desk.stands(filed("guna", today, f"{today}T20:00"), clock_reached("2026-11-24T00:00"))
        for author in MANY:
            mine = Complainant()
            mine.body["author"] = author
            assert (await mine.raises(desk)).status_code == 202
        for who, may_see in TABLE.items():
            assert await _told(desk, *who) == may_see, who
