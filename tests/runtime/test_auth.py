"""Tokens and scopes: what is let in, and all that is not."""

import base64
import hmac
import json
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from libs.runtime.auth import AUDIENCE, Unauthenticated, Verifier, issue_demo_token
from libs.runtime.errors import StartRefused
from libs.runtime.keys import DEMO_ISSUER, DEMO_KEY_FILE, DemoKeys, demo_keys, read_jwks
from libs.runtime.permissions import PERMISSIONS, allowed
from libs.runtime.principal import ROLES, Principal, Role, contains

CANARY = "canary-4711"
TENURE = "0192f0c1-7c3e-7000-8000-000000000001"
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return demo_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048, auto_kid=True)


CLAIMS: dict[str, Any] = {
    "iss": DEMO_ISSUER,
    "aud": AUDIENCE,
    "sub": "someone",
    "iat": int(NOW),
    "exp": int(NOW) + 3600,
    "role": "pcc",
    "scope": "in-mp",
}


def encoded(part: object) -> bytes:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


def signed(keys: DemoKeys, claims: object, **header: object) -> str:
    """Signed by hand, so that any header and any payload can be."""
    private: Any = keys.private.private_key
    signing = encoded({"alg": "EdDSA", "typ": "at+jwt", "kid": keys.kid} | header) + b"." + encoded(claims)
    return (signing + b"." + encoded(private.sign(signing))).decode()


def verifier(keys: DemoKeys, now: float = NOW) -> Verifier:
    return Verifier(keys.jwks, now=lambda: now)


def refused(keys: DemoKeys, token: str, now: float = NOW) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        verifier(keys, now).verify(token)
    assert CANARY not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_demo_token_is_let_in(keys: DemoKeys) -> None:
    token = issue_demo_token(keys, "president", "in-mp.guna", TENURE.upper())
    principal = Verifier(keys.jwks).verify(token)
    assert principal == Principal("president", "in-mp.guna", "demo-president-in-mp.guna", TENURE)
    for role in ROLES[1:]:
        assert Verifier(keys.jwks).verify(issue_demo_token(keys, role, "in", subject="x")) == Principal(role, "in", "x")


def test_the_handmade_token_is_good_before_it_is_spoilt(keys: DemoKeys) -> None:
    assert verifier(keys).verify(signed(keys, CLAIMS)) == Principal("pcc", "in-mp", "someone")
    verifier(keys).verify(signed(keys, CLAIMS | {"aud": ["other", AUDIENCE]}))
    verifier(keys).verify(signed(keys, CLAIMS, typ="application/AT+JWT", alg="Ed25519"))
    verifier(keys).verify(signed(keys, CLAIMS, kid=keys.kid, x=1))


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "iat", "exp", "role", "scope"])
def test_every_claim_is_required(keys: DemoKeys, missing: str) -> None:
    refused(keys, signed(keys, {name: value for name, value in CLAIMS.items() if name != missing}))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "urn:rozana"},
        {"iss": [DEMO_ISSUER]},
        {"aud": "rozana2"},
        {"aud": ["other"]},
        {"aud": []},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a\nb"},
        {"exp": int(NOW) - 31},
        {"exp": str(int(NOW) + 60)},
        {"exp": float("nan")},
        {"exp": True},
        {"iat": int(NOW) + 3600},
        {"nbf": int(NOW) + 3600},
        {"role": "admin"},
        {"role": ["pcc"]},
        {"role": None},
        {"scope": "in-m"[:3]},
        {"scope": "in-MP"},
        {"scope": "in-mp."},
        {"scope": "in-mp\n"},
        {"scope": ["in"]},
        {"role": "president", "scope": "in-mp.guna"},
        {"role": "president", "scope": "in-mp", "tenure_id": TENURE},
        {"role": "president", "scope": "in-mp.guna", "tenure_id": CANARY},
        {"role": "president", "scope": "in-mp.guna", "tenure_id": 7},
    ],
)
def test_wrong_claims(keys: DemoKeys, change: dict[str, object]) -> None:
    refused(keys, signed(keys, CLAIMS | change))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"typ": ["at+jwt"]},
        {"kid": "other"},
        {"kid": ["x"]},
        {"alg": "RS256"},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": None},
        {"alg": ["EdDSA"]},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
    ],
)
def test_wrong_headers(keys: DemoKeys, header: dict[str, object]) -> None:
    refused(keys, signed(keys, CLAIMS, **header))


