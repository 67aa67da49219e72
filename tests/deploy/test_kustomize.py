"""The overlays build, every resource fits its schema, and the pods are what production needs them to be.

kubernetes-validate brings the schemas of Kubernetes' own kinds. Those of Strimzi and MongoDB are a cluster's to check;
a table here names what they cannot be without.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from libs.runtime.settings import load_settings
from rozana.states import state_codes
from tests.deploy.routes import OWN, ROUTES
from tests.deploy.tools import ROOT, run

Json = dict[str, Any]
OVERLAYS = ("development", "production")
KUBERNETES = "1.34"
SERVICES = ("rozana-ingest", "rozana-aggregator", "rozana-notifier")
OURS = (*SERVICES, "rozana-topics")
FOREIGN: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("kafka.strimzi.io/v1", "Kafka"): (
        "spec.kafka.version",
        "spec.kafka.metadataVersion",
        "spec.kafka.listeners",
        "spec.kafka.authorization.type",
        "spec.kafka.config",
        "spec.entityOperator.topicOperator",
        "spec.entityOperator.userOperator",
    ),
    ("kafka.strimzi.io/v1", "KafkaNodePool"): (
        "metadata.labels.strimzi.io/cluster",
        "spec.replicas",
        "spec.roles",
        "spec.storage.type",
    ),
    ("kafka.strimzi.io/v1", "KafkaTopic"): (
        "metadata.labels.strimzi.io/cluster",
        "spec.partitions",
        "spec.replicas",
        "spec.config",
    ),
    ("kafka.strimzi.io/v1", "KafkaUser"): (
        "metadata.labels.strimzi.io/cluster",
        "spec.authentication.type",
        "spec.authorization.acls",
    ),
    ("mongodbcommunity.mongodb.com/v1", "MongoDBCommunity"): (
        "spec.members",
        "spec.type",
        "spec.version",
        "spec.security.authentication.modes",
        "spec.users",
    ),
}


@cache
def built(overlay: str) -> list[Json]:
    """Every resource, as kubectl would apply it. Skips without kubectl."""
    text = run("kubectl", "kustomize", ROOT / "deploy" / "kustomize" / "overlays" / overlay)
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(overlay: str, kind: str) -> dict[str, Json]:
    return {each["metadata"]["name"]: each for each in built(overlay) if each["kind"] == kind}


def pods(overlay: str) -> dict[str, Json]:
    """The pod templates of our own image."""
    return {
        name: each["spec"]["template"]
        for kind in ("Deployment", "Job")
        for name, each in of_kind(overlay, kind).items()
    }


def settings(overlay: str) -> Mapping[str, str]:
    ((_, config),) = of_kind(overlay, "ConfigMap").items()
    data: Mapping[str, str] = config["data"]
    return data


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_resource_fits_its_schema(overlay: str) -> None:
    for document in built(overlay):
        known = (document["apiVersion"], document["kind"])
        if known in FOREIGN:
            missing = [path for path in FOREIGN[known] if not _has(document, path)]
            assert (document["metadata"]["name"], missing) == (document["metadata"]["name"], [])
        else:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
        if document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == "rozana"


def _has(document: Json, path: str) -> bool:
    at: Any = document
    for name in path.split(".", maxsplit=2 if "labels" in path else -1):
        if not isinstance(at, dict) or name not in at:
            return False
        at = at[name]
    return True


def test_the_schemas_refuse_what_is_wrong() -> None:
    (deployment, *_) = of_kind("production", "Deployment").values()
    wrong = {**deployment, "spec": {**deployment["spec"], "replica": 3}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("name", OURS)
def test_a_pod_may_do_nothing_that_it_need_not(overlay: str, name: str) -> None:
    pod = pods(overlay)[name]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"].keys() == {"requests", "limits"}
    # A service named rozana-ingest would else become ROZANA_INGEST_PORT, an unknown setting, and stop every start.
    assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_asked_whether_it_lives_and_whether_it_is_ready(overlay: str, name: str) -> None:
    (container,) = pods(overlay)[name]["spec"]["containers"]
    paths = {
        probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert paths == {"startupProbe": "/live", "livenessProbe": "/live", "readinessProbe": "/ready"}
    (port,) = container["ports"]
    assert str(port["containerPort"]) == settings(overlay)["ROZANA_PORT"]
    assert container["args"] == [name.removeprefix("rozana-")]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_pod_has_the_secrets_of_its_own_kafka_user(overlay: str) -> None:
    files = {text for name, text in settings(overlay).items() if name.endswith(("_FILE", "_JWKS"))}
    assert len(files) == 3
    for name, template in pods(overlay).items():
        pod = template["spec"]
        assert template["metadata"]["labels"]["app.kubernetes.io/name"] == name
        volumes = {each["name"]: each.get("secret", {}).get("secretName") for each in pod["volumes"]}
        assert volumes["kafka-user"] == name
        assert name in of_kind(overlay, "KafkaUser")
        mounted = {each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
        assert {str(Path(file).parent) for file in files} <= mounted


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_ingest_alone_has_the_public_keys_of_grievances(overlay: str) -> None:
    for name, template in pods(overlay).items():
        pod = template["spec"]
        (container,) = pod["containers"]
        files = [each["value"] for each in container["env"] if each["name"] == "ROZANA_GRIEVANCE_KEYS"]
        maps = {each["name"]: each["configMap"]["name"] for each in pod["volumes"] if "configMap" in each}
        mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        if name == "rozana-ingest":
            assert maps == {"grievance-keys": "rozana-grievance-keys"}
            assert files == [f"{mounted['grievance-keys']}/grievance-keys.json"]
        else:
            assert (files, maps) == ([], {})


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("name", OURS)
def test_the_settings_are_taken_and_no_secret_is_among_them(overlay: str, name: str, tmp_path: Path) -> None:
    (container,) = pods(overlay)[name]["spec"]["containers"]
    given = dict(settings(overlay))
    for each in container["env"]:
        source = each.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        assert "value" in each or source == "metadata.labels['app.kubernetes.io/name']", each
        given[each["name"]] = each.get("value", name)
    mounted = {each["mountPath"] for each in container["volumeMounts"]}
    for variable, text in given.items():
        if text.startswith("/"):
            assert str(Path(text).parent) in mounted
            (tmp_path / variable).write_text("mongodb://user:password@host/rozana")
            given[variable] = str(tmp_path / variable)
    taken = load_settings(given, state_codes())
    assert taken.env == "production"
    assert taken.kafka_user == name


@pytest.mark.parametrize(("overlay", "replicas", "in_sync"), [("development", 1, 1), ("production", 3, 2)])
def test_all_agree_on_how_often_a_record_is_kept(overlay: str, replicas: int, in_sync: int) -> None:
    (kafka,) = of_kind(overlay, "Kafka").values()
    (pool,) = of_kind(overlay, "KafkaNodePool").values()
    topics = of_kind(overlay, "KafkaTopic").values()
    assert settings(overlay)["ROZANA_KAFKA_REPLICATION"] == str(replicas)
    assert pool["spec"]["replicas"] == replicas
    assert len(topics) > 100
    kept = {
        (each["spec"]["partitions"], each["spec"]["replicas"], each["spec"]["config"]["min.insync.replicas"])
        for each in topics
    }
    assert kept == {(1, replicas, str(in_sync))}
    config = kafka["spec"]["kafka"]["config"]
    assert {config[name] for name in config if name.endswith("replication.factor")} == {replicas}
    assert {config[name] for name in config if name.endswith(("min.isr", "insync.replicas"))} == {in_sync}
    assert (config.get("log.flush.interval.messages") == 1) is (replicas == 1)  # the only copy must be on a disk
    assert next(iter(of_kind(overlay, "MongoDBCommunity").values()))["spec"]["members"] == replicas


def test_in_production_a_node_may_go_and_every_service_stays() -> None:
    budgets = {
        each["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]: each["spec"]["maxUnavailable"]
        for each in of_kind("production", "PodDisruptionBudget").values()
    }
    for name, deployment in of_kind("production", "Deployment").items():
        assert deployment["spec"]["replicas"] > budgets[name]
        spread = {each["topologyKey"] for each in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]}
        assert spread == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert not container["image"].endswith(":latest")


@pytest.mark.parametrize(("service", "method", "path"), ROUTES)
def test_every_route_reaches_its_service(service: str, method: str, path: str) -> None:
    assert _backend(path) == f"rozana-{service}", "name this route's service in deploy/kustomize/base/ingress.yaml"


def test_what_is_each_service_s_own_is_not_for_outside() -> None:
    assert {path: _backend(path) for path in OWN} == {"/live": "rozana-ingest", "/ready": None, "/metrics": None}


def _backend(path: str) -> str | None:
    """As the Ingress API says: an exact path first, then the longest prefix, element by element."""
    ((_, ingress),) = of_kind("production", "Ingress").items()
    ((rule,), best) = ingress["spec"]["rules"], (-1, None)
    for each in rule["http"]["paths"]:
        elements = each["path"].split("/")
        exact = each["pathType"] == "Exact" and each["path"] == path
        begins = each["pathType"] == "Prefix" and path.split("/")[: len(elements)] == elements
        if exact or begins:
            best = max(best, (10_000 if exact else len(elements), each["backend"]["service"]["name"]))
    return best[1]


ASKING = {"namespace": {"rozana/asks": "yes"}}
KAFKA = {"labels": {"strimzi.io/cluster": "rozana", "strimzi.io/kind": "Kafka"}}
MONGO = {"labels": {"app": "rozana-mongo-svc"}}
WORLD = {"address": True}
MAY: Mapping[str, set[str]] = {
    "rozana-ingest": {"kafka"},
    "rozana-aggregator": {"kafka", "mongo"},
    "rozana-notifier": {"kafka", "mongo", "world"},
    "rozana-topics": {"kafka"},
}


@pytest.mark.parametrize("name", OURS)
def test_a_pod_reaches_what_it_needs_and_nothing_else(name: str) -> None:
    me = {"labels": pods("production")[name]["metadata"]["labels"]}
    others: dict[str, tuple[Json, int]] = {
        "kafka": (KAFKA, 9093),
        "mongo": (MONGO, 27017),
        "world": (WORLD, 443),
        "another": (me, 8080),
    }
    reached = {other for other, (peer, port) in others.items() if _allowed("Egress", me, peer, port)}
    assert reached == MAY[name]
    assert _allowed("Ingress", MONGO, me, 27017) is ("mongo" in MAY[name])
    assert _allowed("Ingress", me, ASKING, 8080)
    assert not _allowed("Ingress", me, {"labels": {"app": "somebody"}}, 8080)
    (kafka,) = of_kind("production", "Kafka").values()
    (listener,) = kafka["spec"]["kafka"]["listeners"]
    assert any(_selects(peer["podSelector"], me["labels"]) for peer in listener["networkPolicyPeers"])


def _allowed(direction: str, me: Json, peer: Json, port: int) -> bool:
    """Whether any policy that selects `me` lets `peer` pass; a pod that none selects would be open."""
    selecting = [
        each["spec"]
        for each in of_kind("production", "NetworkPolicy").values()
        if direction in each["spec"]["policyTypes"] and _selects(each["spec"]["podSelector"], me["labels"])
    ]
    assert selecting, "no policy selects it"
    return any(
        any(_is(there, peer) for there in rule["from" if direction == "Ingress" else "to"])
        and port in {each["port"] for each in rule["ports"]}
        for spec in selecting
        for rule in spec.get(direction.lower(), [])
    )


def _is(there: Json, peer: Json) -> bool:
    if "ipBlock" in there:
        return "address" in peer
    if "namespaceSelector" in there:
        return "namespace" in peer and _selects(there["namespaceSelector"], peer["namespace"])
    return "labels" in peer and _selects(there["podSelector"], peer["labels"])


def _selects(selector: Json, labels: Mapping[str, str]) -> bool:
    wanted: Iterator[tuple[str, list[str]]] = iter(
        [
            *((key, [value]) for key, value in selector.get("matchLabels", {}).items()),
            *((each["key"], each["values"]) for each in selector.get("matchExpressions", [])),
        ]
    )
    return all(labels.get(key) in values for key, values in wanted)
