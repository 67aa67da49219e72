"""`rozana topics acls`: the table of rights as others read it."""

from pathlib import Path

import pytest

from libs.events.streams import STREAMS
from rozana.generated import ROOT
from rozana.states import state_codes
from tests.rozana.command import one_line
from tests.rozana.conftest import Command

EXAMPLE = str(ROOT / "deploy" / "consumers.example.toml")
CANARY = "canary-4711"


def test_the_commands_of_one_state(command: Command) -> None:
    code, out, told = command("topics", "acls", "--consumers", EXAMPLE, ROZANA_STATES="in-mp")
    assert (code, told) == (0, "")
    commands = [
        " ".join(line.split()) for line in out.replace("\\\n", "").splitlines() if line.startswith("kafka-acls")
    ]
    add = 'kafka-acls.sh --bootstrap-server "$KAFKA" --command-config "$ADMIN" --add --allow-principal User:'
    assert all(each.startswith(add) for each in commands)
    assert [each.removeprefix(add) for each in commands if "pcc" in each or "aicc" in each] == [
        ("rozana-pcc-in-mp --operation Read --topic rozana.in-mp.reports --group rozana-pcc-in-mp"),
        (
            "rozana-aicc-boards --operation Read --topic rozana.in-mp.reports --topic rozana.in-mp.alerts"
            " --group rozana-aicc-boards"
        ),
        (
            "rozana-aicc-grievance-cell --operation Read --topic rozana.in-mp.grievances"
            " --group rozana-aicc-grievance-cell"
        ),
    ]
    assert "*" not in out
    assert "prefixed" not in out


def test_both_forms_are_the_same_for_ever(command: Command) -> None:
    for form in ("commands", "strimzi"):
        printed = {command("topics", "acls", "--format", form, "--consumers", EXAMPLE) for _ in range(2)}
        assert len(printed) == 1


def test_the_resources_are_those_in_deploy(command: Command) -> None:
    jwks = str(ROOT / "pyproject.toml")  # a file; what is in it is read by services only
    _, out, _ = command("topics", "acls", "--format", "strimzi", ROZANA_ENV="production", ROZANA_JWKS=jwks)
    base = ROOT / "deploy" / "kustomize" / "base"
    assert out == (base / "topics.yaml").read_text() + (base / "users.yaml").read_text()
    topics = 36 * sum(stream.per == "state" for stream in STREAMS.values()) + 2
    assert out.count("kind: KafkaTopic\n") == topics
    assert out.count("kind: KafkaUser\n") == 3 + 1 + 36
    assert out.count("apiVersion: kafka.strimzi.io/v1\n") == topics + 40
    assert all(f"  name: rozana-pcc-{state}\n" in out for state in state_codes())


FAULTS = {
    "not = [toml": "must be TOML",
    "": "one [[consumer]] or more",
    "other = 1\n": "and nothing besides",
    "[[consumer]]\nname = 'x'\n": "consumer 1, streams: allowed is a list of streams by their whole names",
    f"[[consumer]]\nname = '{CANARY.upper()}'\nstreams = ['rozana.in-mp.reports']\n": "consumer 1, name: allowed is",
    f"[[consumer]]\nname = 'x'\n{CANARY} = 1\nstreams = ['rozana.in-mp.reports']\n": "consumer 1: allowed are name and",
    "[[consumer]]\nname = 'x'\nstreams = ['rozana.in-mp.reports']\n" * 2: "consumer 2, name: another one has it",
    **{
        f"[[consumer]]\nname = 'x'\nstreams = ['rozana.in-mp.reports', '{stream}']\n": "consumer 1, streams, 2: allowed"
        for stream in ("rozana.in-mp.", "rozana.in-mp.*", "*", "rozana.in-up.reports", "rozana.system",
                       "rozana.dead-letters", CANARY)
    },
}  # fmt: skip


@pytest.mark.parametrize("text", FAULTS)
def test_a_file_of_consumers_that_is_not_good_is_told_by_place(text: str, tmp_path: Path, command: Command) -> None:
    file = tmp_path / "consumers.toml"
    file.write_text(text)
    code, out, told = command("topics", "acls", "--consumers", str(file), ROZANA_STATES="in-mp")
    assert (code, out) == (1, "")
    line = one_line(told)
    assert FAULTS[text] in line
    assert CANARY not in line.lower()


def test_a_file_of_consumers_that_is_not_there(tmp_path: Path, command: Command) -> None:
    code, _, told = command("topics", "acls", "--consumers", str(tmp_path / "none"))
    assert code == 1
    assert "cannot be read" in one_line(told)


@pytest.mark.parametrize("what", ["show", "apply"])
def test_on_sqlite_there_is_nothing_to_do(what: str, command: Command) -> None:
    code, out, told = command("topics", what)
    assert (code, told) == (0, "")
    assert out.startswith("the log is a sqlite file, which makes its streams by itself")
    assert out.count("\n") == 1


@pytest.mark.parametrize("what", ["show", "apply"])
def test_without_kafka_it_is_said_in_one_line(what: str, command: Command) -> None:
    code, out, told = command("topics", what, ROZANA_LOG="kafka://127.0.0.1:9")
    assert (code, out) == (1, "")
    assert told.splitlines() == [
        (
            "rozana: the log at 127.0.0.1:9 did not do it (KafkaConnection):"
            " see whether Kafka runs there, and whom it takes"
        )
    ]
