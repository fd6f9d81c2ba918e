"""Pods are replaced by rollouts and by nothing else, on the real API server."""

import urllib.request
from collections.abc import Iterator

import pytest
from tests.integration.site import GROUP, Site, runtime

from lockgate_sandbox.api import Json
from lockgate_sandbox.pod_fates import NeverReady

pytestmark = pytest.mark.integration


@pytest.fixture
def own_runtime(site: Site) -> Iterator[str]:
    """A runtime that no other test uses."""
    name = f"own-{site.namespace}"
    site.client.post(f"{GROUP}/modelruntimes", runtime(name))
    yield name
    site.client.delete(f"{GROUP}/modelruntimes/{name}")


def edit(site: Site, name: str, threads: int, **spec: str) -> None:
    changed = {"env": [{"name": "THREADS", "value": str(threads)}], **spec}
    site.client.merge(f"{GROUP}/modelruntimes/{name}", {"spec": changed})


def template(site: Site, name: str = "churn") -> Json:
    found: Json = site.get("deployments", name)["spec"]["template"]
    return found


def is_ready(site: Site) -> bool:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{site.operator.probe_port}/readyz", timeout=5
        ) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


OTHER_SETTINGS = {
    "LOCKGATE_FETCH_IMAGE": "registry.example/lockgate:other",
    "LOCKGATE_FETCH_DEADLINE_SECONDS": "77",
    "LOCKGATE_FETCH_MAX_BYTES": "7777777",
    "LOCKGATE_POLL_INTERVAL_SECONDS": "0.4",
    "LOCKGATE_MODEL_STORAGE_REQUESTS": "false",
}


def test_an_operator_that_begins_anew_with_other_settings_replaces_no_pod_and_writes_nothing(site: Site):
    site.seed()
    for name in ("churn", "other"):
        site.deploy(name)
    for name in ("churn", "other"):
        site.wait_serving("v0", name)
    site.wait_quiet()
    pods = {pod["metadata"]["uid"] for pod in site.all("pods")}
    before = len(site.writes())
    site.operator.restart(**OTHER_SETTINGS)
    site.wait("it is ready", lambda: is_ready(site))
    site.wait_quiet()
    assert site.writes()[before:] == []
    assert {pod["metadata"]["uid"] for pod in site.all("pods")} == pods
    site.seed()
    site.wait_serving("v1")
    (fetch,) = template(site)["spec"]["initContainers"]
    assert fetch["image"] == OTHER_SETTINGS["LOCKGATE_FETCH_IMAGE"]


def test_an_edited_runtime_is_rolled_out_one_by_one_with_history_and_event(site: Site, own_runtime: str):
    site.seed()
    names = [f"churn-{number}" for number in range(4)]
    for name in names:
        site.deploy(name, runtime={"name": own_runtime})
    for name in names:
        site.wait_serving("v0", name)
    releases = {name: site.get("modeldeployments", name)["status"]["stable"]["release"] for name in names}
    most = 0
    edit(site, own_runtime, threads=4)

    def all_are_out() -> bool:
        nonlocal most
        found = {name: site.get("modeldeployments", name)["status"] for name in names}
        most = max(most, sum("candidate" in status for status in found.values()))
        return all(status["stable"]["release"] != releases[name] for name, status in found.items())

    site.wait("all are out", all_are_out, within=60, every=0.01)
    assert most == 1
    for name in names:
        found = site.wait_serving("v0", name)
        ended = found["status"]["history"][0]
        assert (ended["outcome"], ended["trigger"]) == ("Promoted", "RuntimeChanged")
        env = template(site, name)["spec"]["containers"][0]["env"]
        assert {"name": "THREADS", "value": "4"} in env

    def started() -> set[str]:
        events = [e for e in site.all("events") if "RuntimeChanged" in (e.get("note") or "")]
        return {event["regarding"]["name"] for event in events}

    site.wait("each has an Event", lambda: started() == set(names))


def test_what_was_edited_by_hand_is_put_right_from_the_ledger(site: Site, own_runtime: str):
    site.seed()
    site.deploy(runtime={"name": own_runtime})
    site.wait_serving("v0")
    before = template(site)
    site.operator.restart(**OTHER_SETTINGS)
    edit(site, own_runtime, threads=8, onChange="NextVersion")
    site.client.merge(
        site.path("deployments", "churn"),
        {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 99}}}},
    )
    site.wait("it is put right", lambda: template(site) == before)
    site.wait_serving("v0")


def test_what_others_add_is_looked_at_once_and_left_alone(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.wait_quiet()
    before = len(site.requests())
    note = {"kubectl.kubernetes.io/restartedAt": "2026-01-05T09:00:00Z"}
    site.client.merge(
        site.path("deployments", "churn"), {"spec": {"template": {"metadata": {"annotations": note}}}}
    )
    site.wait("it was looked at", lambda: len(site.requests()) > before)
    site.wait_serving("v0")
    site.wait_quiet()
    asked = [(e["verb"], e["objectRef"]["resource"]) for e in site.requests()[before:]]
    assert asked.count(("get", "controllerrevisions")) == 1
    assert ("patch", "deployments") not in asked
    assert template(site)["metadata"]["annotations"].items() >= note.items()


def test_an_aborted_edit_leaves_the_pods_of_before(site: Site, own_runtime: str):
    site.seed()
    site.deploy(runtime={"name": own_runtime}, progressDeadline="3s", replicas=1)
    site.wait_serving("v0")
    before = template(site)
    (uid,) = (pod["metadata"]["uid"] for pod in site.all("pods"))
    assert site.actor is not None
    site.actor.behaviour = lambda pod: NeverReady()
    edit(site, own_runtime, threads=16)
    site.wait_condition("Stalled", "True", "RolloutAborted")
    site.wait("the old template is back", lambda: template(site) == before)
    site.wait("the new pod is gone", lambda: [p["metadata"]["uid"] for p in site.all("pods")] == [uid])
