"""Five drawn rollouts on the real cluster, one after the other, while a crowd asks through Envoy."""

import pytest
from tests.rollouts import telling
from tests.rollouts.ground import ground
from tests.rollouts.play import play
from tests.rollouts.story import Tale, draw

from lockgate_sandbox.cluster_world import ClusterWorld

pytestmark = pytest.mark.cluster

SEED, ROLLOUTS = 7778, 5
# Shares are measured the sooner the more answers come.
RATE = 200.0


def test_rollouts_of_every_strategy_fail_no_request_and_keep_weights_and_promises(cluster: ClusterWorld):
    drawn = [draw(SEED, number) for number in range(1, ROLLOUTS + 1)]
    assert {each.strategy for each in drawn} == {"rolling", "canary", "blueGreen", "shadow"}
    assert {Tale.ABORTED, Tale.SUPERSEDED} <= {each.tale for each in drawn}
    with ground(cluster, with_bad=False, rate=RATE) as found:
        results = [play(found, rollout) for rollout in drawn]
    told = "\n".join([telling.head(), *map(telling.row, results), telling.violations(results, SEED)])
    assert not any(result.broken for result in results), told
    assert any(result.abort is not None for result in results), told
    assert any(share.is_fine and 0 < share.weight < 100 for r in results for share in r.shares), told
    assert sum(result.requests for result in results) > 1000
