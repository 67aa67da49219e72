"""What may stand in the routes file: one model for each kind of channel. A description says what is allowed.

To add a kind: a model here with `kind`, `wrong` and `made`, a line in KINDS, its channel's choice in compose.
"""

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from libs.events.alerts import ON_GRIEVANCES, Audience, Rule
from libs.runtime.principal import is_scope
from services.notifier.channels.addresses import is_loopback
from services.notifier.channels.alertmanager import Manager
from services.notifier.channels.channel import Language
from services.notifier.channels.mail import Relay
from services.notifier.channels.others import Others
from services.notifier.channels.webhook import Endpoint
from services.notifier.routing import Route

SECRET_BYTES = range(24, 65)
MAIL = r"[A-Za-z0-9._+-]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+"
Made = Endpoint | Relay | Manager | Others
"""What an entry becomes: compose makes a channel of it."""


def _url(text: str) -> str:
    if not re.fullmatch(
        r"https?://(\[[0-9a-f:.]{2,45}\]|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*)"
        r"(:[1-9][0-9]{0,4})?/[A-Za-z0-9._~/%=&?+-]*",
        text,
    ):
        raise ValueError("not such a URL")
    _ = urlsplit(text).port  # ValueError above 65535
    return text


def _variable(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", text) or text.startswith("ROZANA_"):
        raise ValueError("not a name, or one that only settings have")
    return text


class Secret(BaseModel):
    """Where a secret is; never the secret itself."""

    model_config = ConfigDict(extra="forbid", strict=True)

    env: Annotated[str, AfterValidator(_variable)] | None = Field(
        None, description="the name of an environment variable, not beginning with ROZANA_"
    )
    file: Annotated[str, Field(min_length=1, max_length=4096)] | None = Field(
        None, description="the path of a file, from the folder of the routes file"
    )


@dataclass(frozen=True, slots=True)
class Around:
    """What an entry is judged and made by, besides itself. Faults are collected, and told all together."""

    allow_hosts: Collection[str]
    allow_private: bool
    folder: Path
    environ: Mapping[str, str]
    states: Collection[str]
    faults: list[str] = field(default_factory=list)

    def secret(self, place: str, where: Secret, must: str, read: Callable[[str], str | bytes | None]) -> str | bytes:
        """What is kept there, as `read` makes it of the text; empty, and a fault, where it is not as it must be."""
        match where.env, where.file:
            case str() as name, None:
                text = self.environ.get(name)
            case None, str() as name:
                text = _content(self.folder / name)
            case _:
                self.faults.append(f'{place}: allowed is one of env = "NAME" and file = "path"')
                return ""
        key = None if text is None else read(text.strip())
        if text is None:
            self.faults.append(f"{place}: {'the variable is not set' if where.env else 'the file cannot be read'}")
        elif key is None:
            self.faults.append(f"{place}: must be {must}")
        return key or ""


class Entry(BaseModel):
    """One entry. A refusal is made of the descriptions."""

    model_config = ConfigDict(extra="forbid", strict=True)
    kind: ClassVar[str]

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)] = Field(
        description="a name of its own, in small letters, digits and hyphens, at most 40, not `log`"
    )

    def wrong(self, _around: Around) -> Iterator[str]:
        """What is wrong with it though it is well formed."""
        yield from ()

    def made(self, around: Around) -> Made:
        """Its value; what it needs and is not there goes to the faults."""
        raise NotImplementedError


class Routed(Entry):
    """An entry that alerts go to by themselves."""

    audiences: Annotated[list[Audience], Field(min_length=1)] = Field(
        description=f"some of {', '.join(get_args(Audience))}"
    )
    scopes: Annotated[list[str], Field(min_length=1)] = Field(["in"], description="in, states and districts")
    rules: Annotated[list[Annotated[Rule, Field(strict=False)]], Field(min_length=1)] = Field(
        list(Rule), description=f"some of {', '.join(Rule)}"
    )
    min_level: Annotated[int, Field(ge=1, le=5)] = Field(1, description="1 to 5")

    @property
    def route(self) -> Route:
        return Route(frozenset(self.audiences), tuple(self.scopes), frozenset(self.rules), self.min_level)

    def wrong(self, around: Around) -> Iterator[str]:
        if not all(is_scope(scope) and scope.partition(".")[0] in ("in", *around.states) for scope in self.scopes):
            yield f"scopes: allowed is {type(self).model_fields['scopes'].description}, of {' '.join(around.states)}"
        if ON_GRIEVANCES.issuperset(self.rules) and self.audiences != ["aicc"]:
            yield 'rules: what is about grievances goes to audiences = ["aicc"] and to nobody besides'


Url = Annotated[str, Field(max_length=2000), AfterValidator(_url)]


