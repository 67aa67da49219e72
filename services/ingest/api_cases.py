"""The routes by which AICC deals with a grievance. What is sealed is handed out sealed; AICC opens it elsewhere."""

from collections import defaultdict
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from nacl.public import PublicKey
from starlette.requests import Request
from starlette.responses import JSONResponse

from libs.events.grievances import GrievanceAnswered, GrievanceErased, GrievanceOpened
from libs.events.streams import stream_name
from libs.events.values import STATE_PATTERN, StateCode
from libs.grievances.cases import Case
from libs.grievances.outcomes import Status
from libs.grievances.sealing import from_base64, key_id
from libs.runtime.bodies import validate
from libs.runtime.http import Authenticated, require
from libs.runtime.problems import Problem
from services.ingest import openapi
from services.ingest.green_and_red import GreenAndRed, green_and_red
from services.ingest.grievance_answers import AnswerBody, OpenedCase, opened
from services.ingest.grievance_bodies import take_sealed
from services.ingest.grievance_desk import Desk, about, body_of, state_of, takes, wrong
from services.ingest.grievance_reading import CaseList, Counts, counted, listed
from services.ingest.known import Receipt

LIST, COUNTS = "GET /v1/grievances", "GET /v1/grievance-counts"
OPEN, ANSWER, ERASE = (f"POST /v1/grievances/{{id}}/{what}" for what in ("open", "answer", "erase"))
State = Annotated[str | None, Query(pattern=STATE_PATTERN, description="one state alone")]
After = Annotated[str | None, Query(max_length=60, description="what `next` of the page before said")]


def add_case_routes(router: APIRouter, desk: Desk) -> None:
    """For AICC: list, open, answer, erase. For a state's office: counts."""

    @router.get("/v1/grievances", response_model=CaseList)
    async def list_grievances(
        principal: Authenticated, state: State = None, status: Status | None = None, after: After = None
    ) -> JSONResponse:
        """The grievances of one's scope, and where they stand; nothing of what is written in them. Beside them the
        districts that report in time while more protest than usual."""
        require(principal, LIST)
        found = await desk.of_reader(principal, state)
        return JSONResponse(listed(found, status, after, _green_and_red(desk, found)).model_dump(mode="json"))

    @router.get("/v1/grievance-counts", response_model=Counts)
    async def count_grievances(principal: Authenticated, state: StateCode) -> JSONResponse:
        """How many grievances a state had, by month and category: months that are over, and no small number."""
        require(principal, COUNTS, state)
        cases = desk.intake.index.cases.get(state)
        if cases is None:
            raise Problem(404, "there is no such resource here")
        await desk.intake.catch_up(state)
        return JSONResponse(counted(state, cases, desk.today()).model_dump(mode="json"))

    @router.post("/v1/grievances/{id}/open", response_model=OpenedCase)
    async def open_grievance(id: str, principal: Authenticated) -> JSONResponse:  # noqa: A002 -- the path's name
        """The sealed texts of a grievance and their wrapped keys. That they were asked for is in the log before."""
        case = await desk.of_officer(id, principal, OPEN)
        if not case.erased:
            event = desk.event(GrievanceOpened(**about(case)), principal=principal)
            await desk.intake.accept(event, principal, action=OPEN)
        return JSONResponse(opened(case, await desk.letters(case, case.letters)).model_dump(mode="json"))

    @router.post(
        "/v1/grievances/{id}/answer",
        status_code=202,
        responses=openapi.RECEIPTS,
        openapi_extra=takes(AnswerBody),
    )
    async def answer_grievance(id: str, request: Request, principal: Authenticated) -> JSONResponse:  # noqa: A002
        """Answer the complainant, or tell him when there will be an answer."""
        require(principal, ANSWER)
        sent = validate(AnswerBody, await body_of(request))
        case = await desk.of_officer(id, principal, ANSWER)
        wrapped, sealed = None, None
        if sent.sealed is not None:
            if case.tracking is None:
                raise wrong("/sealed", "nobody asks after an answer to this grievance")
            reply_to = key_id(PublicKey(from_base64(case.tracking.reply_to)))
            wrapped, sealed = take_sealed(sent.sealed, {**desk.sealing.published.ids(), reply_to: None})
        data = GrievanceAnswered(**about(case), due=sent.due, sealed=sealed)
        event = desk.event(data, sent.id, principal)
        status, receipt = await desk.intake.accept(event, principal, wrapped=wrapped, action=ANSWER)
        return _receipt(status, receipt)

    @router.post("/v1/grievances/{id}/erase", status_code=202, responses=openapi.RECEIPTS)
    async def erase_grievance(id: str, principal: Authenticated) -> JSONResponse:  # noqa: A002
        """Destroy the keys of all texts of a grievance, for good: nobody can read them any more."""
        case = await desk.of_officer(id, principal, ERASE)
        await _destroy(desk, case)
        event = desk.event(GrievanceErased(**about(case)), principal=principal)
        status, receipt = await desk.intake.accept(event, principal, action=ERASE)
        await desk.intake.catch_up(event.data.state)
        await _destroy(desk, case)  # what came in between
        return _receipt(status, receipt)


def _receipt(status: int, receipt: Receipt) -> JSONResponse:
    headers = {"Location": f"/v1/receipts/{receipt.id}"} if status == HTTPStatus.ACCEPTED else None
    return JSONResponse(asdict(receipt), status, headers)


def _green_and_red(desk: Desk, cases: list[Case]) -> list[GreenAndRed]:
    """Of the cases that somebody may read: of a district whose cases he may not, nothing."""
    index, by_state = desk.intake.index, defaultdict[str, list[Case]](list)
    for case in cases:
        by_state[state_of(case)].append(case)
    return [
        each
        for state, found in sorted(by_state.items())
        for each in green_and_red(found, index.cases[state].policy.surge, index.duties[state], desk.today())
    ]


async def _destroy(desk: Desk, case: Case) -> None:
    if desk.sealing.kept is not None:
        stream = stream_name("grievance-keys", state_of(case))
        await desk.sealing.kept.erase(stream, [letter.id for letter in case.letters])
