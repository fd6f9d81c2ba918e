"""kill -9 at any moment of a rollout: the end is that of an undisturbed run."""

import random
import time

import pytest
from tests.integration.site import Site

from lockgate_sandbox.api import Json

pytestmark = pytest.mark.integration

MOMENTS = 20
ROLLOUT_SECONDS = 1.2


def the_end(site: Site, name: str) -> Json:
    """What must be the same however often the operator was killed: times, uids and names aside."""
    found = site.get("modeldeployments", name)
    status = found["status"]
    workload, service = site.get("deployments", name), site.get("services", name)
    return {
        "stable": status["stable"],
        "candidate": status.get("candidate"),
        "previous": status["previous"]["version"],
        "history": [(e["version"], e["outcome"]) for e in status["history"]],
        "conditions": {c["type"]: (c["status"], c["reason"], c["message"]) for c in status["conditions"]},
        "phase": status["phase"],
        "traffic": status["traffic"],
        "template": workload["spec"]["template"]["metadata"]["annotations"],
        "replicas": workload["status"]["availableReplicas"],
        "selector": service["spec"]["selector"].keys(),
        "children": sorted(
            child["metadata"]["name"] for kind in ("deployments", "services") for child in site.all(kind)
        ),
    }


def rollout(site: Site, *, kill_after: float | None) -> Json:
    """v0 serves, the alias moves to v1, the operator may be killed once; returns the end."""
    site.registry.move_alias("model", "churn", "production", "v0")
    site.deploy()
    site.wait_serving("v0")
    site.registry.move_alias("model", "churn", "production", "v1")
    if kill_after is not None:
        time.sleep(kill_after)
        site.operator.kill()
        site.operator.start()
    site.wait_serving("v1")
    end = the_end(site, "churn")
    site.client.delete(site.path("modeldeployments", "churn"))
    site.wait_collected()
    return end


def test_kill_9_at_twenty_random_moments_of_a_rollout_changes_nothing_of_its_end(site: Site):
    site.seed(2)
    site.actor.delay = 0.2
    try:
        undisturbed = rollout(site, kill_after=None)
        assert undisturbed["history"] == [("v1", "Promoted"), ("v0", "Promoted")]
        moments = random.Random(20)
        for _ in range(MOMENTS):
            after = moments.uniform(0, ROLLOUT_SECONDS)
            assert rollout(site, kill_after=after) == undisturbed, (
                f"killed {after:.3f} s after the alias moved"
            )
    finally:
        site.actor.delay = 0.05
