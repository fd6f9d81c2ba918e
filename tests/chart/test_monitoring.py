"""What the chart brings for Prometheus and Grafana: off unless asked for, and labelled as queries need it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.rendering import CHART, EVERYTHING, SMALLEST, Objects, only, render, run
from tests.fakes.builders import deployment, revision

from lockgate.backends.deployment.marks import pod_labels
from lockgate_sandbox import scraping

pytestmark = pytest.mark.integration
KINDS = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
RULES = yaml.safe_load((CHART / "rules" / "lockgate.yaml").read_text())


def dashboards(objects: Objects) -> Objects:
    return [found for found in objects if "grafana_dashboard" in (found["metadata"].get("labels") or {})]


def relabelled(rules: list[dict[str, Any]], found: dict[str, str]) -> dict[str, str] | None:
    """The labels of a target after rules in the words of Prometheus' configuration; None: it is dropped."""
    labels = dict(found)
    for rule in rules:
        text = ";".join(labels.get(name, "") for name in rule["source_labels"])
        matched = re.fullmatch(rule.get("regex", "(.*)"), text)
        if rule.get("action") == "keep":
            if matched is None:
                return None
        elif matched is not None:
            labels[rule["target_label"]] = matched.expand(
                re.sub(r"\$(\d)", r"\\\1", rule.get("replacement", "$1"))
            )
    return labels


def rules_of(monitor: dict[str, Any]) -> list[dict[str, Any]]:
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    names = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    return [
        {names.get(name, name): value for name, value in rule.items()} for rule in endpoint["relabelings"]
    ]


def pod(**annotations: str) -> dict[str, str]:
    """A pod of a model as Prometheus finds it."""
    release = revision(2)
    labels = pod_labels(deployment(), type(release)(**{**_fields(release), "release": "0000abcd"}))
    meta = {
        f"__meta_kubernetes_pod_label_{re.sub(r'[^a-z]', '_', name)}": value for name, value in labels.items()
    }
    told = {
        f"__meta_kubernetes_pod_annotation_prometheus_io_{name}": text for name, text in annotations.items()
    }
    return meta | told | {"__address__": "10.0.0.7:8080", "__meta_kubernetes_pod_ip": "10.0.0.7"}


def _fields(release: Any) -> dict[str, Any]:
    return {name: getattr(release, name) for name in type(release).__slots__}


def test_nothing_of_it_is_there_unless_asked_for(helm: Path) -> None:
    objects = render(helm, SMALLEST)
    assert not KINDS & {found["kind"] for found in objects}
    assert not dashboards(objects)


def test_the_operators_metrics_keep_the_namespace_of_their_deployments(helm: Path) -> None:
    objects = render(helm, EVERYTHING)
    monitor, service = only(objects, "ServiceMonitor"), only(objects, "Service")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint == {"port": "http", "path": "/metrics", "honorLabels": True, "interval": "15s"}
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert monitor["metadata"]["labels"]["release"] == "monitoring"


def test_a_monitor_without_its_service_is_refused_in_one_sentence(helm: Path) -> None:
    sets = ("--set", "metrics.service.enabled=false", "--set", "metrics.serviceMonitor.enabled=true")
    done = run(helm, "template", "r", CHART, "--values", SMALLEST, *sets)
    assert done.returncode != 0
    assert "metrics.serviceMonitor needs the Service that it names" in done.stderr


def test_model_pods_are_scraped_where_their_runtime_says_and_labelled_by_release(helm: Path) -> None:
    monitor = only(render(helm, EVERYTHING), "PodMonitor")
    rules = rules_of(monitor)
    found = relabelled(rules, pod(scrape="true", port="9090", path="/stats"))
    assert found is not None
    assert (found["__address__"], found["__metrics_path__"]) == ("10.0.0.7:9090", "/stats")
    assert (found["model_deployment"], found["release"]) == ("churn", "0000abcd")
    assert relabelled(rules, pod()) is None
    six = relabelled(rules, pod(scrape="true", port="9090") | {"__meta_kubernetes_pod_ip": "fd00::7"})
    assert six is not None
    assert six["__address__"] == "[fd00::7]:9090"
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["interval"] == "5s"


