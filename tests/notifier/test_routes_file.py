"""The routes file: what the example says, and every fault in one line that repeats nothing of what was written."""

import base64
from pathlib import Path

import pytest

from libs.events.alerts import ON_GRIEVANCES, Rule
from libs.runtime.errors import StartRefused
from rozana.states import state_codes
from services.notifier.channels.alertmanager import Manager
from services.notifier.channels.mail import Relay
from services.notifier.channels.others import Others
from services.notifier.channels.webhook import Endpoint
from services.notifier.routes_file import LARGEST_FILE, read_routes
from services.notifier.routing import Route

EXAMPLE = Path(__file__).parents[2] / "deploy" / "routes.example.toml"
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
ENVIRON = {"HOOK": SECRET, "SHORT": "whsec_c2hvcnQ=", "BARE": base64.b64encode(KEY).decode(), "ODD": "whsec_€"}
CANARY = "canary-4711"
GOOD = {
    "name": '"office"',
    "url": '"https://hooks.example.org/rozana"',
    "secrets": '[{ env = "HOOK" }]',
    "audiences": '["pcc"]',
}


def written(folder: Path, text: str) -> Path:
    path = folder / "routes.toml"
    path.write_text(text, encoding="utf-8")
    return path


def entry(**members: str | None) -> str:
    return "[[webhook]]\n" + "".join(
        f"{name} = {value}\n" for name, value in (GOOD | members).items() if value is not None
    )


def file(*entries: str, top: str = "") -> str:
    return f'allow_hosts = ["hooks.example.org", "localhost", "127.0.0.1", "::1"]\n{top}\n' + "\n".join(entries)


def refused(folder: Path, text: str) -> str:
    path = written(folder, text)
    with pytest.raises(StartRefused) as refusal:
        read_routes(path, ENVIRON, state_codes())
    line = str(refusal.value)
    assert "\n" not in line
    assert CANARY not in line
    assert SECRET not in line
    assert line.startswith(f"ROZANA_ROUTES: {path}: ")
    assert line.endswith(" (docs/webhooks.md)")
    return line.removeprefix(f"ROZANA_ROUTES: {path}: ").removesuffix(" (docs/webhooks.md)")


def read(folder: Path, text: str) -> list[Endpoint]:
    found = read_routes(written(folder, text), ENVIRON, state_codes())
    return [each for each in found if isinstance(each, Endpoint)]


def test_the_example(tmp_path: Path) -> None:
    for name in ("delhi-rows.secret", "delhi-rows.old.secret", "delhi-grievances.secret", "smtp.password"):
        (tmp_path / name).write_text(SECRET + "\n")
    path = written(tmp_path, EXAMPLE.read_text(encoding="utf-8"))
    made = read_routes(path, {"WEBHOOK_BHOPAL": SECRET}, state_codes())
    bhopal, rows, grievances = (each for each in made if isinstance(each, Endpoint))
    assert bhopal == Endpoint(
        "bhopal", "https://hooks.bhopal.example/rozana", (KEY,), Route(frozenset({"pcc"}), ("in-mp",))
    )
    assert rows.secrets == (KEY, KEY)
    assert rows.route == Route(frozenset({"aicc"}), ("in",), frozenset({Rule.MISSED_REPORT}), 2)
    assert grievances.route == Route(frozenset({"aicc"}), ("in",), frozenset({Rule.GRIEVANCE_RAISED}))


def test_what_need_not_be_said(tmp_path: Path) -> None:
    [endpoint] = read(tmp_path, file(entry()))
    assert (endpoint.route, endpoint.allow_private) == (Route(frozenset({"pcc"})), False)
    assert read(tmp_path, "") == []


