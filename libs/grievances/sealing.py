"""Sealing a text: encrypted under a key of its own, and that key wrapped to each who may read it (ADR 0016).

All of it is libsodium: XSalsa20-Poly1305 (`SecretBox`) for the text, `SealedBox` for its key. The text is padded to one
of three lengths first, so that its own length tells nothing. `docs/sealing.md` says the same to other clients.
"""

import hashlib
import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox

from libs.events.canonical import canonical_json

CLASSES = (1024, 4096, 16384)
"""What a text is padded to, in bytes."""
LENGTH = 4
"""Bytes before the text that say how long it is, the highest first."""
OVERHEAD = SecretBox.NONCE_SIZE + SecretBox.MACBYTES
CIPHERTEXTS = frozenset(size + OVERHEAD for size in CLASSES)
"""The only lengths that a ciphertext has."""
WRAPPED = SecretBox.KEY_SIZE + 48
"""Bytes of a wrapped key: libsodium's sealed box adds a public key and an authenticator."""
MOST_CHARACTERS = 4000
"""Of a text: in the largest class, whatever the script."""


class CannotOpen(Exception):
    """No key of ours fits, or what it opens is not what was sealed. Holds nothing of either."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is sealed. `about` is the id that it was sealed for: a ciphertext cannot be passed off as another's."""

    about: str
    text: str
    identity: str | None = None
    """Name and number of the complainant, if he wants AICC to know them."""


@dataclass(frozen=True, slots=True)
class SealedText:
    ciphertext: bytes
    wrapped: Mapping[str, bytes]
    """The ciphertext's key, by the id of the public key that it is wrapped to."""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.ciphertext).hexdigest()


def key_id(public: PublicKey) -> str:
    return hashlib.sha256(bytes(public)).hexdigest()[:16]


def seal(
    content: Content, readers: Iterable[PublicKey], *, key: bytes | None = None, nonce: bytes | None = None
) -> SealedText:
    """Encrypt for all of `readers`. `key` and `nonce` are drawn; given only by test vectors.

    Raises ValueError when the text is too long.
    """
    key = key or secrets.token_bytes(SecretBox.KEY_SIZE)
    ciphertext = bytes(SecretBox(key).encrypt(padded(content), nonce))
    return SealedText(ciphertext, {key_id(reader): bytes(SealedBox(reader).encrypt(key)) for reader in readers})


def unseal(ciphertext: bytes, wrapped: Mapping[str, bytes], private: PrivateKey, about: str) -> Content:
    """The content, with one's own key. Raises CannotOpen."""
    mine = wrapped.get(key_id(private.public_key))
    if mine is None:
        raise CannotOpen("it is not sealed to this key")
    try:
        content = _content(SecretBox(SealedBox(private).decrypt(mine)).decrypt(ciphertext))
    except (CryptoError, ValueError, TypeError, KeyError):
        raise CannotOpen("it was changed, or was never sealed as it should be") from None
    if content.about != about:
        raise CannotOpen("it was sealed for another grievance")
    return content


def padded(content: Content) -> bytes:
    """Raises ValueError when it fits no class."""
    members = {"about": content.about, "text": content.text, "identity": content.identity}
    plain = canonical_json(members)
    size = next((size for size in CLASSES if LENGTH + len(plain) <= size), None)
    if size is None or len(content.text) > MOST_CHARACTERS:
        raise ValueError(f"a text has at most {MOST_CHARACTERS} characters")
    return (len(plain).to_bytes(LENGTH, "big") + plain).ljust(size, b"\0")


def _content(plain: bytes) -> Content:
    length = int.from_bytes(plain[:LENGTH], "big")
    found = json.loads(plain[LENGTH : LENGTH + length])
    return Content(found["about"], found["text"], found["identity"])


def wrapped_hash(wrapped: Mapping[str, bytes]) -> str:
    """What the event says of the wrapped keys, which it does not hold."""
    return hashlib.sha256(pack(wrapped)).hexdigest()


def pack(wrapped: Mapping[str, bytes]) -> bytes:
    """The wrapped keys as they are kept, and sent: canonical JSON, Base64 by key id."""
    return canonical_json({name: b64encode(value).decode() for name, value in wrapped.items()})


def unpack(packed: bytes) -> Mapping[str, bytes]:
    return {name: b64decode(value) for name, value in json.loads(packed).items()}


def from_base64(text: str) -> bytes:
    """Raises ValueError; of several spellings only the canonical one is taken."""
    try:
        value = b64decode(text, validate=True)
    except ValueError:  # binascii's own is one, and so is what it says of other letters
        raise ValueError("not Base64") from None
    if b64encode(value).decode() != text:
        raise ValueError("not Base64 as it is written")
    return value
