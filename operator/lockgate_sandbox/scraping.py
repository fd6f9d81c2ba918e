"""What Prometheus is told in a world: whom to scrape, how to label what it finds, and what it may see. Pure.

Pods tell it by the usual annotations, which Lockgate gives to the pods of a runtime with metrics. The
labels are those that the PromQL of the shipped runtime names.
"""

from __future__ import annotations

from typing import Any

from lockgate_sandbox import objects

SECONDS = 1
_POD = "__meta_kubernetes_pod"
_LABELS = {
    "namespace": "__meta_kubernetes_namespace",
    "pod": f"{_POD}_name",
    "model_deployment": f"{_POD}_label_lockgate_dev_model_deployment",
    "release": f"{_POD}_label_lockgate_dev_release",
}


def configuration(*jobs: dict[str, Any]) -> dict[str, Any]:
    """Prometheus' own configuration, which it reads as JSON as well as YAML."""
    return {
        "global": {"scrape_interval": f"{SECONDS}s", "scrape_timeout": f"{SECONDS}s"},
        "scrape_configs": list(jobs),
    }


def pods() -> dict[str, Any]:
    """Every pod that asks for it."""
    annotation = f"{_POD}_annotation_prometheus_io"
    return {
        "job_name": "pods",
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [
            {"source_labels": [f"{annotation}_scrape"], "action": "keep", "regex": "true"},
            # A pod whose containers name several ports is found once for each of them.
            _rule([f"{_POD}_ip", f"{annotation}_port"], "(.+);([0-9]+)", "__address__", "$1:$2"),
            _rule([f"{annotation}_path"], "(.+)", "__metrics_path__", "$1"),
            *(_rule([source], "(.*)", label, "$1") for label, source in _LABELS.items()),
        ],
    }


def server(name: str, address: str) -> dict[str, Any]:
    """One server, at HOST:PORT."""
    return {"job_name": name, "static_configs": [{"targets": [address]}]}


def files(pattern: str) -> dict[str, Any]:
    """Whatever files of `target` say, also such that come later."""
    return {
        "job_name": "files",
        "file_sd_configs": [{"files": [pattern], "refresh_interval": f"{SECONDS}s"}],
    }


def target(address: str, labels: dict[str, str]) -> list[dict[str, Any]]:
    """What such a file holds: one server, and the labels of all that is found there."""
    return [{"targets": [address], "labels": labels}]


def arguments(config: str, data: str, address: str) -> list[str]:
    """How it is started, with a memory in the directory `data`."""
    return [
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=1d",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]


def account(name: str, namespace: str) -> tuple[dict[str, Any], ...]:
    """An account that sees all pods, and the objects that let it."""
    group = "rbac.authorization.k8s.io"
    known = {"apiVersion": f"{group}/v1", "metadata": {"name": f"lockgate:{name}"}}
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    role = {"apiGroup": group, "kind": "ClusterRole", "name": f"lockgate:{name}"}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return (
        objects.named("v1", "ServiceAccount", name, namespace),
        {**known, "kind": "ClusterRole", "rules": [rule]},
        {**known, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [subject]},
    )


def _rule(sources: list[str], regex: str, target_label: str, replacement: str) -> dict[str, Any]:
    return {
        "source_labels": sources,
        "regex": regex,
        "target_label": target_label,
        "replacement": replacement,
    }
