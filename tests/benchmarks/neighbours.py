"""How much longer do people in a quiet namespace wait while their neighbours are hostile?

One operator watches a quiet namespace and fifty hostile ModelDeployments; a second one watches
another quiet namespace alone. People edit specs in both, in turn, so that what else the machine has
to do slows both. Ends with 1 when the neighbours add a second or more at p99, a probe was red, or a
hostile resource's status does not name its trouble. `--kinds writes-hang` makes all of one kind.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.hostile import KINDS, PLACES, Request, Resource, resources, rules
from tests.benchmarks.measuring import Probes, cpu_milliseconds
from tests.benchmarks.scripts import Scripts
from tests.benchmarks.traps import TrapDoor
from tests.benchmarks.waits import Figures, Waits, report
from tests.faults.behaviours import Delay, Match
from tests.faults.proxy import Proxy
from tests.faults.rig import api_proxy
from tests.integration.site import GROUP, Operator, install_api, operator_identity

from lockgate_sandbox.api import ApiClient, ApiError, Json, wait_until_found
from lockgate_sandbox.registry.running import RunningRegistry, start_registry
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.world import start_control_plane

ALONE, BESIDE, HOSTILE = "alone", "beside", "hostile"
QUIET_SIZE = 5
HANGING_SECONDS = 12.0
_EDIT_PATIENCE_SECONDS = 60.0


class Street:
    """One run."""

    def __init__(
        self,
        world: RunningWorld,
        registry: RunningRegistry,
        options: argparse.Namespace,
        operators: dict[str, Operator],
        api: Proxy,
    ) -> None:
        self._world = world
        self._registry = registry
        self._options = options
        self._operators = operators
        self._api = api
        self._client = ApiClient(world.kubeconfig, timeout=60)
        self._late: list[Resource] = []
        self._figures = Figures()

    def run(self) -> Figures:
        """Quiet at first, then the neighbours come and stay; in the end what they are told."""
        figures, operator = self._figures, self._operators[BESIDE]
        for namespace in (ALONE, BESIDE, *(HOSTILE + place for place in PLACES)):
            self._create_namespace(namespace)
        self._send(rules(HOSTILE))
        for each in self._operators.values():
            each.start()
        probes = Probes(operator.probe_port).start()
        try:
            self._settle()
            held = self._api.fault(
                Match(verb="write", namespace=f"{HOSTILE}-hanging"), Delay(HANGING_SECONDS)
            )
            hostile = self._bring_neighbours()
            scripts = Scripts(self._world.kubeconfig, hostile).start()
            try:
                self._measure()
            finally:
                scripts.stop()
            figures.script_requests = dict(scripts.answers)
            self._look_what_is_told(hostile)
            figures.writes_held_up = held.met
        finally:
            probes.stop()
            for each in self._operators.values():
                each.kill()
            figures.probes_asked = probes.asked
            figures.probes_slowest_seconds = probes.slowest
            figures.probes_red = probes.red
        return figures

    def _create_namespace(self, name: str) -> None:
        self._client.post("/api/v1/namespaces", {"metadata": {"name": name}})
        wait_until_found(self._client, f"/api/v1/namespaces/{name}/serviceaccounts/default", 30)

    def _settle(self) -> None:
        """The quiet ones are there and at rest."""
        self._registry.seed_version(
            collection="quiet", files={"model.onnx": b"quiet"}, aliases=["production"]
        )
        quiet = [(namespace, f"quiet-{n}") for namespace in (ALONE, BESIDE) for n in range(QUIET_SIZE)]
        for namespace, name in quiet:
            self._client.post(f"{GROUP}/namespaces/{namespace}/modeldeployments", _quiet(name))
        deadline = time.monotonic() + self._options.patience
        while not all(self._status(*one).get("stable") for one in quiet):
            if time.monotonic() > deadline:
                print(self._operators[BESIDE].log[-4000:], file=sys.stderr)
                raise SystemExit("the quiet namespaces are not served")
            time.sleep(0.2)

    def _bring_neighbours(self) -> list[Resource]:
        kinds = tuple(kind for kind in KINDS if not self._options.kinds or kind.name in self._options.kinds)
        found = resources(kinds, self._options.hostile, HOSTILE)
        for one in found:
            files = {"model.onnx": one.collection.encode()}
            self._registry.seed_version(collection=one.collection, files=files, aliases=["production"])
            self._send(one.kind.before(one))
            self._send([("POST", one.path.rsplit("/", 1)[0], one.body())])
        self._late = [one for one in found if next(one.kind.after(one), None)]
        return found

    def _measure(self) -> None:
        places = {ALONE: self._figures.alone, BESIDE: self._figures.beside}
        cpu = {place: cpu_milliseconds(self._operators[place].pid) for place in places}
        began = time.monotonic()
        for number in range(self._options.edits):
            for place, waits in places.items():
                time.sleep(self._options.pause)
                self._do_what_came_late()
                self._edit(place, number, waits)
        for place, waits in places.items():
            used = cpu_milliseconds(self._operators[place].pid) - cpu[place]
            waits.operator_cpu_share = used / 1000 / (time.monotonic() - began)

    def _do_what_came_late(self) -> None:
        """What is done to a child once it is there."""
        for one in tuple(self._late):
            with contextlib.suppress(ApiError):  # it is not there yet
                self._send(one.kind.after(one))
                self._late.remove(one)

    def _edit(self, namespace: str, number: int, waits: Waits) -> None:
        """One person's edit; what never came has waited for as long as it was looked for."""
        name, cpu = f"quiet-{number % QUIET_SIZE}", f"{100 + number}m"
        path = f"{GROUP}/namespaces/{namespace}/modeldeployments/{name}"
        child = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
        began = time.monotonic()
        edited = self._client.merge(path, {"spec": {"resources": {"requests": {"cpu": cpu}}}})
        generation = edited["metadata"]["generation"]
        waits.answer.append(time.monotonic() - began)
        until_child = until_status = 0.0
        while not (until_child and until_status) and time.monotonic() - began < _EDIT_PATIENCE_SECONDS:
            time.sleep(0.01)
            if not until_child and _cpu_of(self._client.get(child)) == cpu:
                until_child = time.monotonic() - began
            if not until_status and _generation_told(self._client.get(path)) >= generation:
                until_status = time.monotonic() - began
        waits.deployment.append(until_child or _EDIT_PATIENCE_SECONDS)
        waits.status.append(until_status or _EDIT_PATIENCE_SECONDS)

    def _look_what_is_told(self, hostile: list[Resource]) -> None:
        """Wait until each status names its trouble, then note what each says."""
        deadline = time.monotonic() + self._options.patience
        missing = [one for one in hostile if one.kind.tells]
        while missing and time.monotonic() < deadline:
            self._do_what_came_late()
            missing = [
                one for one in missing if not _reasons(self._status(one.namespace, one.name)) & one.kind.tells
            ]
            time.sleep(0.5)
        told: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for one in hostile:
            told[one.kind.name][_summary(self._status(one.namespace, one.name))] += 1
        self._figures.told = {kind: dict(said) for kind, said in told.items()}
        self._figures.untold = [
            f"{one.name}: {_summary(self._status(one.namespace, one.name))}" for one in missing
        ]

    def _status(self, namespace: str, name: str) -> Json:
        found = self._client.get(f"{GROUP}/namespaces/{namespace}/modeldeployments/{name}")
        return found.get("status") or {}

    def _send(self, requests: Iterable[Request]) -> None:
        for method, path, body in requests:
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            self._client.call(method, path, body, kind)


