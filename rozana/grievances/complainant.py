"""The reference client of a complainant. It keeps nothing, and asks for no name: texts and codes never in arguments."""

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from nacl.public import PublicKey

from libs.grievances.codes import Known, author_token, known_by, new_code
from libs.grievances.sealing import CannotOpen, Content, SealedText, key_id, seal, unseal
from libs.grievances.work import do
from libs.runtime.errors import RozanaError
from libs.runtime.grievance_keys import PublishedKeys
from rozana.client import Client, Refused

SIZES = (4096, 8192, 32768)
"""What a request's body is filled up to, with spaces behind it: on the line it tells as little as possible."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What somebody wants to say. `device`: a secret of his device by which authors are counted; None: he is not."""

    district: str
    category: str
    severity: str
    text: str
    identity: str | None = None
    device: bytes | None = None


@dataclass(frozen=True, slots=True)
class Filing:
    """Ready to be sent, as often as it takes: always the same bytes."""

    code: str
    body: bytes


async def published_keys(client: Client, expected: Collection[str] = ()) -> PublishedKeys:
    """What the server publishes. `expected`: ids that AICC has told by another way; all must be there, and no other.

    Raises RozanaError.
    """
    found = PublishedKeys.model_validate(await client.get("/v1/grievance-keys"), strict=False)
    keys = found.offered()
    if not keys:
        raise RozanaError("nothing can be written to AICC here yet: no keys are published")
    ids = {key_id(each) for each in keys}
    if expected and ids != set(expected):
        raise RozanaError("the keys that the server publishes are not those expected: send it nothing, and tell AICC")
    return found


def prepare(complaint: Complaint, published: PublishedKeys, code: str | None = None) -> Filing:
    """Seal it. Raises RozanaError when the text is too long."""
    code = code or new_code()
    grievance_id, known = str(uuid4()), known_by(code)
    author = None if complaint.device is None else author_token(complaint.device, complaint.district)
    content = Content(grievance_id, complaint.text, complaint.identity)
    return Filing(
        code,
        filled(
            {
                "id": grievance_id,
                "district": complaint.district,
                "category": complaint.category,
                "severity": complaint.severity,
                "sealed": sealed_body(content, published.offered()),
                "tracking": {
                    "locator": known.locator,
                    "verifier": known.verifier,
                    "reply_to": b64encode(bytes(known.reply_key.public_key)).decode(),
                },
                "author": author or secrets.token_hex(16),
                "work": do(grievance_id, published.work_bits),
            }
        ),
    )


async def file(client: Client, filing: Filing) -> None:
    """Return when it is kept. Raises Refused, Unreachable."""
    await _post(client, "/v1/grievances", filing.body)


async def track(client: Client, state: str, code: str) -> tuple[Mapping[str, Any], list[str | None]]:
    """Where it stands, and the replies in order; None: it was erased, or cannot be opened. Raises Refused."""
    known = known_by(code)
    told = await _post(client, "/v1/grievances/track", filled(_asking(state, known)))
    return told, [opened(letter, known) for letter in told["letters"]]


async def act(
    client: Client, state: str, code: str, what: str, text: str | None = None, published: PublishedKeys | None = None
) -> None:
    """`say` a text more, `agree`, or `appeal`. Raises RozanaError."""
    published = published or await published_keys(client)
    event_id = str(uuid4())
    sealed = None if text is None else sealed_body(Content(event_id, text), published.offered())
    asked = {"id": event_id, "act": what, "sealed": sealed, "work": do(event_id, published.work_bits)}
    await _post(client, "/v1/grievances/act", filled(_asking(state, known_by(code)) | asked))


def sealed_body(content: Content, readers: Collection[PublicKey]) -> dict[str, object]:
    """A sealed text as it is sent. Raises RozanaError when it is too long."""
    try:
        sealed: SealedText = seal(content, readers)
    except ValueError as error:
        raise RozanaError(str(error)) from None
    keys = {name: b64encode(value).decode() for name, value in sealed.wrapped.items()}
    return {"ciphertext": b64encode(sealed.ciphertext).decode(), "sha256": sealed.sha256, "keys": keys}


def opened(letter: Mapping[str, Any], known: Known) -> str | None:
    wrapped = {name: b64decode(value) for name, value in letter["keys"].items()}
    try:
        return unseal(b64decode(letter["ciphertext"]), wrapped, known.reply_key, letter["id"]).text
    except CannotOpen:
        return None


def filled(body: Mapping[str, object]) -> bytes:
    """JSON with spaces behind it, up to one of SIZES."""
    text = json.dumps(body).encode()
    return text.ljust(next((size for size in SIZES if len(text) <= size), len(text)))


def _asking(state: str, known: Known) -> dict[str, object]:
    return {"state": state, "locator": known.locator, "proof": known.proof}


async def _post(client: Client, path: str, body: bytes) -> Mapping[str, Any]:
    answer = await client.post(path, body)
    if answer.status not in {httpx.codes.OK, httpx.codes.ACCEPTED}:
        raise Refused(answer.status, f"POST {path}", answer.body)
    found: Mapping[str, Any] = answer.body
    return found