def test_forgeries(keys: DemoKeys, rsa: RSAKey) -> None:
    good = signed(keys, CLAIMS)
    head, claims, signature = good.split(".")
    public = keys.jwks.keys[keys.kid]
    other = DemoKeys(OKPKey.generate_key("Ed25519"))
    start = f"{encoded({'alg': 'HS256', 'typ': 'at+jwt', 'kid': keys.kid}).decode()}.{claims}"
    secrets = [public.as_pem(private=False), public.as_der(private=False), json.dumps(public.as_dict()).encode()]
    tokens = [
        "",
        "...",
        CANARY,
        f"{head}.{claims}.",
        f"{head}.{claims}",
        f"{good}.{CANARY}",
        f"{head}.{encoded(CLAIMS | {'role': 'aicc'}).decode()}.{signature}",
        f"{encoded({'alg': 'none', 'typ': 'at+jwt', 'kid': keys.kid}).decode()}.{claims}.",
        f"{encoded({'alg': 'none', 'typ': 'at+jwt'}).decode()}.{claims}.{signature}",
        f"{encoded([1]).decode()}.{claims}.{signature}",
        f"{encoded('alg').decode()}.{claims}.{signature}",
        f"{encoded(b'[' * 300).decode()}.{claims}.{signature}",
        f"{head}.{claims}.{signature[:-2]}é",
        good + "=",
        signed(other, CLAIMS, kid=keys.kid),
        signed(other, CLAIMS),
        signed(other, CLAIMS, jwk=other.private.as_dict(private=False)),
        signed(keys, [CLAIMS]),
        signed(keys, b"[" * 2000),
        signed(keys, b"{"),
        signed(keys, CLAIMS | {"padding": "x" * 4096}),
        jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": keys.kid}, dict(CLAIMS), rsa),
        *(f"{start}.{encoded(hmac.digest(secret, start.encode(), 'sha256')).decode()}" for secret in secrets),
    ]
    for token in tokens:
        refused(keys, token)


def test_expiry_is_with_a_small_leeway_and_holds_for_remembered_tokens(keys: DemoKeys) -> None:
    times = [NOW]
    remembering = Verifier(keys.jwks, now=lambda: times[0])
    token = signed(keys, CLAIMS)
    assert remembering.verify(token) is remembering.verify(token)
    times[0] = NOW + 3600 + 29
    remembering.verify(token)
    times[0] = NOW + 3600 + 31
    with pytest.raises(Unauthenticated):
        remembering.verify(token)
    refused(keys, token, NOW + 3631)
    verifier(keys, NOW + 3629).verify(token)


def test_remembering_is_bounded_and_quick(keys: DemoKeys) -> None:
    remembering = Verifier(keys.jwks, now=lambda: NOW, cached=2)
    first, second, third = (signed(keys, CLAIMS | {"sub": name}) for name in ("a", "b", "c"))
    principals = [remembering.verify(token) for token in (first, second, third)]
    assert remembering.verify(third) is principals[2]
    assert remembering.verify(first) is not principals[0]