def _quiet(name: str) -> Json:
    return {
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {
            "model": {"registry": "model", "collection": "quiet", "alias": "production"},
            "runtime": {"name": "onnx"},
            "replicas": 0,
        },
    }


def _cpu_of(child: Json) -> str:
    server = child["spec"]["template"]["spec"]["containers"][0]
    cpu: str = server.get("resources", {}).get("requests", {}).get("cpu", "")
    return cpu


def _generation_told(found: Json) -> int:
    told: int = (found.get("status") or {}).get("observedGeneration", 0)
    return told


def _reasons(status: Json) -> set[str]:
    return {found["reason"] for found in status.get("conditions") or ()}


def _summary(status: Json) -> str:
    """Ready and Resolved, and why."""
    found = {one["type"]: one for one in status.get("conditions") or ()}
    told = [
        f"{name}={found[name]['status']} {found[name]['reason'][:40]}"
        for name in ("Ready", "Resolved")
        if name in found
    ]
    return ", ".join(told) or "no conditions"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.neighbours",
        description=__doc__,
        epilog=f"kinds: {', '.join(kind.name for kind in KINDS)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--hostile", type=int, default=50, help="hostile ModelDeployments (%(default)s)")
    parser.add_argument("--kinds", type=lambda text: text.split(","), help="only these, with commas")
    parser.add_argument("--edits", type=int, default=50, help="edits in each quiet namespace (%(default)s)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds before each edit (%(default)g)")
    parser.add_argument(
        "--patience", type=float, default=120, help="seconds that statuses may take (%(default)g)"
    )
    parser.add_argument("--log", type=Path, help="file for what the operator said")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    unknown = set(options.kinds or ()) - {kind.name for kind in KINDS}
    if unknown:
        parser.error(f"unknown kinds: {', '.join(sorted(unknown))}")
    return options


def _operator(directory: Path, kubeconfig: Path, registry: str, watched: list[str], key: Path) -> Operator:
    directory.mkdir()
    return Operator(
        kubeconfig,
        registry,
        directory,
        LOCKGATE_WATCH_NAMESPACES=",".join(watched),
        LOCKGATE_REGISTRY_API_KEY_FILE=str(key),
        LOCKGATE_REGISTRY_TIMEOUT_SECONDS="20",
        LOCKGATE_POLL_INTERVAL_SECONDS="5",
    )


def main() -> None:
    """Entry point."""
    options = _options()
    with (
        start_control_plane() as world,
        start_registry() as registry,
        tempfile.TemporaryDirectory() as scratch,
    ):
        install_api(world)
        key = Path(scratch, "api-key")
        key.write_text(registry.keys["viewer"])
        with (
            api_proxy(world, Path(scratch), operator_identity(world)) as (api, kubeconfig),
            TrapDoor(registry.url) as door,
        ):
            operators = {
                place: _operator(Path(scratch, place), kubeconfig, door.url, watched, key)
                for place, watched in (
                    (ALONE, [ALONE]),
                    (BESIDE, [BESIDE, *(HOSTILE + place for place in PLACES)]),
                )
            }
            figures = Street(world, registry, options, operators, api).run()
            if options.log:
                options.log.write_text(operators[BESIDE].log)
    print(json.dumps(asdict(figures), indent=1) if options.json else report(figures))
    for failure in figures.failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    sys.exit(bool(figures.failures))


if __name__ == "__main__":
    main()
