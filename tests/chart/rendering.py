"""The chart as helm renders it, and what a test asks of the objects."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "helm" / "lockgate"
SMALLEST, EVERYTHING = CHART / "ci" / "smallest-values.yaml", CHART / "ci" / "everything-values.yaml"
Objects = list[dict[str, Any]]


def run(helm: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([helm, *args], capture_output=True, text=True, timeout=60, check=False)


def render(helm: Path, values: Path, *sets: str, release: str = "r") -> Objects:
    extra = [word for pair in sets for word in ("--set", pair)]
    done = run(helm, "template", release, CHART, "--namespace", "ops", "--values", values, *extra)
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def only(objects: Objects, kind: str, name: str | None = None) -> dict[str, Any]:
    (found,) = [
        candidate
        for candidate in objects
        if candidate["kind"] == kind and name in (None, candidate["metadata"]["name"])
    ]
    return found


def pod_of(objects: Objects) -> dict[str, Any]:
    spec: dict[str, Any] = only(objects, "Deployment")["spec"]["template"]["spec"]
    return spec


def rights(rules: Iterable[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def granted(group: str, resource: str, *verbs: str) -> set[tuple[str, str, str]]:
    return {(group, resource, verb) for verb in verbs}


def environment(objects: Objects) -> dict[str, str]:
    (container,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


def complaints_of(helm: Path, *pairs: str) -> str:
    """What helm says of the smallest values with these pairs, which it must not take."""
    extra = [word for pair in pairs for word in ("--set", pair)]
    done = run(helm, "template", "r", CHART, "--namespace", "ops", "--values", SMALLEST, *extra)
    assert done.returncode != 0
    return done.stderr
