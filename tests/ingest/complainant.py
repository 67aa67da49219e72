"""A complainant and an officer of AICC as the tests play them: with real keys, real codes, real work."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import httpx
from nacl.public import PrivateKey, PublicKey

from libs.events.envelope import Event
from libs.events.grievances import (
    CaseData,
    GrievanceAssigned,
    GrievanceClosed,
    GrievanceCloseProposed,
    GrievanceMerged,
    GrievancePolicyAdopted,
    GrievanceRejected,
    GrievanceTriaged,
)
from libs.grievances.codes import Known, known_by, new_code
from libs.grievances.sealing import Content, key_id, seal, unseal
from libs.grievances.work import do
from libs.runtime.grievance_keys import PublishedKey, PublishedKeys
from tests.ingest.desk import Desk

AICC = PrivateKey(bytes(range(32)))
BITS = 4


def published_key(private: PrivateKey, *, retired: bool = False) -> PublishedKey:
    public = private.public_key
    return PublishedKey(id=key_id(public), public=b64encode(bytes(public)).decode(), retired=retired)


PUBLISHED = PublishedKeys(keys=(published_key(AICC),), work_bits=BITS)


def sealed_body(content: Content, readers: Iterable[PublicKey] = (AICC.public_key,)) -> dict[str, Any]:
    sealed = seal(content, readers)
    keys = {name: b64encode(value).decode() for name, value in sealed.wrapped.items()}
    return {"ciphertext": b64encode(sealed.ciphertext).decode(), "sha256": sealed.sha256, "keys": keys}


def tracking_body(known: Known) -> dict[str, str]:
    reply_to = b64encode(bytes(known.reply_key.public_key)).decode()
    return {"locator": known.locator, "verifier": known.verifier, "reply_to": reply_to}


class Complainant:
    """One grievance, and the code to it."""

    def __init__(
        self, text: str = "He takes money.", identity: str | None = None, district: str = "in-mp.guna"
    ) -> None:
        self.id = str(uuid4())
        self.code = new_code()
        self.known = known_by(self.code)
        self.body: dict[str, Any] = {
            "id": self.id,
            "district": district,
            "category": "conduct",
            "severity": "high",
            "sealed": sealed_body(Content(self.id, text, identity)),
            "tracking": tracking_body(self.known),
            "author": None,
            "work": do(self.id, BITS),
        }

    async def raises(self, desk: Desk) -> httpx.Response:
        return await desk.post("/v1/grievances", self.body, token="")

    async def track(self, desk: Desk, **changes: object) -> httpx.Response:
        asked = {"state": "in-mp", "locator": self.known.locator, "proof": self.known.proof} | changes
        return await desk.post("/v1/grievances/track", asked, token="")

    async def act(self, desk: Desk, act: str, text: str | None = None, **changes: object) -> httpx.Response:
        event_id = str(uuid4())
        sealed = None if text is None else sealed_body(Content(event_id, text))
        asked = {"state": "in-mp", "locator": self.known.locator, "proof": self.known.proof, "id": event_id, "act": act}
        return await desk.post(
            "/v1/grievances/act", asked | {"sealed": sealed, "work": do(event_id, BITS)} | changes, token=""
        )


class Officer:
    """AICC, with its private key."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.token = desk.token("aicc", "in")

    async def says(self, data: CaseData | GrievancePolicyAdopted, token: str | None = None) -> httpx.Response:
        event = Event(str(uuid4()), "urn:rozana:aicc", self.desk.clock.now(), data)
        return await self.desk.event(event, token=token or self.token)

    async def triage(self, about: Complainant) -> httpx.Response:
        named = {"category": "money", "severity": "medium"}
        return await self.says(GrievanceTriaged.model_validate({**of(about), **named}))

    async def assign(self, about: Complainant, handler: str | None = None) -> httpx.Response:
        named = {"handler": handler or str(uuid4()), "due": "2026-12-01"}
        return await self.says(GrievanceAssigned.model_validate({**of(about), **named}))

    async def propose(self, about: Complainant) -> httpx.Response:
        return await self.says(GrievanceCloseProposed(**of(about)))

    async def close(self, about: Complainant) -> httpx.Response:
        return await self.says(GrievanceClosed(**of(about), reason="done"))

    async def reject(self, about: Complainant) -> httpx.Response:
        return await self.says(GrievanceRejected(**of(about), reason="not-ours"))

    async def merge(self, about: Complainant, into: Complainant) -> httpx.Response:
        return await self.says(GrievanceMerged(**of(about), duplicate_of=into.id))

    async def open(self, about: Complainant, token: str | None = None) -> httpx.Response:
        return await self.desk.post(f"/v1/grievances/{about.id}/open", b"", token=token or self.token)

    async def erase(self, about: Complainant, token: str | None = None) -> httpx.Response:
        return await self.desk.post(f"/v1/grievances/{about.id}/erase", b"", token=token or self.token)

    async def answer(self, about: Complainant, text: str | None = None, due: str | None = None) -> httpx.Response:
        event_id, sealed = str(uuid4()), None
        if text is not None:
            reply_to = PublicKey(b64decode(about.body["tracking"]["reply_to"]))
            sealed = sealed_body(Content(event_id, text), [reply_to, AICC.public_key])
        body = {"id": event_id, "due": due, "sealed": sealed}
        return await self.desk.post(f"/v1/grievances/{about.id}/answer", body, token=self.token)


def of(about: Complainant) -> dict[str, str]:
    return {"state": "in-mp", "district": about.body["district"], "grievance_id": about.id}


def read(letter: dict[str, Any], private: PrivateKey) -> Content:
    wrapped = {name: b64decode(value) for name, value in letter["keys"].items()}
    return unseal(b64decode(letter["ciphertext"]), wrapped, private, letter["id"])
