"""Kafka as it is guarded in production: names by SCRAM or by certificate, and rights by ACL."""

import shlex
import ssl
import subprocess
from collections.abc import Collection
from pathlib import Path

from libs.runtime.kafka_security import KafkaSecurity
from libs.runtime.log_kafka_client import Cluster
from tests.servers.certificates import Authority, Pair
from tests.servers.kafka import Kafka
from tests.servers.server import free_port

ADMIN = "admin"
HERE = "127.0.0.1"
PROPERTIES = """
listeners=SASL_PLAINTEXT://127.0.0.1:{{port}},SASL_SSL://127.0.0.1:{sasl_ssl},SSL://127.0.0.1:{mtls},CONTROLLER://127.0.0.1:{{controller}}
advertised.listeners=SASL_PLAINTEXT://127.0.0.1:{{port}},SASL_SSL://127.0.0.1:{sasl_ssl},SSL://127.0.0.1:{mtls}
listener.security.protocol.map=SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SASL_PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={jaas}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={jaas}
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
listener.name.ssl.ssl.client.auth=required
listener.name.ssl.ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/$1/
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
"""
"""The controller's listener is plain, so that its one user is ANONYMOUS; nobody else can come to it without a name."""
MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule required"


class GuardedKafka(Kafka):
    def __init__(self, folder: Path, principals: Collection[str]) -> None:
        """Each principal's password is `password_of` it."""
        folder.mkdir(parents=True)
        self.authority = Authority(folder / "tls")
        broker = self.authority.issue("broker", address=HERE)
        keystore = folder / "tls" / "keystore.pem"
        keystore.write_bytes(broker.key.read_bytes() + broker.certificate.read_bytes())
        self.sasl_ssl, self.mtls = free_port(), free_port()
        jaas = f'{MODULE} username="{ADMIN}" password="{password_of(ADMIN)}";'
        super().__init__(
            folder,
            passwords={name: password_of(name) for name in (ADMIN, *principals)},
            properties=PROPERTIES.format(
                sasl_ssl=self.sasl_ssl, mtls=self.mtls, jaas=jaas, keystore=keystore, truststore=self.authority.file
            ),
        )
        self._admin = folder / "admin.properties"
        self._admin.write_text(
            f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config={jaas}\n"
        )

    def cluster(self, principal: str, password: str | None = None) -> Cluster:
        return Cluster([f"{HERE}:{self.port}"], KafkaSecurity(principal, password or password_of(principal)))

    def tls(self, pair: Pair | None = None) -> ssl.SSLContext:
        return self.authority.context(pair)

    def run_acls(self, script: str) -> str:
        """What the script of `rozana topics acls` would do: each kafka-acls in it, with the words that it has there."""
        commands = [
            shlex.split(line.replace('"$KAFKA"', f"{HERE}:{self.port}").replace('"$ADMIN"', str(self._admin)))
            for line in script.replace("\\\n", "").splitlines()
            if line.startswith("kafka-acls.sh ")
        ]
        assert commands
        lines = "".join("\t".join(words[1:]) + "\n" for words in commands)
        done = subprocess.run(self._java("Acls"), input=lines, capture_output=True, text=True, check=True)
        return done.stdout


def password_of(principal: str) -> str:
    return f"canary-{principal}-4711"
