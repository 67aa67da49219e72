"""`/v1/contacts/{state}`: the people of a state who are told, kept by its office; AICC's own by AICC alone."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from libs.events.values import UUID_PATTERN, StateCode
from libs.runtime.bodies import check_json, read_json_body, validate
from libs.runtime.http import Authenticated, require
from libs.runtime.permissions import allowed
from libs.runtime.principal import Principal, contains
from libs.runtime.problems import FieldError, Problem
from services.notifier.contacts import MOST_A_STATE, Contact, Contacts
from services.notifier.paging import BODY_BYTES, NOT_HERE, reads

NOT_YOURS = "contacts of this audience are kept by AICC"
ContactId = Annotated[str, Path(pattern=UUID_PATTERN)]


class Listed(Contact):
    """A contact with its id."""

    id: str


class ContactList(BaseModel):
    items: Sequence[Listed]


def contact_routes(contacts: Contacts, states: Sequence[str], for_people: Sequence[str]) -> APIRouter:
    """`for_people`: the channels that a contact may name."""
    router = APIRouter(prefix="/v1/contacts/{state}", tags=["contacts"])

    @router.get("", response_model=ContactList)
    async def list_contacts(principal: Authenticated, state: StateCode) -> JSONResponse:
        """Who is told in the state; AICC's own people are shown to AICC."""
        require(principal, "GET /v1/contacts/{state}")
        _within(principal, state, states)
        found = await contacts.of(state)
        items = [
            {"id": contact_id, **contact.model_dump(mode="json")}
            for contact_id, contact in found.items()
            if _may(principal, contact)
        ]
        return JSONResponse({"items": items})

    @router.put("/{id}", response_model=Listed, openapi_extra=reads(Contact))
    async def put_contact(
        request: Request,
        principal: Authenticated,
        state: StateCode,
        id: ContactId,  # noqa: A002 (the route's word)
    ) -> JSONResponse:
        """Keep a contact under an id of one's own making, in place of what was there."""
        require(principal, "PUT /v1/contacts/{state}/{id}")
        _within(principal, state, states)
        body = await read_json_body(request, BODY_BYTES)
        check_json(body)
        contact = validate(Contact, body)
        if faults := _faults(contact, state, for_people):
            raise Problem(422, "the body does not fit what is asked for", faults)
        known = await contacts.of(state)
        before = known.get(id.lower())
        if not _may(principal, contact) or (before is not None and not _may(principal, before)):
            raise Problem(403, NOT_YOURS)
        if before is None and len(known) >= MOST_A_STATE:
            raise Problem(409, f"a state has at most {MOST_A_STATE} contacts")
        await contacts.put(state, id.lower(), contact)
        return JSONResponse({"id": id.lower(), **contact.model_dump(mode="json")})

    @router.delete("/{id}", status_code=204, response_class=Response)
    async def delete_contact(
        principal: Authenticated,
        state: StateCode,
        id: ContactId,  # noqa: A002
    ) -> Response:
        """Leave nothing of a contact, if it is there. What waits for the person is dropped."""
        require(principal, "DELETE /v1/contacts/{state}/{id}")
        _within(principal, state, states)
        known = await contacts.get(state, id.lower())
        if known is not None and not _may(principal, known):
            raise Problem(403, NOT_YOURS)
        await contacts.put(state, id.lower(), None)
        return Response(status_code=204)

    return router


def _within(principal: Principal, state: str, states: Sequence[str]) -> None:
    """People of a whole state: who has a district only has nothing to do with them."""
    if state not in states or not contains(principal.scope, state):
        raise Problem(404, NOT_HERE)


def _may(principal: Principal, contact: Contact) -> bool:
    """Who is told as AICC hears of grievances: only those who may read them say who that is."""
    return contact.audience != "aicc" or allowed(principal, "stream:grievances")


def _faults(contact: Contact, state: str, for_people: Sequence[str]) -> list[FieldError]:
    faults = [
        FieldError(
            f"/ways/{number}/channel", f"must be a channel for people: {', '.join(for_people) or 'there is none'}"
        )
        for number, way in enumerate(contact.ways)
        if way.channel not in for_people
    ]
    return faults + [
        FieldError(f"/districts/{number}", "must be a district of the state")
        for number, district in enumerate(contact.districts)
        if not contains(state, district)
    ]
