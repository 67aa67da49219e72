"""The routes of complainants, who have no token. None is logged, timed, or counted by the hour (libs.runtime.http)."""

from dataclasses import asdict

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from libs.events.grievances import CaseData, GrievanceAgreed, GrievanceAppealed, GrievanceMessageSent
from libs.runtime.bodies import validate
from libs.runtime.grievance_keys import PublishedKeys
from libs.runtime.http import limit_anonymous
from libs.runtime.problems import Problem, retry_after
from libs.runtime.telemetry import Metrics
from services.ingest import openapi
from services.ingest.allowance import WAIT_SECONDS, Allowance
from services.ingest.grievance_answers import ActBody, CodeBody, TrackedCase, tracked
from services.ingest.grievance_bodies import GrievanceBody, check_work, grievance, take_sealed
from services.ingest.grievance_desk import Desk, about, body_of, takes, wrong
from services.ingest.known import Acknowledgement, Receipt

KEYS_FOR_SECONDS = 3600
"""How long a client may keep the public keys."""


def add_grievance_routes(router: APIRouter, desk: Desk, allowance: Allowance, metrics: Metrics) -> None:
    """Raise, track, act."""
    published = desk.sealing.published

    @router.get("/v1/grievance-keys", response_model=PublishedKeys)
    async def show_grievance_keys(request: Request) -> JSONResponse:
        """What to seal a grievance to, and how much work it costs."""
        limit_anonymous(request)
        offered = tuple(each for each in published.keys if not each.retired)
        answer = published.model_copy(update={"keys": offered}).model_dump(mode="json")
        return JSONResponse(answer, headers={"Cache-Control": f"public, max-age={KEYS_FOR_SECONDS}"})

    @router.post(
        "/v1/grievances",
        status_code=202,
        responses=openapi.ACKNOWLEDGEMENTS,
        openapi_extra=takes(GrievanceBody),
    )
    async def post_grievance(request: Request) -> JSONResponse:
        """Raise a grievance, without a token. Who sends it is not asked; when on the day, not kept."""
        limit_anonymous(request)
        try:
            arrived = grievance(await body_of(request), desk.clock.now(), published)
        except Problem:
            metrics.later(metrics.events_received, "unread", "malformed")
            raise

        def take() -> None:
            if not allowance.take(arrived.event.subject, desk.today()):
                raise Problem(429, "no more is taken about this district today", headers=retry_after(WAIT_SECONDS))

        status, receipt = await desk.intake.accept(arrived.event, None, wrapped=arrived.wrapped, before=take)
        return _acknowledge(status, receipt)

    @router.post("/v1/grievances/track", response_model=TrackedCase, openapi_extra=takes(CodeBody))
    async def track_grievance(request: Request) -> JSONResponse:
        """Where one's own grievance stands, and what was answered. Asked by what follows from the tracking code."""
        limit_anonymous(request)
        case = await desk.of_code(validate(CodeBody, await body_of(request)))
        found = await desk.letters(case, [each for each in case.letters if each.by == "aicc"])
        return JSONResponse(tracked(case, found).model_dump(mode="json"))

    @router.post(
        "/v1/grievances/act", status_code=202, responses=openapi.ACKNOWLEDGEMENTS, openapi_extra=takes(ActBody)
    )
    async def act_on_grievance(request: Request) -> JSONResponse:
        """Say more to one's own grievance, agree that it is closed, or appeal."""
        limit_anonymous(request)
        sent = validate(ActBody, await body_of(request))
        check_work(sent.id, sent.work, published)
        case = await desk.of_code(sent)
        of_case = about(case)
        wrapped: bytes | None = None
        data: CaseData
        if sent.act == "say":
            if sent.sealed is None:
                raise wrong("/sealed", "required with say")
            wrapped, sealed = take_sealed(sent.sealed, published.ids())
            data = GrievanceMessageSent(**of_case, sealed=sealed)
        elif sent.sealed is not None:
            raise wrong("/sealed", "only with say")
        else:
            data = GrievanceAgreed(**of_case) if sent.act == "agree" else GrievanceAppealed(**of_case)
        return _acknowledge(*await desk.intake.accept(desk.event(data, sent.id), None, wrapped=wrapped))


def _acknowledge(status: int, receipt: Receipt) -> JSONResponse:
    return JSONResponse(asdict(Acknowledgement.of(receipt)), status)
