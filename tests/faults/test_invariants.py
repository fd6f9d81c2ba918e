"""Every invariant speaks when it is broken: one small world each in which it alone is to speak."""

import pytest
from tests.faults.history import Change, History
from tests.faults.invariants import INVARIANTS

KEY = ("growth", "churn")


def deployment(**status):
    return {
        "metadata": {"namespace": "growth", "name": "churn", "uid": "u", "generation": 1},
        "spec": {"replicas": 2},
        "status": status,
    }


def revision(version, **more):
    return {"version": version, "digest": f"d-{version}", **more}


def child(kind, owner="ModelDeployment", manager="lockgate", version="v1", **spec):
    template = {
        "metadata": {"annotations": {"lockgate.dev/model-version": version}, "labels": {"model": "churn"}}
    }
    return {
        "kind": kind,
        "metadata": {
            "namespace": "growth",
            "name": "churn",
            "uid": "c",
            "ownerReferences": [{"kind": owner, "controller": True, "uid": "u", "name": "churn"}],
            "managedFields": [{"manager": manager}],
        },
        "spec": ({"replicas": 2, "template": template} if kind == "Deployment" else {}) | spec,
    }


def pod(version="v1", told="", ready=True, labelled="churn"):
    return {
        "metadata": {
            "namespace": "growth",
            "name": "churn-1",
            "uid": "p",
            "labels": {"lockgate.dev/model-deployment": labelled},
            "annotations": {"lockgate.dev/model-version": version},
        },
        "status": {
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "initContainerStatuses": [{"name": "fetch", "state": {"terminated": {"message": told}}}],
        },
    }


def changed(before, after, kind="ModelDeployment", at=1000.0):
    return Change(kind, KEY, before, after, at)


@pytest.fixture
def history() -> History:
    made = History()
    asked = made.asked[KEY]
    asked.versions, asked.sizes = [(1.0, "v1")], [(1.0, 2)]
    made.objects["ModelDeployment", KEY] = deployment(stable=revision("v1"))
    made.objects["Deployment", KEY] = child("Deployment")
    made.qualities = {"d-v3": "crashes"}
    made.failed_at = {(KEY, "v1"): 900.0}
    made.foreign = {("Service", KEY)}
    return made


def ready_at(time, status="True"):
    return {"type": "Ready", "status": status, "reason": "RolledOut", "lastTransitionTime": time}


SHARES = [
    {"track": "stable", "version": "v1", "weight": 60},
    {"track": "candidate", "version": "v2", "weight": 60},
]
BROKEN = {
    "weights_are_whole_and_sum_to_a_hundred": changed(None, deployment(traffic=SHARES)),
    "only_stable_and_candidate_get_traffic": changed(None, deployment(stable=revision("v1"), traffic=SHARES)),
    "a_status_reads_cleanly": changed(None, deployment(conditions=[ready_at("t")])),
    "the_observed_generation_never_goes_back": changed(
        deployment(observedGeneration=3), deployment(observedGeneration=2)
    ),
    "what_serves_is_never_forgotten": changed(deployment(stable=revision("v1")), deployment()),
    "history_grows_at_its_head_only": changed(
        deployment(history=[{"version": "v1"}]), deployment(history=[{"version": "v2"}])
    ),
    "stable_changes_only_to_what_was_asked_for_since": changed(
        deployment(stable=revision("v1")), deployment(stable=revision("v2"))
    ),
    "a_bad_version_never_becomes_stable": changed(None, deployment(stable=revision("v3"))),
    "what_is_promoted_was_proven_by_its_ready_pods": changed(None, deployment(stable=revision("v1"))),
    "a_proven_tree_never_changes": changed(None, deployment(stable=revision("v1", treeDigest="other"))),
    "an_aborted_version_is_not_tried_again_unasked": changed(
        deployment(), deployment(candidate=revision("v1"))
    ),
    "no_version_is_rolled_out_that_nobody_asked_for": changed(
        None, child("Deployment", version="v9"), "Deployment"
    ),
    "a_suspended_workload_keeps_its_version": changed(
        child("Deployment", version="v0"), child("Deployment"), "Deployment"
    ),
    "the_workload_has_a_size_somebody_asked_for": changed(
        child("Deployment"), child("Deployment", replicas=7), "Deployment"
    ),
    "enough_pods_serve_while_nobody_disturbs_them": changed(None, pod(), "Pod"),
    "a_service_selects_the_pods_of_its_workload": changed(
        None, child("Service", selector={"model": "other"}), "Service"
    ),
    "what_belongs_to_others_is_never_touched": changed(None, child("Service", selector={}), "Service"),
    "children_belong_to_a_resource_that_was_there": changed(
        None, child("Service", owner="Other", selector={}), "Service"
    ),
    "conditions_change_their_time_only_with_their_status": changed(
        deployment(conditions=[ready_at("t1")]), deployment(conditions=[ready_at("t2")])
    ),
}


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.__name__)
def test_an_invariant_speaks_when_it_is_broken(history: History, invariant):
    if invariant.__name__ == "what_is_promoted_was_proven_by_its_ready_pods":
        history.objects["Pod", ("growth", "churn-1")] = pod()
    if invariant.__name__ == "a_proven_tree_never_changes":
        history.trees[KEY, "v1", "d-v1"] = "first"
    if invariant.__name__ == "a_suspended_workload_keeps_its_version":
        history.asked[KEY].suspended_since = 10.0
    if invariant.__name__ == "enough_pods_serve_while_nobody_disturbs_them":
        history.whole_at_round, history.round_began = {KEY: 2}, 950.0
    assert invariant(history, BROKEN[invariant.__name__])


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.__name__)
def test_an_invariant_is_silent_about_an_ordinary_rollout(history: History, invariant):
    history.foreign.clear()
    history.failed_at.clear()
    history.asked[KEY].versions.append((990.0, "v2"))
    before = deployment(stable=revision("v1"), history=[{"version": "v1", "outcome": "Promoted"}])
    promoted = [{"version": "v2", "outcome": "Promoted"}, *before["status"]["history"]]
    proven = revision("v2", treeDigest="t")
    after = deployment(stable=proven, history=promoted)
    history.objects["Pod", ("growth", "churn-1")] = pod("v2", '{"ok": true}')
    for change in (
        changed(before, after),
        changed(child("Deployment"), child("Deployment", version="v2"), "Deployment"),
        changed(None, child("Service", selector={"model": "churn"}), "Service"),
        changed(None, pod("v2"), "Pod"),
    ):
        assert invariant(history, change) is None
