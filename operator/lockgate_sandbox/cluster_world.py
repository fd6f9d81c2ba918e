"""What a world with a node offers beyond a control plane: images for it, services on it, its inside.

The type says it, so that nobody has to ask for the level.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lockgate_sandbox.cluster import loading
from lockgate_sandbox.cluster.forwards import assign
from lockgate_sandbox.cluster.machine import HOME
from lockgate_sandbox.running import RunningWorld


class ClusterWorld(RunningWorld):
    """A whole one-node cluster that runs on this machine."""

    @property
    def inner_kubeconfig(self) -> Path:
        """Kubeconfig of an administrator for callers inside the namespaces of the cluster."""
        return HOME / "inside.kubeconfig"

    def forward(self, namespace: str, service: str, port: int) -> str:
        """Base URL under which this machine reaches a service of the cluster."""
        return assign(self.directory, self.record, namespace, service, port)

    def load_image_archives(self, archives: Sequence[Path]) -> None:
        """Make images (OCI archives) known to the cluster's node under the names they carry."""
        loading.load_archives(self.record, self.program("ctr"), archives)

    def inside(self, command: Sequence[str]) -> list[str]:
        """A command line that runs `command` inside the namespaces of the cluster. Root only."""
        return loading.inside(self.record, command)
