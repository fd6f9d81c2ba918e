"""Whose a pod is: asked once for each ReplicaSet, and never without end."""

from lockgate.backends.deployment.lineage import READS_A_PASS, REMEMBERED, Lineage
from lockgate.domain.resources import REPLICA_SET

KEY = ("growth", "churn")
WORKLOAD = {"metadata": {"name": "churn", "namespace": "growth", "uid": "uid-of-ours"}}


class Reads:
    """The one verb that is needed; every ReplicaSet is owned by whom a test says."""

    def __init__(self, owners: dict[str, str]) -> None:
        self.owners = owners
        self.names: list[str] = []

    async def get(self, resource, key):
        assert resource is REPLICA_SET
        self.names.append(key[1])
        owner = self.owners.get(key[1])
        owners = [{"kind": "Deployment", "name": "churn", "uid": owner, "controller": True}]
        return owner and {"metadata": {"uid": f"uid-of-{key[1]}", "ownerReferences": owners}}


def pod(made_of, *, name=None, uid=None):
    owner = name or f"churn-{made_of}"
    owners = [{"kind": "ReplicaSet", "name": owner, "uid": uid or f"uid-of-{owner}", "controller": True}]
    return {"metadata": {"labels": {"pod-template-hash": made_of}, "ownerReferences": owners}}


async def test_a_pod_counts_when_its_replica_set_is_of_our_deployment_by_uid():
    lineage = Lineage(Reads({"churn-a": "uid-of-ours", "churn-b": "uid-of-another"}))
    ours, theirs, none = pod("a"), pod("b"), {"metadata": {}}
    assert await lineage.of(KEY, [WORKLOAD], [ours, theirs, none]) == [ours]


async def test_a_replica_set_made_anew_under_the_name_of_an_old_one_vouches_for_its_own_pods_only():
    lineage = Lineage(Reads({"churn-a": "uid-of-ours"}))
    old, new = pod("a", uid="uid-of-one-long-gone"), pod("a")
    assert await lineage.of(KEY, [WORKLOAD], [old, new]) == [new]


async def test_each_replica_set_is_read_once_whatever_it_turned_out_to_be():
    reads = Reads({"churn-a": "uid-of-ours"})
    lineage = Lineage(reads)
    for _ in range(5):
        await lineage.of(KEY, [WORKLOAD], [pod("a"), pod("gone")])
    assert reads.names == ["churn-a", "churn-gone"]


async def test_a_controller_of_another_name_is_not_even_read():
    reads = Reads({})
    await Lineage(reads).of(KEY, [WORKLOAD], [pod("a", name="somebody-else")])
    assert reads.names == []


async def test_pods_that_name_ever_new_replica_sets_cost_few_reads_and_little_memory():
    reads = Reads({"churn-ours": "uid-of-ours"})
    lineage = Lineage(reads)
    assert await lineage.of(KEY, [WORKLOAD], [pod("ours")]) == [pod("ours")]
    for number in range(300):
        before = len(reads.names)
        await lineage.of(KEY, [WORKLOAD], [pod(f"{number}-{each}") for each in range(50)])
        assert len(reads.names) - before <= READS_A_PASS
    assert len(lineage._owners[KEY]) <= REMEMBERED
    assert lineage.known(KEY, [WORKLOAD], [pod("ours")]) == [pod("ours")]
    lineage.forget(KEY)
    assert KEY not in lineage._owners
