"""Gates as tables: what is there, and what each gate says of it."""

from dataclasses import replace

import pytest
from tests.fakes.builders import T0
from tests.fakes.facts import pod, release, workload

from lockgate.api.analysis import Analysis, Metric, Query
from lockgate.domain.analysis import Judgement, Measured, Reading, Readings, Seen, Series, Unread
from lockgate.domain.gate import Evidence, GateVerdict, Holds
from lockgate.domain.observed import Observed, RouteFacts
from lockgate.domain.split import TrafficSplit
from lockgate.names import Reason
from lockgate.plan.gates.analysed import not_measured, told
from lockgate.plan.gates.available import available
from lockgate.plan.gates.routed import routed

V1, V2 = release(1), release(2)
BOTH = (pod(V2, "p0"), pod(V2, "p1"))
NOT_ASKED_FOR = "its pods are not asked for yet"
NOT_AVAILABLE = "its pods are not available yet"
NOT_PROVED = "not all its pods have proved their files"
DIFFERENT = "its pods proved different files"


@pytest.mark.parametrize(
    ("there", "pods", "sentence"),
    [
        pytest.param(workload(V2), BOTH, "", id="all"),
        pytest.param(None, (), NOT_ASKED_FOR, id="no workload"),
        pytest.param(workload(V1), BOTH, NOT_ASKED_FOR, id="a workload of another release"),
        pytest.param(workload(V2, 3), (*BOTH, pod(V2, "p2")), NOT_AVAILABLE, id="not as many as are asked"),
        pytest.param(workload(V2, available=1), BOTH, NOT_AVAILABLE, id="one is not available"),
        pytest.param(workload(V2, total=3), BOTH, NOT_AVAILABLE, id="an older one is left"),
        pytest.param(workload(V2), BOTH[:1], NOT_PROVED, id="one pod is not seen"),
        pytest.param(workload(V2), (BOTH[0], pod(V2, "p1", None)), NOT_PROVED, id="one proved nothing"),
        pytest.param(workload(V2), (*BOTH, pod(V2, "p2", None)), NOT_PROVED, id="one more proved nothing"),
        pytest.param(workload(V2), (*BOTH, pod(V2, "p2", None, ready=False)), "", id="one more is not ready"),
        pytest.param(workload(V2), (*BOTH, pod(V2, "p2")), "", id="one more proved it, too"),
        pytest.param(
            workload(V2), (BOTH[0], pod(V2, "p1", ready=False)), NOT_PROVED, id="one that proved is not ready"
        ),
        pytest.param(workload(V2), (BOTH[0], pod(V2, "p1", "8")), DIFFERENT, id="different files"),
    ],
)
def test_a_candidate_is_out_when_every_pod_is_available_and_proved_the_same_files(there, pods, sentence):
    evidence = Evidence(candidate=V2, replicas=2, observed=Observed(workload=there, pods=pods))
    verdict = available(evidence, T0)
    assert (verdict.holds, verdict.sentence) == (Holds.NOT_YET if sentence else Holds.YES, sentence)


def test_a_candidate_whose_pods_prove_other_files_than_before_is_not_out():
    known = replace(V2, tree="sha256:5")
    evidence = Evidence(candidate=known, replicas=2, observed=Observed(workload=workload(V2), pods=BOTH))
    assert available(evidence, T0).sentence == DIFFERENT


def test_where_no_pods_are_asked_for_there_is_nothing_to_prove():
    evidence = Evidence(candidate=V2, replicas=0, observed=Observed(workload=workload(V2, 0)))
    assert available(evidence, T0).holds is Holds.YES


SPLIT = TrafficSplit(weights=(("churn", 90), ("churn-next", 10)))
OTHER = TrafficSplit(weights=(("churn", 100),))


@pytest.mark.parametrize(
    ("split", "route", "holds"),
    [
        pytest.param(None, None, Holds.YES, id="no split is asked for"),
        pytest.param(None, RouteFacts(written=OTHER), Holds.YES, id="no split is asked for beside a route"),
        pytest.param(SPLIT, RouteFacts(written=SPLIT, served=SPLIT), Holds.YES, id="written and served"),
        pytest.param(SPLIT, None, Holds.NOT_YET, id="no route"),
        pytest.param(SPLIT, RouteFacts(written=SPLIT), Holds.NOT_YET, id="the gateway says nothing"),
        pytest.param(SPLIT, RouteFacts(written=SPLIT, served=OTHER), Holds.NOT_YET, id="not served yet"),
        pytest.param(
            SPLIT, RouteFacts(written=OTHER, served=SPLIT), Holds.NOT_YET, id="not written any more"
        ),
        pytest.param(SPLIT, RouteFacts(written=OTHER, served=OTHER), Holds.NOT_YET, id="another split"),
    ],
)
def test_traffic_goes_as_asked_only_once_the_gateway_says_so_itself(split, route, holds):
    evidence = Evidence(candidate=V2, replicas=2, observed=Observed(route=route), split=split)
    verdict = routed(evidence, T0)
    told = "" if holds is Holds.YES else "the gateway has not taken over the split yet"
    assert (verdict.holds, verdict.sentence) == (holds, told)


