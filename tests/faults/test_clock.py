"""The clock jumps, or nobody can see the time go by: nothing is aborted and nothing waits for it."""

import time

import pytest
from tests.faults.rig import FaultSite
from tests.faults.rollouts import roll, two_versions
from tests.integration.site import proof_for, succeeds

from lockgate_sandbox.pod_fates import NeverReady

pytestmark = pytest.mark.integration

HOUR = 3600.0
DEADLINE_SECONDS = 30


def see_a_change(site: FaultSite) -> None:
    """Something happens, so that a pass of this moment looks at the candidate."""
    site.change(revisionHistoryLimit=7)
    site.wait(
        "the change is seen",
        lambda: (
            (found := site.get("modeldeployments"))["status"]["observedGeneration"]
            == found["metadata"]["generation"]
        ),
    )


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_jump_amid_a_rollout_aborts_nothing_and_the_rollout_ends(site: FaultSite, jump: float):
    two_versions(site)
    site.actor.behaviour = lambda pod: NeverReady(init_message=proof_for(pod))
    site.registry.move_alias("model", "churn", "production", "v1")
    site.wait("v1 is on its way", lambda: site.get("modeldeployments")["status"].get("candidate"))
    site.operator.jump(jump)
    see_a_change(site)
    assert site.get("modeldeployments")["status"].get("candidate", {}).get("version") == "v1"
    site.actor.behaviour = succeeds
    site.actor.reconsider()
    site.wait_serving("v1")


def test_jumps_between_rollouts_change_nothing(site: FaultSite):
    two_versions(site)
    site.operator.jump(HOUR)
    assert roll(site, "v1")["phase"] == "Serving"
    site.operator.jump(-HOUR)
    assert roll(site, "v0")["phase"] == "Serving"


def test_an_api_server_that_was_away_for_longer_than_the_deadline_made_nothing_late(site: FaultSite):
    """Nothing could become ready in that time, and nobody could have seen it."""
    site.seed(2, alias=None)
    site.registry.move_alias("model", "churn", "production", "v0")
    site.deploy(progressDeadline=f"{DEADLINE_SECONDS}s")
    site.wait_serving("v0")
    site.actor.behaviour = lambda pod: NeverReady(init_message=proof_for(pod))
    site.registry.move_alias("model", "churn", "production", "v1")
    site.wait("v1 is on its way", lambda: site.get("modeldeployments")["status"].get("candidate"))
    site.api.close_door()
    away_until = time.monotonic() + DEADLINE_SECONDS + 5
    site.wait("the deadline has passed", lambda: time.monotonic() > away_until, within=2 * DEADLINE_SECONDS)
    site.api.clear()
    see_a_change(site)
    assert site.get("modeldeployments")["status"].get("candidate", {}).get("version") == "v1"
    site.actor.behaviour = succeeds
    site.actor.reconsider()
    site.wait_serving("v1")
