"""What the API server says of when a rollout begins and what becomes of it, and one life."""

import pytest
from tests.integration.site import Site, message, verdict
from tests.integration.test_schema_on_the_server import GROUP, body

from lockgate_sandbox.api import ApiClient, ApiError
from lockgate_sandbox.pod_fates import NeverReady

pytestmark = pytest.mark.integration


@pytest.fixture
def client(lockgate_world):
    with ApiClient(lockgate_world.kubeconfig) as made:
        yield made


@pytest.fixture
def path(namespace: str) -> str:
    return f"{GROUP}/namespaces/{namespace}/modeldeployments"


def test_who_says_nothing_of_settling_has_nothing_to_wait_for(client, path):
    made = client.post(path, body(settle={"debounce": "1h30m"}))
    assert made["spec"]["settle"] == {"debounce": "1h30m", "soak": "0s"}
    assert "settle" not in client.post(path, body("other"))["spec"]


def test_who_says_nothing_has_candidates_taken_back_and_newer_ones_begin_at_once(client, path):
    made = client.post(path, body())["spec"]
    assert (made["onFailure"], made["supersede"]) == ("Rollback", "Restart")


def test_who_gives_no_deadline_is_given_none(client, path):
    assert "progressDeadline" not in client.post(path, body(minReadySeconds=1199))["spec"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"onFailure": "Wait"}, "spec.onFailure"),
        ({"supersede": "Never"}, "spec.supersede"),
        ({"settle": {"debounce": "25h"}}, "at most 24h"),
        ({"settle": {"soak": "1440m1s"}}, "at most 24h"),
        ({"settle": {"soak": "soon"}}, "spec.settle.soak"),
        ({"settle": {"debounce": ""}}, "spec.settle.debounce"),
        ({"settle": {"debounce": 5}}, "spec.settle.debounce"),
    ],
)
def test_what_nobody_could_go_by_is_refused_at_the_door(client, path, spec, said):
    with pytest.raises(ApiError) as refused:
        client.post(path, body(**spec))
    assert refused.value.status == 422
    assert said in str(refused.value)


def test_what_waits_begins_by_itself_and_costs_one_write_until_then(site: Site):
    site.seed()
    site.deploy(settle={"debounce": "8s"})
    site.wait_serving("v0")
    site.wait_quiet()
    before = len(site.writes())
    site.seed()
    found = site.wait_condition("Ready", "Unknown", "Settling")
    assert "v1 is to be rolled out over v0 if it is still asked for at " in message(found, "Ready")
    assert len(site.writes()) == before + 1
    # Another process goes on from what the status says.
    site.operator.restart()
    site.wait_serving("v1")
    assert [entry["version"] for entry in site.get("modeldeployments")["status"]["history"]] == ["v1", "v0"]


def test_a_candidate_that_is_late_is_held_and_goes_on_when_somebody_asks_for_it(site: Site):
    site.seed()
    site.deploy(progressDeadline="4s", onFailure="Freeze")
    site.wait_serving("v0")
    assert site.actor is not None
    kind = site.actor.behaviour
    site.actor.behaviour = lambda pod: NeverReady()
    site.seed()
    found = site.wait_condition("Stalled", "True", "Frozen")
    assert verdict(found, "Ready") == ("False", "Frozen")
    site.wait("no further pod is replaced", lambda: site.get("deployments")["spec"].get("paused"))
    site.wait_quiet()
    status = site.get("modeldeployments")["status"]
    assert (status["stable"]["version"], status["candidate"]["version"]) == ("v0", "v1")
    assert site.get("deployments")["status"]["availableReplicas"] == 2
    site.actor.behaviour = kind
    for pod in site.all("pods"):
        if pod["metadata"]["annotations"]["lockgate.dev/model-version"] == "v1":
            site.client.delete(site.path("pods", pod["metadata"]["name"]))
    asked = {"metadata": {"annotations": {"lockgate.dev/request": "retry by ada because the node is back"}}}
    site.client.merge(site.path("modeldeployments", "churn"), asked)
    site.wait_serving("v1")
