"""What does the operator hold, and spend, after a restart with everything already there?

ModelDeployments with two pods each: Deployment, ReplicaSet and pods are made by the real managers, and
the node actor plays that the pods fetched and became ready, with the status of a kubelet. Then the
operator is started anew and looks at all of them. Sizes are compared by their slope, so that imports
and clients do not count. Not proved: one shape of pods, few ReplicaSets, one rollout in the history.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import Crowd, cpu_milliseconds, passes, resident_mib
from tests.integration.site import GROUP, Operator, Site, install_api, succeeds

from lockgate_sandbox.api import wait_until_found
from lockgate_sandbox.node_actor import NodeActor
from lockgate_sandbox.registry.running import RunningRegistry, start_registry
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.supervise.lifetime import children_of
from lockgate_sandbox.world import start_control_plane

PODS = 2
# Made so many at a time: with more the node actor has so much to report that its node is taken for lost.
WAVE = 100
PATIENCE_SECONDS = 1200.0
LOOK_SECONDS = 2.0
# Quiet is who uses less than this share of a processor for so long. Polls go on, at any size alike.
QUIET_SECONDS = 5.0
QUIET_SHARE = 0.1
_NAME = "churn-{}"


@dataclass(frozen=True)
class Cold:
    """What one cold start cost, and what is held when it is quiet again."""

    deployments: int
    seconds: float
    cpu_ms: float
    resident_mib: float
    peak_mib: float
    children_mib: float


def make_fleet(world: RunningWorld, registry: RunningRegistry, size: int, scratch: Path) -> Site:
    """A namespace with so many deployments that serve, each with its pods, and no operator any more."""
    namespace, key = f"cold-{size}", scratch / "api-key"
    key.write_text(registry.keys["viewer"])
    operator = Operator(
        world.kubeconfig,
        registry.url,
        scratch,
        LOCKGATE_WATCH_NAMESPACES=namespace,
        LOCKGATE_REGISTRY_API_KEY_FILE=str(key),
        LOCKGATE_REGISTRY_TIMEOUT_SECONDS="20",
        LOCKGATE_LOG_LEVEL="WARNING",
    )
    site = Site(world, namespace, registry, None, operator)
    site.client.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
    wait_until_found(site.client, f"/api/v1/namespaces/{namespace}/serviceaccounts/default", 30)
    operator.start()
    try:
        for begin in range(0, size, WAVE):
            _make_wave(site, range(begin, min(begin + WAVE, size)))
        _wait_quiet(operator.pid)
    finally:
        operator.kill(signal.SIGTERM)
    assert len(site.all("pods")) == PODS * size
    return site


def _make_wave(site: Site, numbers: range) -> None:
    posts = (("POST", site.path("modeldeployments"), _deployment(number)) for number in numbers)
    Crowd(site.world.kubeconfig, "benchmark").send(posts, lambda done: None)
    site.wait(
        f"{numbers.stop} serve with their pods",
        lambda: _serving(site) == numbers.stop,
        within=PATIENCE_SECONDS,
        every=LOOK_SECONDS,
    )


def start_cold(site: Site, size: int) -> Cold:
    """Start the operator with everything there, wait until it is quiet, and end it."""
    began = time.monotonic()
    site.operator.start()
    try:
        pid = site.operator.pid
        quiet_at, cpu = _wait_quiet(pid)
        # Asked afterwards: the page of metrics costs what is to be measured.
        looked_at = passes(site.operator.port)
        if looked_at < size:
            raise SystemExit(f"{looked_at:g} of {size} were looked at\n{site.operator.log[-3000:]}")
        return Cold(
            deployments=size,
            seconds=quiet_at - began,
            cpu_ms=cpu,
            resident_mib=resident_mib(pid),
            peak_mib=_peak_mib(pid),
            children_mib=sum(map(resident_mib, children_of(pid))),
        )
    finally:
        site.operator.kill(signal.SIGTERM)


def _wait_quiet(pid: int) -> tuple[float, float]:
    """When the process became quiet, and what it has used."""
    seen: deque[tuple[float, float]] = deque()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        now, used = time.monotonic(), cpu_milliseconds(pid)
        seen.append((now, used))
        while now - seen[0][0] > QUIET_SECONDS:
            since, before = seen.popleft()
            if used - before < QUIET_SHARE * QUIET_SECONDS * 1000:
                return since, used
        time.sleep(0.25)
    raise SystemExit(f"the operator is not quiet within {PATIENCE_SECONDS:g} s")


def _peak_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _serving(site: Site) -> int:
    statuses = (found.get("status") or {} for found in site.all("modeldeployments"))
    return sum(status.get("phase") == "Serving" for status in statuses)


def _deployment(number: int) -> dict[str, Any]:
    spec = {
        "model": {"registry": "model", "collection": "churn", "alias": "production"},
        "runtime": {"name": "onnx"},
        "replicas": PODS,
    }
    return {
        "apiVersion": GROUP.removeprefix("/apis/"),
        "kind": "ModelDeployment",
        "metadata": {"name": _NAME.format(number)},
        "spec": spec,
    }


def report(measured: Sequence[Cold]) -> str:
    """One line a size, and how the largest compares with the smallest."""
    lines = [f"Cold start, {PODS} pods a deployment"]
    lines += [
        f"{cold.deployments:6} deployments: resident {cold.resident_mib:6.1f} MiB"
        f" (at the most {cold.peak_mib:.1f}, wandb-core beside it {cold.children_mib:.1f}),"
        f" quiet after {cold.seconds:.1f} s and {cold.cpu_ms:.0f} ms of CPU"
        for cold in measured
    ]
    small, large = measured[0], measured[-1]
    if large.deployments > small.deployments:
        more = large.deployments - small.deployments
        grown = large.resident_mib - small.resident_mib
        each = f"{grown * 1024 / more:.1f} KiB and {(large.cpu_ms - small.cpu_ms) / more:.2f} ms of CPU"
        lines.append(
            f"from {small.deployments} to {large.deployments}: resident {grown:+.1f} MiB;"
            f" {each} for each further deployment"
        )
    return "\n".join(lines)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cold", description=__doc__)
    parser.add_argument("--sizes", default="20,100", help="numbers of deployments, ascending (%(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    measured = []
    with (
        start_control_plane() as world,
        start_registry() as registry,
        NodeActor.on(world, name="cold", behaviour=succeeds),
    ):
        install_api(world)
        registry.seed_version(collection="churn", files={"model.onnx": b"weights 0"})
        registry.move_alias("model", "churn", "production", "v0")
        for size in map(int, options.sizes.split(",")):
            print(f"  {size} deployments with {PODS} pods each", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory() as scratch:
                measured.append(start_cold(make_fleet(world, registry, size, Path(scratch)), size))
    print(json.dumps([asdict(cold) for cold in measured], indent=1) if options.json else report(measured))


if __name__ == "__main__":
    main()
