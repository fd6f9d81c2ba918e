"""An abort, on the real API server: from wherever the rollout stands, and with everybody else away.

Within ten seconds of the request all of the traffic is stable's, as the gateway says that it serves it.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.routes import Routed, settings_in
from tests.integration.site import Site

from lockgate.names import ANNOTATION_REQUEST
from lockgate_sandbox.gateway_actor import GatewayActor
from lockgate_sandbox.gateway_fates import StaysBehind
from lockgate_sandbox.pod_fates import NeverReady

pytestmark = pytest.mark.integration
SECONDS = 10.0
HELD = {"pause": {"untilApproved": True}}
STEPS = [{"weight": 20, **HELD}, {"weight": 50, **HELD}]
# Nobody listens there.
AWAY = {
    "LOCKGATE_PROMETHEUS_URL": "http://127.0.0.1:9",
    "LOCKGATE_PROMETHEUS_ALLOW_HTTP": "true",
    "LOCKGATE_PROMETHEUS_AUTHOR_PROMQL": "true",
}
ANALYSIS = {"interval": "5s", "metrics": [{"name": "errors", "promql": "vector(0)", "max": 1}]}


@pytest.fixture
def routed(site: Site, gateway: GatewayActor, tmp_path: Path) -> Iterator[Routed]:
    """`v0` serves, and `v1` is to follow it in two steps that wait for people."""
    site.operator.restart(**settings_in(tmp_path), **AWAY)
    found = Routed(site, gateway)
    found.behave()
    site.seed()
    found.deploy(STEPS)
    site.wait_serving("v0")
    yield found
    found.behave()


def ask(routed: Routed, request: str) -> None:
    site = routed.site
    site.client.merge(
        site.path("modeldeployments", "churn"), {"metadata": {"annotations": {ANNOTATION_REQUEST: request}}}
    )


def shares(routed: Routed) -> dict[str, int]:
    status = routed.site.get("modeldeployments")["status"]
    return {share["version"]: share["weight"] for share in status.get("traffic", [])}


def abort(routed: Routed) -> None:
    """Ask for it, and see that it is answered, and that all of the traffic is stable's in time."""
    begun = time.monotonic()
    assert outcome_of_abort(routed) == "Accepted"
    routed.site.wait("all of the traffic is of v0", lambda: shares(routed) == {"v0": 100}, within=SECONDS)
    routed.wait_weights(v0=100)
    assert time.monotonic() - begun < SECONDS
    status = routed.site.get("modeldeployments")["status"]
    assert status["history"][0]["outcome"] == "Aborted"
    assert status["stable"]["version"] == "v0"
    assert "candidate" not in status


def test_before_its_pods_are_up(routed: Routed):
    assert routed.site.actor is not None
    routed.site.actor.behaviour = lambda pod: NeverReady()
    routed.site.seed()
    routed.site.wait(
        "it is on its way", lambda: routed.site.get("modeldeployments")["status"].get("candidate")
    )
    abort(routed)


def test_while_a_step_is_held(routed: Routed):
    routed.site.seed()
    routed.site.wait("it has its part", lambda: shares(routed) == {"v0": 80, "v1": 20})
    abort(routed)


def test_in_a_later_step_with_registry_and_prometheus_away(routed: Routed):
    routed.site.change(analysis=ANALYSIS)
    routed.site.seed()
    routed.site.wait("it has its part", lambda: shares(routed) == {"v0": 80, "v1": 20})
    routed.site.change(analysis=None)
    release = routed.site.get("modeldeployments")["status"]["candidate"]["release"]
    ask(routed, f"approve {release}")
    routed.site.wait("it has half", lambda: shares(routed) == {"v0": 50, "v1": 50})
    routed.site.change(analysis=ANALYSIS)
    routed.site.registry.stop()
    abort(routed)


def test_while_it_is_suspended(routed: Routed):
    routed.site.seed()
    routed.site.wait("it has its part", lambda: shares(routed) == {"v0": 80, "v1": 20})
    routed.site.change(suspend=True)
    routed.site.wait_condition("Paused", "True", "Suspended")
    abort(routed)


def test_during_the_promotion(routed: Routed):
    routed.site.seed()
    routed.site.wait("it has its part", lambda: shares(routed) == {"v0": 80, "v1": 20})
    # The step to come is served, and of all of the traffic the gateway says nothing yet.
    routed.behave(StaysBehind(), after=routed.route()["metadata"]["generation"] + 1)
    ask(routed, "promote")
    routed.wait_weights(v1=100)
    abort_is_served_later(routed)


def abort_is_served_later(routed: Routed) -> None:
    """What is asked of a gateway that is behind is written at once, and served when it has caught up."""
    assert outcome_of_abort(routed) == "Accepted"
    routed.site.wait("all is written back", lambda: routed.wait_weights(v0=100) or True, within=SECONDS)
    assert len([pod for pod in routed.site.all("pods") if "v1" in str(pod["metadata"]["annotations"])]) == 2
    routed.behave()
    routed.site.wait("all of the traffic is of v0", lambda: shares(routed) == {"v0": 100}, within=SECONDS)


def outcome_of_abort(routed: Routed) -> str:
    ask(routed, "abort by ada because of latency")

    def answered() -> str:
        last = routed.site.get("modeldeployments")["status"].get("lastRequest") or {}
        return str(last["outcome"]) if str(last.get("request", "")).startswith("abort") else ""

    outcome: str = routed.site.wait("it is answered", answered, within=SECONDS)
    return outcome
