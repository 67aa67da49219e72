"""Who finds an alert: role by rule by level, on every route that leads to one."""

from pathlib import Path
from typing import cast

from libs.events.alerts import ON_GRIEVANCES, AlertRaised, Rule, alert_id
from libs.events.envelope import Event
from libs.events.streams import Kind
from libs.events.values import Cause
from libs.runtime.principal import Role
from services.notifier.deliveries import rules_for
from services.notifier.records import record_of
from services.notifier.rules.rule import LADDERS, audience_of
from tests.duty.events import STATE, code, instant, tenure
from tests.notifier.office import Office, office
from tests.notifier.stories import GRIEVANCES
from tests.notifier.world import ALERTS, read

EVERYBODY: frozenset[Role] = frozenset({"president", "pcc", "aicc"})
AICC: frozenset[Role] = frozenset({"aicc"})
SEES: dict[Rule, frozenset[Role]] = {
    Rule.DUE_SOON: EVERYBODY,
    Rule.MISSED_REPORT: EVERYBODY,
    Rule.RECOVERED: EVERYBODY,
    Rule.PERFECT_WEEK: EVERYBODY,
    Rule.JUDGEMENT_HELD: AICC,
    Rule.LEFT_UNACKNOWLEDGED: AICC,
    Rule.GRIEVANCE_RAISED: AICC,
    Rule.GRIEVANCE_OVERDUE: AICC,
    Rule.GRIEVANCE_SURGE: AICC,
}
"""Of alerts within one's own scope."""
SCOPES: dict[Role, str] = {"president": "in-mp.guna", "pcc": "in-mp", "aicc": "in"}
DAY = "2026-11-23"
AT = instant("2026-11-23T05:30")
ROWS = [(rule, level) for rule, ladder in LADDERS.items() for level in range(1, 1 + len(ladder))]
LATER = "2027-01-01T00:00:00Z"


async def raise_one(place: Office, rule: Rule, level: int, *, holder: str = "asha", offset: int) -> str:
    """All of them about one district, so that the audience alone decides."""
    data = AlertRaised(
        state=STATE,
        alert_id=alert_id(rule, code("guna"), f"{DAY} {holder}", level),
        rule=rule,
        subject_code=code("guna"),
        tenure_id=tenure("guna", holder),
        period=DAY,
        level=level,
        audience=audience_of(rule, level),
        at=AT,
        evidence=(),
        cause=Cause(stream=f"rozana.{STATE}.reports", offset=offset),
        escalate_minutes=(),
    )
    stream = GRIEVANCES if rule in ON_GRIEVANCES else ALERTS
    await place.log.append(stream, [record_of(Event(data.event_id(), "urn:rozana:notifier", AT, data))])
    return data.alert_id


def test_the_table_leaves_no_rule_out() -> None:
    assert set(SEES) == set(LADDERS) == set(Rule)


async def test_role_by_rule_by_level(tmp_path: Path) -> None:
    async with office(tmp_path) as place:
        alerts = {row: await raise_one(place, *row, offset=offset) for offset, row in enumerate(ROWS)}
        await place.shows(len(alerts))
        before = [len(await read(place.log, stream)) for stream in (ALERTS, GRIEVANCES)]
        for role, scope in SCOPES.items():
            seen = {alerts[row] for row in ROWS if role in SEES[row[0]]}
            assert {each["alert_id"] for each in await place.all("", role, scope)} == seen, role
            for rule, level in ROWS:
                one = alerts[rule, level]
                listed = await place.all(f"rule={rule}", role, scope)
                assert (one in [each["alert_id"] for each in listed]) == (one in seen), (role, rule, level)
                answer = await place.ask(f"/v1/alerts/{one}", role, scope)
                assert answer.status_code == (200 if one in seen else 404), (role, rule, level)
                if role == "pcc" and one not in seen:
                    for action in ("acknowledge", "snooze"):
                        answer = await place.ask(f"/v1/alerts/{one}/{action}", role, "in-mp", post={"until": LATER})
                        assert answer.status_code == 404, (rule, level, action)
                        assert rule not in answer.text
        assert [len(await read(place.log, stream)) for stream in (ALERTS, GRIEVANCES)] == before


async def test_a_president_does_not_see_what_his_predecessor_was_told(tmp_path: Path) -> None:
    async with office(tmp_path) as place:
        own = await raise_one(place, Rule.MISSED_REPORT, 1, offset=0)
        his = await raise_one(place, Rule.MISSED_REPORT, 1, holder="before", offset=1)
        await place.shows(2)
        assert [each["alert_id"] for each in await place.all("", "president", "in-mp.guna")] == [own]
        assert (await place.ask(f"/v1/alerts/{his}", "president", "in-mp.guna")).status_code == 404
        assert {each["alert_id"] for each in await place.all("", "pcc", "in-mp")} == {own, his}


async def test_a_note_is_read_by_its_own_office_and_those_above(tmp_path: Path) -> None:
    notes = {"pcc": "he never answers", "aicc": "the office does not either"}
    reads: dict[Role, list[str]] = {"president": [], "pcc": [notes["pcc"]], "aicc": list(notes.values())}
    async with office(tmp_path) as place:
        one = await raise_one(place, Rule.MISSED_REPORT, 1, offset=0)
        await place.shows(1)
        for role, note in notes.items():
            for action in ("acknowledge", "snooze"):
                said = {"note": note, "until": LATER}
                answer = await place.ask(f"/v1/alerts/{one}/{action}", role, SCOPES[cast("Role", role)], post=said)
                assert answer.status_code == 200
                assert answer.json()["history"][-1]["note"] == note
        for reader, scope in SCOPES.items():
            [listed] = await place.all("", reader, scope)
            shown = (await place.ask(f"/v1/alerts/{one}", reader, scope)).json()
            for found in (listed, shown):
                history = cast("list[dict[str, str]]", found["history"])
                assert len(history) == 5  # that somebody did something, each is told
                assert [each["note"] for each in history if "note" in each] == [
                    note for note in reads[reader] for _ in ("acknowledge", "snooze")
                ]


def test_deliveries_are_listed_for_whom_the_alert_may_be_seen_by() -> None:
    both: list[Kind] = ["alerts", "grievances"]
    for role in SCOPES:
        assert {*rules_for(role, both)} == {rule for rule in Rule if role in SEES[rule]}
    assert {*rules_for("operator", ["alerts"])} == set(Rule) - ON_GRIEVANCES