@pytest.mark.parametrize(
    "url",
    [
        *("http://localhost:8080/hook", "http://127.0.0.1/", "http://[::1]:1/", "https://[::1]:65535/a?b=c&d=%20"),
        "https://hooks.example.org/services/T0/B0/x_-~.y",
    ],
)
def test_urls(tmp_path: Path, url: str) -> None:
    [endpoint] = read(tmp_path, file(entry(url=f'"{url}"'), top="allow_private = true"))
    assert (endpoint.url, endpoint.allow_private) == (url, True)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("allow_hosts = [", "is not TOML, at end of document"),
        (f'a = 1\n{CANARY} "b"', "is not TOML, at line 2, column 13"),
        (f'"{CANARY}" = 1\n"{CANARY}" = 1', "is not TOML"),
        ("x = " + "[" * 5000, "is not TOML"),
        ("#" + "x" * LARGEST_FILE, "is larger than 1 MiB"),
        ("webhook = 3", "webhook: allowed is one [[webhook]] or more"),
        ("webhook = [3]", "webhook: allowed is one [[webhook]] or more"),
        ("allow_hosts = 'x'", "allow_hosts: allowed is a list of host names, in small letters"),
        ('allow_private = "yes"', "allow_private: allowed is true or false"),
        ("[[webhooks]]", "unknown member, did you mean webhook?"),
        (f"{CANARY} = 1", "unknown member; there are allow_hosts, allow_private, webhook"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, fault: str) -> None:
    assert refused(tmp_path, text).startswith(fault)


def test_a_file_that_is_not_utf_8_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(StartRefused, match="is not UTF-8"):
        read_routes(path, {}, state_codes())
    path.unlink()
    with pytest.raises(StartRefused, match="cannot be read: No such file"):
        read_routes(path, {}, state_codes())


NAME = "name: allowed is a name of its own"
URL = "url: allowed is https://host/path"
ONE_OF_BOTH = 'secret 1: allowed is one of env = "NAME" and file = "path"'
NO_SECRET = "secret 1: must be whsec_ and then 24 to 64 bytes in base64"


@pytest.mark.parametrize(
    ("member", "value", "fault"),
    [
        *(("name", value, NAME) for value in ('"Office"', '"a.b"', '"a/b"', '""', '"log"', f'"{"a" * 41}"', "7", None)),
        *(
            ("url", value, URL)
            for value in (
                *('"hooks.example.org/x"', '"ftp://hooks.example.org/"', '"https://hooks.example.org"', "3", None),
                *(f'"https://user:{CANARY}@hooks.example.org/"', '"https://hooks.example.org/#part"'),
                *('"https://hooks.example.org:99999/"', '"https://hooks.example.org:0/"', '"https://a b/"'),
                *('"https://HOOKS.example.org/"', '"https://hooks.example.org./"', f'"https://{"a" * 64}.org/"'),
                *(
                    '"https://hooks.example.org/ü"',
                    '"https://[::1/"',
                    '"https:///x"',
                    r'"https://hooks.example.org\\@x/"',
                ),
            )
        ),
        ("url", f'"https://{CANARY}.example.org/"', "url: its host is not in allow_hosts"),
        ("url", '"https://hooks.example.org.evil.example/"', "url: its host is not in allow_hosts"),
        ("url", '"http://hooks.example.org/"', "url: http is only for a loopback host with allow_private"),
        ("url", '"http://localhost/"', "url: http is only for a loopback host with allow_private"),
        ("secrets", "[]", "secrets: allowed is one to five"),
        ("secrets", f'["{SECRET}"]', "secrets: allowed is one to five"),
        ("secrets", None, "secrets: allowed is one to five"),
        ("secrets", '[{ value = "x" }]', "secrets: allowed is one to five"),
        ("secrets", '[{ env = "ROZANA_HOOK" }]', "secrets: allowed is one to five"),
        ("secrets", '[{ env = "a b" }]', "secrets: allowed is one to five"),
        ("secrets", "[{}]", ONE_OF_BOTH),
        ("secrets", '[{ env = "HOOK", file = "x" }]', ONE_OF_BOTH),
        ("secrets", '[{ env = "NOT_THERE" }]', "secret 1: the variable is not set"),
        ("secrets", '[{ file = "not-there" }]', "secret 1: the file cannot be read"),
        ("secrets", '[{ env = "SHORT" }]', NO_SECRET),
        ("secrets", '[{ env = "BARE" }]', NO_SECRET),
        ("secrets", '[{ env = "ODD" }]', NO_SECRET),
        ("secrets", '[{ env = "HOOK" }, { env = "SHORT" }]', NO_SECRET.replace("1", "2", 1)),
        ("audiences", "[]", "audiences: allowed is some of president, pcc, aicc, operator"),
        ("audiences", '["worker"]', "audiences: allowed is some of president, pcc, aicc, operator"),
        ("audiences", None, "audiences: allowed is some of president, pcc, aicc, operator"),
        ("scopes", "[]", "scopes: allowed is in, states and districts"),
        ("scopes", '["in-zz"]', "scopes: allowed is in, states and districts, of in-"),
        ("scopes", '["in-mp.Guna"]', "scopes: allowed is in, states and districts, of in-"),
        ("rules", '["noise"]', "rules: allowed is some of missed-report, due-soon, grievance-raised"),
        (
            "rules",
            '["grievance-raised"]',
            'rules: what is about grievances goes to audiences = ["aicc"] and to nobody besides',
        ),
        ("min_level", "0", "min_level: allowed is 1 to 5"),
        ("min_level", '"2"', "min_level: allowed is 1 to 5"),
        ("min_level", "true", "min_level: allowed is 1 to 5"),
        ("min_levl", "2", "unknown member, did you mean min_level?"),
        (CANARY, "2", "unknown member; there are name, audiences"),
    ],
)
def test_an_entry_with_a_fault(tmp_path: Path, member: str, value: str | None, fault: str) -> None:
    found = refused(tmp_path, file(entry(name='"first"'), entry(**{member: value})))
    assert found.startswith("webhook 2")
    assert found.partition(": ")[2].startswith(fault), found