def test_the_chart_labels_what_model_pods_say_as_the_sandbox_does(helm: Path) -> None:
    rules = rules_of(only(render(helm, EVERYTHING), "PodMonitor"))
    where = {"__meta_kubernetes_namespace": "growth", "__meta_kubernetes_pod_name": "churn-1"}
    asked = pod(scrape="true", port="9090", path="/stats") | where
    ours, theirs = relabelled(rules, asked), relabelled(scraping.pods()["relabel_configs"], asked)
    assert ours is not None
    assert theirs is not None
    # These two the Prometheus Operator adds by itself.
    assert set(theirs) - set(ours) == {"namespace", "pod"}
    assert ours.items() <= theirs.items()


def test_pods_are_looked_for_where_the_operator_looks_after_models(helm: Path) -> None:
    def monitor(values: Path) -> dict[str, Any]:
        return only(render(helm, values, "modelPods.podMonitor.enabled=true"), "PodMonitor")["spec"]

    assert monitor(EVERYTHING)["namespaceSelector"] == {"matchNames": ["growth", "risk"]}
    assert monitor(SMALLEST)["namespaceSelector"] == {"any": True}
    assert (
        monitor(SMALLEST)["selector"]["matchLabels"].items() <= pod_labels(deployment(), revision(2)).items()
    )


def test_each_dashboard_is_a_config_map_that_a_sidecar_finds_and_leads_to_the_own_wandb(helm: Path) -> None:
    found = dashboards(render(helm, EVERYTHING))
    shipped = {path.name: json.loads(path.read_text()) for path in (CHART / "dashboards").iterdir()}
    assert len(found) == len(shipped) == 2
    for each in found:
        labels = each["metadata"]["labels"]
        assert (labels["grafana_dashboard"], labels["grafana_folder"]) == ("1", "lockgate")
        assert each["metadata"]["annotations"] == {"example.com/folder": "Models"}
        ((name, content),) = each["data"].items()
        told, known = json.loads(content), shipped[name.removeprefix("lockgate-")]
        assert told["panels"] == known["panels"]
        assert "ORGANIZATION" not in content
    assert "https://wandb.example.com/orgs/acme" in str(found)


def test_the_label_of_the_dashboards_can_be_another_one(helm: Path) -> None:
    pairs = (
        "dashboards.enabled=true",
        "dashboards.labels.grafana_dashboard=null",
        "dashboards.labels.board=yes",
    )
    objects = render(helm, SMALLEST, *pairs)
    assert not dashboards(objects)
    assert len([found for found in objects if found["metadata"].get("labels", {}).get("board") == "yes"]) == 2


def test_the_alerts_arrive_as_they_are_with_runbooks_where_people_read_them(helm: Path) -> None:
    rule = only(render(helm, EVERYTHING), "PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "monitoring"
    told = json.dumps(rule["spec"]).replace("https://git.example.com/lockgate/docs/runbooks", "docs/runbooks")
    assert json.loads(told) == RULES
    assert "https://git.example.com/lockgate/docs/runbooks/LockgateRolloutStuck.md" in str(rule)
    bare = only(render(helm, SMALLEST, "rules.enabled=true"), "PrometheusRule")
    assert bare["spec"] == RULES


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("metrics.serviceMonitor.interval=often", "'/metrics/serviceMonitor/interval'"),
        ("modelPods.podMonitor.labels.release=a b", "'/modelPods/podMonitor/labels/release'"),
        ("rules.runbooksUrl=docs", "'/rules/runbooksUrl'"),
        ("dashboards.wandbUrl=wandb.ai", "'/dashboards/wandbUrl'"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_by_name(helm: Path, pair: str, words: str) -> None:
    done = run(helm, "template", "r", CHART, "--values", SMALLEST, "--set", pair)
    assert done.returncode != 0
    assert words in done.stderr
