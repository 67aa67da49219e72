"""Settings: the ROZANA_ variables of design section 6, checked before anything starts.

Each field's description says what is allowed; a refusal is made of these descriptions, never of what was given, so that
no secret is repeated.
"""

import difflib
import ipaddress
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
)

from libs.events.reports import FORMS, FormName
from libs.runtime.errors import StartRefused
from libs.runtime.limits import Rate

PREFIX = "ROZANA_"
STATE_ALIASES = {"in-tg": "in-ts", "in-ct": "in-cg", "in-or": "in-od", "in-ut": "in-uk"}
"""Codes that ISO 3166-2:IN had before; taken on input, never answered."""
REAL_TIME_ONLY = "not with ROZANA_ENV=production, which runs on the real clock"
MOST_TIMES_FASTER = 100_000
LONGEST_SESSION = 600
KAFKA_TOGETHER = (
    ("kafka_password_file", "kafka_user"),
    ("kafka_user", "kafka_password_file"),
    ("kafka_key_file", "kafka_cert_file"),
    ("kafka_cert_file", "kafka_key_file"),
    ("kafka_ca_file", "kafka_cert_file"),
)
"""The first is required where the second is given."""


def _states(text: str, info: ValidationInfo) -> tuple[str, ...]:
    known = cast("Collection[str]", info.context)
    codes = [code.strip() for code in text.split(",")]
    return tuple(dict.fromkeys(_known(STATE_ALIASES.get(code, code), known) for code in codes))


def _known(code: str, known: Collection[str]) -> str:
    if code not in known:
        raise ValueError("unknown state")
    return code


def _forms(text: str) -> tuple[FormName, ...]:
    names = [name.strip() for name in text.split(",")]
    if unknown := set(names) - set(FORMS):
        raise ValueError(f"{len(unknown)} unknown forms")
    return tuple(form for form in FORMS if form in names)


def _sqlite_url(text: str) -> str:
    if not re.fullmatch(r"sqlite:///[^?#\x00]*[^?#/\x00]", text) or text.endswith(":memory:"):
        raise ValueError("not a sqlite URL with a path")
    return text


def _log_url(text: str) -> str:
    if not text.startswith("kafka://"):
        return _sqlite_url(text)
    if not re.fullmatch(r"kafka://[A-Za-z0-9.-]+:[0-9]{1,5}(,[A-Za-z0-9.-]+:[0-9]{1,5})*/?", text):
        raise ValueError("not a kafka URL")
    return text


def _store_url(text: str) -> str:
    if not re.fullmatch(r"mongodb(\+srv)?://[^/\s]\S*", text):
        return _sqlite_url(text)
    return text  # MongoDB's driver reads the rest of it


def _replication(text: str) -> int:
    if text not in {"1", "3"}:
        raise ValueError("neither 1 nor 3")
    return int(text)


def _session(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= LONGEST_SESSION:
        raise ValueError("not a number of seconds")
    return float(text)


def _user(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", text):
        raise ValueError("not a user name")
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}", text):
        raise ValueError("neither an address nor a host name")
    return text


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:  # noqa: PLR2004 (the last port there is)
        raise ValueError("not a port")
    return int(text)


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("not a file")
    return path


def _directory(text: str) -> Path:
    if not re.fullmatch(r"[^?#\x00]+", text) or (Path(text).exists() and not Path(text).is_dir()):
        raise ValueError("not a directory, or it cannot stand in a sqlite URL")
    return Path(text)


def _instant(text: str) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", text, re.ASCII):
        raise ValueError("not an instant of RFC 3339")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def _speed(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) or not 0 < float(text) <= MOST_TIMES_FASTER:
        raise ValueError("not a factor")
    return float(text)


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9\[\]:.-]+(/[A-Za-z0-9._~/-]*)?", text):
        raise ValueError("not a URL")
    return text.rstrip("/")


def _token(text: str) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", text):
        raise ValueError("not a token")
    return SecretStr(text)