def test_all_faults_are_told_together(tmp_path: Path) -> None:
    text = file(
        entry(min_level="9", scopes="3"),
        entry(url='"https://elsewhere.example/"', scopes='["in-zz"]'),
        entry(),
        entry(name='"office"', secrets='[{ env = "NOT_THERE" }]'),
    )
    faults = refused(tmp_path, text).split("; ")
    assert [fault.partition(": allowed")[0] for fault in faults if "only" not in fault] == [
        "webhook 1: scopes",
        "webhook 1: min_level",
        "webhook 2 (office): url: its host is not in allow_hosts",
        "webhook 2 (office): scopes",
        "webhook 3 (office): name",
        "webhook 4 (office): secret 1: the variable is not set",
        "webhook 4 (office): name",
    ]


def test_a_secret_in_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff" * 40)
    assert "the file cannot be read" in refused(tmp_path, file(entry(secrets='[{ file = "bytes" }]')))


# -- the other kinds of entries

OTHERS = {
    "mail": {"name": '"post"', "host": '"localhost"', "from": '"alerts@rozana.example"'},
    "alertmanager": {"name": '"watch"', "url": '"https://hooks.example.org/"', "audiences": '["operator"]'},
    "apprise": {"name": '"group"', "urls": '[{ env = "CHAT" }]', "audiences": '["pcc"]'},
}
BARE_SECRETS = {"CHAT": f"json://{CANARY}/", "LINE": CANARY, "LINES": f"{CANARY}\n{CANARY}", "NO_URL": CANARY}


def other(kind: str, **members: str | None) -> str:
    said = OTHERS[kind] | {name.rstrip("_"): value for name, value in members.items()}
    return f"[[{kind}]]\n" + "".join(f"{name} = {value}\n" for name, value in said.items() if value is not None)


def test_the_other_kinds_need_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ENVIRON", ENVIRON | BARE_SECRETS)
    relay, manager, group = read_routes(written(tmp_path, file(*map(other, OTHERS))), ENVIRON, state_codes())
    assert isinstance(relay, Relay)
    assert (relay.port, relay.tls, relay.user, relay.password) == (587, "starttls", None, None)
    assert isinstance(manager, Manager)
    assert manager.route.rules.isdisjoint(ON_GRIEVANCES)
    assert isinstance(group, Others)
    assert (group.language, group.urls) == ("hi", (BARE_SECRETS["CHAT"],))
    assert CANARY not in repr(group)


ONE_PLACE = 'allowed is one of env = "NAME" and file = "path"'


