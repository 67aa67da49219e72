"""The tracking code: 16 digits that the client draws, and that alone make a complainant known again.

Four locate, twelve are the secret. Of the secret only what a slow hash makes of it is ever sent, and to track, and of
that only a hash stands in the event: neither the log nor whoever reads it can act for the complainant. The code opens
the replies to him, never the grievance itself: who is made to hand it over does not hand over what he wrote.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from nacl.public import PrivateKey
from nacl.pwhash import argon2id

LOCATOR, SECRET = 4, 12
"""Digits."""
OPERATIONS = argon2id.OPSLIMIT_INTERACTIVE
MEMORY = argon2id.MEMLIMIT_INTERACTIVE
"""64 MiB: a phone has them, and whoever tries codes needs them for each try."""
_SALT = b"rozana tracking v1 "
_AUTHOR = b"rozana author v1 "


@dataclass(frozen=True, slots=True)
class Known:
    """What follows from a code."""

    locator: str
    proof: str
    """Hex of 32 bytes: shown to ingest by who asks; never written down anywhere."""
    reply_key: PrivateKey
    """Opens the replies."""

    @property
    def verifier(self) -> str:
        """What ingest knows the proof by."""
        return verifier(self.proof)


def new_code() -> str:
    return "".join(secrets.choice("0123456789") for _ in range(LOCATOR + SECRET))


def for_people(code: str) -> str:
    """`1234-5678-9012-3456`."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def from_people(text: str) -> str:
    """The digits of what somebody typed. Raises ValueError, without them."""
    digits = "".join(text.split()).replace("-", "")
    if len(digits) != LOCATOR + SECRET or not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"a tracking code has {LOCATOR + SECRET} digits")
    return digits


def known_by(code: str) -> Known:
    """Slow on purpose: about a tenth of a second. `code` is 16 digits."""
    locator, secret = code[:LOCATOR], code[LOCATOR:]
    salt = hashlib.sha256(_SALT + locator.encode()).digest()[: argon2id.SALTBYTES]
    made = argon2id.kdf(64, secret.encode(), salt, opslimit=OPERATIONS, memlimit=MEMORY)
    return Known(locator, made[:32].hex(), PrivateKey(made[32:]))


def verifier(proof: str) -> str:
    return hashlib.sha256(bytes.fromhex(proof)).hexdigest()


def author_token(device_secret: bytes, district: str) -> str:
    """The same for grievances of one device about one district, and without the secret nothing else."""
    return hmac.new(device_secret, _AUTHOR + district.encode(), hashlib.sha256).hexdigest()[:32]
