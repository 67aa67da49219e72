"""What watches the system: the tools accept their files, and nothing asks for a metric that there is not."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.deploy.composed import ours, services
from tests.deploy.tools import ROOT, run

DEPLOY = ROOT / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "rozana.json"


def test_prometheus_accepts_its_file_and_asks_every_service() -> None:
    config = DEPLOY / "prometheus" / "compose.yml"
    run("promtool", "check", "config", config)
    document = yaml.safe_load(config.read_text())
    asked = {
        target for job in document["scrape_configs"] for group in job["static_configs"] for target in group["targets"]
    }
    assert asked == {f"{name}:8080" for name in ours() if name != "topics"}
    told = document["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert told == ["alertmanager:9093"]
    assert services()["alertmanager"]["networks"] == ["watch"]
    assert {"front", "watch"} == set(services()["prometheus"]["networks"])


def test_alertmanager_accepts_its_file() -> None:
    run("amtool", "check-config", DEPLOY / "alertmanager" / "alertmanager.yml")


def test_what_explains_away_an_alert_names_alerts_that_exist() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules" / "rozana.yml").read_text())
    known = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    named = set(re.findall(r"Rozana\w+", (DEPLOY / "alertmanager" / "alertmanager.yml").read_text()))
    assert named
    assert named <= known


def test_the_dashboard_asks_for_metrics_that_exist() -> None:
    text = "\n".join([*_queries(), json.dumps(json.loads(DASHBOARD.read_text())["templating"])])
    named = set(re.findall(r"\brozana[_:][\w:]+", text))
    assert len(named) > 10
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules" / "rozana.yml").read_text())
    recorded = {rule["record"] for group in rules["groups"] for rule in group["rules"] if "record" in rule}
    documented = set(re.findall(r"`(rozana_\w+)`", (ROOT / "docs" / "metrics.md").read_text()))
    histograms = set(re.findall(r"`(rozana_\w+)` \| histogram", (ROOT / "docs" / "metrics.md").read_text()))
    assert named - recorded <= documented | {f"{name}_bucket" for name in histograms}


def test_prometheus_accepts_the_dashboard_s_queries(tmp_path: Path) -> None:
    """As rules, since promtool checks those: what Grafana fills in is filled in first."""
    queries = [query.replace("$__rate_interval", "1m").replace("$state", "in-mp") for query in _queries()]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    run("promtool", "check", "rules", file)


def test_every_panel_has_its_place_and_the_provisioned_source() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    source = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text())
    (uid,) = (each["uid"] for each in source["datasources"])
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        assert panel["type"] == "row" or panel["datasource"] == {"type": "prometheus", "uid": uid}
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert cells.isdisjoint(taken), panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def _queries() -> Iterator[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
