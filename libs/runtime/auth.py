"""Bearer tokens: JWTs signed with EdDSA (Ed25519) or RS256, checked as RFC 8725 and RFC 9068 (section 4) ask.

The algorithm follows from the key, never from the token alone; keys come from a file, never from a header. Tokens go by
the real clock. No message here repeats anything of a token.
"""

import json
import re
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, cast

from joserfc import jws, jwt

from libs.runtime.errors import RozanaError
from libs.runtime.keys import ALGORITHMS, DEMO_ISSUER, MALFORMED, DemoKeys, Jwks, PublicKey
from libs.runtime.principal import ROLES, Principal, Role, is_scope

AUDIENCE = "rozana"
TOKEN_TYPE = "at+jwt"  # noqa: S105 (RFC 9068, section 2.1)
LEEWAY_SECONDS = 30
LONGEST_TOKEN = 4096


class Unauthenticated(RozanaError):
    """The token is missing, forged, expired or not for us."""


def issue_demo_token(
    keys: DemoKeys,
    role: str,
    scope: str,
    tenure_id: str | None = None,
    hours: float = 12,
    *,
    subject: str | None = None,
    now: Callable[[], float] = time.time,
) -> str:
    """Sign a token for the demo. Raises ValueError, one line, for what no service would accept."""
    issued = int(now())
    claims: dict[str, object] = {
        "iss": DEMO_ISSUER,
        "aud": AUDIENCE,
        "sub": subject or f"demo-{role}-{scope}",
        "client_id": "rozana-demo",
        "jti": str(uuid.uuid4()),
        "iat": issued,
        "exp": issued + round(hours * 3600),
        "role": role,
        "scope": scope,
    } | ({} if tenure_id is None else {"tenure_id": tenure_id})
    _principal(claims)
    header = {"alg": "EdDSA", "typ": TOKEN_TYPE, "kid": keys.kid}
    return jwt.encode(header, claims, keys.private, registry=_Registry(algorithms=["EdDSA"]))


class _Registry(jws.JWSRegistry):
    """joserfc warns at each use of `EdDSA` that RFC 9864 renamed it; JWKS and tokens in the field still say EdDSA."""

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise ValueError("algorithm not allowed")
        return self.algorithms[name]


class Verifier:
    """Turns tokens into principals, and remembers its verdicts until they expire (a signature costs 70 us, this 1)."""

    def __init__(self, jwks: Jwks, *, now: Callable[[], float] = time.time, cached: int = 10_000) -> None:
        self._keys = jwks.keys
        self._now = now
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(now()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": jwks.issuer},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        self._cached = cached
        # Only good tokens are kept, so that nobody can flush the cache without a key.
        self._verdicts: OrderedDict[str, Principal] = OrderedDict()

    def verify(self, token: str) -> Principal:
        """The principal of a valid token. Raises Unauthenticated."""
        if principal := self._verdicts.get(token):
            if self._now() < principal.until:
                self._verdicts.move_to_end(token)
                return principal
            del self._verdicts[token]
        try:
            claims = self._signed_claims(token)
            self._claims.validate(claims)
            principal = _principal(claims)
        except MALFORMED:
            raise Unauthenticated("the token is not valid here: forged, expired, or not for this service") from None
        self._verdicts[token] = principal
        if len(self._verdicts) > self._cached:
            self._verdicts.popitem(last=False)
        return principal

    def _signed_claims(self, token: str) -> dict[str, Any]:
        if len(token) > LONGEST_TOKEN:
            raise ValueError("too long")
        compact = jws.extract_compact(token.encode("ascii"))
        header = compact.protected
        if "crit" in header or "b64" in header:
            raise ValueError("not a plain JWS")
        if str(header.get("typ")).lower().removeprefix("application/") != TOKEN_TYPE:
            raise ValueError("not an access token (RFC 9068, section 4)")
        key = self._key(header.get("kid"))
        registry = _Registry(algorithms=ALGORITHMS[key.key_type], strict_check_header=False)
        if not jws.validate_compact(compact, key, registry=registry):
            raise ValueError("forged")
        claims = json.loads(compact.payload)
        if not isinstance(claims, dict):
            raise TypeError("claims are an object")
        return claims

    def _key(self, kid: object) -> PublicKey:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys[cast("str", kid)]


def _principal(claims: Mapping[str, Any]) -> Principal:
    """The claims of our own. Raises ValueError, one line without their values."""
    role, scope, subject, tenure_id = (claims.get(name) for name in ("role", "scope", "sub", "tenure_id"))
    if role not in ROLES:
        raise ValueError(f"role must be one of {', '.join(ROLES)}")
    if not isinstance(scope, str) or not is_scope(scope):
        raise ValueError("scope must be in, a state such as in-mp, or a district such as in-mp.guna")
    if not isinstance(subject, str) or not re.fullmatch(r"[\x21-\x7e]{1,255}", subject):
        raise ValueError("subject must be 1 to 255 visible ASCII characters")
    if role == "president":
        if "." not in scope:
            raise ValueError("a president's scope must be a district such as in-mp.guna")
        if not isinstance(tenure_id, str):
            raise ValueError("a president needs a tenure id")
    if tenure_id is not None:
        tenure_id = str(uuid.UUID(_text(tenure_id)))
    return Principal(cast("Role", role), scope, subject, tenure_id, claims["exp"] + LEEWAY_SECONDS)


def _text(claim: object) -> str:
    if not isinstance(claim, str) or not re.fullmatch(r"[0-9A-Fa-f-]{36}", claim):
        raise ValueError("tenure id must be a UUID")
    return claim
