"""The stand-in for a kubelet, against a real API server with the real controllers and scheduler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.waiting import wait_until

from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.node_actor import NodeActor
from lockgate_sandbox.pod_fates import BecomesReady, CrashLoops, Fate, InitFails, NeverReady
from lockgate_sandbox.running import RunningWorld

pytestmark = pytest.mark.integration
Json = dict[str, Any]


@pytest.fixture
def client(control_plane: RunningWorld) -> Iterator[ApiClient]:
    with ApiClient(control_plane.kubeconfig) as connected:
        yield connected


@pytest.fixture
def actor(control_plane: RunningWorld, client: ApiClient) -> Iterator[NodeActor]:
    with NodeActor.on(control_plane, delay=0.02) as acting:
        yield acting
    # Else pods of other tests were sent to it, where nobody looks after them any more.
    client.delete("/api/v1/nodes/stand-in")


def _pod(fate: str) -> Json:
    return {
        "metadata": {"generateName": "p-", "labels": {"fate": fate}},
        "spec": {
            "initContainers": [{"name": "fetch", "image": "none"}],
            "containers": [{"name": "main", "image": "none"}],
        },
    }


def _by_label(pod: Json) -> Fate:
    match pod["metadata"].get("labels", {}).get("fate"):
        case "init-fails":
            return InitFails(message="digest differs", exit_code=3)
        case "crash-loops":
            return CrashLoops(message="out of memory")
        case "never-ready":
            return NeverReady()
        case _:
            return BecomesReady(init_message="fetched v3")


def test_a_deployment_of_two_becomes_available_and_is_gone_after_its_deletion(
    control_plane: RunningWorld, namespace: str, actor: NodeActor, client: ApiClient
) -> None:
    control_plane.kubectl("-n", namespace, "create", "deployment", "web", "--image=none", "--replicas=2")
    control_plane.kubectl(
        "-n", namespace, "wait", "deployment/web", "--for=condition=Available", "--timeout=20s"
    )
    pods = client.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
    assert {pod["spec"]["nodeName"] for pod in pods} == {"stand-in"}
    assert len({pod["status"]["podIP"] for pod in pods}) == 2

    control_plane.kubectl("-n", namespace, "delete", "deployment", "web")
    wait_until("no pod is left", lambda: not client.get(f"/api/v1/namespaces/{namespace}/pods")["items"])


def test_init_containers_complete_with_the_message_the_behaviour_gives(
    namespace: str, actor: NodeActor, client: ApiClient
) -> None:
    actor.behaviour = _by_label
    path = _create(client, namespace, _pod("any"))
    status = wait_until("it runs", lambda: _phase(client, path, "Running"))
    assert status["initContainerStatuses"][0]["state"]["terminated"]["message"] == "fetched v3"


def test_an_init_container_that_fails_is_reported_ended_and_then_backing_off(
    namespace: str, actor: NodeActor, client: ApiClient
) -> None:
    actor.behaviour = _by_label
    path = _create(client, namespace, _pod("init-fails"))

    def backing_off() -> Json | None:
        inits = client.get(path)["status"].get("initContainerStatuses") or [{}]
        return inits[0] if "waiting" in inits[0].get("state", {}) else None

    fetch = wait_until("it backs off", backing_off)
    assert fetch["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert fetch["lastState"]["terminated"]["exitCode"] == 3
    assert fetch["lastState"]["terminated"]["message"] == "digest differs"
    assert client.get(path)["status"]["phase"] == "Pending"


def test_a_pod_that_was_never_ready_becomes_ready_when_reconsidered(
    namespace: str, actor: NodeActor, client: ApiClient
) -> None:
    actor.behaviour = _by_label
    path = _create(client, namespace, _pod("never-ready"))
    status = wait_until("it runs", lambda: _phase(client, path, "Running"))
    assert not status["containerStatuses"][0]["ready"]

    actor.behaviour = lambda _pod: BecomesReady()
    actor.reconsider()
    wait_until("it is ready", lambda: client.get(path)["status"]["containerStatuses"][0]["ready"])


def test_a_crash_loop_shows_the_last_words_of_the_container(
    namespace: str, actor: NodeActor, client: ApiClient
) -> None:
    actor.behaviour = _by_label
    path = _create(client, namespace, _pod("crash-loops"))

    def crashed() -> Json | None:
        containers = client.get(path)["status"].get("containerStatuses") or [{}]
        return containers[0].get("lastState") or None

    assert json.dumps(wait_until("it crashed", crashed)).count("out of memory") == 1


def _create(client: ApiClient, namespace: str, pod: Json) -> str:
    made = client.post(f"/api/v1/namespaces/{namespace}/pods", pod)
    return f"/api/v1/namespaces/{namespace}/pods/{made['metadata']['name']}"


def _phase(client: ApiClient, path: str, phase: str) -> Json | None:
    status = client.get(path)["status"]
    return status if status.get("phase") == phase else None
