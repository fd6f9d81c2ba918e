"""Routes on the real API server: a gateway that accepts, lags and refuses, and people who interfere."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.routes import Routed, settings_in
from tests.integration.site import Site, message, succeeds

from lockgate_sandbox.api import Json
from lockgate_sandbox.gateway_actor import GatewayActor
from lockgate_sandbox.gateway_fates import Refuses, RefusesRef, Silent, StaysBehind, TakesBack
from lockgate_sandbox.pod_fates import NeverReady

pytestmark = pytest.mark.integration
HELD = [{"weight": 50, "pause": {"untilApproved": True}}]


@pytest.fixture
def routed(site: Site, gateway: GatewayActor, tmp_path: Path) -> Iterator[Routed]:
    site.operator.restart(**settings_in(tmp_path))
    found = Routed(site, gateway)
    found.behave()
    yield found
    found.behave()


def first_version(routed: Routed, steps: list[Json] | None = None) -> None:
    routed.site.seed()
    routed.deploy(steps)
    routed.site.wait_serving("v0")


def test_a_canary_moves_the_weights_of_a_route_and_leaves_nothing_behind(routed: Routed):
    first_version(routed)
    spec = routed.route()["spec"]
    assert spec["hostnames"] == [f"churn.{routed.site.namespace}.models.example.com"]
    first = routed.home("v0")
    routed.site.seed()
    routed.site.wait_serving("v1")
    routed.site.wait("the old one is gone", lambda: routed.names("deployments") == {routed.home("v1")})
    last = routed.home("v1")
    assert first != last
    routed.site.wait("its Service too", lambda: routed.names("services") == {"churn", last})
    assert routed.weights() == {last: 100}
    assert routed.site.get("services")["spec"]["selector"]["lockgate.dev/workload"] == last
    assert all(pod["metadata"]["labels"]["lockgate.dev/workload"] == last for pod in routed.site.all("pods"))


def test_at_rest_a_route_is_not_written_again(routed: Routed):
    first_version(routed)
    routed.site.wait_quiet()
    before = routed.route()["metadata"]["generation"]
    routed.actor.reconsider()
    routed.site.operator.restart()
    routed.site.wait_serving("v0")
    routed.site.wait_quiet()
    assert routed.route()["metadata"]["generation"] == before
    assert routed.site.get("modeldeployments")["status"]["conditions"]
    written = [entry for entry in routed.site.writes() if entry["objectRef"]["resource"] == "httproutes"]
    assert len(written) == 1


def test_a_split_that_is_refused_is_told_in_the_gateways_words_and_the_old_pods_stay(routed: Routed):
    first_version(routed)
    routed.behave(RefusesRef(message="that backend is too new"), after=1)
    routed.site.seed()
    routed.wait_weights(v0=80, v1=20)

    def told() -> bool:
        return "that backend is too new" in message(routed.site.get("modeldeployments"), "Ready")

    routed.site.wait("the refusal is told", told)
    assert len([p for p in routed.site.all("pods") if version_of(p) == "v0"]) == 2
    routed.behave()
    routed.site.wait_serving("v1")


@pytest.mark.parametrize("fate", [StaysBehind(), Silent(), Refuses()], ids=lambda f: type(f).__name__)
def test_pods_stay_as_long_as_the_gateway_has_not_taken_over_a_split(routed: Routed, fate: object):
    first_version(routed)
    routed.behave(fate, after=1)  # type: ignore[arg-type]
    routed.site.seed()
    routed.wait_weights(v0=80, v1=20)
    routed.site.wait_quiet()
    assert routed.site.get("modeldeployments")["status"]["stable"]["version"] == "v0"
    assert len([p for p in routed.site.all("pods") if version_of(p) == "v0"]) == 2
    assert routed.weights()["churn-own" if routed.home("v0") == "churn" else routed.home("v0")] == 80
    routed.behave()
    routed.site.wait_serving("v1")


def test_what_a_gateway_takes_back_is_served_no_more_and_no_pod_goes(routed: Routed):
    first_version(routed, HELD)
    routed.behave(TakesBack(message="the data plane fell over"), after=1)
    routed.site.seed()
    routed.wait_weights(v0=50, v1=50)

    def told() -> bool:
        found = routed.site.get("modeldeployments")
        return any("the data plane fell over" in c["message"] for c in found["status"]["conditions"])

    routed.site.wait("that it was taken back is told", told)
    routed.site.wait_quiet()
    assert len([p for p in routed.site.all("pods") if version_of(p) == "v0"]) == 2
    assert routed.site.get("modeldeployments")["status"]["stable"]["version"] == "v0"


def test_a_restart_while_the_gateway_is_silent_takes_no_pods_away(routed: Routed):
    first_version(routed, HELD)
    routed.site.seed()
    routed.wait_weights(v0=50, v1=50)
    routed.behave(Silent(), after=2)
    routed.site.wait_condition("Paused", "True", "WaitingForApproval")
    routed.site.registry.move_alias("model", "churn", "production", "v0")
    routed.wait_weights(v0=100)
    before = routed.home("v1")
    routed.site.operator.restart()
    routed.site.wait_quiet()
    assert before in routed.names("services")
    assert [p for p in routed.site.all("pods") if version_of(p) == "v1"], "the gateway may still send to it"
    routed.behave()
    routed.site.wait("what nobody needs goes", lambda: before not in routed.names("deployments"))
    routed.site.wait("its Service too", lambda: before not in routed.names("services"))


def test_what_another_controller_writes_into_the_route_is_put_right(routed: Routed):
    first_version(routed, HELD)
    routed.site.seed()
    routed.wait_weights(v0=50, v1=50)
    route = routed.route()
    rules = route["spec"]["rules"]
    rules[0]["backendRefs"][0]["weight"] = 1
    rules[0]["timeouts"] = {"request": "1s"}
    change = {"spec": {"rules": rules, "hostnames": ["bank.example.com"]}}
    routed.site.client.merge(routed.site.path("httproutes", "churn"), change)
    routed.site.wait("it is put right", lambda: routed.route()["spec"]["hostnames"] != ["bank.example.com"])
    routed.wait_weights(v0=50, v1=50)
    assert "timeouts" not in routed.route()["spec"]["rules"][0]


def test_a_route_that_was_deleted_is_made_anew(routed: Routed):
    first_version(routed)
    before = routed.route()
    routed.site.client.delete(routed.site.path("httproutes", "churn"))
    routed.site.wait(
        "it is made anew",
        lambda: routed.route().get("metadata", {}).get("uid") not in (None, before["metadata"]["uid"]),
    )
    assert routed.route()["spec"] == before["spec"]


def test_with_the_model_deployment_everything_goes(routed: Routed):
    first_version(routed, HELD)
    routed.site.seed()
    routed.wait_weights(v0=50, v1=50)
    routed.site.client.delete(routed.site.path("modeldeployments", "churn"))
    routed.site.wait_collected()
    routed.site.wait("the route is gone", lambda: not routed.route(), within=120)


def test_without_traffic_the_route_goes_and_the_model_serves_on(routed: Routed):
    first_version(routed)
    routed.site.change(traffic=None)
    routed.site.wait("the route is gone", lambda: not routed.route())
    routed.site.wait("its Service too", lambda: "churn-own" not in routed.names("services"))
    routed.site.wait_serving("v0")
    assert len(routed.site.all("pods")) == 2


def test_a_candidate_that_never_comes_up_gets_no_requests(routed: Routed):
    first_version(routed)
    actor = routed.site.actor
    assert actor is not None
    actor.behaviour = lambda pod: succeeds(pod) if version_of(pod) == "v0" else NeverReady()
    routed.site.seed()
    routed.site.wait("v1 has a pod", lambda: "v1" in map(version_of, routed.site.all("pods")))
    routed.site.wait_quiet()
    assert set(routed.weights().values()) == {100}
    assert routed.route()["metadata"]["generation"] == 1


def test_a_gateway_that_is_not_offered_is_told_by_its_field(routed: Routed):
    routed.site.seed()
    routed.deploy(traffic={"gateway": "other"})
    found = routed.site.wait_condition("Stalled", "True", "InvalidSpec")
    assert "spec.traffic.gateway is other" in message(found, "Ready")
    assert "write one of public" in message(found, "Ready")


def version_of(pod: Json) -> str:
    version: str = pod["metadata"]["annotations"]["lockgate.dev/model-version"]
    return version
