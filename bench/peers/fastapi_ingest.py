"""The peer of ingest: the same promises, written as one writes them with FastAPI. A body model, a dependency that
verifies the token, ids in a dictionary, the same append awaited, a response model.

It does less: no index folded from the log, so no corrections, no races between replicas; no metrics, no access log.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel

from libs.events.codec import encode
from libs.events.envelope import Event, format_instant
from libs.events.reports_v1 import Activities, Evidence, ReportFiled
from libs.events.streams import stream_name
from libs.events.values import ClaimedInstant, Day, DistrictCode, Id, Text
from libs.runtime.auth import Unauthenticated, Verifier
from libs.runtime.log import EventLog, NewRecord
from libs.runtime.principal import Principal, contains

LOCK_AFTER = timedelta(days=7)
INDIA_AHEAD = timedelta(hours=5, minutes=30)


class ReportIn(BaseModel):
    id: Id
    district: DistrictCode
    day: Day
    tenure_id: Id
    form: str
    activities: Activities
    summary: Text
    evidence: list[Evidence] = []
    captured_at: ClaimedInstant
    supersedes: None = None


class ReceiptOut(BaseModel):
    id: str
    stream: str
    offset: int
    received_at: str
    sha256: str


def event_of(body: ReportIn, at: datetime, actor: str | None) -> Event:
    data = ReportFiled.model_validate(
        {"state": body.district.partition(".")[0], **body.model_dump(exclude={"id"}), "evidence": tuple(body.evidence)}
    )
    return Event(body.id, f"urn:rozana:district:{body.district}", at, data, actor)


async def append(log: EventLog, event: Event) -> ReceiptOut:
    stream = stream_name("reports", event.data.state)
    (record,) = await log.append(stream, [NewRecord(event.subject, *encode(event))])
    return ReceiptOut(
        id=event.id,
        stream=stream,
        offset=record.offset,
        received_at=format_instant(event.time),
        sha256=event.body_hash(),
    )


def whole(log: EventLog, verifier: Verifier, holders: Mapping[str, str]) -> FastAPI:
    """With a token, the id known again, and the rules of district, tenure and day. `holders`: district -> tenure."""
    app = FastAPI()
    receipts: dict[str, ReceiptOut] = {}

    async def authenticated(authorization: Annotated[str, Header()]) -> Principal:
        try:
            return verifier.verify(authorization.removeprefix("Bearer "))
        except Unauthenticated as error:
            raise HTTPException(401, str(error)) from None

    @app.post("/v1/reports", status_code=202, response_model=ReceiptOut)
    async def post_report(
        body: ReportIn, response: Response, principal: Annotated[Principal, Depends(authenticated)]
    ) -> ReceiptOut:
        if principal.role != "president":
            raise HTTPException(403)
        if not contains(principal.scope, body.district) or body.district not in holders:
            raise HTTPException(404)
        now = datetime.now(UTC)
        event = event_of(body, now, f"{principal.role}:{principal.subject}")
        if known := receipts.get(body.id):
            if known.sha256 != event.body_hash():
                raise HTTPException(409)
            response.status_code = 200
            return known
        if body.tenure_id != principal.tenure_id or holders[body.district] != body.tenure_id:
            raise HTTPException(422)
        if not _open(body.day, (now + INDIA_AHEAD).date()):
            raise HTTPException(422)
        receipts[body.id] = receipt = await append(log, event)
        response.headers["Location"] = f"/v1/receipts/{body.id}"
        return receipt

    return app


def bare(log: EventLog) -> FastAPI:
    """The body checked and appended, and nothing else: no token, no rule, no retry."""
    app = FastAPI()

    @app.post("/v1/reports", status_code=202, response_model=ReceiptOut)
    async def post_report(body: ReportIn) -> ReceiptOut:
        return await append(log, event_of(body, datetime.now(UTC), None))

    return app


def _open(day: date, today: date) -> bool:
    return today - LOCK_AFTER <= day <= today
