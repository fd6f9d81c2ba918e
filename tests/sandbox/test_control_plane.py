"""The control-plane level: ready, scoped, audited, several at once, and gone however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.waiting import wait_until

from lockgate_sandbox.errors import NotOffered, SandboxError, StartFailed
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.supervise.lifetime import children_of
from lockgate_sandbox.world import start_control_plane
from lockgate_sandbox.worlds import WorldRecord, is_alive, worlds_root

pytestmark = pytest.mark.integration


def _servers(world: RunningWorld) -> dict[str, int]:
    table = json.loads((world.directory / "components.json").read_text())
    return {row["name"]: row["pid"] for row in table}


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _allowed(world: RunningWorld, name: str) -> set[str]:
    environments = [Path(f"/proc/{pid}/environ").read_text().split("\0") for pid in _servers(world).values()]
    return {line for lines in environments for line in lines if line.startswith(f"{name}=")}


def test_two_control_planes_run_side_by_side_and_know_nothing_of_each_other(
    control_plane: RunningWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOGC", "234")
    with start_control_plane() as other:
        assert _allowed(other, "GOGC") == {"GOGC=234"}
        assert "GOGC=234" not in _allowed(control_plane, "GOGC")
        other.kubectl("create", "namespace", "only-here")
        assert control_plane.api_url != other.api_url
        assert "only-here" not in control_plane.kubectl("get", "namespaces").stdout
        servers, directory = _servers(other), other.directory
        assert set(servers) == {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
    assert not directory.exists()
    assert not any(map(_runs, servers.values()))
    other.close()  # harmless


@pytest.mark.parametrize("victim", ["keeper", "supervisor"])
def test_a_kill_of_either_first_process_leaves_no_child(victim: str) -> None:
    with start_control_plane() as world:
        servers = _servers(world)
        keeper, first = world.record.keeper_pid, world.record.first_pid
        assert children_of(keeper) == [first]
        os.kill(keeper if victim == "keeper" else first, signal.SIGKILL)
        wait_until("every process is gone", lambda: not any(map(_runs, [first, *servers.values()])))
        if victim == "supervisor":
            wait_until("the directory is gone", lambda: not world.directory.exists())
    assert not world.directory.exists()


def test_a_world_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    note = tmp_path / "directory"
    code = (
        "import pathlib, sys, time\n"
        "from lockgate_sandbox.world import start_control_plane\n"
        "world = start_control_plane()\n"
        "pathlib.Path(sys.argv[1]).write_text(str(world.directory))\n"
        "time.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    starter = subprocess.Popen([sys.executable, "-c", code, str(note)], env=environment)
    try:
        wait_until("the world is up", lambda: note.exists() and note.read_text(), within=60)
        directory = Path(note.read_text())
        record = WorldRecord.load(directory)
    finally:
        starter.kill()
        starter.wait()
    wait_until("the world is gone", lambda: not directory.exists() and not _runs(record.keeper_pid))


def test_a_name_that_is_taken_is_refused(control_plane: RunningWorld) -> None:
    with pytest.raises(SandboxError, match="running already"):
        start_control_plane(name=control_plane.name)
    assert is_alive(control_plane.directory)


def test_a_start_that_fails_names_the_server_and_its_last_words_and_keeps_its_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "kube-apiserver"
    broken.write_text("#!/bin/sh\necho starting\necho 'Error: not a flag'\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("LOCKGATE_SANDBOX_BINARIES", str(tmp_path))
    with pytest.raises(StartFailed, match="kube-apiserver ended while starting: Error: not a flag"):
        start_control_plane(name="fails")
    directory = worlds_root() / "fails"
    assert (directory / "logs" / "kube-apiserver.log").exists()
    assert not (directory / "pki").exists()
    monkeypatch.delenv("LOCKGATE_SANDBOX_BINARIES")
    with start_control_plane():
        assert not directory.exists()


def test_a_server_that_dies_is_started_again() -> None:
    with start_control_plane() as world:
        before = _servers(world)["kube-apiserver"]
        os.kill(before, signal.SIGKILL)
        wait_until("another process", lambda: _servers(world).get("kube-apiserver", before) != before)
        wait_until("ready again", lambda: world.kubectl("get", "--raw=/readyz", check=False).stdout == "ok")


def test_a_scoped_user_may_do_what_a_role_grants_and_nothing_else(
    control_plane: RunningWorld, namespace: str
) -> None:
    kubeconfig = str(control_plane.kubeconfig_for("jane", ["ml"]))
    scoped = ("--kubeconfig", kubeconfig, "-n", namespace)
    refused = control_plane.kubectl(*scoped, "get", "configmaps", check=False)
    assert 'User "jane" cannot list resource "configmaps"' in refused.stderr

    role = ("create", "rolebinding", "ml", "--clusterrole=view", "--group=ml")
    control_plane.kubectl("-n", namespace, *role)
    assert "kube-root-ca.crt" in control_plane.kubectl(*scoped, "get", "configmaps").stdout
    assert control_plane.kubectl(*scoped, "delete", "configmaps", "--all", check=False).returncode != 0


def test_a_service_account_is_known_by_its_token(control_plane: RunningWorld, namespace: str) -> None:
    kubeconfig = control_plane.kubeconfig_for_service_account(namespace, "default")
    answer = control_plane.kubectl("--kubeconfig", str(kubeconfig), "auth", "whoami", "-o=json").stdout
    assert (
        json.loads(answer)["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:default"
    )


def test_every_request_is_in_the_audit_log_when_its_answer_is_there(
    control_plane: RunningWorld, namespace: str
) -> None:
    control_plane.kubectl("-n", namespace, "create", "configmap", "seen")
    events = [json.loads(line) for line in control_plane.audit_log.read_text().splitlines()]
    mine = [
        event
        for event in events
        if event["verb"] == "create"
        and event.get("objectRef", {}).get("namespace") == namespace
        and event["objectRef"].get("name") == "seen"
    ]
    assert [event["user"]["username"] for event in mine] == ["lockgate-admin"]
    assert mine[0]["userAgent"].startswith("kubectl/")
    assert mine[0]["responseStatus"]["code"] == 201
    assert mine[0]["annotations"]["authorization.k8s.io/decision"] == "allow"


def test_helm_installs_and_removes_a_release(
    control_plane: RunningWorld, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 1.0.0\n")
    (tmp_path / "templates" / "map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-chart}\n"
    )
    control_plane.helm("-n", namespace, "install", "small", str(tmp_path))
    assert "from-chart" in control_plane.kubectl("-n", namespace, "get", "configmaps").stdout
    control_plane.helm("-n", namespace, "uninstall", "small")
    assert "from-chart" not in control_plane.kubectl("-n", namespace, "get", "configmaps").stdout


def test_the_servers_listen_on_loopback_and_nowhere_else(control_plane: RunningWorld) -> None:
    mine = set[str]()
    for pid in _servers(control_plane).values():
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile, as connections are
                mine.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    rows = [
        row.split()
        for table in ("tcp", "tcp6")
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    listening = "0A"
    addresses = [row[1] for row in rows if row[3] == listening and row[9] in mine]
    # Parts that other tests have added may listen too.
    assert f"0100007F:{control_plane.record.api_port:04X}" in addresses
    assert {address.partition(":")[0] for address in addresses} == {"0100007F"}


def test_what_needs_pods_is_refused_with_the_level_that_has_it(control_plane: RunningWorld) -> None:
    with pytest.raises(NotOffered, match="'visitor' cannot be had on the level control-plane; use cluster"):
        control_plane.add("visitor")
    assert not hasattr(control_plane, "forward")
    assert not hasattr(control_plane, "load_image_archives")
