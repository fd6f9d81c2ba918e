"""Each write of a rollout is refused, answered with an error or answered by silence: the end is the same."""

import pytest
from tests.faults.behaviours import Answer, Behaviour, Cut, Match, Swallow, Truncate, html, too_many
from tests.faults.rig import FaultSite
from tests.faults.rollouts import WHOLE, few_of, roll, rolled, two_versions, writes_to_hit

pytestmark = pytest.mark.integration

WRITES = Match(verb="write")


@pytest.mark.parametrize(
    "behaviour",
    few_of(
        [
            pytest.param(Swallow(), id="done and not answered"),
            pytest.param(Truncate(), id="done and half answered"),
            pytest.param(Cut(), id="reset"),
            pytest.param(Answer(409), id="409"),
            pytest.param(too_many(1), id="429"),
            pytest.param(Answer(500), id="500"),
            pytest.param(Answer(503), id="503"),
            pytest.param(html(), id="HTML with code 200"),
        ],
        0,
        3,
        6,
    ),
)
def test_a_fault_of_each_single_write_of_a_rollout_changes_nothing_of_its_end(
    site: FaultSite, behaviour: Behaviour
):
    two_versions(site)
    ends = {version: roll(site, version) for version in ("v1", "v0")}
    hit = 0
    for number, version in writes_to_hit():
        fault = site.api.fault(WRITES, behaviour, times=1, skip=number)
        assert roll(site, version) == ends[version], f"after write {number + 1} met {behaviour}"
        site.wait_quiet(polls=2)
        site.api.clear()
        if not fault.met:
            break
        hit += 1
    assert hit >= (3 if WHOLE else 2), "a rollout has at least three writes"


def test_every_write_is_refused_for_a_while_and_then_all_is_done(site: FaultSite):
    two_versions(site)
    for answer in (Answer(409), too_many(1), Answer(500), Answer(503)):
        fault = site.api.fault(WRITES, answer)
        site.registry.move_alias("model", "churn", "production", "v1")
        site.wait("it was refused several times", lambda fault=fault: fault.met >= 2)
        assert fault.met < 60, "it asks in a loop"
        site.api.clear()
        rolled(site, "v1", within=30)
        roll(site, "v0")
