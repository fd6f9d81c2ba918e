"""The first process of a control-plane world, and the order in which its servers come up.

Started by the keeper. A whole cluster takes the same steps with others in between.
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
from pathlib import Path

from lockgate_sandbox.api import ApiClient, ApiError
from lockgate_sandbox.controlplane import servers
from lockgate_sandbox.controlplane.credentials import make_credentials
from lockgate_sandbox.controlplane.servers import Address
from lockgate_sandbox.supervise.components import Component
from lockgate_sandbox.supervise.reports import Reporter
from lockgate_sandbox.supervise.supervisor import Supervisor, serve


def start_store_and_api(supervisor: Supervisor, address: Address) -> None:
    """Start etcd and the API server; returns before the latter is ready."""
    directory, programs = supervisor.directory, supervisor.directory / "bin"
    (directory / "audit-policy.json").write_text(servers.AUDIT_POLICY)
    supervisor.start(Component("etcd", servers.etcd(programs / "etcd")))
    supervisor.wait_for("etcd listens", (directory / "etcd.sock").exists, within=30)
    command = servers.api_server(programs / "kube-apiserver", address)
    supervisor.start(Component("kube-apiserver", command))


def start_controllers(supervisor: Supervisor) -> None:
    """Wait for the API server, start controller manager and scheduler; returns before they are at work."""
    programs = supervisor.directory / "bin"
    supervisor.wait_for("API server ready", lambda: answers(supervisor.directory, "/readyz"), within=90)
    for name, command in (
        ("kube-controller-manager", servers.controller_manager),
        ("kube-scheduler", servers.scheduler),
    ):
        supervisor.start(Component(name, command(programs / name)))


def wait_for_controllers(supervisor: Supervisor) -> None:
    """Wait until a pod could be created in `default`: its service account is the controllers' work."""
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    supervisor.wait_for("controllers at work", lambda: answers(supervisor.directory, account), within=60)


def answers(directory: Path, path: str) -> bool:
    """Whether the API server of the world answers a read of `path` with success."""
    # A short timeout: a starting server may accept a connection long before it answers on it.
    with ApiClient(directory / "inside.kubeconfig", timeout=2) as client:
        try:
            client.get(path)
        except (ApiError, OSError, http.client.HTTPException):
            return False
    return True


def main() -> int:
    """Run as the first process of a world; never returns while the world lives."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--report", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    directory: Path = arguments.directory
    reporter = Reporter(arguments.report)
    environment = {"PATH": f"{directory / 'bin'}:{os.environ.get('PATH', '')}", "HOME": str(directory)}
    supervisor = Supervisor(directory, reporter, environment)

    def boot() -> None:
        make_credentials(directory, f"https://127.0.0.1:{arguments.port}")
        reporter.step("credentials made")
        start_store_and_api(supervisor, Address(bind="127.0.0.1", port=arguments.port))
        start_controllers(supervisor)
        wait_for_controllers(supervisor)

    return serve(directory, reporter, supervisor, boot)


if __name__ == "__main__":
    sys.exit(main())