@pytest.mark.parametrize(
    ("kind", "members", "fault"),
    [
        ("mail", {"host": None}, "host: allowed is a host name in small letters, in allow_hosts"),
        ("mail", {"host": '"MAIL.example"'}, "host: allowed is a host name in small letters, in allow_hosts"),
        ("mail", {"host": f'"{CANARY}.example"'}, "host: it is not in allow_hosts"),
        ("mail", {"port": "0"}, "port: allowed is 1 to 65535"),
        ("mail", {"port": '"25"'}, "port: allowed is 1 to 65535"),
        ("mail", {"from": f'"{CANARY}"'}, "from: allowed is the address that mails come from"),
        ("mail", {"from": f'"a\\r\\nBcc: {CANARY}@rozana.example"'}, "from: allowed is the address that mails come"),
        ("mail", {"tls": '"some"'}, "tls: allowed is starttls, tls, or on loopback"),
        ("mail", {"tls": '"none"'}, "tls: none is only for a loopback host with allow_private = true"),
        ("mail", {"user": f'"{CANARY}"'}, "user: goes together with password"),
        ("mail", {"password": '{ env = "LINE" }'}, "user: goes together with password"),
        ("mail", {"user": '"u"', "password": f'"{CANARY}"'}, "password: allowed is { env"),
        ("mail", {"user": '"u"', "password": "{}"}, f"password: {ONE_PLACE}"),
        ("mail", {"user": '"u"', "password": '{ env = "NOT_THERE" }'}, "password: the variable is not set"),
        ("mail", {"user": '"u"', "password": '{ file = "not-there" }'}, "password: the file cannot be read"),
        ("mail", {"user": '"u"', "password": '{ env = "LINES" }'}, "password: must be a line of text"),
        ("mail", {"audiences": '["pcc"]'}, "unknown member; there are name, host"),
        ("alertmanager", {"url": f'"https://{CANARY}.example/"'}, "url: its host is not in allow_hosts"),
        ("alertmanager", {"url": '"http://localhost/"'}, "url: http is only for a loopback host"),
        ("alertmanager", {"url": "7"}, "url: allowed is https://host/"),
        (
            "alertmanager",
            {"rules": '["grievance-raised"]', "audiences": '["aicc"]'},
            "rules: operators read it, and no",
        ),
        ("alertmanager", {"rules": '["noise"]'}, "rules: allowed is some of missed-report"),
        ("alertmanager", {"scopes": '["in-zz"]'}, "scopes: allowed is in, states and districts"),
        ("alertmanager", {"token": f'"{CANARY}"'}, "token: allowed is a bearer token"),
        ("alertmanager", {"token": '{ env = "LINES" }'}, "token: must be a line of text"),
        ("alertmanager", {"secrets": '[{ env = "LINE" }]'}, "unknown member"),
        ("apprise", {"urls": "[]"}, "urls: allowed is one to twenty of"),
        ("apprise", {"urls": f'["json://{CANARY}"]'}, "urls: allowed is one to twenty of"),
        ("apprise", {"urls": '[{ env = "CHAT" }, { env = "NOT_THERE" }]'}, "url 2: the variable is not set"),
        ("apprise", {"urls": '[{ env = "NO_URL" }]'}, "url 1: must be a URL"),
        ("apprise", {"urls": "[{}]"}, f"url 1: {ONE_PLACE}"),
        ("apprise", {"language": '"fr"'}, "language: allowed is hi or en"),
        ("apprise", {"audiences": None}, "audiences: allowed is some of president"),
        ("apprise", {"rules": '["grievance-surge"]'}, "rules: what is about grievances goes to audiences"),
    ],
)
def test_an_entry_of_another_kind_with_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, members: dict[str, str | None], fault: str
) -> None:
    """In one line that names the entry, and holds nothing of what was written or of what secrets hold."""
    monkeypatch.setattr(f"{__name__}.ENVIRON", ENVIRON | BARE_SECRETS)
    found = refused(tmp_path, file(other(kind, name='"first"'), other(kind, **members)))
    assert found.startswith(f"{kind} 2")
    assert found.partition(": ")[2].startswith(fault), found


@pytest.mark.parametrize("kind", OTHERS)
def test_a_name_is_one_channels_whatever_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(f"{__name__}.ENVIRON", ENVIRON | BARE_SECRETS)
    found = refused(tmp_path, file(entry(name='"twice"'), other(kind, name='"twice"')))
    assert found.startswith(f"{kind} 1 (twice): name: allowed is a name of its own")
