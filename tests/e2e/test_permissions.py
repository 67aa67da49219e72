"""Everybody tries everything: role x scope x every route and every event type, against the running app.

What must come out follows from the PERMISSIONS table and from scopes alone: nothing is listed here by hand.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from starlette.routing import Route

from libs.events.alerts import Rule, alert_id
from libs.events.catalogue import TYPES
from libs.runtime.clock import ManualClock
from libs.runtime.log_sqlite import open_log
from libs.runtime.permissions import PERMISSIONS, allowed
from libs.runtime.principal import ROLES, Principal, contains
from libs.runtime.settings import load_settings
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import configure_logging, get_logger
from rozana.assembly import assemble
from rozana.client import Client
from rozana.compose import Adapters
from rozana.demo.cast import STATE, grievance_id
from rozana.demo.script import at
from rozana.states import state_codes
from tests.e2e.running import DAY, TENURES, Office, cast, until
from tests.events import golden

HERE, SILENT = "in-mp.guna", "in-mp.dhar"
"""The district that everybody tries to reach, which has reported; the other one has missed the day."""
SCOPES = ("in", STATE, HERE, SILENT, "in-cg", "in-cg.raipur", "in-mp.guna-city")
"""Above it, itself, beside it, elsewhere, and one that only begins alike."""
SYSTEM = {"GET /live", "GET /ready", "GET /metrics", "GET /openapi.json", "HEAD /openapi.json"}
OPEN_TO_ALL = {
    "POST /v1/grievances": 202,
    "GET /v1/grievance-keys": 200,
    "POST /v1/grievances/track": 404,  # nobody's code
    "POST /v1/grievances/act": 404,
}
"""What is answered without a token, and so with any."""
LISTS = {
    "GET /v1/states": "state",
    "GET /v1/alerts": "subject",
    "GET /v1/deliveries": "subject",
    "GET /v1/grievances": "district",
}
"""Answered to whoever may ask, but with what lies in the scope only: by this member of an item."""
GRIEVANCE, GRIEVANCE_ALERT = grievance_id(0), alert_id(Rule.GRIEVANCE_RAISED, HERE, grievance_id(0), 1)
ASKED = {
    # Whoever may read it is told that no such event exists; an endless answer would help nobody here.
    "GET /v1/states/{state}/changes": (f"/v1/states/{STATE}/changes?after=1000000", None, STATE),
    "GET /v1/states/{state}/days": (f"/v1/states/{STATE}/days?from={DAY}&to={DAY}", None, STATE),
    "GET /v1/nation/days/{day}": (f"/v1/nation/days/{DAY}", None, "in"),
    "GET /v1/grievance-counts": (f"/v1/grievance-counts?state={STATE}", None, STATE),
}
"""Path, no body, and the code of what it is about, where a path alone does not do."""
CODE = {"state": STATE, "locator": "0000", "proof": "0" * 64}
GRIEVANCE_BODIES: dict[str, dict[str, object] | None] = {
    "POST /v1/grievances": {"id": "", "district": HERE, "category": "other", "severity": "low"},
    "POST /v1/grievances/track": {**CODE},
    "POST /v1/grievances/act": {**CODE, "id": "", "act": "agree"},
    "POST /v1/grievances/{id}/answer": {"id": "", "due": "2030-01-01"},
    "POST /v1/grievances/{id}/open": None,
    "POST /v1/grievances/{id}/erase": None,
}
MISSED = alert_id(Rule.MISSED_REPORT, SILENT, DAY.isoformat(), 1)


@dataclass(frozen=True, slots=True)
class World:
    app: FastAPI
    office: Office
    report_id: str

    def principals(self) -> list[Principal]:
        """Every role with every scope that a token may have."""
        return [
            Principal(role, scope, f"{role}-{scope}", TENURES.get(scope, str(uuid4())) if role == "president" else None)
            for role in ROLES
            for scope in SCOPES
            if role != "president" or "." in scope
        ]

    async def ask(self, who: Principal | None, method: str, path: str, body: object = None) -> httpx.Response:
        token = None if who is None else self.office.token(who.role, who.scope, who.tenure_id)
        kind = "application/cloudevents+json" if path == "/v1/events" else "application/json"
        headers = self.office.client.headers(token) | ({"Content-Type": kind} if body is not None else {})
        content = None if body is None else json.dumps(body).encode()
        return await self.office.client.http.request(method, path, headers=headers, content=content)


@asynccontextmanager
async def world(data: Path) -> AsyncIterator[World]:
    """Two districts after a day on which one has reported and the other has not; one grievance."""
    told = {
        "ROZANA_DATA": str(data),
        "ROZANA_STATES": f"{STATE},in-cg",
        "ROZANA_RATE": "100000/100000",
        "ROZANA_FORMS": "daily.v1,daily.v2",
    }
    settings = load_settings(told, state_codes())
    clock = ManualClock(at(DAY, 12 * 60))
    configure_logging(io.StringIO())
    adapters = Adapters(open_log(settings.log_path, clock), open_store(settings.store_path), clock)
    assembled = assemble(settings, adapters, logger=get_logger("test"))
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(loop()) for loop in assembled.background]
        async with Client("http://rozana.test", transport=httpx.ASGITransport(assembled.app)) as client:
            office = Office(data, client)
            await office.import_roster(cast((HERE, SILENT)))
            report_id = str((await office.file(HERE))["id"])
            grievance = {"id": GRIEVANCE, "district": HERE, "category": "working-style", "severity": "low"}
            assert (await client.post("/v1/grievances", grievance)).status == 202
            clock.advance_to(at(DAY, 25 * 60))
            await until(lambda: _known(office, MISSED, GRIEVANCE_ALERT))
            yield World(assembled.app, office, report_id)
        for task in loops:
            task.cancel()
    await adapters.close()


async def _known(office: Office, *wanted: str) -> bool:
    return {alert["alert_id"] for alert in await office.alerts()} >= set(wanted)


def routes_of(app: FastAPI) -> set[str]:
    described = {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}
    plain = {f"{method} {route.path}" for route in app.routes if type(route) is Route for method in route.methods or ()}
    return described | plain


def request_of(route: str, world: World, who: Principal | None) -> tuple[str, str, object, str | None]:
    """Method, path, body, and the code of what it is about (None for a list)."""
    method, path = route.split(" ")
    match route:
        case "POST /v1/reports":
            tenure = (who and who.tenure_id) or TENURES[HERE]
            body, _ = world.office.report(HERE, DAY, str(uuid4()))
            return method, path, body | {"tenure_id": tenure}, HERE
        case "POST /v1/events":
            return method, path, event("rozana.report.filed.v1", world), HERE
        case _ if route in GRIEVANCE_BODIES:
            asked = GRIEVANCE_BODIES[route]
            new = {"id": str(uuid4())} if asked and "id" in asked else {}
            return method, path.format(id=GRIEVANCE), None if asked is None else asked | new, HERE
        case _ if route in ASKED:
            return method, *ASKED[route]
        case "POST /v1/alerts/{id}/snooze":
            return method, f"/v1/alerts/{MISSED}/snooze", {"until": "2030-01-01T00:00:00Z"}, SILENT
        case "POST /v1/alerts/{id}/acknowledge":
            return method, f"/v1/alerts/{MISSED}/acknowledge", {}, SILENT
        case "PUT /v1/contacts/{state}/{id}":
            contact = {
                "name": "A",
                "audience": "pcc",
                "from": DAY.isoformat(),
                "ways": [{"channel": "x", "address": "a@b.c"}],
            }
            return method, f"/v1/contacts/{STATE}/{uuid4()}", contact, STATE
        case "POST /v1/deliveries/retry":
            return method, path, {"channel": "log"}, None
        case _ if route in LISTS:
            return method, path, None, None
        case _:
            about_id = MISSED if "alerts" in path else world.report_id
            names = {"state": STATE, "day": DAY.isoformat(), "district": HERE, "id": about_id}
            about = STATE if "{state}" in path else SILENT if "alerts" in path else HERE
            return method, path.format(**names), None, about


def event(type_name: str, world: World) -> dict[str, Any]:
    """A golden example of the type, about HERE, as a client would post it."""
    data = golden.data(type_name.removeprefix("rozana."))
    if "district" in data:
        data["district"] = HERE
    for member, value in (
        ("tenure_id", TENURES[HERE]),
        ("report_id", world.report_id),
        ("grievance_id", GRIEVANCE),
    ):
        if member in data:
            data[member] = value
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "urn:rozana:test",
        "type": type_name,
        "subject": data.get("district", STATE),
        "data": data,
    }


async def test_every_route_is_in_the_table(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        named = {action for action in PERMISSIONS if " " in action}
        assert routes_of(there.app) - SYSTEM == named


async def test_without_a_token_nothing_is_answered_but_a_grievance(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        for route in routes_of(there.app) - SYSTEM:
            method, path, body, _ = request_of(route, there, None)
            answer = await there.ask(None, method, path, body)
            assert answer.status_code == OPEN_TO_ALL.get(route, 401), route
        forged = {"Authorization": f"Bearer {there.office.token('aicc', 'in')[:-4]}AAAA"}
        assert (await there.office.client.http.get("/v1/states", headers=forged)).status_code == 401


async def test_routes_grant_what_the_table_grants(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        granted = 0
        for who in there.principals():
            for route in sorted(routes_of(there.app) - SYSTEM):
                method, path, body, about = request_of(route, there, who)
                answer = await there.ask(who, method, path, body)
                case = (route, who.role, who.scope, answer.status_code)
                if route in OPEN_TO_ALL:
                    assert answer.status_code == OPEN_TO_ALL[route], case
                elif not allowed(who, route) or (route == "POST /v1/events" and who.role != "president"):
                    assert answer.status_code in {403, 404}, case
                elif about is not None and not contains(who.scope, about):
                    assert answer.status_code == 404, case
                else:
                    assert answer.status_code not in {401, 403, 404}, case
                    assert answer.status_code < 500, case
                    granted += 1
                    for item in answer.json().get("items", ()) if answer.content else ():
                        if who.role == "operator":
                            assert not {"subject", "state", "alert_id", "period"} & item.keys(), case
                        else:
                            assert contains(who.scope, item[LISTS[route]]), case
        assert granted > 20


async def test_event_types_grant_what_the_table_grants(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        granted = set()
        for type_name, entry in TYPES.items():
            for who in there.principals():
                sent = event(type_name, there)
                answer = await there.ask(who, "POST", "/v1/events", sent)
                case = (type_name, who.role, who.scope, answer.status_code, answer.text)
                assert answer.status_code < 500, case
                if not (allowed(who, "POST /v1/events") and allowed(who, type_name)):
                    assert answer.status_code in {403, 404}, case
                elif not contains(who.scope, sent["subject"]):
                    assert answer.status_code == 404, case
                else:
                    assert answer.status_code not in {401, 403, 404}, case
                    granted.add(type_name)
                    assert entry.from_clients, case
        posted = {name for name, entry in TYPES.items() if entry.from_clients}
        assert granted == posted - {"rozana.grievance.raised.v1", "rozana.grievance.raised.v2"}


async def test_what_comes_from_the_grievances_stream_is_for_the_national_office(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        for who in there.principals():
            mine = allowed(who, "stream:grievances") and contains(who.scope, HERE)
            for path in (f"/v1/receipts/{GRIEVANCE}", f"/v1/alerts/{GRIEVANCE_ALERT}"):
                answer = await there.ask(who, "GET", path)
                assert (answer.status_code == 200) == mine, (path, who.role, who.scope, answer.status_code)
            listed = await there.ask(who, "GET", "/v1/alerts")
            found = [item["alert_id"] for item in listed.json().get("items", ())]
            assert (GRIEVANCE_ALERT in found) == mine, (who.role, who.scope)
