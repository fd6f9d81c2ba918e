"""Of a Deployment that is kept slim every reader finds what it would find in the whole."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.json_values import anything_in_json

from lockgate.apply.drift import is_as_applied
from lockgate.apply.objects import is_followed, is_leaving, render_hash_of
from lockgate.backends.deployment.facts import revision_of, workload_facts
from lockgate.domain.resources import DEPLOYMENT, Object, controller_of
from lockgate.names import (
    ANNOTATION_APPLIED_GENERATION,
    ANNOTATION_DIGEST,
    ANNOTATION_RENDER_HASH,
    ANNOTATION_RUNTIME,
    ANNOTATION_SIZE,
    ANNOTATION_SOURCE,
    ANNOTATION_URI,
    ANNOTATION_VERSION,
    LABEL_MODEL_DEPLOYMENT,
    LABEL_RELEASE,
)
from lockgate.watch.store import Store

OURS = (
    ANNOTATION_APPLIED_GENERATION,
    ANNOTATION_DIGEST,
    ANNOTATION_RENDER_HASH,
    ANNOTATION_RUNTIME,
    ANNOTATION_SIZE,
    ANNOTATION_SOURCE,
    ANNOTATION_URI,
    ANNOTATION_VERSION,
)
texts = st.sampled_from(["1", "2", "v1", "wandb://a/b:v1", "7587810d", "", "True", "x y"])
counts = st.integers(0, 3)
notes = st.dictionaries(st.sampled_from([*OURS, "example.com/other"]), texts)
labels = st.dictionaries(st.sampled_from([LABEL_MODEL_DEPLOYMENT, LABEL_RELEASE, "team"]), texts)
conditions = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Available", "Progressing", "ReplicaFailure", "Other"]),
        "status": st.sampled_from(["True", "False", "Unknown"]),
    },
    optional={"reason": st.sampled_from(["ProgressDeadlineExceeded", "FailedCreate"]), "message": texts},
).filter(
    # What goes on is not late: no controller says both.
    lambda c: (c["type"], c["status"], c.get("reason")) != ("Progressing", "True", "ProgressDeadlineExceeded")
)
strangers = st.dictionaries(st.sampled_from(["strategy", "selector", "minReadySeconds"]), anything_in_json)


def metadata(**fields: Any) -> st.SearchStrategy[Object]:
    return st.fixed_dictionaries(fields, optional={"labels": labels, "annotations": notes})


deployments = st.fixed_dictionaries(
    {
        "apiVersion": st.just("apps/v1"),
        "kind": st.just("Deployment"),
        "metadata": st.builds(
            lambda meta, more: {**more, **meta},
            metadata(
                name=st.just("churn"),
                namespace=st.just("growth"),
                uid=texts,
                resourceVersion=st.just("7"),
                generation=counts,
            ),
            st.fixed_dictionaries(
                {},
                optional={
                    "deletionTimestamp": texts,
                    "ownerReferences": st.just(
                        [{"kind": "ModelDeployment", "name": "c", "controller": True}]
                    ),
                    "managedFields": anything_in_json,
                },
            ),
        ),
        "spec": st.builds(
            lambda known, more: {**more, **known},
            st.fixed_dictionaries(
                {
                    "template": st.fixed_dictionaries(
                        {"metadata": metadata()}, optional={"spec": anything_in_json}
                    )
                },
                optional={"replicas": counts, "paused": st.booleans()},
            ),
            strangers,
        ),
    },
    optional={
        "status": st.fixed_dictionaries(
            {},
            optional={
                "observedGeneration": counts,
                "replicas": counts,
                "updatedReplicas": counts,
                "availableReplicas": counts,
                "conditions": st.lists(conditions, max_size=3, unique_by=lambda c: c["type"]),
                "unavailableReplicas": counts,
            },
        )
    },
)


@given(deployments)
def test_every_reader_of_a_deployment_finds_in_the_store_what_it_would_find_in_the_whole(obj: Object):
    store = Store()
    store.upsert(DEPLOYMENT, obj)
    kept = store.get(DEPLOYMENT, ("growth", "churn"))
    assert kept is not None
    for read in (workload_facts, controller_of, is_as_applied, is_followed, is_leaving, render_hash_of):
        assert read(kept) == read(obj), read.__name__
    template = obj["spec"]["template"]["metadata"]
    assert revision_of(kept["spec"]["template"]["metadata"]) == revision_of(template)


@given(deployments, deployments)
def test_what_a_reader_finds_otherwise_is_news(before: Object, after: Object):
    after["metadata"]["resourceVersion"] = "8"
    store = Store()
    store.upsert(DEPLOYMENT, before)
    change = store.take_in(DEPLOYMENT, after)
    assert change is not None
    same = workload_facts(before) == workload_facts(after) and is_as_applied(before) == is_as_applied(after)
    assert change.news or same


def test_a_pod_template_takes_no_room():
    obj = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "churn", "namespace": "growth", "resourceVersion": "7", "generation": 1},
        "spec": {"replicas": 2, "template": {"metadata": {}, "spec": {"containers": [{"name": "server"}]}}},
    }
    store = Store()
    store.upsert(DEPLOYMENT, obj)
    kept = store.get(DEPLOYMENT, ("growth", "churn"))
    assert kept is not None
    assert kept["spec"] == {"replicas": 2, "template": {"metadata": {}}}