def test_a_gateway_that_refuses_a_route_is_told_in_its_words():
    route = RouteFacts(written=SPLIT, served=OTHER, problem="no such listener")
    verdict = routed(Evidence(candidate=V2, replicas=2, observed=Observed(route=route), split=SPLIT), T0)
    said = "the gateway has not taken over the split yet: no such listener"
    assert (verdict.holds, verdict.sentence) == (Holds.NOT_YET, said)


def test_traffic_goes_as_asked_only_once_the_front_is_who_is_to_answer_there():
    observed = Observed(front="churn", route=RouteFacts(written=SPLIT, served=SPLIT))
    evidence = Evidence(candidate=V2, replicas=2, observed=observed, split=SPLIT, front="churn-next")
    verdict = routed(evidence, T0)
    said = "its pods do not answer at its own address yet"
    assert (verdict.holds, verdict.sentence) == (Holds.NOT_YET, said)


ERRORS = Metric(name="errors", query=Query.ERRORS, max=0.01)
SLOW = Metric(name="slow", query=Query.LATENCY, max=0.5)
ANALYSIS = Analysis(metrics=(ERRORS, SLOW))
NOTHING = Reading(candidate=Seen(value=Series()))


def measured(holds, *silent, unread=None) -> GateVerdict:
    """What is told where the judge says so, for want of these metrics, and one could not be read."""
    verdict = GateVerdict(holds=holds, sentence="as it was judged", again_at=T0)
    found = tuple(
        Measured(metric=metric, holds=Holds.INCONCLUSIVE if metric in silent else Holds.YES, sentence="")
        for metric in ANALYSIS.metrics
    )
    readings = Readings(scrapes=Series(), metrics=(NOTHING, unread or NOTHING))
    return told(V2, ANALYSIS, readings, Judgement(verdict=verdict, measured=found))


AWAY = Unread(sentence="Prometheus is away", lasting=False)
BROKEN = Unread(sentence="metric slow is no PromQL", lasting=True)


LITTLE = "what was measured of v2 says too little: metric "


@pytest.mark.parametrize(
    ("holds", "silent", "unread", "sentence", "reason"),
    [
        (Holds.YES, (), None, "as it was judged", None),
        (Holds.YES, (), AWAY, "as it was judged", None),
        (Holds.NO, (), None, "as it was judged", Reason.ANALYSIS_FAILED),
        (Holds.NOT_YET, (), None, "v2 is being measured: errors and slow", Reason.ANALYSIS_RUNNING),
        (Holds.NOT_YET, (), AWAY, "Prometheus is away", Reason.ANALYSIS_RUNNING),
        (Holds.INCONCLUSIVE, (SLOW,), None, f"{LITTLE}slow", Reason.ANALYSIS_INCONCLUSIVE),
        (Holds.INCONCLUSIVE, (ERRORS, SLOW), AWAY, f"{LITTLE}errors and slow", Reason.ANALYSIS_INCONCLUSIVE),
        (Holds.INCONCLUSIVE, (SLOW,), BROKEN, "metric slow is no PromQL", Reason.ANALYSIS_INCONCLUSIVE),
    ],
)
def test_what_was_measured_is_told_in_words_that_stand_still(holds, silent, unread, sentence, reason):
    verdict = measured(holds, *silent, unread=unread)
    assert (verdict.holds, verdict.sentence, verdict.reason) == (holds, sentence, reason)
    assert verdict.again_at == T0


def test_before_the_first_measurement_it_is_said_that_there_will_be_one_and_when():
    verdict = not_measured(V2, ANALYSIS, T0)
    assert (verdict.holds, verdict.sentence) == (Holds.NOT_YET, "v2 is being measured: errors and slow")
    assert (verdict.reason, verdict.again_at) == (Reason.ANALYSIS_RUNNING, T0 + ANALYSIS.interval)
