"""`kubectl lockgate` on the real control plane, with the real operator and the chart's roles for people."""

import json
import os
import pty
import select
import signal
import time
from pathlib import Path

import pytest
import yaml
from tests.chart.rendering import rights
from tests.integration.audit import finished
from tests.integration.people import AGENT, People, programs
from tests.integration.site import GROUP, ROOT, Site
from tests.waiting import wait_until

from lockgate_sandbox.api import ApiClient, Json
from lockgate_sandbox.pod_fates import NeverReady
from lockgate_sandbox.running import RunningWorld

pytestmark = pytest.mark.integration
REQUEST = "lockgate.dev/request"


@pytest.fixture(scope="module")
def roles(lockgate_world: RunningWorld) -> list[Json]:
    """The chart's roles for people, as they are in the cluster."""
    chart = (str(ROOT / "helm" / "lockgate"), "--set=image.repository=unused")
    shown = lockgate_world.helm("template", "r", *chart, "--show-only=templates/peoplesroles.yaml").stdout
    lockgate_world.kubectl("apply", "-f", "-", stdin=shown)
    return list(yaml.safe_load_all(shown))


@pytest.fixture
def person(
    lockgate_world: RunningWorld,
    roles: list[Json],
    namespace: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> People:
    """Somebody whom a role was given in the namespace, the releaser's unless a test says otherwise."""
    role = getattr(request, "param", "lockgate-releaser")
    who = f"{role}-{namespace}"
    given = ("create", "rolebinding", who, f"--clusterrole={role}", f"--user={who}", "-n", namespace)
    lockgate_world.kubectl(*given)
    directory = tmp_path / "bin"
    directory.mkdir()
    person = People(lockgate_world, lockgate_world.kubeconfig_for(who), namespace, programs(directory))
    # Rights are granted a moment later.
    wait_until("the role holds", lambda: person.type("get").returncode == 0)
    return person


def test_kubectl_finds_the_tool_and_completes_it(site: Site, person: People):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    inside = ("-n", person.namespace)
    done = person.kubectl("lockgate", "get", *inside)
    assert (done.returncode, done.stderr) == (0, "")
    header, row = done.stdout.splitlines()
    assert header.split() == ["NAME", "FOLLOWS", "SERVES", "STATE", "AGE", "WHY"]
    assert row.split()[:4] == ["churn", "production", "v0", "Serving"]
    verbs = person.kubectl("__complete", "lockgate", "ro").stdout.splitlines()
    assert (verbs[0].split("\t")[0], verbs[1]) == ("rollback", ":4")
    names = person.kubectl("__complete", "lockgate", *inside, "history", "")
    assert names.stdout.splitlines() == ["churn", ":4"]


def test_a_releaser_does_all_that_the_tool_can_and_uses_each_right_of_the_role(
    site: Site, person: People, roles: list[Json]
):
    site.seed(2)
    site.registry.move_alias("model", "churn", "production", "v0")
    site.deploy()
    site.wait_serving("v0")
    pinned = person.type("pin", "churn", "v1", "--reason", "to try it")
    assert pinned.returncode == 0, pinned.stderr
    assert pinned.stdout.splitlines()[0] == "churn: pinned to v1"
    site.wait_serving("v1")
    back = person.type("rollback", "churn", "--reason", "it is slow")
    assert back.returncode == 0, back.stderr
    who = f"lockgate-releaser-{site.namespace}"
    reason = f"rolled back from v1 by {who}: it is slow"
    assert site.get("modeldeployments")["spec"]["pin"] == {"version": "v0", "reason": reason}
    site.wait_serving("v0")
    refused = person.type("rollback", "churn", "v7")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert (
        refused.stderr == "error: the history of churn knows no version v7 that served; it knows v0 and v1\n"
    )
    assert person.type("unpin", "churn").returncode == 0
    paused = person.type("pause", "churn")
    assert paused.stdout.splitlines()[-1].startswith("Suspended: spec.suspend is true")
    assert "to go on: kubectl lockgate resume churn" in person.type("plan", "churn").stdout
    assert person.type("resume", "churn").returncode == 0
    past = person.type("history", "churn", "-o", "json")
    assert [entry["trigger"] for entry in json.loads(past.stdout)] == ["Pinned", "Pinned", "FirstRollout"]
    tree = person.type("watch", "churn", "--once").stdout
    assert tree.count(" ready ") == 2
    watching = person.begin("watch", "churn")
    assert watching.stdout is not None
    told = [watching.stdout.readline()]
    site.change(replicas=1)
    while "is gone" not in told[-1]:
        told.append(watching.stdout.readline())
        assert told[-1], "the watch ended by itself"
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=20)
    owned = site.client.get(f"{site.path('modeldeployments', 'churn')}")["metadata"]["managedFields"]
    assert "lockgate-cli" in {entry["manager"] for entry in owned}
    (releaser,) = [role for role in roles if role["metadata"]["name"] == "lockgate-releaser"]

    def all_used() -> bool:
        # Streams are in the log only when they have ended.
        return person.used(who) == rights(releaser["rules"])

    wait_until("every right is used, and no other", all_used, tell=lambda: str(person.used(who)))


