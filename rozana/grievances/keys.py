"""`rozana grievance-keys`: AICC's key pairs. Private halves stay with AICC, public ones are for the servers."""

import os
from base64 import b64decode, b64encode
from pathlib import Path

from nacl.public import PrivateKey
from pydantic import ValidationError

from libs.grievances.sealing import key_id
from libs.runtime.errors import RozanaError
from libs.runtime.grievance_keys import NO_KEYS, USUAL_BITS, PublishedKey, PublishedKeys


def make_keys(folder: Path, public: Path, count: int, *, retire: bool) -> list[str]:
    """Make `count` pairs: private halves into `folder`, one file each; public ones are added to the file `public`.

    With `retire` those that stand in it already are offered no more. Returns the new ids. Raises RozanaError.
    """
    published = _published(public)
    pairs = [PrivateKey.generate() for _ in range(count)]
    new = [
        PublishedKey(id=key_id(each.public_key), public=b64encode(bytes(each.public_key)).decode()) for each in pairs
    ]
    old = [each.model_copy(update={"retired": True}) if retire else each for each in published.keys]
    bits = published.work_bits if published.keys else USUAL_BITS
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for named, private in zip(new, pairs, strict=True):
            file = os.open(folder / f"{named.id}.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "w") as opened:
                opened.write(b64encode(bytes(private)).decode() + "\n")
        made = PublishedKeys(keys=(*old, *new), work_bits=bits)
        public.write_text(made.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise RozanaError(f"keys cannot be written ({error.strerror}): choose a folder of your own") from None
    return [each.id for each in new]


def _published(public: Path) -> PublishedKeys:
    if not public.exists():
        return NO_KEYS
    try:
        return PublishedKeys.model_validate_json(public.read_bytes())
    except (OSError, ValidationError):
        raise RozanaError(f"{public} is no file of public keys: move it away, or name another") from None


def read_private(file: Path) -> PrivateKey:
    """Raises RozanaError, which says nothing of what stands there."""
    try:
        return PrivateKey(b64decode(file.read_text(encoding="ascii"), validate=False))
    except (OSError, ValueError, TypeError):
        raise RozanaError(f"{file} holds no private key as `rozana grievance-keys` writes them") from None
