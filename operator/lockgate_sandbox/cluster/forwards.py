"""Which spare port leads to which service: one small file a port, written here, read by the relay.

The caller's side of forwarding. The relay reads the file anew for every connection, so there is
nothing to tell it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from lockgate_sandbox.api import ApiClient, ApiError
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.worlds import WorldRecord, locked, write_atomically


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of a service."""

    namespace: str
    service: str
    port: int

    @classmethod
    def read(cls, directory: Path, listening: int) -> Self | None:
        """Where the spare port `listening` leads, if anywhere."""
        try:
            return cls(**json.loads((directory / "forwards" / str(listening)).read_text()))
        except FileNotFoundError:
            return None


def assign(directory: Path, record: WorldRecord, namespace: str, service: str, port: int) -> str:
    """Lead a spare port to a service and return its base URL; the same service keeps its port."""
    wanted = Forward(namespace, service, port)
    _require(directory / "admin.kubeconfig", wanted)
    (directory / "forwards").mkdir(exist_ok=True)
    with locked(directory / "forwards"):
        taken = {listening: Forward.read(directory, listening) for listening in record.forward_ports}
        for listening, forward in taken.items():
            if forward == wanted:
                return f"http://127.0.0.1:{listening}"
        for listening, forward in taken.items():
            if forward is None:
                write_atomically(directory / "forwards" / str(listening), json.dumps(asdict(wanted)))
                return f"http://127.0.0.1:{listening}"
    raise SandboxError(f"all {len(taken)} spare ports of world {record.name!r} are taken")


def _require(kubeconfig: Path, forward: Forward) -> None:
    name = f"{forward.namespace}/{forward.service}"
    try:
        with ApiClient(kubeconfig) as client:
            spec = client.get(f"/api/v1/namespaces/{forward.namespace}/services/{forward.service}")["spec"]
    except ApiError as error:
        raise SandboxError(f"cannot forward to service {name}: {error}") from error
    if spec.get("clusterIP") in {None, "", "None"}:
        raise SandboxError(
            f"cannot forward to service {name}: it has no cluster address of its own (headless)"
        )
    ports = [entry["port"] for entry in spec.get("ports", [])]
    if forward.port not in ports:
        raise SandboxError(f"cannot forward to service {name}: it has port {ports}, not {forward.port}")
