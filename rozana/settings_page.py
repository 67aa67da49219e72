"""The page docs/settings.md: each variable, what it is for, what is allowed. A text; `generated` writes the file."""

from collections.abc import Mapping

from libs.runtime.settings import PREFIX, Settings

MEANINGS: Mapping[str, str] = {
    "env": "`demo` makes its own keys and binds loopback only; `production` requires ROZANA_JWKS and the real clock",
    "data": "where files go, and the demo's keys",
    "log": "the log: the only source of truth",
    "store": "the documents, which can be made again from the log, and the contacts, which cannot",
    "store_file": "the same, where its password is to come as a file",
    "kafka_replication": "how many brokers keep each record; of three, two must have it before it is acknowledged",
    "kafka_user": "who this process is to Kafka, by SCRAM-SHA-512: [access](access.md)",
    "kafka_password_file": "the secret that goes with it",
    "kafka_ca_file": "who vouches for the brokers' certificates; where it is given, connections are TLS",
    "kafka_cert_file": "who this process is to Kafka, by a certificate",
    "kafka_key_file": "the secret that goes with it",
    "member": "under which name it shares the states with others of its service: [deployment](deployment.md)",
    "session": "for how many seconds nothing may be heard of it before the others take its states over, on Kafka",
    "mongo_driver": "which of the two drivers talks to MongoDB",
    "host": "what to listen on",
    "port": "what to listen on; `rozana up` serves all services there",
    "states": "which states this process serves",
    "forms": "the forms that reports may be sent in: switch a newer one on when all readers know it",
    "jwks": "the public keys of whoever issues the tokens",
    "rate": "how many requests one subject may send",
    "grievance_keys": "whom grievances are sealed to; without it none is taken with a text: [sealing](sealing.md)",
    "routes": "the channels by which people and systems are told: [delivery](delivery.md)",
    "clock_start": "where the system's clock begins, or at the log's last time if that is later; not in production",
    "clock_speed": "how much faster than real it runs; not in production",
    "url": "for the commands that ask a running server",
    "token": "for the same; in a demo they make their own",
}
DEFAULTS: Mapping[str, str] = {
    "log": "sqlite:///$ROZANA_DATA/log.db",
    "store": "sqlite:///$ROZANA_DATA/store.db",
    "states": "all 36",
    "kafka_replication": "3 in production, 1 in demo",
    "member": "its host name and port",
    "session": "10",
    "forms": "daily.v1",
    "rate": "50/500",
    "url": "http://127.0.0.1:$ROZANA_PORT",
}
"""Of those whose default hangs on others, or reads badly in Python."""

_HEAD = """\
# Settings

Generated from the settings' model by `make generate`; edit that, not this page. Settings are environment variables. A
wrong value stops the start in one line, with the variable's name and what is allowed; all wrong ones together.

| variable | default | allowed | what it is for |
| --- | --- | --- | --- |
"""


def settings_markdown() -> str:
    """KeyError for a setting that nobody has said the meaning of."""
    rows = (
        f"| `{PREFIX}{name.upper()}` | {_default(name)} | {field.description} | {MEANINGS[name]} |\n"
        for name, field in Settings.model_fields.items()
    )
    return _HEAD + "".join(rows)


def _default(name: str) -> str:
    default = DEFAULTS.get(name, Settings.model_fields[name].default)
    return "" if default is None else f"`{default}`"
