"""Settings: all wrong ones in one line, by name, with what is allowed, and never what was given."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

import rozana
from libs.runtime.errors import StartRefused
from libs.runtime.limits import Rate
from libs.runtime.settings import Settings, load_settings

CANARY = "canary-4711"
with (Path(rozana.__file__).parent / "data" / "states.csv").open(encoding="utf-8") as file:
    STATES = [row["code"] for row in csv.DictReader(file)]


def refusal(**environ: str) -> str:
    with pytest.raises(StartRefused) as refused:
        load_settings({f"ROZANA_{name}": value for name, value in environ.items()}, STATES)
    line = str(refused.value)
    assert "\n" not in line
    assert CANARY not in line
    assert refused.value.__suppress_context__
    return line


def load(**environ: str) -> Settings:
    return load_settings({f"ROZANA_{name}": value for name, value in environ.items()}, STATES)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROZANA_PORT", "1")
    monkeypatch.setenv("PORT", "2")  # what is not handed over does not count
    settings = load_settings({"PATH": "/bin", "PORT": "3"}, STATES)
    assert settings.env == "demo"
    assert settings.data == Path(".rozana")
    assert settings.log_path == Path(".rozana/log.db")
    assert settings.store_path == Path(".rozana/store.db")
    assert (settings.host, settings.port, settings.url) == ("127.0.0.1", 8080, "http://127.0.0.1:8080")
    assert settings.states == tuple(STATES)
    assert len(settings.states) == 36
    assert settings.forms == ("daily.v1",)
    assert settings.rate == Rate(50, 500)
    assert (settings.clock_start, settings.clock_speed) == (None, 1.0)
    assert (settings.jwks, settings.token, settings.mongo_driver) == (None, None, "motor")


def test_given(tmp_path: Path) -> None:
    settings = load(
        DATA=str(tmp_path),
        STORE="sqlite:///other.db",
        PORT="0",
        STATES="in-mp, in-tg,in-ct,in-or,in-ut,in-mp",
        FORMS="daily.v2, daily.v1,daily.v2",
        RATE="5/7",
        CLOCK_START="2026-11-23T06:00:00+05:30",
        CLOCK_SPEED="600.5",
        URL="https://rozana.example.org/",
        TOKEN=CANARY,
    )
    assert settings.log_path == tmp_path / "log.db"
    assert settings.log == f"sqlite:///{tmp_path}/log.db"
    assert settings.store_path == Path("other.db")
    assert settings.port == 0
    assert settings.states == ("in-mp", "in-ts", "in-cg", "in-od", "in-uk")
    assert settings.forms == ("daily.v1", "daily.v2")
    assert settings.rate == Rate(5, 7)
    assert settings.clock_start == datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
    assert settings.clock_speed == 600.5
    assert settings.url == "https://rozana.example.org"
    assert settings.token is not None
    assert settings.token.get_secret_value() == CANARY
    assert CANARY not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings, "port", 1)  # noqa: B010 (mypy knows it too)


def test_production(tmp_path: Path) -> None:
    jwks = tmp_path / "jwks.json"
    jwks.write_text("{}")
    assert load(ENV="production", JWKS=str(jwks), HOST="0.0.0.0").host == "0.0.0.0"
    line = refusal(ENV="production", CLOCK_START="2026-11-23T06:00:00Z", CLOCK_SPEED="1")
    assert [name for name in ("JWKS", "CLOCK_START", "CLOCK_SPEED") if f"ROZANA_{name}: " not in line] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert load(HOST=host).host == host


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ENV", "prod", "demo or production"),
        ("DATA", "", "directory"),
        ("DATA", "a?b", "directory"),
        ("DATA", __file__, "directory"),
        ("LOG", "log.db", "sqlite:///path"),
        ("LOG", "sqlite:///", "sqlite:///path"),
        ("LOG", "sqlite:///:memory:", "sqlite:///path"),
        ("LOG", "sqlite:///a.db?mode=ro", "sqlite:///path"),
        ("LOG", f"postgres://{CANARY}@host/db", "sqlite:///path"),
        ("LOG", "kafka://host", "kafka://host:port"),
        ("LOG", f"kafka://u:{CANARY}@host:9092", "kafka://host:port"),
        ("LOG", "mongodb://host", "kafka://host:port"),
        ("STORE", "mongodb:///db", "mongodb://host:port/database"),
        ("STORE", "kafka://host:9092", "mongodb://host:port/database"),
        ("HOST", "0.0.0.0", "loopback"),
        ("HOST", "::", "loopback"),
        ("HOST", "example.org", "loopback"),
        ("PORT", "65536", "0 (any free port) to 65535"),
        ("PORT", "-1", "0 (any free port) to 65535"),
        ("PORT", " 80", "0 (any free port) to 65535"),
        ("PORT", CANARY, "0 (any free port) to 65535"),
        ("STATES", "", "state codes, of in-an"),
        ("STATES", "in-mp,", "state codes, of in-an"),
        ("STATES", "IN-MP", "state codes, of in-an"),
        ("STATES", f"in-mp,{CANARY}", "state codes, of in-an"),
        ("FORMS", "", "a comma list of daily.v1, daily.v2"),
        ("FORMS", "daily.v1,", "a comma list of daily.v1, daily.v2"),
        ("FORMS", f"daily.v1,{CANARY}", "a comma list of daily.v1, daily.v2"),
        ("JWKS", "/nowhere/jwks.json", "JWKS file"),
        ("MONGO_DRIVER", "mongoengine", "motor or pymongo"),
        ("RATE", "50", "50/500"),
        ("RATE", "0/5", "50/500"),
        ("RATE", "5/0", "50/500"),
        ("RATE", "5/2000000", "50/500"),
        ("CLOCK_START", "1764000000", "RFC 3339"),
        ("CLOCK_START", "2026-11-23", "RFC 3339"),
        ("CLOCK_START", "2026-11-23T06:00:00", "RFC 3339"),
        ("CLOCK_START", "2026-13-23T06:00:00Z", "RFC 3339"),
        ("CLOCK_START", "0001-01-01T00:00:00+05:30", "RFC 3339"),
        ("CLOCK_SPEED", "0", "above 0"),
        ("CLOCK_SPEED", "-1", "above 0"),
        ("CLOCK_SPEED", "nan", "above 0"),
        ("CLOCK_SPEED", "inf", "above 0"),
        ("CLOCK_SPEED", "100000.1", "above 0"),
        ("URL", f"http://u:{CANARY}@host", "http://host:port"),
        ("URL", "ftp://host", "http://host:port"),
        ("TOKEN", f"{CANARY} x", "bearer token"),
        ("TOKEN", f"{CANARY}\r\nX: y", "bearer token"),
        ("PROT", "80", "unknown variable, did you mean ROZANA_PORT?"),
        ("XYZZY", CANARY, "unknown variable"),
    ],
)
def test_each_wrong_one_is_named_with_what_is_allowed(name: str, value: str, allowed: str) -> None:
    line = refusal(**{name: value})
    assert line.startswith(f"Wrong settings: ROZANA_{name}: ")
    assert allowed in line


def test_all_wrong_ones_together() -> None:
    wrong = {
        "ENV": "production",
        "LOG": "kafka://host",
        "STORE": "x",
        "PORT": "http",
        "STATES": "in-xx",
        "CLOCK_SPEED": "0",
        "TOKEN": f"{CANARY} {CANARY}",
        "PROT": "1",
    }
    line = refusal(**wrong)
    named = [part.split(":")[0] for part in line.removeprefix("Wrong settings: ").split("; ROZANA_")]
    assert named == [
        "ROZANA_LOG", "STORE", "PORT", "STATES", "JWKS", "CLOCK_SPEED", "TOKEN", "PROT",
    ]  # fmt: skip


def test_servers_are_named_by_their_urls_and_have_no_files() -> None:
    settings = load(LOG="kafka://a.example:9092,b:9092", STORE=f"mongodb://u:{CANARY}@host:27017/rozana?tls=true")
    assert settings.log == "kafka://a.example:9092,b:9092"
    assert settings.store == f"mongodb://u:{CANARY}@host:27017/rozana?tls=true"
    assert CANARY not in repr(settings)
    for path in ("log_path", "store_path"):
        with pytest.raises(StartRefused, match=r"^ROZANA_(LOG|STORE): this works on sqlite files") as refused:
            getattr(settings, path)
        assert CANARY not in str(refused.value)


def test_the_store_s_url_may_come_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "store"
    file.write_text(f"mongodb://u:{CANARY}@host/rozana\n")
    assert load(STORE_FILE=str(file)).store == f"mongodb://u:{CANARY}@host/rozana"
    assert "STORE_FILE: not together with ROZANA_STORE" in refusal(STORE_FILE=str(file), STORE="mongodb://host/rozana")
    allowed = "Wrong settings: ROZANA_STORE_FILE: allowed is the path of a file that holds the URL of ROZANA_STORE"
    assert refusal(STORE_FILE=str(tmp_path / "none")).startswith(allowed)
    for held in (f"{CANARY}\n".encode(), b"", b"\xff", b"mongodb://host/rozana\nmongodb://another/rozana"):
        file.write_bytes(held)
        assert refusal(STORE_FILE=str(file)).startswith(allowed)


KAFKA_FILES = dict.fromkeys(("PASSWORD_FILE", "CA_FILE", "CERT_FILE", "KEY_FILE"), __file__)


def load_kafka(**environ: str) -> Settings:
    return load(LOG="kafka://a:9092,b:9092", **{f"KAFKA_{name}": value for name, value in environ.items()})


def test_who_one_is_to_kafka(tmp_path: Path) -> None:
    jwks = tmp_path / "jwks.json"
    jwks.write_text("{}")
    assert load_kafka().kafka_replication == 1
    assert load_kafka(REPLICATION="3").kafka_replication == 3
    assert load(ENV="production", JWKS=str(jwks)).kafka_replication == 3
    assert load_kafka(USER="rozana-ingest", PASSWORD_FILE=__file__).kafka_user == "rozana-ingest"
    assert load_kafka(CA_FILE=__file__, CERT_FILE=__file__, KEY_FILE=__file__).kafka_user is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"USER": "x"}, "PASSWORD_FILE: required with ROZANA_KAFKA_USER"),
        ({"PASSWORD_FILE": __file__}, "USER: required with ROZANA_KAFKA_PASSWORD_FILE"),
        ({"CERT_FILE": __file__, "CA_FILE": __file__}, "KEY_FILE: required with ROZANA_KAFKA_CERT_FILE"),
        ({"KEY_FILE": __file__, "CA_FILE": __file__}, "CERT_FILE: required with ROZANA_KAFKA_KEY_FILE"),
        ({"CERT_FILE": __file__, "KEY_FILE": __file__}, "CA_FILE: required with ROZANA_KAFKA_CERT_FILE"),
        (KAFKA_FILES | {"USER": "x"}, "USER: either a user with a password, or a certificate with a key"),
        ({"USER": f"{CANARY} x", "PASSWORD_FILE": __file__}, "USER: allowed is a name of letters"),
        ({"CA_FILE": f"/nowhere/{CANARY}"}, "CA_FILE: allowed is the path of a PEM file"),
        ({"REPLICATION": "2"}, "REPLICATION: allowed is 1 or 3"),
    ],
)
def test_half_an_identity_or_two_are_refused(given: dict[str, str], told: str) -> None:
    line = refusal(LOG="kafka://a:9092", **{f"KAFKA_{name}": value for name, value in given.items()})
    assert f"ROZANA_KAFKA_{told}" in line


def test_an_identity_for_kafka_without_kafka_is_refused() -> None:
    line = refusal(KAFKA_USER="x", KAFKA_PASSWORD_FILE=__file__, KAFKA_CA_FILE=__file__)
    assert line.count("only with ROZANA_LOG=kafka://host:port") == 3


def test_one_file_is_not_log_and_store() -> None:
    assert "ROZANA_STORE: another file" in refusal(LOG="sqlite:///a.db", STORE="sqlite:///a.db")


def test_every_setting_says_what_is_allowed() -> None:
    assert all(field.description for field in Settings.model_fields.values())
