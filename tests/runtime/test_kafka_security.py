"""Settings and files become a client's arguments; what is wrong with a file is told by its variable."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from libs.runtime.errors import StartRefused
from libs.runtime.kafka_security import KafkaSecurity, read_security
from libs.runtime.settings import Settings, load_settings
from tests.servers.certificates import Authority

CANARY = "canary-4711"


def settings(**given: Path | str) -> Settings:
    environ = {f"ROZANA_KAFKA_{name}": str(value) for name, value in given.items()}
    return load_settings({"ROZANA_LOG": "kafka://host:9092", **environ}, ["in-mp"])


def refusal(**given: Path | str) -> str:
    with pytest.raises(StartRefused) as refused:
        read_security(settings(**given))
    line = str(refused.value)
    assert "\n" not in line
    assert CANARY not in line
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    return line


def test_nobody_is_plain() -> None:
    assert read_security(settings()).arguments() == {"security_protocol": "PLAINTEXT", "ssl_context": None}


def test_a_user_comes_by_scram_and_his_password_is_shown_nowhere(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(f"{CANARY}\n")
    security = read_security(settings(USER="rozana-ingest", PASSWORD_FILE=password))
    assert security.arguments() == {
        "security_protocol": "SASL_PLAINTEXT",
        "ssl_context": None,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "rozana-ingest",
        "sasl_plain_password": CANARY,
    }
    assert CANARY not in repr(security)


def test_a_user_over_tls_and_a_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("rozana-ingest")
    password = tmp_path / "password"
    password.write_text(CANARY)
    tls = {"CA_FILE": authority.file}
    named = read_security(settings(USER="x", PASSWORD_FILE=password, **tls))
    assert named.arguments()["security_protocol"] == "SASL_SSL"
    certified = read_security(settings(CERT_FILE=pair.certificate, KEY_FILE=pair.key, **tls))
    assert certified.arguments()["security_protocol"] == "SSL"
    assert certified == KafkaSecurity(tls=certified.tls)
    assert certified.tls is not None
    assert (certified.tls.verify_mode, certified.tls.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"\xff", b"x" * 1025, f"{CANARY}\t".encode()])
def test_a_password_is_one_line(content: bytes, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_bytes(content)
    assert refusal(USER="x", PASSWORD_FILE=password).startswith("ROZANA_KAFKA_PASSWORD_FILE: must be readable, and")


def test_authorities_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(CANARY)
    assert refusal(CA_FILE=file).startswith("ROZANA_KAFKA_CA_FILE: must be readable, and hold certificates")


def test_a_key_that_belongs_to_another_certificate_or_has_a_password(tmp_path: Path) -> None:
    """A key with a password would be asked for on the terminal, where nobody is."""
    authority = Authority(tmp_path)
    mine, yours = authority.issue("mine"), authority.issue("yours")
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        load_pem_private_key(mine.key.read_bytes(), None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(CANARY.encode())
        )
    )
    for key in (yours.key, locked, authority.file):
        line = refusal(CA_FILE=authority.file, CERT_FILE=mine.certificate, KEY_FILE=key)
        assert line.startswith(
            "ROZANA_KAFKA_CERT_FILE, ROZANA_KAFKA_KEY_FILE: must be readable, and hold a certificate"
        )
