"""AICC's public keys, as servers publish them: one file, made by `rozana grievance-keys` (ADR 0016)."""

from base64 import b64decode
from pathlib import Path
from typing import Annotated

from nacl.public import PublicKey
from pydantic import Field, ValidationError

from libs.events import grievances as events
from libs.events.values import Model
from libs.grievances.sealing import key_id
from libs.runtime.errors import StartRefused

MOST_BITS = 24
"""Of work: a minute of a phone's time."""
USUAL_BITS = 18


class PublishedKey(Model):
    """One public key that texts are sealed to."""

    id: events.KeyId
    """The first 16 hex digits of SHA-256 over its bytes."""
    public: events.PublicKey
    """Base64 of an X25519 public key."""
    retired: bool = False
    """True: what was sealed to it is taken, nothing more should be sealed to it."""


class PublishedKeys(Model):
    """What a client needs to seal a grievance."""

    keys: Annotated[tuple[PublishedKey, ...], Field(max_length=16)] = ()
    """Seal to all that are not retired. None: nothing can be written to AICC here yet."""
    work_bits: Annotated[int, Field(ge=0, le=MOST_BITS)] = 0
    """How much work a grievance costs: so many zero bits (docs/sealing.md)."""

    def ids(self) -> dict[str, PublishedKey]:
        """All that may be named, the retired ones too: a retry may have been sealed before."""
        return {each.id: each for each in self.keys}

    def offered(self) -> list[PublicKey]:
        """Those to seal to."""
        return [PublicKey(b64decode(each.public)) for each in self.keys if not each.retired]


NO_KEYS = PublishedKeys()


def read_published(path: Path) -> PublishedKeys:
    """Raises StartRefused, in one line."""
    try:
        published = PublishedKeys.model_validate_json(path.read_bytes())
        right = all(key_id(PublicKey(b64decode(each.public))) == each.id for each in published.keys)
    except (OSError, ValidationError, ValueError):
        right, published = False, NO_KEYS
    if not right or not published.offered():
        raise StartRefused(
            f"ROZANA_GRIEVANCE_KEYS: {path} holds no public keys as `rozana grievance-keys` writes them: make it anew"
        )
    return published
