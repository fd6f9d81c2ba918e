"""What people do beside a fleet that moves: they look which version serves, and they edit specs."""

import contextlib
import http.client
import random
import threading
import time
from pathlib import Path

from tests.integration.site import GROUP

from lockgate_sandbox.api import ApiClient, ApiError, Json

NAMESPACE = "fleet"


class Serving:
    """Which version each ModelDeployment serves, from a watch in a thread."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._versions: dict[str, str] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; the watch itself ends with the process."""
        self._end.set()

    def count(self, version: str) -> int:
        """How many serve it."""
        return sum(found == version for found in tuple(self._versions.values()))

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                with ApiClient(self._kubeconfig, timeout=330) as client:
                    for event in client.watch(path_of("modeldeployments"), timeoutSeconds="300"):
                        if self._end.is_set():
                            return
                        self._note(event["object"])
            except (OSError, ApiError, ValueError, http.client.HTTPException):
                time.sleep(1)

    def _note(self, obj: Json) -> None:
        version = ((obj.get("status") or {}).get("stable") or {}).get("version")
        if version and "name" in obj.get("metadata", {}):
            self._versions[obj["metadata"]["name"]] = version


class Editors(threading.Thread):
    """People who edit one spec after the other and look when its Deployment has it."""

    def __init__(self, kubeconfig: Path, size: int, number: int, patience: float) -> None:
        super().__init__(daemon=True)
        self._kubeconfig = kubeconfig
        self._names = random.Random(7).sample(range(size), min(number, size))
        self._patience = patience
        self.waited: list[float] = []
        # Whose spec was edited, and when the API server had it.
        self.edited: list[tuple[str, float]] = []

    def run(self) -> None:
        """Until all have edited."""
        with ApiClient(self._kubeconfig, timeout=60) as client:
            for number, place in enumerate(self._names):
                time.sleep(0.2)
                # An edit that fails is none that was made; how many were is told.
                with contextlib.suppress(OSError, ApiError, http.client.HTTPException):
                    self.waited.append(self._edit(client, f"churn-{place}", f"{100 + number}m"))

    def _edit(self, client: ApiClient, name: str, cpu: str) -> float:
        client.merge(path_of("modeldeployments", name), {"spec": {"resources": {"requests": {"cpu": cpu}}}})
        began = time.monotonic()
        self.edited.append((name, time.time()))
        while time.monotonic() - began < self._patience:
            template = client.get(path_of("deployments", name))["spec"]["template"]["spec"]
            wanted = template["containers"][0].get("resources", {}).get("requests", {}).get("cpu")
            if wanted == cpu:
                break
            time.sleep(0.02)
        return time.monotonic() - began


def path_of(kind: str, name: str = "") -> str:
    """The path of a kind, or of one object, in the namespace of the fleet."""
    root = GROUP if kind == "modeldeployments" else "/apis/apps/v1"
    return f"{root}/namespaces/{NAMESPACE}/{kind}" + (f"/{name}" if name else "")
