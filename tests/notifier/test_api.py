"""/v1/alerts: who sees what, page by page, and what can be done about it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from libs.events.alerts import AlertAcknowledged, AlertRaised, AlertResolved, AlertSnoozed, Rule, alert_id
from libs.events.envelope import Event
from libs.runtime.errors import OutcomeUnknown
from libs.runtime.log import NewRecord, Record
from libs.runtime.principal import ROLES
from services.notifier import api
from services.notifier.paging import BODY_BYTES, PAGE
from services.notifier.records import record_of
from services.notifier.rules.rule import said as said_of
from tests.duty.events import added, appointed, clock_reached, code, filed, named, policy, tenure
from tests.notifier.office import Office, office
from tests.notifier.stories import GRIEVANCES, grievance
from tests.notifier.world import ALERTS, AnotherLog, read

SAID = (AlertAcknowledged, AlertSnoozed)
SILENT = ("guna", "datia", "harda")
EVENING = [
    policy(),
    *(each for name in SILENT for each in (added(name), appointed(name))),
    clock_reached("2026-11-23T19:00"),
    grievance("one", "guna", "2026-11-23"),
    clock_reached("2026-11-24T00:00"),
    filed("harda", "2026-11-23", "2026-11-24T00:40"),
]
DUTY = 6
"""Three reminders, three misses."""
LATER = "2027-01-01T00:00:00Z"


def missed(district: str, day: str = "2026-11-23") -> str:
    return alert_id(Rule.MISSED_REPORT, code(district), day, 1)


GRIEVANCE = alert_id(Rule.GRIEVANCE_RAISED, code("guna"), named("one"), 1)


def ids(alerts: Iterable[dict[str, object]]) -> set[object]:
    return {alert["alert_id"] for alert in alerts}


def told(alert: dict[str, object]) -> dict[str, object]:
    """Without its deliveries, which go on in the meantime."""
    return {name: value for name, value in alert.items() if name != "deliveries"}


async def ready(place: Office) -> None:
    await place.shows(DUTY + 1)
    await place.shows(4, "status=resolved")


async def test_an_alert_as_it_is_shown(tmp_path: Path) -> None:
    async with office(tmp_path, EVENING) as place:
        await ready(place)
        answer = await place.ask(f"/v1/alerts/{missed('harda')}")
        assert answer.status_code == 200
        alert = answer.json()
        assert alert["rule"] == "missed-report"
        assert (alert["state"], alert["subject"], alert["period"], alert["level"]) == (
            "in-mp",
            "in-mp.harda",
            "2026-11-23",
            1,
        )
        assert alert["tenure_id"] == tenure("harda")
        assert (alert["status"], alert["how"]) == ("resolved", "late")
        assert (alert["raised_at"], alert["resolved_at"]) == ("2026-11-23T18:30:00Z", "2026-11-23T19:10:00Z")
        assert [line["type"] for line in alert["history"]] == ["alert.raised", "alert.resolved"]
        assert alert["evidence"] == [EVENING[-2].id, EVENING[-1].id]
        again = (await place.ask(f"/v1/alerts/{missed('harda').upper()}")).json()
        assert told(again) == told(alert)


async def test_the_list_by_state_status_and_rule(tmp_path: Path) -> None:
    async with office(tmp_path, EVENING) as place:
        await ready(place)
        everything = (await place.ask("/v1/alerts")).json()
        assert everything["next"] is None
        raised = [alert["raised_at"] for alert in everything["items"]]
        assert raised == sorted(raised, reverse=True)
        assert len(raised) == DUTY
        assert len(await place.all("state=in-mp", "pcc", "in-mp")) == DUTY
        assert await place.all("state=in-up", "aicc", "in") == []
        assert len(await place.all("rule=due-soon", "pcc", "in-mp")) == 3
        assert ids(await place.all("rule=missed-report&status=open&state=in-mp", "pcc", "in-mp")) == {
            missed("guna"),
            missed("datia"),
        }
        assert await place.all("status=snoozed", "pcc", "in-mp") == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("status=shut", "status"),
        ("rule=noise", "rule"),
        ("state=Mars", "state"),
        ("cursor=%21", "cursor"),
        ("cursor=bm90IGEgcGxhY2U", "cursor"),
        (f"cursor={'a' * 201}", "cursor"),
    ],
)
async def test_unknown_values_are_refused_and_not_repeated(tmp_path: Path, query: str, pointer: str) -> None:
    async with office(tmp_path) as place:
        answer = await place.ask(f"/v1/alerts?{query}")
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert pointer in answer.json()["errors"][0]["pointer"]
        assert query.partition("=")[2] not in answer.text


async def test_everybody_sees_his_own_scope(tmp_path: Path) -> None:
    async with office(tmp_path, EVENING) as place:
        await ready(place)
        assert len(await place.all("", "aicc", "in")) == DUTY + 1
        assert len(await place.all("", "aicc", "in-mp")) == DUTY + 1
        assert len(await place.all("", "pcc", "in-mp")) == DUTY
        assert await place.all("", "pcc", "in-up") == []
        own = await place.all("", "president", "in-mp.datia")
        assert {alert["subject"] for alert in own} == {"in-mp.datia"}
        assert len(own) == 2
        assert len(await place.all("state=in-mp", "president", "in-mp.datia")) == 2
        for scope, state in (("in-mp", "in-up"), ("in-up", "in-mp"), ("in-mp.datia", "in-up"), ("in", "in-zz")):
            role = "president" if "." in scope else "pcc"
            assert (await place.ask(f"/v1/alerts?state={state}", role, scope)).status_code == 404
        for role, scope in (("pcc", "in-up"), ("president", "in-mp.datia"), ("aicc", "in-up")):
            assert (await place.ask(f"/v1/alerts/{missed('guna')}", role, scope)).status_code == 404
        assert (await place.ask(f"/v1/alerts/{named('nothing')}")).status_code == 404
        assert (await place.ask("/v1/alerts/not-an-id")).status_code == 404
        assert (await place.ask("/v1/alerts", "operator", "in")).status_code == 403
        assert (await place.ask(f"/v1/alerts/{missed('guna')}", "service", "in")).status_code == 403
        assert (await place.ask("/v1/alerts", headers={"Authorization": "Bearer forged"})).status_code == 401


@pytest.mark.parametrize("role", [role for role in ROLES if role != "aicc"])
async def test_alerts_on_grievances_are_aiccs_alone(tmp_path: Path, role: str) -> None:
    async with office(tmp_path, EVENING) as place:
        await ready(place)
        scope = "in-mp.guna" if role == "president" else "in"
        for query in ("", "rule=grievance-raised", "status=open", "state=in-mp"):
            answer = await place.ask(f"/v1/alerts?{query}", role, scope)
            assert GRIEVANCE not in answer.text
            assert "grievance" not in answer.text
        one = await place.ask(f"/v1/alerts/{GRIEVANCE}", role, scope)
        none = await place.ask(f"/v1/alerts/{named('nothing')}", role, scope)
        assert (one.status_code, one.text) == (none.status_code, none.text)
        for action in ("acknowledge", "snooze"):
            one = await place.ask(f"/v1/alerts/{GRIEVANCE}/{action}", role, scope, post={"until": LATER})
            none = await place.ask(f"/v1/alerts/{named('nothing')}/{action}", role, scope, post={"until": LATER})
            assert one.status_code in {403, 404}
            assert (one.status_code, one.text) == (none.status_code, none.text)
        assert len(await read(place.log, GRIEVANCES)) == 2
        assert all("grievance" not in str(each.event.data) for each in await read(place.log, ALERTS))


async def test_aicc_sees_and_handles_alerts_on_grievances(tmp_path: Path) -> None:
    async with office(tmp_path, EVENING) as place:
        await ready(place)
        assert ids(await place.all("rule=grievance-raised", "aicc", "in-mp")) == {GRIEVANCE}
        alert = (await place.ask(f"/v1/alerts/{GRIEVANCE}", "aicc", "in")).json()
        assert alert["tenure_id"] is None
        assert alert["audience"] == ["aicc"]
        assert alert["raised_at"] == "2026-11-23T00:00:00Z"
        assert alert["history"][0]["time"][10:] == "T00:00:00Z"
        answer = await place.ask(f"/v1/alerts/{GRIEVANCE}/acknowledge", "aicc", "in", post={})
        assert answer.status_code == 200
        said = (await read(place.log, GRIEVANCES))[-1].event
        assert isinstance(said.data, AlertAcknowledged)
        assert said.actor is None
        assert said.time.isoformat()[10:] == said.data.at.isoformat()[10:] == "T00:00:00+00:00"


async def test_acknowledge_and_snooze(tmp_path: Path) -> None:
    async with office(tmp_path, EVENING) as place:
        await ready(place)
        path = f"/v1/alerts/{missed('guna')}"
        answer = await place.ask(f"{path}/acknowledge", post={"note": "फ़ोन किया"})
        assert answer.status_code == 200
        assert answer.json()["status"] == "acknowledged"
        assert answer.json()["history"][-1]["note"] == "फ़ोन किया"
        assert answer.json()["history"][-1]["by"].startswith("pcc:")
        assert told((await place.ask(path)).json()) == told(answer.json())
        said = (await read(place.log, ALERTS))[-1].event
        assert isinstance(said.data, AlertAcknowledged)
        assert said.actor == said.data.by
        assert said.time == said.data.at == place.clock.now()
        answer = await place.ask(f"{path}/snooze", "aicc", "in", post={"until": LATER})
        assert answer.status_code == 200
        assert answer.json()["status"] == "snoozed"
        assert answer.json()["history"][-1]["until"] == LATER
        assert isinstance((await read(place.log, ALERTS))[-1].event.data, AlertSnoozed)
        assert ids(await place.all("status=snoozed", "pcc", "in-mp")) == {missed("guna")}


async def test_what_cannot_be_done_leaves_nothing_behind(tmp_path: Path) -> None:
    async with office(tmp_path, EVENING) as place:
        await ready(place)
        before = await place.log.end(ALERTS)
        open_one, over = f"/v1/alerts/{missed('guna')}", f"/v1/alerts/{missed('harda')}"
        for path, role, scope, body, status in (
            (f"{over}/acknowledge", "pcc", "in-mp", {}, 409),
            (f"{over}/snooze", "aicc", "in", {"until": LATER}, 409),
            (f"{open_one}/acknowledge", "president", "in-mp.guna", {}, 403),
            (f"{open_one}/acknowledge", "operator", "in", {}, 403),
            (f"{open_one}/snooze", "service", "in", {"until": LATER}, 403),
            (f"{open_one}/acknowledge", "pcc", "in-up", {}, 404),
            (f"/v1/alerts/{named('nothing')}/snooze", "pcc", "in-mp", {"until": LATER}, 404),
            (f"{open_one}/snooze", "pcc", "in-mp", {}, 422),
            (f"{open_one}/snooze", "pcc", "in-mp", {"until": "2026-11-23T00:00:00Z"}, 422),
            (f"{open_one}/snooze", "pcc", "in-mp", {"until": "tomorrow"}, 422),
            (f"{open_one}/snooze", "pcc", "in-mp", {"until": LATER, "by": "somebody"}, 422),
            (f"{open_one}/acknowledge", "pcc", "in-mp", {"note": "x" * 2001}, 422),
            (f"{open_one}/acknowledge", "pcc", "in-mp", {"note": 7}, 422),
            (f"{open_one}/acknowledge", "pcc", "in-mp", [], 422),
        ):
            answer = await place.ask(path, role, scope, post=body)
            assert answer.status_code == status, (path, body, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
        for content, headers, status in (
            (b'{"note": "a", "note": "b"}', {}, 400),
            (b"{", {}, 400),
            (b'{"until": NaN}', {}, 400),
            (b"{}", {"Content-Type": "text/plain"}, 415),
            (b'{"note": "' + b"x" * BODY_BYTES + b'"}', {}, 413),
        ):
            answer = await place.ask(f"{open_one}/acknowledge", content=content, headers=headers)
            assert answer.status_code == status, (content[:40], answer.text)
        assert await place.log.end(ALERTS) == before


class Overtaken(AnotherLog):
    """Just before an acknowledgement, the report comes in."""

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        if b"rozana.alert.acknowledged.v2" in dict(records[0].headers).values():
            said = [each.event.data for each in await read(self.log, stream)]
            one = next(each for each in said if isinstance(each, AlertRaised) and each.alert_id == missed("guna"))
            over = said_of(AlertResolved, one, how="late")
            await self.log.append(stream, [record_of(Event(named("over"), "urn:test", one.at, over))])
        return await self.log.append(stream, records)


class Unseen(AnotherLog):
    """What is acknowledged comes to stand where nobody has read yet."""

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        return [replace(each, offset=each.offset + 1000) for each in await self.log.append(stream, records)]


async def test_what_is_resolved_while_somebody_acknowledges_it_stays_resolved(tmp_path: Path) -> None:
    async with office(tmp_path, EVENING, through=Overtaken) as place:
        await ready(place)
        answer = await place.ask(f"/v1/alerts/{missed('guna')}/acknowledge", post={})
        assert answer.status_code == 409
        alert = (await place.ask(f"/v1/alerts/{missed('guna')}")).json()
        assert alert["status"] == "resolved"
        assert [line["type"] for line in alert["history"]] == ["alert.raised", "alert.resolved"]


async def test_what_cannot_be_seen_yet_is_said_to_be_uncertain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "VISIBLE_SECONDS", 0.01)
    async with office(tmp_path, EVENING, through=Unseen) as place:
        await ready(place)
        answer = await place.ask(f"/v1/alerts/{missed('guna')}/acknowledge", post={})
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1


class Uncertain(AnotherLog):
    """What a person says is written, and the answer is lost: the first time."""

    lost = 0

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        appended = await self.log.append(stream, records)
        if not self.lost and records[0].event is not None and isinstance(records[0].event.data, SAID):
            self.lost += 1
            raise OutcomeUnknown("the connection broke")
        return appended


@pytest.mark.parametrize(("what", "body"), [("acknowledge", {"note": "I call them"}), ("snooze", {"until": LATER})])
async def test_a_retry_after_a_503_says_nothing_twice(tmp_path: Path, what: str, body: dict[str, str]) -> None:
    route = f"/v1/alerts/{missed('guna')}/{what}"
    async with office(tmp_path, EVENING, through=Uncertain) as place:
        await ready(place)
        assert (await place.ask(route, post=body)).status_code == 503
        again = await place.ask(route, post=body)
        assert (again.status_code, len(again.json()["history"])) == (200, 2)
        assert len([each for each in await read(place.log, ALERTS) if isinstance(each.event.data, SAID)]) == 1


async def test_two_copies_of_one_request_at_once_are_one(tmp_path: Path) -> None:
    route = f"/v1/alerts/{missed('guna')}/acknowledge"
    async with office(tmp_path, EVENING) as place:
        await ready(place)
        answers = await asyncio.gather(*(place.ask(route, post={}) for _ in range(5)))
        assert {answer.status_code for answer in answers} == {200}
        assert len((await place.ask(f"/v1/alerts/{missed('guna')}")).json()["history"]) == 2


async def test_a_hundred_a_page_the_newest_first_without_a_gap(tmp_path: Path) -> None:
    names = [f"district-{number}" for number in range(80)]
    events = [policy(), *(each for name in names for each in (added(name), appointed(name)))]
    events += [grievance(f"grievance {number}", names[number], "2026-11-23") for number in range(30)]
    events += [clock_reached("2026-11-23T19:00"), clock_reached("2026-11-24T00:00")]
    async with office(tmp_path, events) as place:
        await place.shows(190)
        first = (await place.ask("/v1/alerts", "aicc", "in")).json()
        assert len(first["items"]) == PAGE
        assert first["next"]
        second = (await place.ask(f"/v1/alerts?cursor={first['next']}", "aicc", "in")).json()
        assert len(second["items"]) == 90
        assert second["next"] is None
        pages = first["items"] + second["items"]
        places = [(alert["raised_at"], alert["alert_id"]) for alert in pages]
        assert places == sorted(set(places), reverse=True)
        assert len(await place.all("", "pcc", "in-mp")) == 160
        assert len(await place.all("rule=missed-report", "pcc", "in-mp")) == 80


async def test_a_page_that_is_just_full_is_the_last(tmp_path: Path) -> None:
    names = [f"district-{number}" for number in range(50)]
    events = [policy(), *(each for name in names for each in (added(name), appointed(name)))]
    async with office(
        tmp_path, [*events, clock_reached("2026-11-23T19:00"), clock_reached("2026-11-24T00:00")]
    ) as place:
        await place.shows(100)
        answer = (await place.ask("/v1/alerts")).json()
        assert len(answer["items"]) == PAGE
        assert answer["next"] is None


async def test_the_routes_are_described(tmp_path: Path) -> None:
    async with office(tmp_path) as place:
        document = (await place.ask("/openapi.json")).json()
        body = document["paths"]["/v1/alerts/{id}/snooze"]["post"]["requestBody"]["content"]["application/json"]
        assert body["schema"] == {"$ref": "#/components/schemas/Snooze-Input"}
        assert document["components"]["schemas"]["Snooze-Input"]["required"] == ["until"]
