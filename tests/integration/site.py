"""One namespace with an operator of its own: what a test does there, and what it waits for.

The operator is the real program in a process, under the rights of the chart, against the real
API server and the registry stand-in; pods are played by the node actor.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.chart.guarding import ON_ECS
from tests.fakes.builders import IMAGE
from tests.fakes.kstatus import check_kstatus
from tests.integration import audit
from tests.integration.nest import ROOT, Hatched, Nest
from tests.waiting import PATIENCE_SECONDS, wait_until

from lockgate_sandbox.api import ApiClient, ApiError, Json
from lockgate_sandbox.node_actor import NodeActor
from lockgate_sandbox.pod_fates import BecomesReady, Fate, InitFails
from lockgate_sandbox.registry.running import RunningRegistry
from lockgate_sandbox.running import RunningWorld

# The garbage collector of a new control plane learns of new kinds only after a while.
COLLECTED_SECONDS = 120.0
POLL_SECONDS = 0.5
GROUP = "/apis/lockgate.dev/v1alpha1"
GATEWAYS = "gateways"
"""The namespace of the gateway that routes may lead through."""


def install_api(world: RunningWorld) -> None:
    """Bring the CRDs and a runtime into a control plane; harmless the second time."""
    world.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    world.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s")
    with ApiClient(world.kubeconfig) as client:
        try:
            client.post(f"{GROUP}/modelruntimes", runtime())
        except ApiError as error:
            if error.status != 409:
                raise


def operator_identity(world: RunningWorld) -> Path:
    """The ServiceAccount of the chart, with the rights it grants and no more."""
    world.kubectl("create", "namespace", "lockgate-system", check=False)
    rendered = world.helm(
        "template",
        "lockgate",
        str(ROOT / "helm" / "lockgate"),
        "--namespace=lockgate-system",
        "--set=image.repository=unused",
        # Whose key pods may mount beside the default one's.
        "--set=registries.eu.baseUrl=https://unused.example",
        # Through which routes may lead.
        f"--set=gateways.public.namespace={GATEWAYS}",
        "--set=gateways.public.gateway=public",
        "--set=gateways.public.hostname=unused.example",
        # Where else models may run.
        "--set=backends.kserve.enabled=true",
        f"--set-json=ecs={json.dumps({'prod': ON_ECS})}",
        "--show-only=templates/rbac.yaml",
        "--show-only=templates/serviceaccount.yaml",
        "--show-only=templates/admissionpolicies.yaml",
    )
    world.kubectl("apply", "-f", "-", stdin=rendered.stdout)
    return world.kubeconfig_for_service_account("lockgate-system", "lockgate", seconds=36_000)


class Operator:
    """The operator as a process; `kill` and `start` as often as a test likes."""

    def __init__(
        self,
        kubeconfig: Path,
        registry_url: str,
        directory: Path,
        nest: Nest | None = None,
        **settings: str,
    ) -> None:
        self._nest = nest
        self._log = directory / "operator.log"
        self.port, self.probe_port = _free_port(), _free_port()
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "operator"),
            "KUBECONFIG": str(kubeconfig),
            "LOCKGATE_REGISTRY_BASE_URL": registry_url,
            "LOCKGATE_FETCH_IMAGE": "registry.example/lockgate:test",
            "LOCKGATE_POLL_INTERVAL_SECONDS": str(POLL_SECONDS),
            "LOCKGATE_REGISTRY_TIMEOUT_SECONDS": "3",
            "LOCKGATE_HTTP_HOST": "127.0.0.1",
            "LOCKGATE_HTTP_PORT": str(self.port),
            "LOCKGATE_PROBE_PORT": str(self.probe_port),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | Hatched | None = None

    def start(self) -> None:
        """Start the process; does not wait for it to be ready."""
        if self._nest is not None:
            self._process = self._nest.hatch(self._environment, self._log)
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lockgate", "run"], env=self._environment, stderr=log, stdout=log
            )

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the process and wait for that."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=20)
            self._process = None

    def restart(self, **settings: str) -> None:
        """Begin anew, with other settings beside the old ones."""
        self.kill()
        self._environment |= settings
        self.start()

    @property
    def pid(self) -> int:
        """The number of its process, which must run."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything it has said."""
        return self._log.read_text() if self._log.exists() else ""


