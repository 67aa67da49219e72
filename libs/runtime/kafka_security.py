"""Who this process is to Kafka, and whom it takes for Kafka: settings and files become a client's arguments."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from libs.runtime.errors import StartRefused
from libs.runtime.settings import Settings

MECHANISM = "SCRAM-SHA-512"
LONGEST_PASSWORD = 1024


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Empty: neither TLS nor a name, for a broker on one's own machine. The password is in no repr."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def arguments(self) -> dict[str, object]:
        """Of every client that aiokafka makes."""
        protocol = f"{'SASL_' if self.user else ''}{'SSL' if self.tls else 'PLAINTEXT'}"
        named = {
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
        }
        return {
            "security_protocol": protocol,
            "ssl_context": self.tls,
            **(named if self.user else {}),
        }


NOBODY = KafkaSecurity()


def read_security(settings: Settings) -> KafkaSecurity:
    """Read the files that the settings name, once. Raises StartRefused, which names the variable and no content."""
    password = None if settings.kafka_password_file is None else _password(settings.kafka_password_file)
    return KafkaSecurity(settings.kafka_user, password, _tls(settings))


def _password(path: Path) -> str:
    """The file's one line: whoever writes it with an editor ends it with a newline."""
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text or not text.isprintable() or len(text) > LONGEST_PASSWORD:
        raise StartRefused(
            f"ROZANA_KAFKA_PASSWORD_FILE: must be readable, and hold one line of 1 to {LONGEST_PASSWORD} characters"
        )
    return text


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.kafka_ca_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=str(settings.kafka_ca_file))
    except OSError:  # an SSLError is one
        raise StartRefused("ROZANA_KAFKA_CA_FILE: must be readable, and hold certificates in PEM form") from None
    if settings.kafka_cert_file is not None:
        try:
            # Without a password of its own an encrypted key would be asked for on the terminal.
            context.load_cert_chain(settings.kafka_cert_file, settings.kafka_key_file, password=lambda: "")
        except OSError:
            raise StartRefused(
                "ROZANA_KAFKA_CERT_FILE, ROZANA_KAFKA_KEY_FILE: must be readable, and hold a certificate and the key"
                " that belongs to it, in PEM form and without a password"
            ) from None
    return context