class Settings(BaseModel):
    """What the process was told. Made by `load_settings`, which is handed the environment.

    Not pydantic-settings: its BaseSettings reads os.environ by itself and drops the context that states are checked in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: Literal["demo", "production"] = Field("demo", description="demo or production")
    data: Annotated[Path, BeforeValidator(_directory)] = Field(
        Path(".rozana"), description="the path of a directory, without ? and #"
    )
    log: Annotated[str, AfterValidator(_log_url)] = Field(
        "", description="sqlite:///path, or kafka://host:port with more host:port behind commas"
    )
    store: Annotated[str, AfterValidator(_store_url)] = Field(
        "", repr=False, description="sqlite:///path, or mongodb://host:port/database or mongodb+srv://host/database"
    )
    store_file: Annotated[Path, AfterValidator(_file)] | None = Field(
        None, description="the path of a file that holds the URL of ROZANA_STORE, instead of it"
    )
    host: Annotated[str, AfterValidator(_host)] = Field("127.0.0.1", description="an IP address or a host name")
    port: Annotated[int, BeforeValidator(_port)] = Field(8080, description="0 (any free port) to 65535")
    states: Annotated[tuple[str, ...], BeforeValidator(_states)] = Field((), description="a comma list of state codes")
    forms: Annotated[tuple[FormName, ...], BeforeValidator(_forms)] = Field(
        FORMS[:1], description=f"a comma list of {', '.join(FORMS)}"
    )
    jwks: Annotated[Path, AfterValidator(_file)] | None = Field(None, description="the path of a JWKS file")
    kafka_replication: Annotated[int, BeforeValidator(_replication)] = Field(1, description="1 or 3")
    kafka_user: Annotated[str, AfterValidator(_user)] | None = Field(
        None, description="a name of letters, digits and . _ -, with ROZANA_KAFKA_PASSWORD_FILE"
    )
    kafka_password_file: Annotated[Path, AfterValidator(_file)] | None = Field(
        None, description="the path of a file with the password alone, with ROZANA_KAFKA_USER"
    )
    kafka_ca_file: Annotated[Path, AfterValidator(_file)] | None = Field(
        None, description="the path of a PEM file of certificates"
    )
    kafka_cert_file: Annotated[Path, AfterValidator(_file)] | None = Field(
        None, description="the path of a PEM file, with ROZANA_KAFKA_KEY_FILE and ROZANA_KAFKA_CA_FILE"
    )
    kafka_key_file: Annotated[Path, AfterValidator(_file)] | None = Field(
        None, description="the path of a PEM file without a password, with ROZANA_KAFKA_CERT_FILE"
    )
    member: Annotated[str, AfterValidator(_user)] | None = Field(
        None, description="a name of letters, digits and . _ -, which no other process of the same service has"
    )
    session: Annotated[float, BeforeValidator(_session)] = Field(10.0, description="1 to 600, in whole seconds")
    mongo_driver: Literal["motor", "pymongo"] = Field("motor", description="motor or pymongo")
    rate: Annotated[Rate, BeforeValidator(Rate.parse)] = Field(
        Rate(50, 500), description="requests a second/burst such as 50/500, each from 1 to 1000000"
    )
    clock_start: Annotated[datetime, BeforeValidator(_instant)] | None = Field(
        None, description="an RFC 3339 instant such as 2026-11-23T06:00:00+05:30"
    )
    clock_speed: Annotated[float, BeforeValidator(_speed)] = Field(
        1.0, description="a factor above 0 and at most 100000, such as 600"
    )
    grievance_keys: Annotated[Path, AfterValidator(_file)] | None = Field(
        None, description="the path of a file of public keys that `rozana grievance-keys` has made"
    )
    routes: Annotated[Path, AfterValidator(_file)] | None = Field(
        None, description="the path of a TOML file that names channels (docs/delivery.md)"
    )
    url: Annotated[str, AfterValidator(_url)] = Field("", description="http://host:port or https://host")
    token: Annotated[SecretStr, BeforeValidator(_token)] | None = Field(
        None, description="a bearer token such as `rozana token` prints"
    )

    @property
    def on_kafka(self) -> bool:
        return self.log.startswith("kafka://")

    @property
    def own_clock(self) -> bool:
        """Whether the system runs on a shifted clock."""
        return self.clock_start is not None or self.clock_speed != 1

    @property
    def log_path(self) -> Path:
        """The file of a sqlite log. Raises StartRefused when it is another."""
        return _path("LOG", self.log)

    @property
    def store_path(self) -> Path:
        """The file of a sqlite store. Raises StartRefused when it is another."""
        return _path("STORE", self.store)


def _path(name: str, url: str) -> Path:
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite":
        raise StartRefused(f"{PREFIX}{name}: this works on sqlite files, and it names a server")
    return Path(path)


def load_settings(environ: Mapping[str, str], known_states: Collection[str]) -> Settings:
    """Read the ROZANA_ variables of `environ`, all others are ignored. `known_states` are the codes of states.csv.

    Raises StartRefused, one line that names every wrong variable and what is allowed.
    """
    given = {name.removeprefix(PREFIX).lower(): text for name, text in environ.items() if name.startswith(PREFIX)}
    wrong = _wrong_together(given)
    from_file = "store_file" in given and "store" not in given
    if from_file:
        given["store"] = _line_of(Path(given["store_file"]))
    # Defaults that hang on others are filled in here, so that they are checked like what was given.
    data = given.get("data", "./.rozana")
    defaults = {
        "log": f"sqlite:///{data}/log.db",
        "store": f"sqlite:///{data}/store.db",
        "states": ",".join(known_states),
        "kafka_replication": "3" if given.get("env") == "production" else "1",
        "url": f"http://127.0.0.1:{given.get('port', '8080')}",
    }
    try:
        settings = Settings.model_validate(defaults | given, context=known_states)
    except ValidationError as error:
        found = {str(item["loc"][0]) for item in error.errors(include_input=False, include_context=False)}
        if from_file and "store" in found:
            found = found - {"store"} | {"store_file"}
        wrong = {name: _allowed(name, known_states) for name in found if name in given} | wrong
        settings = None
    if settings is None or wrong:
        order = [*Settings.model_fields, *sorted(wrong)]
        lines = [f"{PREFIX}{name.upper()}: {wrong[name]}" for name in dict.fromkeys(order) if name in wrong]
        raise StartRefused("Wrong settings: " + "; ".join(lines)) from None
    return settings


def _line_of(path: Path) -> str:
    """What stands in a file, or nothing, which is refused where it is checked."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        return ""


