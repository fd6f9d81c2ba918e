"""Champion and challenger on the real API server, with the rights of the chart."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.routes import Routed, settings_in
from tests.integration.site import COLLECTED_SECONDS, Site

from lockgate_sandbox.api import ApiError, Json
from lockgate_sandbox.gateway_actor import GatewayActor
from lockgate_sandbox.gateway_fates import StaysBehind
from lockgate_sandbox.running import RunningWorld

pytestmark = pytest.mark.integration
ARM = "churn-challenger"
VARIANT = {"name": "challenger", "alias": "challenger", "weight": 20, "replicas": 1}


@pytest.fixture
def arena(site: Site, gateway: GatewayActor, tmp_path: Path) -> Iterator[Routed]:
    """`v0` behind production and `v1` behind challenger, both serving."""
    site.operator.restart(**settings_in(tmp_path))
    found = Routed(site, gateway)
    found.behave()
    site.seed()
    site.seed(alias="challenger")
    found.deploy(variants=[VARIANT])
    site.wait_serving("v0")
    site.wait_serving("v1", ARM)
    site.wait("both share the traffic", lambda: parts(found) == [8000, 2000])
    yield found
    found.behave()


def parts(arena: Routed) -> list[int]:
    return sorted(arena.weights().values(), reverse=True)


def told(arena: Routed) -> list[Json]:
    shares: list[Json] = arena.site.get("modeldeployments")["status"].get("variants", [])
    return shares


def test_a_challenger_is_replaced_beside_a_champion_of_whom_nothing_is_written(arena: Routed):
    site = arena.site
    site.wait("it is told", lambda: told(arena) == [{"name": ARM, "version": "v1", "weight": 20}])
    site.wait_quiet()
    champion, route = site.get("deployments", arena.home("v0")), arena.route()
    site.seed(alias="challenger")
    site.wait_serving("v2", ARM)
    site.wait("it is told", lambda: told(arena) == [{"name": ARM, "version": "v2", "weight": 20}])
    site.wait_quiet()
    assert (
        site.get("deployments", arena.home("v0"))["metadata"]["generation"]
        == (champion["metadata"]["generation"])
    )
    assert arena.route()["metadata"]["generation"] == route["metadata"]["generation"]
    assert site.get("modeldeployments")["status"]["stable"]["version"] == "v0"


def test_an_arm_that_is_taken_out_goes_once_the_gateway_has_let_go_of_it(arena: Routed):
    site = arena.site
    arena.behave(StaysBehind(), after=arena.route()["metadata"]["generation"])
    site.change(variants=[])
    site.wait("the route names it no more", lambda: ARM not in arena.weights())
    site.wait_quiet()
    assert ARM in arena.names("modeldeployments")
    assert ARM in arena.names("services")
    arena.behave()
    site.wait("it is gone", lambda: ARM not in arena.names("modeldeployments"))
    left = ("deployments", "services", "pods")
    site.wait(
        "and all that it owned",
        lambda: not any(name.startswith(ARM) for kind in left for name in arena.names(kind)),
        within=COLLECTED_SECONDS,
    )
    assert len(site.all("pods")) == 2


def test_arms_go_with_the_model_deployment_that_names_them(arena: Routed):
    site = arena.site
    site.client.delete(site.path("modeldeployments", "churn"))
    kinds = ("modeldeployments", "deployments", "services", "httproutes")
    site.wait("all is gone", lambda: not any(map(arena.names, kinds)), within=COLLECTED_SECONDS)


def test_what_is_changed_by_hand_of_an_arm_is_put_right_and_a_pin_of_it_stays(arena: Routed):
    site = arena.site
    pin = {"version": "v0", "reason": "to compare"}
    model = {**site.get("modeldeployments", ARM)["spec"]["model"], "alias": "production"}
    site.change(ARM, model=model, pin=pin)
    site.wait_serving("v0", ARM)
    site.wait(
        "the alias is put right",
        lambda: site.get("modeldeployments", ARM)["spec"]["model"]["alias"] == "challenger",
    )
    site.wait_quiet()
    assert site.get("modeldeployments", ARM)["spec"]["pin"] == pin


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"variants": [VARIANT]}, "name one in spec.traffic.gateway"),
        ({"variants": [VARIANT], "traffic": {"gateway": "public"}, "strategy": {"shadow": {}}}, "shadow"),
        ({"variants": [VARIANT, {**VARIANT, "name": "b", "weight": 80}]}, "must make less than 100"),
        ({"variants": [VARIANT, VARIANT]}, "Duplicate value"),
        ({"variants": [{**VARIANT, "name": "0123abcd"}]}, "names that Lockgate gives itself"),
        ({"variants": [{**VARIANT, "name": "own"}]}, "names that Lockgate gives itself"),
        ({"variants": [{**VARIANT, "alias": "v3"}]}, "a version is not an alias"),
        ({"variants": [{"name": "b", "alias": "b", "weight": 100}]}, "99"),
    ],
)
def test_the_api_server_refuses_what_no_arm_can_be(lockgate_world: RunningWorld, site: Site, spec, says):
    with pytest.raises(ApiError) as refused:
        site.deploy(**({} if "name one in" in says else {"traffic": {"gateway": "public"}}) | spec)
    assert says in str(refused.value)