def test_production_keys(tmp_path: Path, rsa: RSAKey) -> None:
    okp = OKPKey.generate_key("Ed25519", auto_kid=True)
    path = tmp_path / "jwks.json"
    path.write_text(
        json.dumps({"keys": [rsa.as_dict(private=False), okp.as_dict(private=False)], "issuer": "https://id"})
    )
    checking = Verifier(read_jwks(path), now=lambda: NOW)
    claims = CLAIMS | {"iss": "https://id"}
    rs256 = {"alg": "RS256", "typ": "at+jwt", "kid": rsa.kid}
    checking.verify(jwt.encode(rs256, dict(claims), rsa))
    checking.verify(signed(DemoKeys(okp), claims))
    for token in (
        jwt.encode({"alg": "RS256", "typ": "at+jwt"}, dict(claims), rsa),  # which key?
        jwt.encode(rs256 | {"alg": "RS512"}, dict(claims), rsa, registry=JWSRegistry(algorithms=["RS512"])),
        jwt.encode(rs256 | {"alg": "PS256"}, dict(claims), rsa, registry=JWSRegistry(algorithms=["PS256"])),
        signed(DemoKeys(okp), CLAIMS),
    ):
        with pytest.raises(Unauthenticated):
            checking.verify(token)
    path.write_text(json.dumps({"keys": [okp.as_dict(private=False)]}))
    assert read_jwks(path).issuer == "urn:rozana"


def test_bad_jwks_files_are_refused_in_one_line(tmp_path: Path, rsa: RSAKey) -> None:
    okp = OKPKey.generate_key("Ed25519", auto_kid=True)
    public = okp.as_dict(private=False)
    with pytest.warns(SecurityWarning):
        small = RSAKey.generate_key(1024, auto_kid=True).as_dict(private=False)
    files: list[object] = [
        CANARY,
        [],
        {},
        {"keys": []},
        {"keys": [CANARY]},
        {"keys": [public], "issuer": 7},
        {"keys": [okp.as_dict(private=True)]},
        {"keys": [rsa.as_dict(private=True)]},
        {"keys": [public, public]},
        {"keys": [public | {"x": CANARY}]},
        {"keys": [public | {"use": "enc"}]},
        {"keys": [public | {"key_ops": ["sign"]}]},
        {"keys": [public | {"alg": "HS256"}]},
        {"keys": [small]},
        {"keys": [OctKey.generate_key(256).as_dict(private=True)]},
        {"keys": [OKPKey.generate_key("X25519").as_dict(private=False)]},
        {"keys": [OKPKey.generate_key("Ed448").as_dict(private=False)]},
    ]
    path = tmp_path / "jwks.json"
    for content in files:
        path.write_text(json.dumps(content))
        assert_refused(path)
    path.write_bytes(b"\xff{")
    assert_refused(path)
    path.write_text("[" * 100_000)
    assert_refused(path)
    assert_refused(tmp_path)
    assert_refused(tmp_path / "nowhere")


def assert_refused(path: Path) -> None:
    with pytest.raises(StartRefused) as refusal:
        read_jwks(path)
    assert str(refusal.value).startswith("ROZANA_JWKS: ")
    assert CANARY not in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_racing_processes_share_one_demo_key(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    with ThreadPoolExecutor(8) as pool:
        kids = {keys.kid for keys in pool.map(lambda _: demo_keys(data), range(32))}
    assert len(kids) == 1
    assert [path.name for path in data.iterdir()] == [DEMO_KEY_FILE]
    assert stat.S_IMODE((data / DEMO_KEY_FILE).stat().st_mode) == 0o600
    assert "d" not in next(iter(demo_keys(data).jwks.keys.values())).as_dict()
    assert json.loads((data / DEMO_KEY_FILE).read_text())["d"] not in repr(demo_keys(data))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "d": "canary-4711"}']
)
def test_a_damaged_demo_key_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / DEMO_KEY_FILE).write_text(content)
    with pytest.raises(StartRefused, match=r"^ROZANA_DATA: ") as refusal:
        demo_keys(tmp_path)
    assert CANARY not in str(refusal.value)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartRefused, match=r"^ROZANA_DATA: cannot make"):
        demo_keys(tmp_path / "file")


