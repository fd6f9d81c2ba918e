"""The cluster level: real pods, names and services, reachable from outside, and gone without a trace."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest
from tests.waiting import wait_until

from lockgate_sandbox.binaries.debian import ensure_packages
from lockgate_sandbox.cluster.program_image import write_program_image
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.world import start_cluster, use_existing

pytestmark = pytest.mark.cluster
_IMAGE = "localhost/busybox:1"
_MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 65535, seccompProfile: {type: RuntimeDefault}}
      terminationGracePeriodSeconds: 0
      volumes: [{name: pages, emptyDir: {}}]
      initContainers:
        - name: write
          image: IMAGE
          command: [/busybox, sh, -c, "echo hello > /pages/index.html; echo wrote > /dev/termination-log"]
          volumeMounts: [{name: pages, mountPath: /pages}]
      containers:
        - name: web
          image: IMAGE
          command: [/busybox, httpd, -f, -p, "8080", -h, /pages]
          securityContext: {readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
          resources: {limits: {memory: 32Mi, cpu: 500m}}
          readinessProbe: {httpGet: {path: /index.html, port: 8080}, periodSeconds: 1}
          volumeMounts: [{name: pages, mountPath: /pages}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
""".replace("IMAGE", _IMAGE)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("busybox") is None:
        ensure_packages(["busybox-static"], "the test image")
    archive = tmp_path_factory.mktemp("images") / "busybox.tar"
    write_program_image(archive, _IMAGE, Path(shutil.which("busybox") or "/bin/busybox").resolve())
    return archive


@pytest.fixture
def web(cluster: ClusterWorld, namespace: str, image: Path) -> str:
    """A namespace with two ready web pods behind a service named web."""
    cluster.load_image_archives([image])
    _run_web(cluster, namespace)
    return namespace


def _run_web(world: ClusterWorld, namespace: str) -> None:
    world.kubectl("-n", namespace, "apply", "-f", "-", stdin=_MANIFEST)
    world.kubectl("-n", namespace, "rollout", "status", "deployment/web", "--timeout=60s", timeout=90)


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_pods_run_and_are_reached_by_name_inside_and_by_forward_outside(
    cluster: ClusterWorld, web: str
) -> None:
    pods = json.loads(cluster.kubectl("-n", web, "get", "pods", "-o=json").stdout)["items"]
    inits = [pod["status"]["initContainerStatuses"][0]["state"]["terminated"] for pod in pods]
    assert [(init["exitCode"], init["message"]) for init in inits] == [(0, "wrote\n")] * 2

    fetch = ("exec", "deployment/web", "-c", "web", "--", "/busybox", "wget", "-q", "-O-")
    assert cluster.kubectl("-n", web, *fetch, f"http://web.{web}.svc.cluster.local/").stdout == "hello\n"

    url = cluster.forward(web, "web", 80)
    assert _get(url) == "hello\n"
    assert cluster.forward(web, "web", 80) == url

    # A service made anew has another address: the port has to follow it.
    old = cluster.kubectl("-n", web, "get", "service", "web", "-o=jsonpath={.spec.clusterIP}").stdout
    cluster.kubectl("-n", web, "delete", "service", "web")
    cluster.kubectl("-n", web, "apply", "-f", "-", stdin=_MANIFEST)
    assert cluster.kubectl("-n", web, "get", "service", "web", "-o=jsonpath={.spec.clusterIP}").stdout != old

    assert _get(url) == "hello\n"


def test_no_link_leads_out_of_the_cluster(cluster: ClusterWorld, web: str) -> None:
    listing = cluster.inside(["ip", "-brief", "link"])
    rows = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines()
    up = {row.split()[0].split("@")[0] for row in rows if "LOWER_UP" in row}
    pods = {name for name in up if name.startswith("veth")}
    assert len(pods) >= 2
    assert up - pods == {"lo", "lg0", "cni0"}


def test_a_forward_to_a_service_or_port_that_is_not_there_says_so(
    cluster: ClusterWorld, namespace: str
) -> None:
    with pytest.raises(SandboxError, match=f"{namespace}/none.*not found"):
        cluster.forward(namespace, "none", 80)
    with pytest.raises(SandboxError, match=r"it has port \[443\], not 80"):
        cluster.forward("default", "kubernetes", 80)


def test_an_existing_cluster_is_used_through_its_kubeconfig_alone(
    cluster: ClusterWorld, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    with use_existing() as world:
        assert world.level == "existing"
        assert world.audit_log is None
        assert "node" in world.kubectl("get", "nodes").stdout
        assert _get(world.forward(web, "web", 80)) == "hello\n"
        for kubeconfig, who in (
            (world.kubeconfig_for("jane", ["ml"]), "jane"),
            (world.kubeconfig_for_service_account(web, "default"), f"system:serviceaccount:{web}:default"),
        ):
            answer = world.kubectl("--kubeconfig", str(kubeconfig), "auth", "whoami", "-o=json").stdout
            assert json.loads(answer)["status"]["userInfo"]["username"] == who
        # How images get to somebody else's nodes is not ours to know, and neither are parts made of them.
        assert not hasattr(world, "load_image_archives")
        assert not hasattr(world, "add")
    assert "node" in cluster.kubectl("get", "nodes").stdout


@pytest.mark.parametrize("victim", ["first", "keeper"])
def test_a_second_cluster_beside_the_first_is_gone_without_a_trace_after_a_kill(
    cluster: ClusterWorld, image: Path, victim: str
) -> None:
    kernel_settings = _settings()
    with start_cluster() as world:
        world.load_image_archives([image])
        _run_web(world, "default")
        assert _get(world.forward("default", "web", 80)) == "hello\n"
        assert "web" not in cluster.kubectl("-n", "default", "get", "deployments").stdout
        assert _settings() == kernel_settings
        # Starting the second has not taken the groups of the first for leftovers, nor the other way round.
        assert len(_groups_of(world.name)) == len(_groups_of(cluster.name)) > 0

        namespace = Path(f"/proc/{world.record.first_pid}/ns/pid").readlink()
        assert len(_processes_in(namespace)) > 10
        os.kill(world.record.first_pid if victim == "first" else world.record.keeper_pid, signal.SIGKILL)
        wait_until("its processes are gone", lambda: not _processes_in(namespace))
        if victim == "first":
            wait_until(
                "directory and control groups are gone",
                lambda: not world.directory.exists() and not _groups_of(world.name),
            )
    assert not world.directory.exists()
    assert world.name not in Path("/proc/mounts").read_text()
    assert "node" in cluster.kubectl("get", "nodes").stdout
    if victim == "keeper":
        # Nobody was left to remove the groups; the next start does.
        assert _groups_of(world.name)
        start_cluster().close()
    assert not _groups_of(world.name)


def _processes_in(pid_namespace: Path) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns" / "pid").readlink() == pid_namespace:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def _groups_of(name: str) -> list[Path]:
    return [
        *Path("/sys/fs/cgroup").glob(f"lockgate-{name}"),
        *Path("/sys/fs/cgroup").glob(f"*/lockgate-{name}"),
    ]


def _settings() -> list[str]:
    names = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")
    return [(Path("/proc/sys") / name).read_text() for name in names]
