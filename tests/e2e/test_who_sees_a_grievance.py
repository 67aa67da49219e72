"""Everybody x what he is to the case x every field of a grievance, over every route: who may see what, as one table.

What is not in the table nobody sees. Each route is asked, errors too; what is looked for are the values themselves.
"""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from libs.events.alerts import Rule, alert_id
from libs.runtime.auth import issue_demo_token
from libs.runtime.clock import ManualClock
from libs.runtime.erasable_sqlite import open_erasable
from libs.runtime.keys import demo_keys
from libs.runtime.log_sqlite import open_log
from libs.runtime.settings import load_settings
from libs.runtime.store_sqlite import open_store
from libs.runtime.telemetry import configure_logging, get_logger
from rozana.assembly import assemble
from rozana.client import Client
from rozana.compose import Adapters
from rozana.demo.cast import STATE, roster
from rozana.demo.script import at
from rozana.states import state_codes
from tests.e2e.running import DAY, TENURES, Office, cast, until
from tests.ingest.complainant import PUBLISHED, Complainant

HERE, BESIDE = "in-mp.guna", "in-mp.dhar"
RESPONDENT = next(
    data.model_dump()["person_id"] for data in roster() if getattr(data, "tenure_id", "") == TENURES[HERE]
)
CATEGORY = "planted-category"
IN_LIST = {"grievance_id", "category"}
OPENED = IN_LIST | {"ciphertext", "wrapped key", "reply_to"}
NOTHING: set[str] = set()


@dataclass(frozen=True, slots=True)
class Somebody:
    role: str | None
    scope: str = ""
    subject: str | None = None


TABLE: Mapping[str, tuple[Somebody, set[str]]] = {
    "nobody, without a token": (Somebody(None), NOTHING),
    "the one it is about": (Somebody("president", HERE, RESPONDENT), NOTHING),
    "the one it is about, with AICC's rights": (Somebody("aicc", "in", RESPONDENT), {"grievance_id"}),
    "another president": (Somebody("president", BESIDE), NOTHING),
    "the state's office": (Somebody("pcc", STATE), NOTHING),
    "an office with the rights to the district alone": (Somebody("pcc", HERE), NOTHING),
    "another state's office": (Somebody("pcc", "in-cg"), NOTHING),
    "an operator": (Somebody("operator", "in"), NOTHING),
    "a service": (Somebody("service", "in"), NOTHING),
    "AICC": (Somebody("aicc", "in"), OPENED),
    "AICC, of the state": (Somebody("aicc", STATE), OPENED),
    "AICC, of the district": (Somebody("aicc", HERE), OPENED),
    "AICC, of another state": (Somebody("aicc", "in-cg"), NOTHING),
}
"""Who holds AICC's rights and a district at once hears by an alert that there is a case about it, and nothing of it:
such rights must not be given (ADR 0016)."""


@asynccontextmanager
async def world(data: Path, mine: Complainant, log: io.StringIO) -> AsyncIterator[tuple[FastAPI, Office]]:
    """The grievance is raised, assigned, answered, and its alert is there."""
    public = data / "public.json"
    public.write_text(PUBLISHED.model_dump_json())
    told = {"ROZANA_DATA": str(data), "ROZANA_STATES": f"{STATE},in-cg", "ROZANA_GRIEVANCE_KEYS": str(public)}
    settings = load_settings(told | {"ROZANA_RATE": "100000/100000"}, state_codes())
    clock = ManualClock(at(DAY, 12 * 60))
    configure_logging(log)
    adapters = Adapters(
        open_log(settings.log_path, clock), open_store(settings.store_path), clock, open_erasable(data / "log-keys.db")
    )
    assembled = assemble(settings, adapters, logger=get_logger("test"))
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(loop()) for loop in assembled.background]
        async with Client("http://rozana.test", transport=httpx.ASGITransport(assembled.app)) as client:
            office = Office(data, client)
            await office.import_roster(cast((HERE, BESIDE)))
            assert (await client.post("/v1/grievances", mine.body)).status == 202
            alert = alert_id(Rule.GRIEVANCE_RAISED, HERE, mine.id, 1)

            async def alerted() -> bool:
                return alert in {each["alert_id"] for each in await office.alerts()}

            await until(alerted)
            yield assembled.app, office
        for loop in loops:
            loop.cancel()
    await adapters.close()


def values(mine: Complainant) -> Mapping[str, str]:
    (wrapped,) = mine.body["sealed"]["keys"].values()
    return {
        "text": "planted-text",
        "identity": "planted-name",
        "grievance_id": mine.id,
        "category": CATEGORY,
        "ciphertext": mine.body["sealed"]["ciphertext"],
        "wrapped key": wrapped,
        "reply_to": mine.body["tracking"]["reply_to"],
        "verifier": mine.body["tracking"]["verifier"],
        "author": mine.body["author"],
        "code": mine.code,
        "proof": mine.known.proof,
    }


def requests(app: FastAPI, mine: Complainant) -> list[tuple[str, str, str | None]]:
    """Every route of the app, about the case, its alert, its district, its day. Bodies are too short to be taken."""
    names = {"state": STATE, "day": DAY.isoformat(), "district": HERE, "person_id": RESPONDENT}
    found: list[tuple[str, str, str | None]] = []
    for path, methods in app.openapi()["paths"].items():
        if path.endswith(("/erase", "/changes")):
            continue  # the first ends the case, the other never ends
        for method, each in product(methods, (mine.id, alert_id(Rule.GRIEVANCE_RAISED, HERE, mine.id, 1))):
            filled = path.format(**dict.fromkeys(re.findall(r"\{(\w+)\}", path), each) | names)
            query = f"?state={STATE}" if "{" not in path else f"?from={DAY}&to={DAY}" if path.endswith("/days") else ""
            body = None if method == "get" else json.dumps({"id": str(uuid4())})
            found.append((method.upper(), filled + (query if method == "get" else ""), body))
    return found


@pytest.mark.parametrize("named", TABLE)
async def test_who_sees_what(named: str, tmp_path: Path) -> None:
    who, may_see = TABLE[named]
    mine = Complainant("planted-text", "planted-name")
    mine.body |= {"category": CATEGORY, "author": "ab" * 16}
    log = io.StringIO()
    async with world(tmp_path, mine, log) as (app, office):
        headers = {"Content-Type": "application/json"}
        if who.role is not None:
            tenure = TENURES[who.scope] if who.role == "president" else None
            token = issue_demo_token(demo_keys(tmp_path), who.role, who.scope, tenure, subject=who.subject)
            headers["Authorization"] = f"Bearer {token}"
        planted = values(mine)
        seen: dict[str, set[str]] = {name: set() for name in planted}
        for method, path, body in requests(app, mine):
            answer = await office.client.http.request(method, path, headers=headers, content=body)
            text = answer.text + str(answer.headers)
            for name, value in planted.items():
                if value in text:
                    seen[name].add(f"{method} {path.partition('?')[0]} {answer.status_code}")
        metrics = (await office.client.http.get("/metrics")).text
        for name, value in planted.items():
            assert value not in metrics + log.getvalue(), name
            assert bool(seen[name]) == (name in may_see), (name, seen[name])
