"""What does the operator cost as ModelDeployments grow in number? Counted and compared in one run.

For each size: the first rollout of all, rest, a move of every alias, a restart, and a client that
does nothing but the least writes of such a move. CPU from /proc, requests from the audit log,
look-ups from the registry's log. Sizes are compared with each other, and the operator with that
client: seconds of one machine say nothing about another. Pods are left out (replicas: 0).
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.benchmarks.measuring import AuditTail, Crowd, cpu_milliseconds, passes, resident_mib
from tests.integration.site import Operator, Site, install_api

from lockgate_sandbox.api import Json, wait_until_found
from lockgate_sandbox.registry.running import RunningRegistry, start_registry
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.world import start_control_plane

ALIASES = 5
REST_POLLS = 20
PATIENCE_SECONDS = 600.0
# Rarely: to look costs time on the same processors.
LOOK_SECONDS = 4.0
QUIET_SECONDS = 2.0


@dataclass
class Figures:
    """What one size cost. CPU in milliseconds; `per` is a deployment, at rest a poll."""

    deployments: int
    first_rollout_cpu_per: float = 0.0
    first_rollout_requests_per: float = 0.0
    rest_cpu_per_poll: float = 0.0
    rest_requests: int = 0
    rest_lookups_per_poll: float = 0.0
    move_cpu_per: float = 0.0
    move_writes_per: float = 0.0
    move_passes_per: float = 0.0
    move_registry_requests: int = 0
    move_last_deployment_seconds: float = 0.0
    raw_last_deployment_seconds: float = 0.0
    last_deployment_to_raw: float = 0.0
    restart_cpu_per: float = 0.0
    restart_writes: int = 0
    resident_mib: float = 0.0
    requests: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass
class Bench:
    """One size: a namespace with so many deployments and an operator that watches it alone."""

    site: Site
    size: int

    def run(self) -> Figures:
        """All four parts; what it made goes with the world."""
        site, figures = self.site, Figures(deployments=self.size)
        site.client.post("/api/v1/namespaces", {"metadata": {"name": site.namespace}})
        wait_until_found(site.client, f"/api/v1/namespaces/{site.namespace}/serviceaccounts/default", 15)
        self._point_aliases("v0")
        for number in range(self.size):
            model = {"registry": "model", "collection": "churn", "alias": f"alias-{number % ALIASES}"}
            site.deploy(f"churn-{number}", model=model, replicas=0)
        try:
            site.operator.start()
            for part in (self._first_rollout, self._rest, self._move, self._restart, self._raw):
                print(
                    f"  {self.size} deployments:{part.__name__.replace('_', ' ')}",
                    file=sys.stderr,
                    flush=True,
                )
                part(figures)
        finally:
            site.operator.kill()
            site.client.close()
        return figures

    def _first_rollout(self, figures: Figures) -> None:
        audit = self._audit("lockgate/")
        self._wait_all_serve("v0")
        figures.first_rollout_cpu_per = cpu_milliseconds(self.site.operator.pid) / self.size
        self._wait_quiet()
        figures.requests["first rollout"] = self._per_deployment(audit)
        figures.first_rollout_requests_per = sum(audit.counts.values()) / self.size

    def _rest(self, figures: Figures) -> None:
        log = self.site.registry.requests
        before, cpu = len(self.site.requests()), cpu_milliseconds(self.site.operator.pid)
        log.clear()
        self.site.wait("polls", lambda: len(log.records()) >= REST_POLLS)
        polls = log.records()
        figures.rest_cpu_per_poll = (cpu_milliseconds(self.site.operator.pid) - cpu) / len(polls)
        figures.rest_lookups_per_poll = sum(poll.lookups for poll in polls) / len(polls)
        figures.rest_requests = len(self.site.requests()) - before

    def _move(self, figures: Figures) -> None:
        pid, log, audit = self.site.operator.pid, self.site.registry.requests, self._audit("lockgate/")
        log.clear()
        cpu, began, looked = cpu_milliseconds(pid), time.time(), passes(self.site.operator.port)
        self._point_aliases("v1")
        self._wait_all_serve("v1")
        figures.move_cpu_per = (cpu_milliseconds(pid) - cpu) / self.size
        # Polls go on beside the move; one of them finds it.
        others = [r for r in log.records() if r.operations != ["LockgateLookUp"]]
        figures.move_registry_requests = len(others) + 1
        self._wait_quiet()
        figures.requests["move"] = self._per_deployment(audit)
        figures.move_writes_per = audit.writes / self.size
        figures.move_passes_per = (passes(self.site.operator.port) - looked) / self.size
        figures.move_last_deployment_seconds = audit.last["patch deployments"] - began
        figures.resident_mib = resident_mib(pid)

    def _restart(self, figures: Figures) -> None:
        before = len(self.site.writes())
        self.site.operator.kill(signal.SIGTERM)
        self.site.operator.start()
        self._wait("all are looked at", lambda: passes(self.site.operator.port) >= self.size)
        figures.restart_cpu_per = cpu_milliseconds(self.site.operator.pid) / self.size
        self._wait_quiet()
        figures.restart_writes = len(self.site.writes()) - before

    def _raw(self, figures: Figures) -> None:
        """One apply of the Deployment and one of the status for each: what nobody can do without."""
        self.site.operator.kill()
        audit, began = self._audit("raw"), time.time()
        crowd = Crowd(self.site.world.kubeconfig, "raw")
        statuses = {found["metadata"]["name"]: found for found in self.site.all("modeldeployments")}
        errands = [self._least(found, statuses) for found in self.site.all("deployments")]
        began = time.time()
        asyncio.run(crowd.each(errands, lambda done: None))
        figures.raw_last_deployment_seconds = audit.read().last["patch deployments"] - began
        figures.last_deployment_to_raw = (
            figures.move_last_deployment_seconds / figures.raw_last_deployment_seconds
        )

    def _least(self, found: Json, statuses: dict[str, Json]) -> list[tuple[str, str, object]]:
        name = found["metadata"]["name"]
        template = found["spec"]["template"]
        template["metadata"].setdefault("annotations", {})["raw"] = "moved"
        kept = {"name": name, "labels": found["metadata"]["labels"]}
        workload = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": kept, "spec": found["spec"]}
        status = statuses[name]["status"] | {"step": "raw"}
        body = [{"op": "add", "path": "/status", "value": status}]
        manager = "?fieldManager=raw&force=true"
        return [
            ("PATCH", self.site.path("deployments", name) + manager, workload),
            ("PATCH", self.site.path("modeldeployments", name) + "/status", body),
        ]

    def _per_deployment(self, audit: AuditTail) -> dict[str, float]:
        return {what: count / self.size for what, count in sorted(audit.read().counts.items())}

    def _audit(self, agent: str) -> AuditTail:
        assert self.site.world.audit_log is not None
        return AuditTail(self.site.world.audit_log, self.site.namespace, agent)

    def _point_aliases(self, version: str) -> None:
        for number in range(ALIASES):
            self.site.registry.move_alias("model", "churn", f"alias-{number}", version)

    def _wait_all_serve(self, version: str) -> None:
        """Asks the API server: to ask the operator would cost it what is to be measured."""

        def all_serve() -> bool:
            statuses = [found.get("status") or {} for found in self.site.all("modeldeployments")]
            serving = (status.get("stable", {}).get("version") for status in statuses)
            return all(found == version for found in serving)

        self._wait(f"all serve {version}", all_serve)

    def _wait(self, what: str, check: Callable[[], bool]) -> None:
        self.site.wait(what, check, within=PATIENCE_SECONDS, every=LOOK_SECONDS)

    def _wait_quiet(self) -> None:
        """Events are written last, and belong to what was measured."""
        self._wait("nothing is asked any more", self._is_quiet)

    def _is_quiet(self) -> bool:
        before = len(self.site.requests())
        time.sleep(QUIET_SECONDS)
        return len(self.site.requests()) == before


def table(measured: Sequence[Figures]) -> str:
    """One row a figure, one column a size, and how the largest compares with the smallest."""
    rows = [("", *(f"{m.deployments} deployments" for m in measured), "largest : smallest")]
    for name in list(asdict(measured[0]))[1:-1]:
        values = [float(getattr(m, name)) for m in measured]
        ratio = f"{values[-1] / values[0]:.2f}" if values[0] else ("1.00" if values[-1] == 0 else "-")
        rows.append((_label(name), *(f"{value:.2f}" for value in values), ratio))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([*lines, *_requests_of(measured[-1])])


def _requests_of(measured: Figures) -> list[str]:
    """Which requests they were, of the largest size."""
    lines = []
    for part, each in measured.requests.items():
        counts = ", ".join(f"{what} {count:.2f}" for what, count in each.items())
        lines.append(f"{part}, requests per deployment: {counts}")
    return lines


def _label(name: str) -> str:
    words = name.replace("_", " ")
    return (f"{words} deployment" if words.endswith(" per") else words) + (", ms" if "cpu" in name else "")


def _site(world: RunningWorld, registry: RunningRegistry, size: int, scratch: Path) -> Site:
    namespace, key = f"bench-{size}", scratch / "api-key"
    key.write_text(registry.keys["viewer"])
    operator = Operator(
        world.kubeconfig,
        registry.url,
        scratch,
        LOCKGATE_WATCH_NAMESPACES=namespace,
        LOCKGATE_REGISTRY_API_KEY_FILE=str(key),
    )
    return Site(world, namespace, registry, None, operator)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--sizes", default="20,100", help="numbers of deployments, ascending (%(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    measured = []
    with start_control_plane() as world, start_registry() as registry:
        install_api(world)
        for version in range(2):
            registry.seed_version(collection="churn", files={"model.onnx": f"weights {version}".encode()})
        for size in sizes:
            with tempfile.TemporaryDirectory() as scratch:
                measured.append(Bench(_site(world, registry, size, Path(scratch)), size).run())
    print(json.dumps([asdict(m) for m in measured], indent=1) if options.json else table(measured))


if __name__ == "__main__":
    main()