def _wrong_url(text: str, around: Around) -> Iterator[str]:
    url = urlsplit(text)
    if url.hostname not in around.allow_hosts:
        yield "url: its host is not in allow_hosts"
    if url.scheme == "http" and not (around.allow_private and _may_be_loopback(url)):
        yield "url: http is only for a loopback host with allow_private = true; use https"


class Webhook(Routed):
    kind: ClassVar[str] = "webhook"

    url: Url = Field(description="https://host/path, without user and fragment; its host in allow_hosts")
    secrets: Annotated[list[Secret], Field(min_length=1, max_length=5)] = Field(
        description='one to five of { env = "NAME" } or { file = "path" }, the newest first'
    )

    def wrong(self, around: Around) -> Iterator[str]:
        yield from _wrong_url(self.url, around)
        yield from super().wrong(around)

    def made(self, around: Around) -> Endpoint:
        must = "whsec_ and then 24 to 64 bytes in base64"
        keys = [around.secret(f"secret {n}", secret, must, _key) for n, secret in enumerate(self.secrets, start=1)]
        secrets = tuple(key for key in keys if isinstance(key, bytes))
        return Endpoint(self.name, self.url, secrets, self.route, around.allow_private)


class Mail(Entry):
    kind: ClassVar[str] = "mail"

    host: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")] = Field(
        description="a host name in small letters, in allow_hosts"
    )
    port: Annotated[int, Field(ge=1, le=65535)] = Field(587, description="1 to 65535")
    sender: Annotated[str, Field(alias="from", pattern=f"^{MAIL}$", max_length=254)] = Field(
        alias="from", description="the address that mails come from"
    )
    tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls, tls, or on loopback with allow_private = true none"
    )
    user: Annotated[str, Field(min_length=1, max_length=254)] | None = Field(
        None, description="a user name, with password"
    )
    password: Secret | None = Field(None, description='{ env = "NAME" } or { file = "path" }, with user')

    def wrong(self, around: Around) -> Iterator[str]:
        if self.host not in around.allow_hosts:
            yield "host: it is not in allow_hosts"
        if self.tls == "none" and not (around.allow_private and _may_be_loopback(urlsplit(f"//{self.host}"))):
            yield "tls: none is only for a loopback host with allow_private = true"
        if (self.user is None) != (self.password is None):
            yield "user: goes together with password"

    def made(self, around: Around) -> Relay:
        password = None
        if self.password is not None:
            password = str(around.secret("password", self.password, "a line of text", _line))
        return Relay(self.name, self.host, self.port, self.sender, self.tls, self.user, password)


class Alertmanager(Routed):
    kind: ClassVar[str] = "alertmanager"

    url: Url = Field(description="https://host/, where its /api/v2 is; its host in allow_hosts")
    rules: Annotated[list[Annotated[Rule, Field(strict=False)]], Field(min_length=1)] = Field(
        [rule for rule in Rule if rule not in ON_GRIEVANCES],
        description=f"some of {', '.join(rule for rule in Rule if rule not in ON_GRIEVANCES)}",
    )
    token: Secret | None = Field(None, description='a bearer token: { env = "NAME" } or { file = "path" }')

    def wrong(self, around: Around) -> Iterator[str]:
        yield from _wrong_url(self.url, around)
        yield from super().wrong(around)
        if not ON_GRIEVANCES.isdisjoint(self.rules):
            yield "rules: operators read it, and no grievance goes there"

    def made(self, around: Around) -> Manager:
        token = None if self.token is None else str(around.secret("token", self.token, "a line of text", _line))
        return Manager(self.name, self.url, self.route, around.allow_private, token)


class Apprise(Routed):
    kind: ClassVar[str] = "apprise"

    urls: Annotated[list[Secret], Field(min_length=1, max_length=20)] = Field(
        description='one to twenty of { env = "NAME" } or { file = "path" }, each an Apprise URL'
    )
    language: Language = Field("hi", description="hi or en")

    def made(self, around: Around) -> Others:
        found = [around.secret(f"url {n}", each, "a URL", _apprise_url) for n, each in enumerate(self.urls, start=1)]
        return Others(self.name, tuple(map(str, found)), self.route, self.language)


KINDS: tuple[type[Entry], ...] = (Webhook, Mail, Alertmanager, Apprise)


def _may_be_loopback(url: SplitResult) -> bool:
    try:
        return is_loopback(url.hostname or "")
    except ValueError:
        return url.hostname == "localhost"


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _key(text: str) -> bytes | None:
    """The key in `whsec_<base64>` (Standard Webhooks 1.0.0, signature scheme)."""
    if not text.startswith("whsec_"):
        return None
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) in SECRET_BYTES else None


def _line(text: str) -> str | None:
    return text if text and text.isprintable() else None


def _apprise_url(text: str) -> str | None:
    return text if re.fullmatch(r"[a-z][a-z0-9+.-]*://\S+", text) else None
