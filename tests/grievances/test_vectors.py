"""docs/sealing-vectors.json: what other clients compare with is what the reference does."""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from nacl.public import PrivateKey

from libs.grievances.codes import author_token, known_by
from libs.grievances.sealing import Content, key_id, seal, unseal
from libs.grievances.work import do

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "sealing-vectors.json").read_text(encoding="utf-8")
)


def test_sealing() -> None:
    told = VECTORS["sealing"]
    private, content = PrivateKey(b64decode(told["private_key"])), Content(**told["content"])
    assert b64encode(bytes(private.public_key)).decode() == told["public_key"]
    assert key_id(private.public_key) == told["key_id"]
    sealed = seal(content, [private.public_key], key=b64decode(told["key"]), nonce=b64decode(told["nonce"]))
    assert b64encode(sealed.ciphertext).decode() == told["ciphertext"]
    assert sealed.sha256 == told["sha256"]
    wrapped = {told["key_id"]: b64decode(told["a_wrapped_key"])}
    assert unseal(sealed.ciphertext, wrapped, private, content.about) == content


def test_the_code() -> None:
    told = VECTORS["code"]
    known = known_by(told["code"])
    assert (known.locator, known.proof, known.verifier) == (told["locator"], told["proof"], told["verifier"])
    assert b64encode(bytes(known.reply_key.public_key)).decode() == told["reply_to"]


def test_the_author_and_the_work() -> None:
    told = VECTORS["author"]
    assert author_token(b64decode(told["device_secret"]), told["district"]) == told["author"]
    assert do(VECTORS["work"]["id"], VECTORS["work"]["bits"]) == VECTORS["work"]["number"]
