"""Every invariant speaks when it is broken: one small world each in which it alone is to speak."""

import pytest
from tests.faults.boundaries import no_server_gets_a_key, the_pods_of_a_release_stay_as_they_were
from tests.faults.history import Change, History
from tests.faults.invariants import (
    INVARIANTS,
    only_stable_and_candidate_get_traffic,
    the_workload_has_a_size_somebody_asked_for,
)

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


def pods_of(spec, release="r", **metadata):
    """A workload whose pods are made like this."""
    made = child("Deployment")
    template = made["spec"]["template"]
    template["spec"] = {"automountServiceAccountToken": False, "containers": [], **spec}
    template["metadata"]["labels"]["lockgate.dev/release"] = release
    made["metadata"] |= metadata
    return made


KEYED = {
    "volumes": [{"name": "key", "secret": {}}],
    "containers": [{"name": "server", "volumeMounts": [{"name": "key"}]}],
}
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
    "nothing_of_ours_holds_up_a_deletion": changed(None, pods_of({}, finalizers=["a"]), "Deployment"),
    "children_live_where_their_owner_does": Change(
        "Deployment", ("default", "churn"), None, pods_of({}), 1000.0
    ),
    "no_server_gets_a_key": changed(None, pods_of(KEYED), "Deployment"),
    "pods_are_nobody_in_the_cluster": changed(None, pods_of({"serviceAccountName": "root"}), "Deployment"),
    "the_pods_of_a_release_stay_as_they_were": changed(
        pods_of({}), pods_of({"containers": [{"name": "server"}]}), "Deployment"
    ),
    "a_workload_is_given_only_what_is_wanted_or_serves": changed(
        child("Deployment", version="v1"), child("Deployment", version="v0"), "Deployment"
    ),
    "a_candidate_is_what_was_asked_for_since_stable_is": changed(
        deployment(stable=revision("v1")), deployment(stable=revision("v1"), candidate=revision("v0"))
    ),
    "a_status_names_the_candidate_that_rolls_out": changed(
        deployment(), deployment(stable=revision("v1"), rollout={}, step="1/2")
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
    if invariant.__name__ == "the_pods_of_a_release_stay_as_they_were":
        assert invariant(history, changed(None, pods_of({}), "Deployment")) is None
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


@pytest.mark.parametrize("container", ["server", "fetch"])
def test_no_container_has_a_key_in_its_environment(history: History, container):
    held = {"name": container, "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "k"}}}]}
    assert no_server_gets_a_key(history, changed(None, pods_of({"initContainers": [held]}), "Deployment"))


def test_the_fetch_may_read_the_key_that_it_needs(history: History):
    mounted = [{"name": "fetch", "volumeMounts": [{"name": "key"}]}]
    made = pods_of(KEYED | {"containers": [], "initContainers": mounted})
    assert no_server_gets_a_key(history, changed(None, made, "Deployment")) is None


def test_what_somebody_else_made_of_a_pod_template_may_be_put_right(history: History):
    ours, theirs = pods_of({}), pods_of({"containers": [{"name": "another"}]})
    assert the_pods_of_a_release_stay_as_they_were(history, changed(None, ours, "Deployment")) is None
    history.asked[KEY].disturbed_at = 999.0
    assert the_pods_of_a_release_stay_as_they_were(history, changed(ours, theirs, "Deployment")) is None
    repaired = changed(theirs, ours, "Deployment", at=1100.0)
    assert the_pods_of_a_release_stay_as_they_were(history, repaired) is None


def test_a_release_of_another_kind_is_made_of_other_pods(history: History):
    old, new = pods_of({}), pods_of({"containers": [{"name": "server"}]}, release="s")
    assert the_pods_of_a_release_stay_as_they_were(history, changed(None, old, "Deployment")) is None
    assert the_pods_of_a_release_stay_as_they_were(history, changed(old, new, "Deployment")) is None


def test_a_part_of_what_is_asked_for_is_a_size_for_one_of_two_that_share_it(history: History):
    owner = deployment(stable=revision("v1"))
    owner["spec"]["strategy"] = {"canary": {}}
    history.objects["ModelDeployment", KEY] = owner
    fewer = changed(None, child("Deployment", replicas=1), "Deployment")
    assert the_workload_has_a_size_somebody_asked_for(history, fewer) is None
    more = changed(None, child("Deployment", replicas=3), "Deployment")
    assert the_workload_has_a_size_somebody_asked_for(history, more)


def test_whoever_was_given_up_is_told_to_get_what_the_gateway_still_sends_to_it(history: History):
    shares = [{"track": "stable", "version": "v1", "weight": 90}]
    shares.append({"track": "previous", "version": "v2", "weight": 10})
    ended = [{"version": "v2", "outcome": "Superseded"}]
    told = changed(None, deployment(stable=revision("v1"), traffic=shares, history=ended))
    assert only_stable_and_candidate_get_traffic(history, told) is None
    told = changed(None, deployment(stable=revision("v1"), traffic=shares))
    assert only_stable_and_candidate_get_traffic(history, told)
