"""The rights of every principal, and the topics, in the forms that others understand. Text, the same for ever."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from libs.runtime.access import Access, Operation, Right, accesses
from libs.runtime.settings import Settings
from libs.runtime.topics import Topic
from rozana.consumers import read_consumers
from rozana.topics import wanted

STRIMZI = "kafka.strimzi.io/v1"
"""Since Strimzi 0.49; 1.0 and later know no other."""
CLUSTER = "rozana"
"""The name of Strimzi's Kafka resource."""
LINE = 110

_COMMANDS_HEAD = """\
#!/bin/sh
# Printed by `rozana topics acls`; do not edit. Run it with Kafka's tools on the path:
#   KAFKA=host:port ADMIN=admin.properties sh acls.sh
# It adds rights and takes none away; running it again changes nothing.
set -eu
"""
_STRIMZI_HEAD = "# Printed by `rozana topics acls --format strimzi`; do not edit.\n"


def acls(settings: Settings, form: Literal["commands", "strimzi"], consumers: Path | None) -> str:
    """Raises RozanaError when the file of consumers is not good."""
    granted = [] if consumers is None else read_consumers(consumers, settings.states)
    everybody = accesses(settings.states, granted)
    if form == "commands":
        return as_commands(everybody)
    return as_strimzi(wanted(settings), everybody)


def as_commands(everybody: Iterable[Access]) -> str:
    return _COMMANDS_HEAD + "".join(f"\n{command}\n" for access in everybody for command in _commands(access))


def _commands(access: Access) -> Iterator[str]:
    """One for each set of operations: kafka-acls gives all of them on all resources that it is told."""
    by_operations: dict[tuple[Operation, ...], list[Right]] = {}
    for right in access.rights():
        by_operations.setdefault(right.operations, []).append(right)
    for operations, rights in by_operations.items():
        words = [
            'kafka-acls.sh --bootstrap-server "$KAFKA" --command-config "$ADMIN" --add',
            f"--allow-principal User:{access.principal}",
            *(f"--operation {each}" for each in operations),
            *(f"--{right.resource} {right.name}" for right in rights),
        ]
        yield " \\\n  ".join(_lines(words))


def _lines(words: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) < LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def as_strimzi(topics: Sequence[Topic], everybody: Iterable[Access]) -> str:
    return topics_yaml(topics) + users_yaml(everybody)


def topics_yaml(topics: Iterable[Topic]) -> str:
    return _STRIMZI_HEAD + "".join(_topic(each) for each in topics)


def users_yaml(everybody: Iterable[Access]) -> str:
    return _STRIMZI_HEAD + "".join(_user(each) for each in everybody)


def _head(kind: str, name: str) -> str:
    return f"""\
---
apiVersion: {STRIMZI}
kind: {kind}
metadata:
  name: {name}
  labels:
    strimzi.io/cluster: {CLUSTER}
spec:
"""


def _topic(topic: Topic) -> str:
    config = "".join(f'    {name}: "{value}"\n' for name, value in topic.config.items())
    return f"""\
{_head("KafkaTopic", topic.name)}\
  partitions: {topic.partitions}
  replicas: {topic.replicas}
  config:
{config}"""


def _user(access: Access) -> str:
    rights = "".join(
        f"      - resource: {{type: {right.resource}, name: {right.name}, patternType: literal}}\n"
        f"        operations: [{', '.join(right.operations)}]\n"
        for right in access.rights()
    )
    return f"""\
{_head("KafkaUser", access.principal)}\
  authentication:
    type: scram-sha-512
  authorization:
    type: simple
    acls:
{rights}"""
