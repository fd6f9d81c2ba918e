"""The first process of a cluster, number 1 in its namespaces, and the order in which all comes up.

Started by the keeper. What can start early does: the node's half comes up while the API server does.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.cluster import machine
from lockgate_sandbox.cluster.cgroups import group_of
from lockgate_sandbox.cluster.machine import HOME, NODE_ADDRESS
from lockgate_sandbox.cluster.node_configuration import (
    CONTAINERD_SOCKET,
    NODE_NAME,
    PAUSE_IMAGE,
    configuration_files,
)
from lockgate_sandbox.cluster.program_image import write_program_image
from lockgate_sandbox.controlplane.boot import (
    answers,
    start_controllers,
    start_store_and_api,
    wait_for_controllers,
)
from lockgate_sandbox.controlplane.credentials import make_credentials, write_identity
from lockgate_sandbox.controlplane.servers import Address
from lockgate_sandbox.pki import Authority
from lockgate_sandbox.supervise.components import Component
from lockgate_sandbox.supervise.reports import Reporter
from lockgate_sandbox.supervise.supervisor import Supervisor, serve

API_PORT = 6443
_API_URL = f"https://{NODE_ADDRESS}:{API_PORT}"
_BIN = HOME / "bin"


def _credentials(api_port: int) -> None:
    authority = make_credentials(HOME, _API_URL, f"https://127.0.0.1:{api_port}")
    _node_credentials(authority)


def _node_credentials(authority: Authority) -> None:
    authority.server("kubelet", (NODE_NAME, NODE_ADDRESS)).write(HOME / "pki", "kubelet")
    write_identity(HOME, "kubelet", _API_URL, authority, f"system:node:{NODE_NAME}", ["system:nodes"])
    write_identity(HOME, "kube-proxy", _API_URL, authority, "system:kube-proxy")
    write_identity(HOME, "coredns", _API_URL, authority, "system:coredns")


def _write_configuration(name: str) -> None:
    for path, text in configuration_files(f"/{group_of(name)}").items():
        (HOME / path).parent.mkdir(exist_ok=True)
        (HOME / path).write_text(text)


def _start_containerd(supervisor: Supervisor) -> None:
    supervisor.start(
        Component("containerd", [str(_BIN / "containerd"), "--config", str(HOME / "containerd.toml")])
    )
    archive = HOME / "pause.tar"
    write_program_image(archive, PAUSE_IMAGE, _BIN / "pause")
    supervisor.wait_for("containerd listens", lambda: _listens(CONTAINERD_SOCKET), within=30)
    ctr = [str(_BIN / "ctr"), "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io"]
    supervisor.run("loading the pause image", [*ctr, "images", "import", str(archive)])
    archive.unlink()


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def _start_node(supervisor: Supervisor) -> None:
    kubelet = [
        f"--config={HOME}/kubelet.json",
        f"--kubeconfig={HOME}/kubelet.kubeconfig",
        f"--root-dir={HOME}/kubelet",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
    ]
    supervisor.start(Component("kubelet", [str(_BIN / "kubelet"), *kubelet]))
    supervisor.start(Component("kube-proxy", [str(_BIN / "kube-proxy"), f"--config={HOME}/kube-proxy.json"]))
    _grant_coredns()
    supervisor.start(Component("coredns", [str(_BIN / "coredns"), "-conf", f"{HOME}/Corefile"]))


def _grant_coredns() -> None:
    """What CoreDNS reads; the built-in roles know kube-proxy but not it."""
    kinds: tuple[tuple[str, list[str]], ...] = (
        ("", ["services", "namespaces", "pods"]),
        ("discovery.k8s.io", ["endpointslices"]),
    )
    group = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [api], "resources": names, "verbs": ["list", "watch"]} for api, names in kinds]
    with ApiClient(HOME / "inside.kubeconfig") as client:
        client.post(f"/apis/{group}/v1/clusterroles", {"metadata": {"name": "lockgate:dns"}, "rules": rules})
        client.post(
            f"/apis/{group}/v1/clusterrolebindings",
            {
                "metadata": {"name": "lockgate:dns"},
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "lockgate:dns"},
                "subjects": [{"apiGroup": group, "kind": "User", "name": "system:coredns"}],
            },
        )


def _node_is_ready() -> bool:
    path = f"/api/v1/nodes/{NODE_NAME}"
    if not answers(HOME, path):
        return False
    with ApiClient(HOME / "inside.kubeconfig", timeout=5) as client:
        node = client.get(path)
    conditions = {entry["type"]: entry["status"] for entry in node["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and not node["spec"].get("taints")


# A query for the A record of kubernetes.default.svc.cluster.local, as it goes over the wire.
_QUERY = (
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    b"\x0akubernetes\x07default\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01"
)


def _names_resolve() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(0.3)
        try:
            asker.sendto(_QUERY, (NODE_ADDRESS, 53))
            answer = asker.recv(512)
        except OSError:
            return False
    answers_in_it, code = int.from_bytes(answer[6:8], "big"), answer[3] & 0x0F
    return code == 0 and answers_in_it > 0


def main() -> int:
    """Run as number 1 of the cluster; never returns while the cluster lives."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--report", type=int, required=True)
    parser.add_argument(
        "--listeners", required=True, help="descriptors: the API server's, then the spare ones"
    )
    parser.add_argument("--api-port", type=int, required=True)
    arguments = parser.parse_args()
    listeners = tuple(int(fd) for fd in arguments.listeners.split(","))
    reporter = Reporter(arguments.report)
    paths = [str(_BIN), os.environ.get("PATH", ""), "/usr/sbin:/usr/bin:/sbin:/bin"]
    environment = {"PATH": ":".join(paths), "HOME": str(HOME), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    supervisor = Supervisor(arguments.directory, reporter, environment)

    def boot() -> None:
        machine.make_mounts(supervisor, arguments.directory)
        supervisor.directory = HOME
        machine.make_network(supervisor)
        _write_configuration(arguments.name)
        _credentials(arguments.api_port)
        reporter.step("namespaces, network and credentials made")
        start_store_and_api(supervisor, Address(bind=NODE_ADDRESS, port=API_PORT, advertise=NODE_ADDRESS))
        relay = [sys.executable, "-m", "lockgate_sandbox.cluster.relay", arguments.listeners]
        supervisor.start(Component("relay", [*relay, str(API_PORT)], keep_fds=listeners))
        for fd in listeners:
            os.close(fd)
        _start_containerd(supervisor)
        start_controllers(supervisor)
        _start_node(supervisor)
        wait_for_controllers(supervisor)
        supervisor.wait_for("node ready", _node_is_ready, within=60)
        supervisor.wait_for("names resolve", _names_resolve, within=30)

    return serve(HOME, reporter, supervisor, boot)


if __name__ == "__main__":
    sys.exit(main())
