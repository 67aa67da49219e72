"""What the routes that answer lists share: whose scope is asked for, where a page ends, what a body looks like."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel

from libs.events.alerts import Rule
from libs.events.values import StateCode
from libs.runtime.openapi import body_schema
from libs.runtime.principal import Principal, contains
from libs.runtime.problems import FieldError, Problem
from services.notifier.reading import Place

PAGE = 100
BODY_BYTES = 64 * 1024
NOT_HERE = "there is no such resource here"
_PLACE = re.compile(r"[0-9T:.Z-]{20,32} [0-9a-f-]{36}(/[a-z0-9-]{1,40})?")


@dataclass(frozen=True, slots=True)
class Asked:
    """What every list may be asked for, besides the status, whose words are each list's own."""

    state: StateCode | None = None
    rule: Rule | None = None
    cursor: Annotated[str | None, Query(max_length=300)] = None

    def where(self, principal: Principal, states: Sequence[str], status: str | None) -> dict[str, str]:
        """The members to ask the store for. Raises Problem 404 for a state outside the scope."""
        named = {"status": status, "rule": self.rule}
        return scope(principal, self.state, states) | {name: said for name, said in named.items() if said is not None}


ListOf = Annotated[Asked, Depends()]


def scope(principal: Principal, state: str | None, states: Sequence[str]) -> dict[str, str]:
    """What to ask for, so that nothing outside the scope is found. Raises Problem 404 for a state outside it."""
    own = principal.scope
    if state is not None and (state not in states or not (contains(own, state) or contains(state, own))):
        raise Problem(404, NOT_HERE)
    where = {} if state is None else {"state": state}
    if "." in own:
        return where | {"subject": own}
    return where if own == "in" else where | {"state": own}


def cursor_of(at: Place) -> str:
    return base64.urlsafe_b64encode(" ".join(at).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> Place:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not _PLACE.fullmatch(text):
        raise Problem(422, "a parameter is not valid", [FieldError("/cursor", "is not a cursor of this list")])
    raised_at, document_id = text.split(" ")
    return raised_at, document_id


def reads(model: type[BaseModel]) -> dict[str, Any]:
    """The body that the route reads by itself, for the OpenAPI document."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": body_schema(model)}}}}