class Site:
    """A namespace, its operator, its registry and its node."""

    def __init__(
        self,
        world: RunningWorld,
        namespace: str,
        registry: RunningRegistry,
        actor: NodeActor | None,
        operator: Operator,
    ) -> None:
        self.world = world
        self.namespace = namespace
        self.registry = registry
        self.actor = actor
        self.operator = operator
        self.client = ApiClient(world.kubeconfig)

    def path(self, kind: str, name: str = "") -> str:
        """The path of a kind in this namespace."""
        root = {"modeldeployments": GROUP, "events": "/apis/events.k8s.io/v1"}
        root |= dict.fromkeys(("deployments", "replicasets", "controllerrevisions"), "/apis/apps/v1")
        root |= dict.fromkeys(("gateways", "httproutes"), "/apis/gateway.networking.k8s.io/v1")
        return f"{root.get(kind, '/api/v1')}/namespaces/{self.namespace}/{kind}" + (
            f"/{name}" if name else ""
        )

    def get(self, kind: str, name: str = "churn") -> Json:
        """One object; an empty one when there is none."""
        try:
            return self.client.get(self.path(kind, name))
        except ApiError as error:
            if error.status == 404:
                return {}
            raise

    def all(self, kind: str) -> list[Json]:
        """All objects of a kind in this namespace."""
        items: list[Json] = self.client.get(self.path(kind)).get("items") or []
        return items

    def seed(self, number_of_versions: int = 1, *, alias: str | None = "production", **fields: Any) -> None:
        """Log versions v0, v1, ... and let the alias mean the last."""
        for _ in range(number_of_versions):
            files = {"model.onnx": f"weights {time.monotonic_ns()}".encode()}
            seeded = self.registry.seed_version(**({"collection": "churn", "files": files} | fields))
        if alias:
            self.registry.move_alias("model", seeded.collection, alias, seeded.version)

    def deploy(self, name: str = "churn", **spec: Any) -> Json:
        """Create a ModelDeployment."""
        body = {
            "apiVersion": "lockgate.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": name},
            "spec": {
                "model": {"registry": "model", "collection": "churn", "alias": "production"},
                "runtime": {"name": "onnx"},
                "replicas": 2,
            }
            | spec,
        }
        return self.client.post(self.path("modeldeployments"), body)

    def change(self, name: str = "churn", **spec: Any) -> Json:
        """Change fields of a ModelDeployment's spec."""
        return self.client.merge(self.path("modeldeployments", name), {"spec": spec})

    def wait(
        self, what: str, check: Callable[[], Any], within: float = PATIENCE_SECONDS, every: float = 0.05
    ) -> Any:
        """Wait until `check`, asked `every` so many seconds at first, gives something true.

        Fails with the operator's last words after `within` seconds.
        """
        return wait_until(what, check, within, every, tell=self._surroundings)

    def _surroundings(self) -> str:
        status = self.get("modeldeployments").get("status")
        pods = {p["metadata"]["name"]: p.get("status", {}).get("phase") for p in self.all("pods")}
        return (
            f"status: {json.dumps(status)}\npods: {pods}\n"
            f"deployment: {json.dumps(self.get('deployments').get('status'))}\n"
            f"operator: {self.operator.log[-3000:]}"
        )

    def wait_serving(self, version: str, name: str = "churn", **options: Any) -> Json:
        """Wait until a version is stable and Ready, and hold the status to kstatus."""

        def serves() -> Json | None:
            found = self.get("modeldeployments", name)
            status = found.get("status") or {}
            good = (status.get("stable") or {}).get("version") == version
            return found if good and verdict(found, "Ready")[0] == "True" else None

        found: Json = self.wait(f"{name} serves {version}", serves, **options)
        check_kstatus(found)
        return found

    def wait_condition(
        self, type_: str, status: str, reason: str, name: str = "churn", **options: Any
    ) -> Json:
        """Wait for a condition, and hold the status to kstatus."""

        def holds() -> Json | None:
            found = self.get("modeldeployments", name)
            return found if verdict(found, type_) == (status, reason) else None

        found: Json = self.wait(f"{type_} is {status} ({reason})", holds, **options)
        check_kstatus(found)
        return found

    def wait_quiet(self, polls: int = 4, within: float = PATIENCE_SECONDS) -> None:
        """Wait until nothing is written over several polls; what has just changed may still be told."""
        self._wait_still("written", self.writes, polls, within)

    def wait_rest(self, polls: int = 4, within: float = PATIENCE_SECONDS) -> None:
        """Wait until nothing at all is asked of the API server over several polls, streams aside.

        After a rollout its Events are still to come, and a list wherever the watch may have a gap.
        """
        self._wait_still("asked", self.asked, polls, within)

    def _wait_still(self, done: str, count: Callable[[], list[Json]], polls: int, within: float) -> None:
        def nothing_is_done() -> bool:
            before = len(count())
            time.sleep(polls * POLL_SECONDS)
            return len(count()) == before

        def tell() -> str:
            return f"{audit.told(count()[-10:])}\n{self._surroundings()}"

        wait_until(f"nothing is {done} any more", nothing_is_done, within, tell=tell)

    def wait_collected(self) -> None:
        """Wait until no child is left in this namespace."""
        kinds = ("deployments", "services", "pods")
        self.wait("all is gone", lambda: not any(map(self.all, kinds)), within=COLLECTED_SECONDS)

    def writes(self) -> list[Json]:
        """The operator's writes in this namespace, Events aside."""
        return [
            entry
            for entry in self.requests()
            if entry["verb"] != "get" and entry["objectRef"]["resource"] != "events"
        ]

    def requests(self) -> list[Json]:
        """The operator's finished requests in this namespace, lists and watches aside."""
        return audit.in_namespace(self.world, self.namespace)

    def asked(self) -> list[Json]:
        """Every finished request of the operator's identity anywhere, but for how it watches.

        That is streams, and where they say nothing, a list of one object: how far the API server is.
        """
        return [
            entry
            for entry in audit.of_the_operator(self.world)
            if entry["verb"] != "watch" and not entry["requestURI"].endswith("limit=1")
        ]