def _wrong_together(given: Mapping[str, str]) -> dict[str, str]:
    """What is wrong because of another variable, judged on the text so that it is told along with the rest."""
    env = given.get("env", "demo")
    wrong: dict[str, str] = {}
    if env == "production":
        wrong |= {name: REAL_TIME_ONLY for name in ("clock_start", "clock_speed") if name in given}
        if "jwks" not in given:
            wrong["jwks"] = "required with ROZANA_ENV=production: the path of a JWKS file"
    elif env == "demo" and "host" in given and not _is_loopback(given["host"]):
        wrong["host"] = "with ROZANA_ENV=demo a loopback address, 127.0.0.1, ::1 or localhost"
    if "store" in given and "store_file" in given:
        wrong["store_file"] = "not together with ROZANA_STORE"
    wrong |= _wrong_kafka(given)
    if "store" in given and given.get("log") == given["store"]:
        wrong["store"] = "another file than ROZANA_LOG"
    return wrong


def _wrong_kafka(given: Mapping[str, str]) -> dict[str, str]:
    """Half an identity, two of them, or one that nothing is done with."""
    named = [
        name
        for name in ("kafka_user", "kafka_password_file", "kafka_ca_file", "kafka_cert_file", "kafka_key_file")
        if name in given
    ]
    if named and not given.get("log", "").startswith("kafka://"):
        return dict.fromkeys(named, "only with ROZANA_LOG=kafka://host:port")
    wrong = {
        name: f"required with {PREFIX}{other.upper()}"
        for name, other in KAFKA_TOGETHER
        if other in given and name not in given
    }
    if "kafka_user" in given and "kafka_cert_file" in given:
        wrong["kafka_user"] = "either a user with a password, or a certificate with a key: Kafka knows one name"
    return wrong


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _allowed(name: str, known_states: Collection[str]) -> str:
    if name not in Settings.model_fields:
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        return "unknown variable" + (f", did you mean {PREFIX}{near[0].upper()}?" if near else "")
    allowed = f"allowed is {Settings.model_fields[name].description}"
    return f"{allowed}, of {' '.join(known_states)}" if name == "states" else allowed
