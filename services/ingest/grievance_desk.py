"""What the routes of grievances share: finding a case for who may have it, and its letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from pydantic import BaseModel
from starlette.requests import Request

from libs.events.envelope import Event
from libs.events.grievances import CaseData
from libs.events.streams import stream_name
from libs.grievances.cases import Case, Letter
from libs.grievances.codes import verifier
from libs.runtime.bodies import check_json, read_json_body
from libs.runtime.clock import Clock
from libs.runtime.erasable import ErasableStore
from libs.runtime.grievance_keys import NO_KEYS, PublishedKeys
from libs.runtime.http import require
from libs.runtime.log import EventLog
from libs.runtime.openapi import body_schema
from libs.runtime.principal import Principal, contains
from libs.runtime.problems import FieldError, Problem
from services.ingest import openapi
from services.ingest.decide import concerned
from services.ingest.grievance_answers import CodeBody, SealedLetter, letters_of
from services.ingest.grievance_bodies import SOURCE, the_day
from services.ingest.intake import Intake

MOST_BYTES = 64 * 1024
_NOT_HERE = "there is no such resource here"


@dataclass(frozen=True, slots=True)
class Sealing:
    """What it takes to take sealed texts. kept: where wrapped keys go; None: nothing sealed is taken here."""

    published: PublishedKeys = NO_KEYS
    kept: ErasableStore | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    intake: Intake
    log: EventLog
    clock: Clock
    sealing: Sealing

    async def of_code(self, sent: CodeBody) -> Case:
        """The complainant's case, as of the log's end. Raises Problem 404, whatever does not fit, and Unavailable."""
        cases = self.intake.index.cases.get(sent.state)
        if cases is not None:
            await self.intake.catch_up(sent.state)
            if case := cases.tracked(sent.locator, verifier(sent.proof)):
                return case
        raise Problem(404, _NOT_HERE)

    async def of_officer(self, grievance_id: str, principal: Principal, action: str) -> Case:
        """A case of his scope, which is not about himself. Raises Problem 403 and 404, and Unavailable."""
        require(principal, action)
        index = self.intake.index
        for state, cases in index.cases.items():
            if contains(principal.scope, state) or contains(state, principal.scope):
                await self.intake.catch_up(state)
                case = cases.by_id.get(grievance_id.lower())
                if case and contains(principal.scope, case.district):
                    if principal.subject in concerned(case, index.duties[state]):
                        raise Problem(403, "nobody deals with a grievance about himself")
                    return case
        raise Problem(404, _NOT_HERE)

    async def of_reader(self, principal: Principal, state: str | None) -> list[Case]:
        """The cases of his scope, or of one state in it; never those about himself. Raises Unavailable."""
        index, found = self.intake.index, []
        for each, cases in index.cases.items():
            if state in {None, each} and (contains(principal.scope, each) or contains(each, principal.scope)):
                await self.intake.catch_up(each)
                found += [
                    case
                    for case in cases.by_id.values()
                    if contains(principal.scope, case.district)
                    and principal.subject not in concerned(case, index.duties[each])
                ]
        return found

    async def letters(self, case: Case, letters: Sequence[Letter]) -> list[SealedLetter]:
        streams = (stream_name("grievances", state_of(case)), stream_name("grievance-keys", state_of(case)))
        return await letters_of(case, letters, self.log, self.sealing.kept, streams)

    def event(self, data: CaseData, event_id: str | None = None, principal: Principal | None = None) -> Event:
        """On its day. `principal` answers for it; a complainant never does."""
        actor = f"{principal.role}:{principal.subject}" if principal else None
        return Event(event_id or str(uuid4()), SOURCE, the_day(self.clock.now()), data, actor)

    def today(self) -> date:
        return the_day(self.clock.now()).date()


async def body_of(request: Request) -> bytes:
    """Strictly JSON. Raises Problem."""
    body = await read_json_body(request, MOST_BYTES)
    check_json(body)
    return body


def state_of(case: Case) -> str:
    return case.district.partition(".")[0]


def about(case: Case) -> dict[str, Any]:
    """What every event about the case says."""
    return {"state": state_of(case), "district": case.district, "grievance_id": case.grievance_id}


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """What OpenAPI says of the body."""
    return openapi.body_of({"application/json": body_schema(model)})


def wrong(pointer: str, detail: str) -> Problem:
    return Problem(422, "the body does not fit what is asked for", [FieldError(pointer, detail)])