@pytest.mark.parametrize(
    ("role", "scope", "tenure_id", "words"),
    [
        ("admin", "in", None, "role must be one of president, pcc, aicc, operator, service"),
        ("pcc", "mp", None, "scope must be"),
        ("president", "in-mp.guna", None, "needs a tenure id"),
        ("president", "in-mp", TENURE, "must be a district"),
        ("president", "in-mp.guna", "x", "must be a UUID"),
    ],
)
def test_no_token_is_issued_that_no_service_takes(
    keys: DemoKeys, role: str, scope: str, tenure_id: str | None, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        issue_demo_token(keys, role, scope, tenure_id)


def test_a_demo_token_lasts_12_hours_of_the_real_clock(keys: DemoKeys) -> None:
    token = issue_demo_token(keys, "pcc", "in-mp")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == 12 * 3600
    assert abs(claims["iat"] - time.time()) < 10


# Scopes

states = st.from_regex(r"in-[a-z]{2}", fullmatch=True)
districts = st.builds("{}.{}".format, states, st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,6})?", fullmatch=True))
codes = st.one_of(st.just("in"), states, districts)


def ancestors(code: str) -> set[str]:
    return {code, code.partition(".")[0], "in"}


@given(codes, codes)
def test_a_scope_contains_itself_and_what_lies_below(scope: str, code: str) -> None:
    assert contains(scope, code) == (scope in ancestors(code))
    assert contains(scope, scope)


@given(codes, codes, codes)
def test_containment_is_an_order(a: str, b: str, c: str) -> None:
    assert not (contains(a, b) and contains(b, a)) or a == b
    assert not (contains(a, b) and contains(b, c)) or contains(a, c)


@given(codes, st.text(max_size=12))
def test_what_is_no_code_is_contained_in_nothing(scope: str, tail: str) -> None:
    for code in (tail, f"{scope}{tail}", f"in-{tail}", f"in-mp.{tail}"):
        if contains(scope, code):
            assert scope in ancestors(code)


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ("in-m", "in-mp"),
        ("in-mp.guna", "in-mp.guna-city"),
        ("in-mp.guna", "in-mp"),
        ("in-mp", "in"),
        ("in-mp", "in-mp."),
        ("in-mp", "in-mp.guna\n"),
        ("in", "india"),
        ("in", ""),
        ("", ""),
    ],
)
def test_never_by_prefix(scope: str, code: str) -> None:
    assert not contains(scope, code)


# Permissions


def may(role: Role) -> set[str]:
    return {action for action in PERMISSIONS if allowed(Principal(role, "in", "x"), action)}


def test_the_table() -> None:
    grievance = {
        "POST /v1/grievances",
        "POST /v1/grievances/track",
        "POST /v1/grievances/act",
        "GET /v1/grievance-keys",
    }
    cases = {
        f"rozana.grievance.{name}.v1"
        for name in ("triaged", "assigned", "close_proposed", "closed", "rejected", "merged")
    }
    assert {action for action in PERMISSIONS if allowed(None, action)} == grievance
    assert may("service") == grievance
    assert may("operator") == grievance | {
        "GET /v1/deliveries",
        "POST /v1/deliveries/retry",
        "POST /v1/events",
        "rozana.record.set_aside.v1",
        "stream:alerts",
    }
    assert may("aicc") - may("pcc") == cases | {
        "stream:grievances",
        "GET /v1/nation/days/{day}",
        "GET /v1/grievances",
        "POST /v1/grievances/{id}/open",
        "POST /v1/grievances/{id}/answer",
        "POST /v1/grievances/{id}/erase",
        "rozana.grievance_policy.adopted.v1",
    }
    assert may("pcc") <= may("aicc")
    assert may("president") - may("pcc") == {
        "POST /v1/reports",
        "rozana.report.filed.v1",
        "rozana.report.corrected.v1",
        "rozana.report.filed.v2",
        "rozana.report.corrected.v2",
    }
    assert may("president") & may("pcc") == grievance | {
        "POST /v1/events",
        "GET /v1/receipts/{id}",
        "GET /v1/reports/{id}",
        "GET /v1/districts/{district}",
        "GET /v1/districts/{district}/duties",
        "GET /v1/alerts",
        "GET /v1/alerts/{id}",
        "stream:reports",
        "stream:alerts",
    }


@pytest.mark.parametrize("action", ["rozana.clock.reached.v1", "rozana.alert.raised.v1", "GET /v1/nowhere", ""])
def test_what_is_not_named_nobody_may(action: str) -> None:
    assert not any(allowed(Principal(role, "in", "x"), action) for role in ROLES)
    assert not allowed(None, action)
