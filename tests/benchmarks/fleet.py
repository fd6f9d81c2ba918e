"""Does a large fleet follow one alias without a red probe, and without making people wait?

One control plane, one registry, one operator, N ModelDeployments (replicas: 0) that follow one
alias. The alias moves and all follow; meanwhile the probes are asked without end, and people edit
specs, one after the other: how long until their Deployment is written? Then a restart: it must
write nothing. Ends with 1 when a probe was red, a restart wrote, or an edit took longer than a second.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import (
    AuditTail,
    Crowd,
    Probes,
    cpu_milliseconds,
    passes,
    percentile,
    resident_mib,
)
from tests.benchmarks.people import NAMESPACE, Editors, Serving, path_of
from tests.integration.site import Operator, install_api

from lockgate_sandbox.api import ApiClient, Json, wait_until_found
from lockgate_sandbox.registry.running import RunningRegistry, start_registry
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.world import start_control_plane

EDIT_SECONDS = 1.0


@dataclass
class Figures:
    """What was measured; seconds, milliseconds where the name says so."""

    deployments: int
    first_rollout_seconds: float = 0.0
    first_rollout_requests: dict[str, float] = field(default_factory=dict)
    move_last_deployment_seconds: float = 0.0
    move_all_final_seconds: float = 0.0
    move_cpu_ms_per_deployment: float = 0.0
    move_passes_per_deployment: float = 0.0
    move_requests: dict[str, float] = field(default_factory=dict)
    move_registry_requests: int = 0
    edits_wanted: int = 0
    edits: int = 0
    edits_amid_the_move: int = 0
    edit_p50_seconds: float = 0.0
    edit_p99_seconds: float = 0.0
    edit_slowest_seconds: list[float] = field(default_factory=list)
    edit_until_asked_p50_p99: tuple[float, float] = (0.0, 0.0)
    edit_answered_p50_p99: tuple[float, float] = (0.0, 0.0)
    restart_ready_seconds: float = 0.0
    restart_cpu_ms_per_deployment: float = 0.0
    restart_writes: dict[str, int] = field(default_factory=dict)
    resident_mib: float = 0.0
    probes_asked: int = 0
    probes_slowest_seconds: float = 0.0
    probes_red: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """What must not be."""
        return [
            *(f"red probe: {red}" for red in self.probes_red[:10]),
            *([f"a restart wrote {self.restart_writes}"] if self.restart_writes else []),
            *([f"only {self.edits} edits were made"] if self.edits < self.edits_wanted else []),
            *([f"edits took {self.edit_p99_seconds:.2f} s"] if self.edit_p99_seconds > EDIT_SECONDS else []),
        ]


class Fleet:
    """One run."""

    def __init__(self, world: RunningWorld, registry: RunningRegistry, options: argparse.Namespace) -> None:
        self._world = world
        self._registry = registry
        self._options = options
        self._figures = Figures(deployments=options.size)
        assert world.audit_log is not None
        self._audit = AuditTail(world.audit_log, NAMESPACE, "lockgate/")
        self._client = ApiClient(world.kubeconfig, timeout=60)

    def run(self, scratch: Path) -> Figures:
        """All parts; what it made goes with the world."""
        self._create()
        operator = self._operator = self._make_operator(scratch)
        serving = Serving(self._world.kubeconfig)
        operator.start()
        probes = Probes(operator.probe_port).start()
        try:
            self._first_rollout(serving)
            self._move(operator, serving)
            self._figures.resident_mib = resident_mib(operator.pid)
            probes.stop()
            self._restart(operator)
        finally:
            probes.stop()
            serving.stop()
            operator.kill()
            self._figures.probes_asked = probes.asked
            self._figures.probes_slowest_seconds = probes.slowest
            self._figures.probes_red = probes.red
        return self._figures

    def _make_operator(self, scratch: Path) -> Operator:
        key = scratch / "api-key"
        key.write_text(self._registry.keys["viewer"])
        return Operator(
            self._world.kubeconfig,
            self._registry.url,
            scratch,
            LOCKGATE_WATCH_NAMESPACES=NAMESPACE,
            LOCKGATE_REGISTRY_API_KEY_FILE=str(key),
            LOCKGATE_REGISTRY_TIMEOUT_SECONDS="20",
            LOCKGATE_LOG_LEVEL="WARNING",
            **({"LOCKGATE_KUBERNETES_REQUESTS_PER_SECOND": self._options.rate} if self._options.rate else {}),
        )

    def _create(self) -> None:
        self._client.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        wait_until_found(self._client, f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default", 30)
        self._registry.move_alias("model", "churn", "production", "v0")
        crowd = Crowd(self._world.kubeconfig, "benchmark")
        posts = (("POST", path_of("modeldeployments"), _deployment(n)) for n in range(self._options.size))
        crowd.send(posts, self._progress("created"))

    def _first_rollout(self, serving: Serving) -> None:
        began = time.monotonic()
        self._wait("serve v0", lambda: serving.count("v0"))
        self._figures.first_rollout_seconds = time.monotonic() - began
        self._wait_quiet()
        self._figures.first_rollout_requests = self._per_deployment()

    def _move(self, operator: Operator, serving: Serving) -> None:
        figures = self._figures
        self._audit.clear()
        log, cpu = self._registry.requests, cpu_milliseconds(operator.pid)
        editors = Editors(
            self._world.kubeconfig, self._options.size, self._options.edits, self._options.patience
        )
        before = passes(operator.port)
        log.clear()
        began, wall = time.monotonic(), time.time()
        self._registry.move_alias("model", "churn", "production", "v1")
        editors.start()
        self._wait("serve v1", lambda: serving.count("v1"))
        figures.move_all_final_seconds = time.monotonic() - began
        figures.edits_amid_the_move = len(editors.waited)
        figures.move_cpu_ms_per_deployment = (cpu_milliseconds(operator.pid) - cpu) / self._options.size
        # Polls go on beside the move; what a poll asks is no cost of the move.
        polls = [r for r in log.records() if r.operations == ["LockgateLookUp"]]
        figures.move_registry_requests = log.totals().requests - len(polls) + 1
        editors.join(self._options.patience)
        figures.edits_wanted = min(self._options.edits, self._options.size)
        figures.edits = len(editors.waited)
        figures.edit_p50_seconds = percentile(editors.waited, 0.50)
        figures.edit_p99_seconds = percentile(editors.waited, 0.99)
        figures.edit_slowest_seconds = [round(waited, 2) for waited in sorted(editors.waited)[-8:]]
        self._wait_quiet()
        self._where_edits_waited(editors)
        figures.move_passes_per_deployment = (passes(operator.port) - before) / self._options.size
        figures.move_last_deployment_seconds = self._audit.last.get("patch deployments", wall) - wall
        figures.move_requests = self._per_deployment()

    def _where_edits_waited(self, editors: Editors) -> None:
        """How long until the operator asked the API server for it, and until that was done."""
        asked, answered = [], []
        for name, edited in editors.edited:
            requests = self._audit.served.get((name, "patch deployments"), ())
            came, done = next(((c, d) for c, d in requests if d > edited), (edited, edited))
            asked.append(came - edited)
            answered.append(done - max(came, edited))
        figures = self._figures
        figures.edit_until_asked_p50_p99 = (percentile(asked, 0.5), percentile(asked, 0.99))
        figures.edit_answered_p50_p99 = (percentile(answered, 0.5), percentile(answered, 0.99))

    def _restart(self, operator: Operator) -> None:
        figures = self._figures
        operator.kill(signal.SIGTERM)
        self._audit.clear()
        began = time.monotonic()
        operator.start()
        probes = Probes(operator.probe_port).start()
        self._until("ready again", lambda: probes.was_ready)
        figures.restart_ready_seconds = time.monotonic() - began
        self._wait_quiet()
        probes.stop()
        figures.probes_red += probes.red
        figures.restart_cpu_ms_per_deployment = cpu_milliseconds(operator.pid) / self._options.size
        figures.restart_writes = dict(self._audit.read().counts)

    def _per_deployment(self) -> dict[str, float]:
        counts = self._audit.read().counts
        return {what: round(number / self._options.size, 2) for what, number in sorted(counts.items())}

    def _wait(self, what: str, count: Callable[[], int]) -> None:
        progress = self._progress(what)

        def all_do() -> bool:
            # Read all the time: a log that was rotated twice in between would have a gap.
            self._audit.read()
            number = count()
            progress(number)
            return number >= self._options.size

        self._until(f"all {what}", all_do)

    def _wait_quiet(self) -> None:
        """Wait until the operator has asked the API server for nothing for some seconds."""
        seen, since = -1, time.monotonic()

        def quiet() -> bool:
            nonlocal seen, since
            number = self._audit.read().counts.total()
            if number != seen:
                seen, since = number, time.monotonic()
            return time.monotonic() - since > self._options.quiet

        self._until("nothing is asked any more", quiet)

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._options.patience
        while not holds():
            if time.monotonic() > deadline:
                print(self._operator.log[-4000:], file=sys.stderr)
                raise SystemExit(f"not within {self._options.patience:g} s: {what}")
            time.sleep(0.5)

    def _progress(self, what: str) -> Callable[[int], None]:
        """Tells every tenth, and when it was reached."""
        began, told, size = time.monotonic(), -1, self._options.size

        def tell(number: int) -> None:
            nonlocal told
            tenth = number * 10 // size
            if tenth != told:
                told = tenth
                print(
                    f"  {time.monotonic() - began:7.1f} s  {number} of {size} {what}",
                    file=sys.stderr,
                    flush=True,
                )

        return tell


def _deployment(number: int) -> Json:
    spec: dict[str, Any] = {
        "model": {"registry": "model", "collection": "churn", "alias": "production"},
        "runtime": {"name": "onnx"},
        "replicas": 0,
    }
    return {
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": f"churn-{number}"},
        "spec": spec,
    }


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fleet", description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="number of ModelDeployments (%(default)s)")
    parser.add_argument("--edits", type=int, default=50, help="specs edited amid the move (%(default)s)")
    parser.add_argument(
        "--patience", type=float, default=1800, help="seconds that a part may take (%(default)g)"
    )
    parser.add_argument(
        "--quiet", type=float, default=5, help="seconds without a request that end a part (%(default)g)"
    )
    parser.add_argument("--rate", default="", help="the operator's requests per second, if not its default")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    with (
        start_control_plane() as world,
        start_registry() as registry,
        tempfile.TemporaryDirectory() as scratch,
    ):
        install_api(world)
        for version in range(2):
            registry.seed_version(collection="churn", files={"model.onnx": f"weights {version}".encode()})
        figures = Fleet(world, registry, options).run(Path(scratch))
    for name, value in asdict(figures).items():
        if not options.json:
            print(f"{name.replace('_', ' '):34} {f'{value:.2f}' if isinstance(value, float) else value}")
    if options.json:
        print(json.dumps(asdict(figures), indent=1))
    for failure in figures.failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    sys.exit(bool(figures.failures))


if __name__ == "__main__":
    main()
