"""Objects of KServe and KubeRay say whatever they like: they are kept, read, and bounded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.json_values import anything_in_json

from lockgate.backends.kinds import KSERVE, RAY, Kind
from lockgate.domain.observed import WorkloadFacts
from lockgate.domain.resources import Object
from lockgate.watch.slim import slim

NAMES = [
    *("minReplicas", "labels", "annotations", "conditions", "type", "status", "message", "reason"),
    *("activeServiceStatus", "pendingServiceStatus", "rayClusterName", "applicationStatuses", "predictor"),
    *("numServeEndpoints", "observedGeneration", "replicas", "rayClusterConfig", "workerGroupSpecs"),
    *("groupName", "lockgate.dev/version", "lockgate.dev/uri", "lockgate.dev/size"),
]
WORDS = ["PredictorReady", "False", "DEPLOY_FAILED", "workers"]
odd = anything_in_json | st.sampled_from(WORDS)
fields = st.recursive(
    odd,
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=5) | st.lists(inner, max_size=3),
)
kinds = pytest.mark.parametrize("kind", [KSERVE, RAY], ids=["kserve", "ray"])
ACTIVE = {"activeServiceStatus": {"rayClusterName": "churn-abcde"}}


def facts_of(kind: Kind, spec: object, status: object) -> WorkloadFacts:
    seen: Object = {
        "apiVersion": kind.resource.api_version,
        "kind": kind.resource.kind,
        "metadata": {"name": "churn", "namespace": "growth", "uid": "u", "generation": 2},
        "spec": spec,
        "status": status,
    }
    kept = json.loads(json.dumps(slim(kind.resource, seen)))
    facts = kind.facts(seen, None)
    assert kind.facts(kept, None) == facts
    return facts


@kinds
@given(spec=fields | st.fixed_dictionaries({"predictor": fields, "rayClusterConfig": fields}), status=fields)
def test_whatever_one_says_it_is_read_and_bounded(kind: Kind, spec: object, status: object):
    facts = facts_of(kind, spec, status)
    assert 0 <= facts.available <= facts.replicas
    assert all(type(n) is int and n < 2**32 for n in (facts.replicas, facts.updated, facts.total))
    assert len(facts.problem or "") < 400


@pytest.mark.parametrize("told", [-1, 10**9, "2", None, [2], 2.5])
def test_no_more_pods_answer_than_are_asked_for_and_never_fewer_than_none(told: object):
    spec = {"rayClusterConfig": {"workerGroupSpecs": [{"groupName": "workers", "replicas": 1}]}}
    facts = facts_of(RAY, spec, {**ACTIVE, "numServeEndpoints": told})
    assert facts.available == (2 if told == 10**9 else 0)
