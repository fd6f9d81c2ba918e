"""What does the operator cost as ModelDeployments grow in number? Counted and compared in one run.

For each size: the first rollout of all, rest, a move of every alias, and a restart; CPU from /proc,
requests from the audit log, look-ups from the registry's log. Sizes are compared with each other:
seconds of one machine say nothing about another. Pods are left out (replicas: 0).
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.integration.site import POLL_SECONDS, Operator, runtime

from lockgate_sandbox.api import ApiClient, wait_until_found
from lockgate_sandbox.registry.running import RunningRegistry, start_registry
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.supervise.lifetime import children_of
from lockgate_sandbox.world import start_control_plane

ROOT = Path(__file__).parents[2]
ALIASES = 5
REST_POLLS = 20
PATIENCE_SECONDS = 600.0
_TICKS = os.sysconf("SC_CLK_TCK")
_GROUP = "/apis/lockgate.dev/v1alpha1"


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
    restart_cpu_per: float = 0.0
    restart_writes: int = 0
    resident_mib: float = 0.0


@dataclass
class Bench:
    """One size: a namespace with so many deployments and an operator that watches it alone."""

    world: RunningWorld
    registry: RunningRegistry
    size: int
    scratch: Path
    figures: Figures = field(init=False)

    def __post_init__(self) -> None:
        self.figures = Figures(deployments=self.size)
        self.namespace = f"bench-{self.size}"
        self.client = ApiClient(self.world.kubeconfig, timeout=60)
        key = self.scratch / "api-key"
        key.write_text(self.registry.keys["viewer"])
        self.operator = Operator(
            self.world.kubeconfig,
            self.registry.url,
            self.scratch,
            LOCKGATE_WATCH_NAMESPACES=self.namespace,
            LOCKGATE_REGISTRY_API_KEY_FILE=str(key),
        )

    def run(self) -> Figures:
        """All four parts; what it made goes with the world."""
        self.client.post("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        wait_until_found(self.client, f"/api/v1/namespaces/{self.namespace}/serviceaccounts/default", 15)
        self._point_aliases("v0")
        for number in range(self.size):
            self._deploy(number)
        try:
            self.operator.start()
            self._first_rollout()
            self._rest()
            self._move()
            self._restart()
        finally:
            self.operator.kill()
            self.client.close()
        return self.figures

    def _first_rollout(self) -> None:
        self._say("first rollout")
        self._until(lambda: self._serving("v0") == self.size)
        self.figures.first_rollout_cpu_per = self._cpu() / self.size
        self.figures.first_rollout_requests_per = len(self._requests()) / self.size

    def _rest(self) -> None:
        self._say("rest")
        self._until_quiet()
        before, cpu = len(self._requests()), self._cpu()
        self.registry.requests.clear()
        self._until(lambda: len(self.registry.requests.records()) >= REST_POLLS)
        polls = self.registry.requests.records()
        self.figures.rest_cpu_per_poll = (self._cpu() - cpu) / len(polls)
        self.figures.rest_lookups_per_poll = sum(poll.lookups for poll in polls) / len(polls)
        self.figures.rest_requests = len(self._requests()) - before

    def _move(self) -> None:
        self._say("every alias moves")
        before, cpu = len(self._requests()), self._cpu()
        self._point_aliases("v1")
        self._until(lambda: self._serving("v1") == self.size)
        self.figures.move_cpu_per = (self._cpu() - cpu) / self.size
        written = [line for line in self._requests()[before:] if '"resource":"events"' not in line]
        self.figures.move_writes_per = len(written) / self.size

    def _restart(self) -> None:
        self._say("restart")
        self._until_quiet()
        self.figures.resident_mib = self._resident_mib()
        before = len(self._requests())
        self.operator.kill(signal.SIGTERM)
        self.operator.start()
        self._until(lambda: self._passes() >= self.size)
        self.figures.restart_cpu_per = self._cpu() / self.size
        self._until_quiet()
        self.figures.restart_writes = sum('"verb":"patch"' in line for line in self._requests()[before:])

    def _deploy(self, number: int) -> None:
        spec = {
            "model": {"registry": "model", "collection": "churn", "alias": f"alias-{number % ALIASES}"},
            "runtime": {"name": "onnx"},
            "replicas": 0,
        }
        body = {
            "apiVersion": "lockgate.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": f"churn-{number}"},
            "spec": spec,
        }
        self.client.post(f"{_GROUP}/namespaces/{self.namespace}/modeldeployments", body)

    def _point_aliases(self, version: str) -> None:
        for number in range(ALIASES):
            self.registry.move_alias("model", "churn", f"alias-{number}", version)

    def _serving(self, version: str) -> int:
        return self._metrics().count(f'version="{version}"')

    def _passes(self) -> int:
        lines = [
            line for line in self._metrics().splitlines() if line.startswith("lockgate_reconcile_total{")
        ]
        return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))

    def _metrics(self) -> str:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.operator.port}/metrics", timeout=20
            ) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def _requests(self) -> list[str]:
        """The operator's finished requests in this namespace, watches and lists aside, as audit lines."""
        with self.world.audit_log.open() as log:
            return [
                line
                for line in log
                if f'"namespace":"{self.namespace}"' in line
                and '"userAgent":"lockgate/' in line
                and '"stage":"ResponseComplete"' in line
                and '"verb":"list"' not in line
            ]

    def _cpu(self) -> float:
        """Milliseconds that the operator and its children have used so far."""
        total = 0
        for pid in (self.operator.pid, *children_of(self.operator.pid)):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total * 1000 / _TICKS

    def _resident_mib(self) -> float:
        pages = int(Path(f"/proc/{self.operator.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _until_quiet(self) -> None:
        """Until several polls have gone by without a request."""

        def is_quiet() -> bool:
            before = len(self._requests())
            time.sleep(4 * POLL_SECONDS)
            return len(self._requests()) == before

        self._until(is_quiet)

    def _until(self, check: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not check():
            if time.monotonic() > deadline:
                raise SystemExit(f"not within {PATIENCE_SECONDS:.0f} s; {self.operator.log[-2000:]}")
            time.sleep(0.2)

    def _say(self, part: str) -> None:
        print(f"  {self.size} deployments: {part}", file=sys.stderr, flush=True)


def table(measured: Sequence[Figures]) -> str:
    """One row a figure, one column a size, and how the largest compares with the smallest."""
    rows = [("", *(f"{m.deployments} deployments" for m in measured), "largest : smallest")]
    for name in list(asdict(measured[0]))[1:]:
        values = [float(getattr(m, name)) for m in measured]
        ratio = f"{values[-1] / values[0]:.2f}" if values[0] else ("1.00" if values[-1] == 0 else "-")
        rows.append((_label(name), *(f"{value:.2f}" for value in values), ratio))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _label(name: str) -> str:
    words = name.replace("_", " ")
    return (f"{words} deployment" if words.endswith(" per") else words) + (", ms" if "cpu" in name else "")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--sizes", default="20,100", help="numbers of deployments, ascending (%(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    measured = []
    with start_control_plane() as world, start_registry() as registry:
        world.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        world.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s")
        with ApiClient(world.kubeconfig) as client:
            client.post(f"{_GROUP}/modelruntimes", runtime())
        for version in range(2):
            registry.seed_version(collection="churn", files={"model.onnx": f"weights {version}".encode()})
        for size in sizes:
            with tempfile.TemporaryDirectory() as scratch:
                measured.append(Bench(world, registry, size, Path(scratch)).run())
    print(json.dumps([asdict(m) for m in measured], indent=1) if options.json else table(measured))


if __name__ == "__main__":
    main()
