"""The routes file (ROZANA_ROUTES): which webhooks there are, what each is for, and where messages may go at all.

Read once, at start. A refusal names every fault at once by its place and by what is allowed, never by what was written.
"""

import base64
import binascii
import difflib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from libs.events.alerts import Audience, Rule
from libs.runtime.errors import StartRefused
from libs.runtime.principal import is_scope
from services.notifier.channels.addresses import is_loopback
from services.notifier.channels.webhook import Endpoint
from services.notifier.routing import Route

VARIABLE = "ROZANA_ROUTES"
SECRET_BYTES = range(24, 65)
LARGEST_FILE = 1024 * 1024
TAKEN = frozenset({"log"})
"""Names of channels that are always there."""


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


class _Secret(BaseModel):
    """Where a secret is; never the secret itself."""

    model_config = ConfigDict(extra="forbid", strict=True)

    env: Annotated[str, AfterValidator(_variable)] | None = Field(
        None, description="the name of an environment variable, not beginning with ROZANA_"
    )
    file: Annotated[str, Field(min_length=1, max_length=4096)] | None = Field(
        None, description="the path of a file, from the folder of the routes file"
    )


class _Webhook(BaseModel):
    """One [[webhook]]. Each description says what is allowed; a refusal is made of these."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)] = Field(
        description="a name of its own, in small letters, digits and hyphens, at most 40, not `log`"
    )
    url: Annotated[str, Field(max_length=2000), AfterValidator(_url)] = Field(
        description="https://host/path, without user and fragment; its host in allow_hosts"
    )
    secrets: Annotated[list[_Secret], Field(min_length=1, max_length=5)] = Field(
        description='one to five of { env = "NAME" } or { file = "path" }, the newest first'
    )
    audiences: Annotated[list[Audience], Field(min_length=1)] = Field(description="some of president, pcc, aicc")
    scopes: Annotated[list[str], Field(min_length=1)] = Field(["in"], description="in, states and districts")
    rules: Annotated[list[Annotated[Rule, Field(strict=False)]], Field(min_length=1)] = Field(
        list(Rule), description=f"some of {', '.join(Rule)}"
    )
    min_level: Annotated[int, Field(ge=1, le=5)] = Field(1, description="1 to 5")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    allow_hosts: list[Annotated[str, Field(min_length=1, max_length=253)]] = Field(
        [], description="a list of host names, in small letters"
    )
    allow_private: bool = Field(default=False, description="true or false")
    webhook: list[dict[str, Any]] = Field([], description="one [[webhook]] or more")


def read_routes(path: Path, environ: Mapping[str, str], known_states: Collection[str]) -> list[Endpoint]:
    """The endpoints of the file, their secrets read. Raises StartRefused, one line with every fault."""
    try:
        file = _File.model_validate(_toml(path))
    except ValidationError as error:
        raise _refused(path, _shape(error, _File)) from None
    faults: list[str] = []
    endpoints: list[Endpoint] = []
    names: set[str] = {*TAKEN}
    for number, entry in enumerate(file.webhook, start=1):
        try:
            webhook = _Webhook.model_validate(entry)
        except ValidationError as error:
            faults += [f"webhook {number}: {fault}" for fault in _shape(error, _Webhook)]
            continue
        secrets, found = _secrets(webhook, path.parent, environ)
        found += _wrong(webhook, file, known_states, names)
        faults += [f"webhook {number} ({webhook.name}): {fault}" for fault in found]
        names.add(webhook.name)
        endpoints.append(Endpoint(webhook.name, webhook.url, secrets, _route(webhook), file.allow_private))
    if faults:
        raise _refused(path, faults)
    return endpoints


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _refused(path, [f"cannot be read: {error.strerror}"]) from None
    if len(content) > LARGEST_FILE:
        raise _refused(path, ["is larger than 1 MiB"])
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise _refused(path, ["is not UTF-8"]) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
        raise _refused(path, [f"is not TOML{f', at {place[1]}' if place else ''}"]) from None


def _refused(path: Path, faults: list[str]) -> StartRefused:
    return StartRefused(f"{VARIABLE}: {path}: {'; '.join(dict.fromkeys(faults))} (docs/webhooks.md)")


def _shape(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """What does not fit the model, member by member, in words of ours."""
    members = [str(item["loc"][0]) for item in error.errors(include_input=False, include_context=False)]
    return [_allowed(member, model) for member in dict.fromkeys(members)]


def _allowed(member: str, model: type[BaseModel]) -> str:
    if member in model.model_fields:
        return f"{member}: allowed is {model.model_fields[member].description}"
    near = difflib.get_close_matches(member, model.model_fields, n=1)
    return (
        f"unknown member, did you mean {near[0]}?"
        if near
        else f"unknown member; there are {', '.join(model.model_fields)}"
    )


def _wrong(webhook: _Webhook, file: _File, known_states: Collection[str], names: Collection[str]) -> Iterator[str]:
    """What is wrong with an entry that is well formed. `names` are taken."""
    if webhook.name in names:
        yield _allowed("name", _Webhook)
    url = urlsplit(webhook.url)
    if url.hostname not in file.allow_hosts:
        yield "url: its host is not in allow_hosts"
    if url.scheme == "http" and not (file.allow_private and _may_be_loopback(url)):
        yield "url: http is only for a loopback host with allow_private = true; use https"
    if not all(is_scope(scope) and scope.partition(".")[0] in ("in", *known_states) for scope in webhook.scopes):
        yield f"{_allowed('scopes', _Webhook)}, of {' '.join(known_states)}"
    if webhook.rules == [Rule.GRIEVANCE_RAISED] and webhook.audiences != ["aicc"]:
        yield 'rules: grievance-raised goes to audiences = ["aicc"] and to nobody besides'


def _may_be_loopback(url: SplitResult) -> bool:
    try:
        return is_loopback(url.hostname or "")
    except ValueError:
        return url.hostname == "localhost"


def _secrets(webhook: _Webhook, folder: Path, environ: Mapping[str, str]) -> tuple[tuple[bytes, ...], list[str]]:
    """The secrets, and what is wrong with them."""
    keys: list[bytes] = []
    faults: list[str] = []
    for number, secret in enumerate(webhook.secrets, start=1):
        match secret.env, secret.file:
            case str() as name, None:
                text = environ.get(name)
            case None, str() as name:
                text = _content(folder / name)
            case _:
                faults.append(f'secret {number}: allowed is one of env = "NAME" and file = "path"')
                continue
        key = None if text is None else _key(text.strip())
        if text is None:
            faults.append(f"secret {number}: {'the variable is not set' if secret.env else 'the file cannot be read'}")
        elif key is None:
            faults.append(f"secret {number}: must be whsec_ and then 24 to 64 bytes in base64")
        else:
            keys.append(key)
    return tuple(keys), faults


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


def _route(webhook: _Webhook) -> Route:
    return Route(frozenset(webhook.audiences), tuple(webhook.scopes), frozenset(webhook.rules), webhook.min_level)
