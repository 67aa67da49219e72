"""What presidents ask as well as offices: how a district does, what it owes, what a report says."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from starlette.responses import JSONResponse

from libs.runtime.http import Authenticated, require
from libs.runtime.principal import contains
from libs.runtime.problems import Problem
from services.aggregator import answers
from services.aggregator.reading_districts import DistrictReading

DISTRICT = "GET /v1/districts/{district}"
DUTIES = "GET /v1/districts/{district}/duties"
REPORT = "GET /v1/reports/{id}"


def add_district_routes(router: APIRouter, districts: DistrictReading, states: Sequence[str]) -> None:
    """The routes over the districts of these states. Not a router of their own: a nested one hides its templates."""

    @router.get("/v1/districts/{district}", response_model=answers.District)
    async def show_district(district: str, principal: Authenticated) -> JSONResponse:
        """A district: who holds it, its last ninety days, and what each tenure came to."""
        require(principal, DISTRICT, district)
        return found(await districts.district(district) if served(district) else None)

    @router.get("/v1/districts/{district}/duties", response_model=answers.Duties)
    async def show_duties(district: str, principal: Authenticated) -> JSONResponse:
        """What is owed there, and which reports were returned. A president sees what his own tenure has to do."""
        require(principal, DUTIES, district)
        tenure_id = principal.tenure_id if principal.role == "president" else None
        return found(await districts.duties(district, tenure_id) if served(district) else None)

    @router.get("/v1/reports/{id}", response_model=answers.Report)
    async def show_report(report_id: Annotated[UUID, Path(alias="id")], principal: Authenticated) -> JSONResponse:
        """A report, its versions and what changed from each to the next, its reviews, and what it is on its day."""
        require(principal, REPORT)
        own = principal.scope.partition(".")[0]
        answer = await districts.report([state for state in states if contains(own, state)], str(report_id))
        if answer is not None:
            require(principal, REPORT, str(answer["district"]))
        return found(answer)

    def served(district: str) -> bool:
        return district.partition(".")[0] in states


def found(answer: dict[str, object] | None) -> JSONResponse:
    """Raises Problem 404 where there is nothing."""
    if answer is None:
        raise nothing()
    return JSONResponse(answer)


def nothing() -> Problem:
    return Problem(404, "there is no such resource here")