@pytest.mark.parametrize("person", ["lockgate-viewer"], indirect=True)
def test_a_viewer_sees_everything_and_is_told_what_is_missing_to_change_it(site: Site, person: People):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    for verb in ("history", "plan"):
        assert person.type(verb, "churn").returncode == 0
    assert "not all is shown" not in person.type("watch", "churn", "--once").stdout
    before = site.get("modeldeployments")["spec"]
    for words in (("pause", "churn"), ("abort", "churn"), ("pin", "churn", "v0", "--reason", "x")):
        done = person.type(*words)
        assert done.returncode == 1
        assert "may not patch modeldeployments.lockgate.dev in namespace" in done.stderr
        assert "ClusterRole lockgate-releaser" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert site.get("modeldeployments")["spec"] == before


def test_a_request_is_answered_and_the_answer_outlives_the_operators_passes(site: Site, person: People):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.actor.behaviour = lambda pod: NeverReady()
    site.seed()
    release = site.wait(
        "the rollout is on",
        lambda: (site.get("modeldeployments")["status"].get("candidate") or {}).get("release"),
    )
    asked = person.type("abort", "churn", "--reason", "latency doubled")
    assert (asked.returncode, asked.stderr) == (0, "")
    first, last = asked.stdout.splitlines()
    assert first == f"churn: asked to abort v1 (release {release})"
    assert last.startswith("churn: accepted: ")
    text = site.get("modeldeployments")["metadata"]["annotations"][REQUEST]
    who = f"lockgate-releaser-{site.namespace}"
    assert text.startswith(f"abort {release} by {who} because latency doubled #")
    site.wait("it is given up", lambda: not site.get("modeldeployments")["status"].get("candidate"))
    approved = person.type("approve", "churn")
    assert (approved.returncode, approved.stdout) == (1, "")
    assert approved.stderr.startswith(
        "error: nothing of churn is being rolled out that could be approved: v1 was"
    )
    site.change(replicas=1)
    site.wait("a pass was made", lambda: site.get("modeldeployments")["status"].get("replicas") == 1)
    assert site.get("modeldeployments")["status"]["lastRequest"]["outcome"] == "Accepted"


def test_what_nobody_answers_ends_with_two_and_stays(site: Site, person: People):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.operator.kill()
    done = person.type("promote", "churn", "--timeout", "1s")
    assert done.returncode == 2
    assert "the operator has not answered for 1s; the request stays" in done.stderr
    assert site.get("modeldeployments")["metadata"]["annotations"][REQUEST].startswith("promote by ")
    held = person.type("pause", "churn", "--timeout", "1s")
    assert held.returncode == 2
    assert "the edit is made, but the operator has not looked at it for 1s" in held.stderr


