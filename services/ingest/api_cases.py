"""The routes by which AICC deals with a grievance. What is sealed is handed out sealed; AICC opens it elsewhere."""

from dataclasses import asdict

from fastapi import APIRouter
from nacl.public import PublicKey
from starlette.requests import Request
from starlette.responses import JSONResponse

from libs.events.grievances import GrievanceAnswered, GrievanceErased, GrievanceOpened
from libs.events.streams import stream_name
from libs.grievances.cases import Case
from libs.grievances.sealing import from_base64, key_id
from libs.runtime.bodies import validate
from libs.runtime.http import Authenticated, require
from services.ingest import openapi
from services.ingest.grievance_answers import AnswerBody, OpenedCase, opened
from services.ingest.grievance_bodies import take_sealed
from services.ingest.grievance_desk import Desk, about, body_of, state_of, takes, wrong

OPEN, ANSWER, ERASE = (f"POST /v1/grievances/{{id}}/{what}" for what in ("open", "answer", "erase"))


def add_case_routes(router: APIRouter, desk: Desk) -> None:
    """Open, answer, erase."""

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
        return JSONResponse(asdict(receipt), status)

    @router.post("/v1/grievances/{id}/erase", status_code=202, responses=openapi.RECEIPTS)
    async def erase_grievance(id: str, principal: Authenticated) -> JSONResponse:  # noqa: A002
        """Destroy the keys of all texts of a grievance, for good: nobody can read them any more."""
        case = await desk.of_officer(id, principal, ERASE)
        await _destroy(desk, case)
        event = desk.event(GrievanceErased(**about(case)), principal=principal)
        status, receipt = await desk.intake.accept(event, principal, action=ERASE)
        await desk.intake.catch_up(event.data.state)
        await _destroy(desk, case)  # what came in between
        return JSONResponse(asdict(receipt), status)


async def _destroy(desk: Desk, case: Case) -> None:
    if desk.sealing.kept is not None:
        stream = stream_name("grievance-keys", state_of(case))
        await desk.sealing.kept.erase(stream, [letter.id for letter in case.letters])
