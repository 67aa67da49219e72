"""Key files: a JWKS of public keys in production, a key pair made at first need in a demo. Nothing is ever fetched."""

import json
import os
import secrets
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OKPKey, RSAKey

from libs.runtime.errors import StartRefused

DEMO_ISSUER = "urn:rozana:demo"
PRODUCTION_ISSUER = "urn:rozana"
DEMO_KEY_FILE = "demo-key.json"
SMALLEST_RSA_BITS = 2048
ALGORITHMS = {"OKP": ("EdDSA", "Ed25519"), "RSA": ("RS256",)}
"""By key type (RFC 8725, section 3.1). `Ed25519` is the name that RFC 9864 gives EdDSA on that curve."""

MALFORMED = (JoseError, ValueError, TypeError, AttributeError, KeyError, RecursionError)
"""What joserfc and json raise on bytes that are no key or token: not all of it is wrapped in a JoseError."""

PublicKey = OKPKey | RSAKey


@dataclass(frozen=True, slots=True)
class Jwks:
    """Public keys by key id, and the issuer whose keys they are (RFC 8725, section 3.8)."""

    keys: Mapping[str, PublicKey]
    issuer: str


def read_jwks(path: Path) -> Jwks:
    """Read a JWKS file of public Ed25519 and RSA keys. Its member `issuer` names the issuer, `urn:rozana` without it.

    Raises StartRefused when the file cannot be read, holds a private or symmetric key, or no key of use.
    """
    document = _read_json(path, "ROZANA_JWKS")
    entries = document.get("keys")
    issuer = document.get("issuer", PRODUCTION_ISSUER)
    if not isinstance(entries, list) or not entries or not isinstance(issuer, str):
        raise StartRefused(f"ROZANA_JWKS: {path} is not a JWKS file, which holds a list `keys`")
    keys: dict[str, PublicKey] = {}
    for number, entry in enumerate(entries, start=1):
        key = _public_key(entry, f"ROZANA_JWKS: key {number} of {path}")
        if (kid := cast("str", key.kid)) in keys:
            raise StartRefused(f"ROZANA_JWKS: key {number} of {path} has the key id of another one")
        keys[kid] = key
    return Jwks(keys, issuer)


def _public_key(entry: object, what: str) -> PublicKey:
    if not isinstance(entry, dict) or entry.get("kty") not in ALGORITHMS:
        raise StartRefused(f"{what} is neither an Ed25519 (kty OKP) nor an RSA key")
    if {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & entry.keys():
        raise StartRefused(f"{what} holds private parts; leave only the public key in the file, and change the key")
    try:
        with warnings.catch_warnings(action="ignore", category=SecurityWarning):  # a short key is refused below
            key = OKPKey.import_key(entry) if entry["kty"] == "OKP" else RSAKey.import_key(entry)
        key.ensure_kid()
        key.check_use("sig")
        key.check_key_op("verify")
    except MALFORMED:
        raise StartRefused(f"{what} is damaged, or not for signatures") from None
    if isinstance(key, OKPKey) and key.curve_name != "Ed25519":
        raise StartRefused(f"{what} is not on the curve Ed25519")
    if isinstance(key, RSAKey) and key.public_key.key_size < SMALLEST_RSA_BITS:
        raise StartRefused(f"{what} is shorter than {SMALLEST_RSA_BITS} bits")
    if key.alg not in (None, *ALGORITHMS[key.key_type]):
        raise StartRefused(f"{what} is for another algorithm than {' or '.join(ALGORITHMS[key.key_type])}")
    return key


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """The key pair of a demo: whoever may read ROZANA_DATA may be anybody."""

    private: OKPKey = field(repr=False)

    @property
    def kid(self) -> str:
        return self.private.thumbprint()

    @property
    def jwks(self) -> Jwks:
        public = OKPKey.import_key({**self.private.as_dict(private=False), "kid": self.kid})
        return Jwks({self.kid: public}, DEMO_ISSUER)


def demo_keys(data_dir: Path) -> DemoKeys:
    """Read the demo's key pair, making it at first need; processes that race share the first one's.

    Raises StartRefused when the directory cannot be written or the file is damaged.
    """
    path = data_dir / DEMO_KEY_FILE
    try:
        if not path.exists():
            _make_demo_key(path)
    except OSError as error:
        raise StartRefused(f"ROZANA_DATA: cannot make {path}: {error.strerror}") from None
    try:
        key = OKPKey.import_key(_read_json(path, "ROZANA_DATA"))
        if not key.is_private or key.curve_name != "Ed25519":
            raise ValueError("not a private Ed25519 key")
    except MALFORMED:
        raise StartRefused(f"ROZANA_DATA: {path} is not a demo key; delete it, and a new one is made") from None
    return DemoKeys(key)


def _make_demo_key(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = OKPKey.generate_key("Ed25519")
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(key.as_dict(private=True), file)
            file.flush()
            os.fsync(file.fileno())
        # A link appears whole or not at all, and never replaces: the first of two racing processes wins.
        path.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)


def _read_json(path: Path, variable: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StartRefused(f"{variable}: cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise StartRefused(f"{variable}: {path} is not JSON") from None
    if not isinstance(document, dict):
        raise StartRefused(f"{variable}: {path} is not a JSON object")
    return document
