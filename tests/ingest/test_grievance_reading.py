"""Lists for AICC, counts for a state's office: what is told, and what must not follow from it."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from libs.events.grievances import GrievanceErased, GrievanceMerged, GrievanceTriaged
from libs.grievances.cases import Cases
from libs.grievances.outcomes import Status
from libs.runtime.auth import issue_demo_token
from services.ingest.grievance_reading import A_PAGE, counted, listed
from tests.duty.events import instant
from tests.grievances.test_cases import DAY, Story, adopted
from tests.ingest.complainant import PUBLISHED, Complainant, Officer
from tests.ingest.desk import ROSTER, running

NEXT_MONTH = date(2026, 12, 1)


def told(cases: Cases, today: date = NEXT_MONTH) -> list[tuple[str, str, int]]:
    return [(each.month, each.category, each.count) for each in counted("in-mp", cases, today).items]


def test_a_count_is_told_from_k_on_and_when_its_month_is_over() -> None:
    story = Story()
    for _ in range(4):
        story.raised(category="money")
    assert told(story.cases) == []
    story.raised(category="money")
    story.raised(category="conduct")
    assert told(story.cases, date(2026, 11, 30)) == []
    assert told(story.cases) == [("2026-11", "money", 5)]
    story.says(adopted(k=6))
    assert told(story.cases) == []
    assert counted("in-mp", story.cases, NEXT_MONTH).k == 6


def test_what_becomes_of_a_case_changes_no_count_of_a_month_that_is_over() -> None:
    story = Story()
    ids = [story.raised(category="money") for _ in range(5)]
    before = told(story.cases)
    story.on(20)
    story.then(GrievanceTriaged, ids[0], category="other")
    story.then(GrievanceMerged, ids[1], duplicate_of=ids[2])
    story.then(GrievanceErased, ids[3])
    for _ in range(3):
        story.raised(category="money")
    assert told(story.cases) == before == [("2026-11", "money", 5)]


def test_a_list_is_in_pages_and_by_status() -> None:
    story = Story()
    for day in range(3):
        story.on(day)
        for _ in range(50):
            story.raised()
    cases = story.cases.by_id.values()
    first = listed(cases, None, None)
    second = listed(cases, None, first.next)
    assert (len(first.items), len(second.items), second.next) == (A_PAGE, 50, None)
    days = [each.day for each in (*first.items, *second.items)]
    assert days == sorted(days)
    assert days[-1] == DAY + timedelta(days=2)
    assert len({each.grievance_id for each in (*first.items, *second.items)}) == 150
    assert listed(cases, Status.CLOSED, None).items == []


async def test_aicc_sees_where_a_case_stands_and_nobody_else_that_there_is_one(tmp_path: Path) -> None:
    mine, other = Complainant(), Complainant(district="in-mp.bhind")
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        for each in (mine, other):
            assert (await each.raises(desk)).status_code == 202
        officer = Officer(desk)
        assert (await officer.assign(mine)).status_code == 202
        assert (await officer.merge(other, mine)).status_code == 409  # another district's

        async def asked(role: str, scope: str, **where: str) -> tuple[int, list[dict[str, Any]]]:
            query = "&".join(f"{name}={value}" for name, value in where.items())
            answer = await desk.get(f"/v1/grievances?{query}", token=desk.token(role, scope))
            return answer.status_code, answer.json().get("items", [])

        status, items = await asked("aicc", "in")
        assert (status, {each["grievance_id"] for each in items}) == (200, {mine.id, other.id})
        assert items[0].keys().isdisjoint({"author", "tracking", "sealed", "ciphertext"})
        assert [each["grievance_id"] for each in (await asked("aicc", "in-mp", status="assigned"))[1]] == [mine.id]
        assert [each["district"] for each in (await asked("aicc", "in-mp.bhind"))[1]] == ["in-mp.bhind"]
        assert await asked("aicc", "in-rj") == (200, [])
        assert await asked("aicc", "in", state="in-rj") == (200, [])
        assert (await asked("aicc", "in", state="MP"))[0] == 422
        for role, scope in (("pcc", "in-mp"), ("president", "in-mp.guna"), ("operator", "in"), ("service", "in")):
            assert await asked(role, scope) == (403, [])


async def test_who_it_is_about_is_shown_nothing_even_if_he_works_for_aicc(tmp_path: Path) -> None:
    mine = Complainant()
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        assert (await mine.raises(desk)).status_code == 202
        himself = issue_demo_token(desk.keys, "aicc", "in", None, subject=ROSTER[2].data.model_dump()["person_id"])
        assert (await desk.get("/v1/grievances", token=himself)).json() == {
            "items": [],
            "next": None,
            "green_and_red": [],
        }
        officer = Officer(desk)
        for answer in (await officer.open(mine, himself), await officer.erase(mine, himself)):
            assert answer.status_code == 403
            assert mine.id not in answer.text
        assert (await officer.open(mine)).status_code == 200


async def test_a_state_s_office_asks_for_counts_of_its_state_alone(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        for _ in range(5):
            assert (await Complainant().raises(desk)).status_code == 202

        async def counts(role: str, scope: str, state: str = "in-mp") -> tuple[int, object]:
            answer = await desk.get(f"/v1/grievance-counts?state={state}", token=desk.token(role, scope))
            return answer.status_code, answer.json().get("items")

        assert await counts("pcc", "in-mp") == (200, [])
        desk.clock.advance_to(instant("2026-12-01T12:00"))
        item = {"month": "2026-11", "category": "conduct", "count": 5}
        assert await counts("pcc", "in-mp") == (200, [item])
        assert await counts("aicc", "in") == (200, [item])
        assert await counts("pcc", "in-rj") == (404, None)
        assert await counts("aicc", "in", "in-up") == (404, None)
        assert await counts("president", "in-mp.guna") == (404, None)
        assert (await counts("operator", "in"))[0] == 403