def verdict(found: Json, type_: str) -> tuple[str, str]:
    """Status and reason of a condition; empty when absent."""
    for condition in (found.get("status") or {}).get("conditions") or ():
        if condition["type"] == type_:
            return condition["status"], condition["reason"]
    return "", ""


def message(found: Json, type_: str) -> str:
    """The sentence of a condition."""
    for condition in found["status"]["conditions"]:
        if condition["type"] == type_:
            text: str = condition["message"]
            return text
    return ""


def proof_for(pod: Json) -> str:
    """What a fetch container would tell after success, for tests that are not about fetching."""
    notes = pod["metadata"]["annotations"]
    return json.dumps(
        {
            "ok": True,
            "uri": notes["lockgate.dev/model-uri"],
            "claim": notes["lockgate.dev/model-digest"],
            "treeDigest": "sha256:" + notes["lockgate.dev/model-digest"].rpartition(":")[2] * 2,
            "files": 1,
            "bytes": 10,
            "seconds": 0.1,
        }
    )


def succeeds(pod: Json) -> Fate:
    """Pods whose fetch succeeded, as the node actor plays them."""
    return BecomesReady(init_message=proof_for(pod) if "annotations" in pod["metadata"] else "")


def really_fetches(registry: RunningRegistry) -> Callable[[Json], Fate]:
    """Runs the fetch container's own command for every pod, as a process, against the registry."""

    def fate(pod: Json) -> Fate:
        arguments = pod["spec"]["initContainers"][0]["args"]
        with tempfile.TemporaryDirectory() as scratch:
            told, key, model = Path(scratch, "told"), Path(scratch, "key"), Path(scratch, "model")
            key.write_text(registry.keys["viewer"])
            model.mkdir()
            here = {"--into": model, "--api-key-file": key, "--base-url": registry.url}
            replaced = [
                f"{name}={here[name]}" if (name := argument.split("=")[0]) in here else argument
                for argument in arguments
            ]
            ended = subprocess.run(
                [sys.executable, "-m", "lockgate", *replaced, f"--termination-log={told}"],
                env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
                capture_output=True,
                timeout=60,
                check=False,
            )
            text = told.read_text()
        if ended.returncode == 0:
            return BecomesReady(init_message=text)
        return InitFails(text, exit_code=ended.returncode, restarts=3)

    return fate


def runtime(name: str = "onnx", **spec: Any) -> Json:
    """A ModelRuntime for tests."""
    return {
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "ModelRuntime",
        "metadata": {"name": name},
        "spec": {
            "image": IMAGE,
            "args": ["--port=8080"],
            "port": 8080,
            "readinessPath": "/v2/health/ready",
            "acceptedFormats": ["onnx"],
        }
        | spec,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