def test_the_api_server_checks_a_dry_run_and_holds_what_it_held(site: Site, person: People):
    site.seed()
    site.deploy()
    before = site.wait_serving("v0")["metadata"]["generation"]
    done = person.type("pin", "churn", "v0", "--reason", "x", "--dry-run")
    assert (done.returncode, done.stdout) == (0, "churn: would be pinned to v0 (dry run)\n")
    wrong = person.type("pin", "churn", "latest", "--reason", "x", "--dry-run")
    assert wrong.returncode == 1
    assert "spec.pin.version" in wrong.stderr
    assert site.get("modeldeployments")["metadata"]["generation"] == before


def test_a_watch_in_a_pipe_tells_a_rollout_and_ends_cleanly_when_interrupted(site: Site, person: People):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    watching = person.begin("watch", "churn")
    assert watching.stdout is not None
    first = watching.stdout.readline()
    assert f"{site.namespace}/churn Serving serves v0: v0 is rolled out" in first
    site.seed()
    site.wait_serving("v1")
    lines = [first]
    while "Serving serves v1" not in lines[-1]:
        lines.append(watching.stdout.readline())
        assert lines[-1], "the watch ended by itself"
    watching.send_signal(signal.SIGINT)
    rest, errors = watching.communicate(timeout=20)
    assert (watching.returncode, errors) == (130, "")
    told = "".join(lines)
    assert "RollingOut serves v0, rolls out v1, step 1/1" in told
    assert " v1 ready\n" in told
    assert " v0 is gone\n" in told + rest


def test_a_watch_at_a_terminal_is_a_tree_that_leaves_the_terminal_as_it_was(site: Site, person: People):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    pid, terminal = pty.fork()
    if pid == 0:
        program = str(person.programs / "kubectl-lockgate")
        os.execve(
            program,
            [program, "watch", "churn", "-n", site.namespace],
            {**person.environment, "TERM": "xterm-256color", "NO_COLOR": ""},
        )
    shown, deadline = b"", time.monotonic() + 30
    try:
        while shown.count(b"ready") < 3:
            assert time.monotonic() < deadline, shown
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 65536)
        os.write(terminal, b"\x03")
        while True:
            assert time.monotonic() < deadline, shown
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            try:
                part = os.read(terminal, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    text = shown.decode()
    assert "└─" in text
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l") >= 0, "the cursor is shown again"
    assert "Traceback" not in text


def test_five_hundred_are_got_by_one_list(lockgate_world: RunningWorld, namespace: str, person: People):
    path = f"{GROUP}/namespaces/{namespace}/modeldeployments"
    spec = {
        "model": {"registry": "model", "collection": "churn", "alias": "production"},
        "runtime": {"name": "onnx"},
    }
    with ApiClient(lockgate_world.kubeconfig) as client:
        for number in range(500):
            client.post(
                path,
                {
                    "apiVersion": "lockgate.dev/v1alpha1",
                    "kind": "ModelDeployment",
                    "metadata": {"name": f"m{number:03}"},
                    "spec": spec,
                },
            )
    asked = len(finished(lockgate_world, AGENT))
    done = person.type("get")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 501
    (only,) = finished(lockgate_world, AGENT)[asked:]
    assert (only["verb"], only["requestURI"].partition("?")[2]) == ("list", "limit=500")


def test_who_reads_no_further_and_who_names_nothing_real(person: People, tmp_path: Path):
    missing = person.type("get", "churn")
    assert missing.returncode == 1
    where = person.namespace
    assert missing.stderr.startswith(
        f"error: there is no ModelDeployment churn in namespace {where}, nor any other"
    )
    stale = json.loads(Path(person.environment["KUBECONFIG"]).read_text())
    stale["users"][0]["user"] = {"token": "expired"}
    config = tmp_path / "stale"
    config.write_text(json.dumps(stale))
    unknown = person.type("get", "--kubeconfig", str(config))
    assert unknown.returncode == 1
    assert "the API server does not know who you are; log in again" in unknown.stderr
    stale["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    config.write_text(json.dumps(stale))
    away = person.type("get", "--kubeconfig", str(config))
    assert away.returncode == 2
    assert "the API server https://127.0.0.1:1 cannot be reached" in away.stderr
    assert len(away.stderr.splitlines()) == 1
