"""AICC's own machine: opens what it is handed, with a key that is nowhere else."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from nacl.public import PrivateKey, PublicKey

from libs.grievances.sealing import CannotOpen, Content, unseal
from libs.runtime.errors import RozanaError
from rozana.client import Client, Refused
from rozana.grievances.complainant import filled, published_keys, sealed_body


@dataclass(frozen=True, slots=True)
class ReadLetter:
    by: str
    day: str
    content: Content | None
    why_not: str = ""


Case = Mapping[str, Any]


async def open_case(client: Client, grievance_id: str, private: PrivateKey) -> tuple[Case, list[ReadLetter]]:
    """The case, and its texts as far as this key opens them. Raises RozanaError."""
    case = await _post(client, f"/v1/grievances/{grievance_id}/open", b"{}")
    return case, list(_read(case, private))


def _read(case: Mapping[str, Any], private: PrivateKey) -> Iterator[ReadLetter]:
    for letter in case["letters"]:
        wrapped = {name: b64decode(value) for name, value in letter["keys"].items()}
        try:
            if not wrapped:
                raise CannotOpen("its keys are erased")  # noqa: TRY301 -- said as every other reason is
            content = unseal(b64decode(letter["ciphertext"]), wrapped, private, letter["id"])
            yield ReadLetter(letter["by"], letter["day"], content)
        except CannotOpen as error:
            yield ReadLetter(letter["by"], letter["day"], None, str(error))


async def answer(client: Client, grievance_id: str, private: PrivateKey, text: str | None, due: str | None) -> None:
    """Answer the complainant; sealed to the key of his code, and to AICC's. Raises RozanaError."""
    event_id, sealed = str(uuid4()), None
    if text is not None:
        case, _ = await open_case(client, grievance_id, private)
        if case["reply_to"] is None:
            raise RozanaError("nobody asks after an answer to this grievance")
        readers = [PublicKey(b64decode(case["reply_to"])), *(await published_keys(client)).offered()]
        sealed = sealed_body(Content(event_id, text), readers)
    await _post(client, f"/v1/grievances/{grievance_id}/answer", filled({"id": event_id, "due": due, "sealed": sealed}))


async def erase(client: Client, grievance_id: str) -> None:
    """Raises RozanaError."""
    await _post(client, f"/v1/grievances/{grievance_id}/erase", b"{}")


async def _post(client: Client, path: str, body: bytes) -> Mapping[str, Any]:
    answer = await client.post(path, body)
    if answer.status not in {httpx.codes.OK, httpx.codes.ACCEPTED}:
        # By its pattern: an id in an error would stand in somebody's shell log.
        raise Refused(answer.status, f"POST /v1/grievances/…/{path.rpartition('/')[2]}", answer.body)
    found: Mapping[str, Any] = answer.body
    return found
