"""docker-compose.yml is valid, starts in order without a fixed sleep, and gives nobody more than it needs."""

from pathlib import Path

import pytest

from tests.deploy.composed import checked, compose, ours, services, start_order, waits_for
from tests.deploy.tools import ROOT

ONCE = {"topics"}
CHECKED_BY_THE_IMAGE = {"ingest", "aggregator", "notifier"}


def test_compose_itself_accepts_it() -> None:
    assert checked()["services"].keys() == services().keys()


def test_everybody_waits_for_what_he_needs_by_its_health() -> None:
    order = start_order()
    for earlier, later in [("kafka", "topics"), ("topics", "ingest"), ("mongo", "aggregator"), ("notifier", "proxy")]:
        assert order.index(earlier) < order.index(later)
    conditions = {name: waits_for(service) for name, service in services().items()}
    assert conditions["topics"] == {"kafka": "service_healthy"}
    assert all(conditions[name]["topics"] == "service_completed_successfully" for name in CHECKED_BY_THE_IMAGE)
    waited_for = {name for after in conditions.values() for name, how in after.items() if how == "service_healthy"}
    assert {name for name in waited_for if "healthcheck" not in services()[name]} <= CHECKED_BY_THE_IMAGE
    assert "sleep" not in str(compose())


@pytest.mark.parametrize("name", services())
def test_a_service_is_bounded_and_checked(name: str) -> None:
    service = services()[name]
    assert service["deploy"]["resources"]["limits"].keys() >= {"cpus", "memory"}
    assert service["logging"] == {"driver": "local"}
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    assert "healthcheck" in service or name in CHECKED_BY_THE_IMAGE
    assert (service["restart"] == "no") is (name in ONCE)
    assert ":" in service["image"] or name in ours()
    assert not service["image"].endswith(":latest")
    assert service.get("read_only") is True or name in {"kafka", "mongo"}


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_secrets_come_as_files_that_are_not_in_git() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for secret in compose()["secrets"].values():
        assert Path(secret["file"]).parent == Path("deploy/secrets")
    assert "deploy/secrets/" in ignored
    for service in services().values():
        for name, value in service.get("environment", {}).items():
            secret = any(word in name for word in ("PASSWORD", "SECRET", "TOKEN", "JWKS"))
            assert not secret or value.startswith("/run/secrets/"), name
    for service in services().values():
        assert set(service.get("secrets", [])) <= set(compose()["secrets"])


def test_ingest_alone_has_the_public_keys_of_grievances() -> None:
    given = {name: service["environment"].get("ROZANA_GRIEVANCE_KEYS") for name, service in ours().items()}
    assert given == dict.fromkeys(ours(), None) | {"ingest": "/run/secrets/grievance-keys"}
    assert {name for name, service in ours().items() if "grievance-keys" in service["secrets"]} == {"ingest"}
    assert ours()["ingest"]["environment"].keys() > ours()["notifier"]["environment"].keys()


def test_what_is_mounted_is_there() -> None:
    volumes = [volume.split(":")[0] for service in services().values() for volume in service.get("volumes", [])]
    files = [volume for volume in volumes if volume.startswith("./")]
    assert [path for path in files if not (ROOT / path).exists()] == []
    assert {volume for volume in volumes if not volume.startswith("./")} == set(compose()["volumes"])


def test_what_must_last_lies_in_a_volume() -> None:
    """Kafka's image writes to /tmp unless it is told."""
    kafka = services()["kafka"]
    assert f"kafka:{kafka['environment']['KAFKA_LOG_DIRS']}" in kafka["volumes"]
    assert "mongo:/data/db" in services()["mongo"]["volumes"]
    assert kafka["environment"]["KAFKA_LOG_FLUSH_INTERVAL_MESSAGES"] == "1"


def test_log_and_store_are_reached_by_those_who_need_them_and_lead_nowhere() -> None:
    on = {
        network: {name for name, service in services().items() if network in service["networks"]}
        for network in compose()["networks"]
    }
    assert on["log"] == {"kafka", "topics", "ingest", "aggregator", "notifier"}
    assert on["store"] == {"mongo", "aggregator", "notifier"}
    assert all(compose()["networks"][name] == {"internal": True} for name in ("log", "store"))
    assert on["watch"].isdisjoint(ours())
