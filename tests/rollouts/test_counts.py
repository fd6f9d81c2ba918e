"""What of a crowd's counts belongs to a time, and when the last answer by somebody else came."""

from types import SimpleNamespace
from typing import Any

import pytest
from tests.rollouts import counts
from tests.rollouts.counts import AFTER_SECONDS, BEFORE_SECONDS, Counts

from lockgate_sandbox.crowds import Count, Tally


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """A crowd that is answered ten times a second, by v1 too from the fifth second to the eighth."""
    monkeypatch.setattr(counts, "ApiClient", lambda *_, **__: None)
    crowd: Any = SimpleNamespace(name="crowd", world=SimpleNamespace(kubeconfig=None))
    made = Counts(crowd)
    for second in range(21):
        versions = {"v0": 10 * second, "v1": 2 * min(3, max(0, second - 5))}
        tally = {"requests": sum(versions.values()), "failed": 0, "versions": versions, "p50": 1, "p99": 1}
        last = Tally(**tally)
        made.take(Count(**tally, last_failure="", last_second=last, at=100.0 + second))
    return made


def test_answers_at_the_edges_of_a_time_are_nobodys(counted: Counts):
    first, last = 104 + AFTER_SECONDS, 110 - BEFORE_SECONDS
    whole = int(last) - int(first)
    assert counted.between(104, 110) == {"v0": 10 * whole, "v1": 6}
    assert not counted.between(104, 105)
    assert not counted.between(200, 300)


def test_the_last_answer_by_another_is_told_and_there_may_be_none(counted: Counts):
    assert counted.last_answer_of_others("v0", since=101) == 108
    assert counted.last_answer_of_others("v0", since=109) == 109
