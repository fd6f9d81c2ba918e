"""kill -9 before and after every single write of a rollout: the end is that of an undisturbed run."""

import pytest
from tests.faults.behaviours import Behaviour, Hang, Hold, Match
from tests.faults.rig import FaultSite
from tests.faults.rollouts import WHOLE, few_of, lands, roll, rolled, the_end, two_versions, writes_to_hit

pytestmark = pytest.mark.integration

LEAST = 3 if WHOLE else 2


@pytest.mark.parametrize(
    "moment",
    few_of(
        [
            pytest.param(Hang(), id="before it is sent"),
            pytest.param(Hold(), id="after it is done and before it is answered"),
        ],
        1,
    ),
)
def test_kill_9_at_every_write_of_a_rollout_changes_nothing_of_its_end(site: FaultSite, moment: Behaviour):
    two_versions(site)
    ends = {version: roll(site, version) for version in ("v1", "v0")}
    site.wait_quiet(polls=2)
    killed = 0
    for number, version in writes_to_hit():
        fault = site.api.fault(Match(verb="write"), moment, times=1, skip=number)
        site.registry.move_alias("model", "churn", "production", version)
        if not lands(site, fault, version):
            site.api.clear()
            break  # the rollout has fewer writes
        site.operator.kill()
        killed += 1
        site.api.clear()
        site.operator.start()
        assert rolled(site, version) == ends[version], f"killed at write {number + 1}"
        site.wait_quiet(polls=2)
    assert killed >= LEAST, "a rollout has at least three writes"


def test_kill_9_at_every_write_of_a_first_rollout_changes_nothing_of_its_end(site: FaultSite):
    site.seed()
    site.operator.kill()
    ends = []
    killed = 0
    for number, _ in writes_to_hit():
        fault = site.api.fault(Match(verb="write"), Hold(), times=1, skip=number)
        site.operator.start()
        site.deploy()
        landed = lands(site, fault, "v0")
        site.operator.kill()
        site.api.clear()
        killed += landed
        site.operator.start()
        site.wait_serving("v0")
        site.wait_quiet(polls=2)
        ends.append(the_end(site))
        site.operator.kill()
        site.client.delete(site.path("modeldeployments", "churn"))
        site.wait_collected()
        if not landed:
            break
    assert killed >= LEAST, "a first rollout has at least three writes"
    assert all(end == ends[-1] for end in ends), ends
